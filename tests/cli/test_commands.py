"""The command line, run as a person would: real processes, a real site on loopback."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

PAGES = {
    "index.html": "<a href='/cats.html'>Cats</a> <a href='/dogs.html'>Dogs</a> <a href='/secret.html'>Secret</a>",
    "cats.html": "<h2>Feeding</h2><p>Cats eat fish, and sleep in the sun for most of the day.</p>",
    "dogs.html": "<h2>Walking</h2><p>Dogs need a long walk every morning, whatever the weather is like.</p>",
    "secret.html": "<p>Nobody should read this page, which robots.txt excludes.</p>",
}


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A small site on loopback, with a robots.txt."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name, body in PAGES.items():
        title = name.partition(".")[0].title()
        text = f"<html lang='en'><head><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"
        (folder / name).write_text(text)
    (folder / "robots.txt").write_text("User-agent: *\nDisallow: /secret.html\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def forage(data: Path, *arguments: str, fails: bool = False) -> str:
    """Run the command; its output."""
    environment = {**os.environ, "FORAGE_DATA": str(data)}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_crawl_index_search_and_sessions(tmp_path: Path, site: str) -> None:
    """The main job, then the same from the archive alone."""
    data = tmp_path / "data"
    assert "forage index" in forage(data, "crawl", site, "--allow-private")
    assert "documents: 3" in forage(data, "index")
    answer = json.loads(forage(data, "search", "long walk every morning", "--json"))
    assert answer["results"][0]["url"].endswith("/dogs.html")
    assert not any("secret" in hit["url"] for hit in answer["results"])
    shown = forage(data, "search", "what do cats eat", "--session", "mine")
    assert "cats.html" in shown.lower()
    assert "what do cats eat" in forage(data, "sessions", "show", "mine")
    assert "mine" in forage(data, "sessions", "list")
    forage(data, "sessions", "delete", "mine")
    assert "there is no session" in forage(data, "sessions", "show", "mine", fails=True)
    again = forage(data, "index", "--from-warc")
    assert "documents: 3" in again


def test_a_search_takes_a_saved_profile(tmp_path: Path) -> None:
    """What `forage eval tune` tells people to type: the profile's weights make the scores; an unknown one is named."""
    data, file = tmp_path / "data", tmp_path / "pages.jsonl"
    file.write_text('{"id": "d0", "title": "Comets", "text": "all about comets"}\n')
    forage(data, "ingest", str(file))
    saved = data / ".profiles" / "default" / "mine"
    saved.mkdir(parents=True)
    (saved / "1.json").write_text('{"name": "mine", "version": 1, "created": null, "params": {"weights": {"*": 0}}}')
    ask = ("search", "comets", "--json", "--profile")
    assert json.loads(forage(data, *ask, "mine@1"))["results"][0]["score"] == 0
    assert json.loads(forage(data, *ask, "default"))["results"][0]["score"] > 0
    assert "there is no profile" in forage(data, *ask, "yours", fails=True)


def test_private_addresses_are_refused_by_default(tmp_path: Path, site: str) -> None:
    """Without --allow-private nothing on loopback is fetched, and the message says how to allow it."""
    output = forage(tmp_path / "data", "crawl", site, "--max-pages", "5", fails=True)
    assert "loopback" in output
    assert "--allow-private" in output


def test_ingest_and_eval(tmp_path: Path) -> None:
    """A file in, a test collection measured, two runs compared."""
    data, folder = tmp_path / "data", tmp_path / "set"
    folder.mkdir()
    corpus = "\n".join(json.dumps({"id": f"d{n}", "title": word, "text": f"all about {word}"}) for n, word in enumerate(
        ["apples", "bridges", "comets", "deserts"]))  # fmt: skip
    (folder / "corpus.jsonl").write_text(corpus)
    (folder / "queries.jsonl").write_text(
        '{"id": "q1", "text": "comets"}\n{"id": "q2", "text": "all about \\"bridges\\" (not roads)"}\n'
    )
    (folder / "qrels.tsv").write_text("query_id\tdoc_id\trelevance\nq1\td2\t1\nq2\td1\t1\n")
    assert "documents: 4" in forage(data, "ingest", str(folder / "corpus.jsonl"), "--collection", "things")
    for name in ("a", "b"):
        forage(data, "eval", "run", "--data", str(folder), "--out", str(tmp_path / name), "--profile", "bm25")
    measures = json.loads((tmp_path / "a" / "measures.json").read_text())
    assert measures["measures"]["RR"]["mean"] == 1.0
    for name in ("run.trec", "per_query.jsonl", "report.md", "report.html"):
        assert (tmp_path / "a" / name).stat().st_size
    assert "nDCG@10" in forage(data, "eval", "compare", str(tmp_path / "a"), str(tmp_path / "b"), "--fail-if-worse")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "nothing.jsonl"), "there is no file"),
        (("search", "x", "--collection", "nowhere"), "there is no collection"),
        (("search", "x", "--weights", "bm25"), "name=number"),
        (("search", ""), "query"),
        (("crawl", "ftp://example.org/"), "http"),
        (("eval", "run", "--data", ".", "--out", "x"), "queries.jsonl"),
        (("serve", "--host", "0.0.0.0"), "API keys"),
    ],
)
def test_failures_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """One clear line, exit status not zero, no traceback."""
    output = forage(tmp_path, *arguments, fails=True)
    assert said in output
    assert "Traceback" not in output


def test_doctor_checks_the_installation(tmp_path: Path) -> None:
    """Install, model and disk are looked at."""
    output = forage(tmp_path, "doctor")
    assert "model" in output
    assert "disk" in output
