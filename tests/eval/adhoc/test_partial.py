"""An interrupted run goes on where it was, and never on answers of another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.evaluate import evaluate
from eval.adhoc.partial import NAME, Partial
from eval.adhoc.runs import Ranked
from eval.errors import RunError

WORDS = ["apples", "bridges", "comets", "deserts", "engines", "ferns"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of six topics; searches of it need no model."""
    folder = tmp_path_factory.mktemp("resume") / "set"
    folder.mkdir()
    rows = [{"id": f"d{number}", "title": word, "text": f"All about {word}."} for number, word in enumerate(WORDS)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    topics = [{"id": f"q{number}", "text": word} for number, word in enumerate(WORDS)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in topics))
    judged = "".join(f"q{number}\td{number}\t1\n" for number in range(len(WORDS)))
    (folder / "qrels.tsv").write_text(f"query_id\tdoc_id\trelevance\n{judged}")
    return folder


@pytest.fixture(scope="module")
def engine(place: Path) -> Iterator[Engine]:
    made = Engine(Settings(data=place.parent / "data"))
    yield made
    made.close()


def run(
    engine: Engine, place: Path, out: Path, progress: Callable[[int, int, str], None], request: dict[str, Any] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    return evaluate(
        engine, place, out, {"profile": "bm25"} if request is None else request, collection=None, threads=1, limit=limit,
        operators=False, progress=progress,
    )  # fmt: skip


def quiet(done: int, total: int, note: str) -> None:
    """Says nothing."""


def stop_at(number: int) -> Callable[[int, int, str], None]:
    """Ctrl-C when so many topics are answered."""

    def told(done: int, total: int, note: str) -> None:
        if total == len(WORDS) and done == number:
            raise KeyboardInterrupt

    return told


def asked(note: list[int]) -> Callable[[int, int, str], None]:
    """Keeps which topics were told as answered."""
    return lambda done, total, _: note.append(done) if total == len(WORDS) else None


def results(out: Path) -> dict[str, Any]:
    """Without times."""
    rows = [orjson.loads(line) for line in (out / "per_query.jsonl").read_bytes().splitlines()]
    body = orjson.loads((out / "measures.json").read_bytes())
    body = {name: value for name, value in body.items() if name not in ("latency", "measured_at")}
    return {"run": (out / "run.trec").read_text(), "rows": [{**row, "ms": 0} for row in rows], "body": body}


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, engine: Engine, place: Path) -> None:
    """Only what is left is asked; until then there are no results; afterwards nothing else."""
    run(engine, place, tmp_path / "whole", quiet)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(engine, place, out, stop_at(4))
    assert [path.name for path in out.iterdir()] == [NAME]
    told: list[int] = []
    run(engine, place, out, asked(told))
    assert told == [5, 6]
    assert results(out) == results(tmp_path / "whole")
    assert not (out / NAME).exists()


def test_old_results_stay_until_the_new_ones_are_whole(tmp_path: Path, engine: Engine, place: Path) -> None:
    """Also those of another request."""
    run(engine, place, tmp_path, quiet)
    before = results(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(engine, place, tmp_path, stop_at(2), {"weights": {"*": 0, "recency": 1}})
    assert results(tmp_path) == before


def test_a_torn_last_line_is_asked_again(tmp_path: Path, engine: Engine, place: Path) -> None:
    """A kill in the middle of a write; also of the very first."""
    with pytest.raises(KeyboardInterrupt):
        run(engine, place, tmp_path, stop_at(3))
    path = tmp_path / NAME
    whole = path.read_bytes()
    for size, left in ((len(whole) - 5, [3, 4, 5, 6]), (10, [1, 2, 3, 4, 5, 6])):
        path.write_bytes(whole[:size])
        told: list[int] = []
        run(engine, place, tmp_path, asked(told))
        assert told == left


@pytest.mark.parametrize(
    ("request_", "limit", "said"),
    [
        ({"profile": "bm25", "weights": {"recency": 0.5}}, None, "differs in request"),
        ({"profile": "bm25"}, 5, "differs in topics"),
    ],
)
def test_another_run_is_refused_by_what_differs(
    tmp_path: Path, engine: Engine, place: Path, request_: dict[str, Any], limit: int | None, said: str
) -> None:
    """And what is there stays there."""
    with pytest.raises(KeyboardInterrupt):
        run(engine, place, tmp_path, stop_at(3))
    kept = (tmp_path / NAME).read_bytes()
    with pytest.raises(RunError, match=said) as caught:
        run(engine, place, tmp_path, quiet, request_, limit)
    assert "--out" in str(caught.value.hint)
    assert (tmp_path / NAME).read_bytes() == kept


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """In the middle, no kill does that."""
    with Partial(tmp_path, {"a": 1}) as partial:
        partial.keep("q1", Ranked((("d", 1.0),), 2.0))
        partial.keep("q2", Ranked((), 2.0))
    lines = (tmp_path / NAME).read_bytes().splitlines()
    (tmp_path / NAME).write_bytes(b"\n".join([lines[0], b'{"topic": 1', lines[2]]) + b"\n")
    with pytest.raises(RunError, match="cannot be read"), Partial(tmp_path, {"a": 1}):
        pass


def test_a_saved_profile_is_pinned_to_its_version(tmp_path: Path, engine: Engine, place: Path) -> None:
    """Results say which it was; a newer version of the name is another run."""
    engine.put_profile("mine", {"weights": {"*": 0, "bm25": 2}}, "default")
    with pytest.raises(KeyboardInterrupt):
        run(engine, place, tmp_path, stop_at(3), {"profile": "mine"})
    engine.put_profile("mine", {"weights": {"*": 0, "bm25": 3}}, "default")
    with pytest.raises(RunError, match="differs in request"):
        run(engine, place, tmp_path, quiet, {"profile": "mine"})
    body = run(engine, place, tmp_path, quiet, {"profile": "mine@1"})
    assert body["request"] == {"profile": "mine@1"}
    assert run(engine, place, tmp_path, quiet, {"profile": "mine"})["request"] == {"profile": "mine@2"}
