"""What a server imports before it answers: a start is mostly imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).resolve().parents[2]

NOT_NEEDED = {
    "crawling and extraction": ("crawler", "trafilatura", "lxml", "courlan", "w3lib", "httpx", "warcio", "selectolax"),
    "building an index": ("scipy", "datasketch", "tldextract", "filelock", "indexer.build", "indexer.links"),
    "converting a model": ("onnx", "safetensors", "torch", "sentence_transformers"),
    "a terminal": ("rich", "pygments"),
    "logging": ("structlog",),
    "other programs": ("requests", "redis"),
}

PROGRAM = """
import sys
import orjson
from api.http.serve import app
engine = app().state.engine
engine.warm_up()
answer = engine.search({"query": "a word or two", "session": {"record": False}}, "default")
print(orjson.dumps([sorted(sys.modules), orjson.loads(answer.body)["generation"]]).decode())
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Modules of a process that made the application, warmed up and answered a search."""
    import os

    environment = {**os.environ, "FORAGE_DATA": str(tmp_path_factory.mktemp("data"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    modules, generation = orjson.loads(done.stdout)
    assert generation == "empty"
    return frozenset(modules)


@pytest.mark.parametrize("purpose", NOT_NEEDED)
def test_a_server_that_searches_imports_nothing_for_other_work(purpose: str, imported: frozenset[str]) -> None:
    """Each of these costs a cold start a tenth of a second and more; they are imported where they are used."""
    assert [name for name in NOT_NEEDED[purpose] if name in imported] == []
