"""Ingest through the door: all or nothing whatever fails, and never into a collection that is gone."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from crawler.pool import _Idle
from indexer.assembly import Assembly
from indexer.build import build
from ranking.types import Document
from tests.http.conftest import Client
from tests.http.test_bad_input import NDJSON, refused
from tests.indexer.build_support import CountingEmbedder, fill, page

Serve = Callable[..., Client]
DOCUMENTS = "/v1/collections/default/documents"
GHOST = {"id": "ghost", "title": "A ghost", "text": "The quokka of the zebras."}
OTHER = {"id": "other", "title": "Another", "text": "Nothing of the kind."}


def found(client: Client, word: str) -> list[str]:
    """Ids of the documents that hold the word."""
    answer = client.search(f"+{word}", session={"record": False})
    return [hit["id"] for hit in answer["results"]]


def test_an_ingest_on_a_full_disk_stores_nothing(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """507 says that nothing was kept, and the next ingest does not bring it in."""
    client = serve(tmp_path)
    assert client("POST", DOCUMENTS, {"id": "first", "text": "There is one already."}).status_code == 200

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Assembly, "overlay", full)
        assert "nothing of this write was kept" in refused(client("POST", DOCUMENTS, GHOST), 507)["message"]
    assert client("POST", DOCUMENTS, OTHER).json()["collection_documents"] == 2
    assert found(client, "quokka") == []
    report = client("POST", DOCUMENTS, GHOST).json()
    assert (report["new_or_changed"], report["collection_documents"]) == (1, 3)
    assert found(client, "quokka") == ["ghost"]


def test_passages_of_replaced_documents_are_not_counted(tmp_path: Path, serve: Serve) -> None:
    """The report, the collection and describe agree on what can be found, though the old ones are still in a segment."""
    client = serve(tmp_path)
    several = "\n\n".join(f"## Part {n}\n\n" + f"Sentence number {n} about many things. " * 40 for n in range(8))
    lines = b"\n".join(orjson.dumps({"id": f"d{n}", "text": several}) for n in range(20))
    before = client("POST", DOCUMENTS, content=lines, headers=NDJSON).json()["collection_passages"]
    assert before > 60
    for text in ("Now it is short.", "Shorter."):
        report = client("POST", DOCUMENTS, {"id": "d0", "text": text}).json()
        assert report["collection_passages"] == before * 19 // 20 + 1
        assert report["collection_passages"] == client("GET", "/v1/collections/default").json()["passages"]
        assert report["collection_passages"] == client("GET", "/v1/describe").json()["passages"]


def test_an_ingest_with_another_model_stores_nothing(tmp_path: Path, serve: Serve) -> None:
    """409, and whoever builds with the right one does not find it."""
    collection = tmp_path / "default"
    fill(collection, [page(1)])
    build(collection, CountingEmbedder("another model"))
    client = serve(tmp_path)
    assert "another model" in refused(client("POST", DOCUMENTS, GHOST), 409)["message"]
    report = build(collection, CountingEmbedder("another model"))
    assert (report.changed, report.documents) == (False, 1)


def test_an_ingest_into_a_collection_that_is_deleted_meanwhile_is_404(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the collection does not come back."""
    client = serve(tmp_path)
    assert client("POST", "/v1/collections", {"name": "short-lived"}).status_code == 201

    def reading(reader: object, html: str, url: str) -> Document:
        client.app.state.engine.delete_collection("short-lived", "default")
        return Document("", url, "title", "text")

    monkeypatch.setattr("crawler.given.HtmlReader.read", reading)
    body = b"\n".join(map(orjson.dumps, [OTHER, {"id": "page", "html": "<p>text</p>"}]))
    response = client("POST", "/v1/collections/short-lived/documents", content=body, headers=NDJSON)
    assert "deleted" in refused(response, 404)["message"]
    names = {entry["name"] for entry in client("GET", "/v1/collections").json()["collections"]}
    assert names == {"default"}


DEEP = b"[" * 300 + b"]" * 300
LINES = {
    "deep metadata": (b'{"id": "a", "text": "x", "metadata": {"n": ' + DEEP + b"}}", "metadata"),
    "deeper metadata": (b'{"id": "a", "text": "x", "metadata": {"n": ' + b"[" * 900 + b"]" * 900 + b"}}", "metadata"),
    "a deep unknown field": (b'{"id": "a", "text": "x", "zzz": ' + DEEP + b"}", "zzz"),
    "deep and a surrogate": (b'{"id": "a", "text": "\\ud800", "metadata": {"n": ' + DEEP + b"}}", "metadata"),
    "a deep text": (b'{"id": "a", "text": ' + DEEP + b"}", "text"),
    "many unknown fields": (orjson.dumps({"id": "a", "text": "x"} | {f"f{n}": 1 for n in range(20_000)}), "f0"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_no_document_can_be_is_refused(client: Client, name: str) -> None:
    """422 with the field, quickly; 32 levels are the most."""
    line, field = LINES[name]
    error = refused(client("POST", DOCUMENTS, content=line, headers=NDJSON), 422)
    assert error["path"] == f"line 1, {field}"
    assert "at most" in error["message"]
    as_json = client(
        "POST", DOCUMENTS, content=line.replace(b"\\ud800", b""), headers={"content-type": "application/json"}
    )
    refused(as_json, 422)


def test_numbers_are_read_alike_with_and_without_half_a_character(tmp_path: Path, serve: Serve) -> None:
    """What 64 bits do not hold is a float, and what a float does not hold is no number."""
    client = serve(tmp_path)
    for character in ("x", "\\ud800"):
        line = f'{{"id": "a", "title": "{character}", "text": "y", "metadata": {{"n": 1{"0" * 27}, "m": 7}}}}'
        assert client("POST", DOCUMENTS, content=line.encode(), headers=NDJSON).status_code == 200
        (document,) = client("POST", "/v1/contents", {"ids": ["a"]}).json()["documents"]
        assert document["metadata"] == {"n": 1e27, "m": 7}
        for number in ("1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 5_000):
            line = f'{{"id": "b", "title": "{character}", "metadata": {{"n": {number}}}}}'
            refused(client("POST", DOCUMENTS, content=line.encode(), headers=NDJSON), 422)


def test_metadata_may_be_nested_thirty_two_levels_deep(tmp_path: Path, serve: Serve) -> None:
    """The limit itself is taken."""
    client = serve(tmp_path)
    deepest: Any = {"leaf": 1}
    for _ in range(31):
        deepest = [deepest]
    sent = {"id": "deep", "text": "y", "metadata": {"n": deepest}}
    refused(client("POST", DOCUMENTS, sent), 422)
    sent["metadata"] = {"n": deepest[0]}
    assert client("POST", DOCUMENTS, sent).status_code == 200
    (document,) = client("POST", "/v1/contents", {"ids": ["deep"]}).json()["documents"]
    assert document["metadata"] == sent["metadata"]


def test_a_machine_that_can_read_no_html_is_not_the_sender_s_fault(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 to be asked again, with nothing stored; and asked again, it is."""
    client = serve(tmp_path)
    assert client("POST", DOCUMENTS, {"id": "first", "text": "There is one already."}).status_code == 200
    body = b"\n".join(map(orjson.dumps, [GHOST, {"id": "page", "html": "<p>The quokka in a paragraph.</p>"}]))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("crawler.pool._IDLE", _Idle())
        patched.setattr("crawler.pool.subprocess.Popen", refuse)
        response = client("POST", DOCUMENTS, content=body, headers=NDJSON)
    error = refused(response, 503)
    assert (error["code"], error["retryable"], response.headers["retry-after"]) == ("no_reader", True, "1")
    assert "Too many open files" in error["message"]
    assert found(client, "quokka") == []
    assert client("POST", DOCUMENTS, content=body, headers=NDJSON).json()["new_or_changed"] == 2
    assert sorted(found(client, "quokka")) == ["ghost", "page"]
