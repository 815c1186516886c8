"""A session as rows, against its read-back and its answers."""

from __future__ import annotations

import builtins
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.http.conftest import Client, filled

Serve = Callable[..., Client]


def rows(client: Client, session: str, what: str = "all") -> list[dict[str, Any]]:
    response = client("GET", f"/v1/sessions/{session}/export?what={what}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def researched(client: Client) -> tuple[str, list[dict[str, Any]]]:
    """Two searches and three words of feedback."""
    first = client.search("zip archives", max_results=2, explain=True)
    session = first["session_id"]
    events = [
        {"kind": "open", "document": "python-1", "passage": 0, "note": "look"},
        {"kind": "reject", "document": "blog-2"},
    ]
    client("POST", f"/v1/sessions/{session}/feedback", {"events": events, "reader": "sub"})
    second = client.search("tar archives", max_results=3, session_id=session, explain=True)
    return session, [first, second]


def test_every_row_says_what_it_is_and_of_which_event(client: Client) -> None:
    """Queries, results, passages, feedback and signals, oldest event first."""
    session, answers = researched(client)
    made = rows(client, session)
    assert {row["type"] for row in made} == {"query", "result", "passage", "feedback", "signal"}
    assert {row["session_id"] for row in made} == {session}
    assert [row["seq"] for row in made] == sorted(row["seq"] for row in made)
    queries = [row for row in made if row["type"] == "query"]
    assert [(row["seq"], row["query"], row["results"]) for row in queries] == [
        (1, "zip archives", 2),
        (4, "tar archives", 3),
    ]
    assert [{**row["request"], "why": None} for row in queries] == [answer["resolved"] for answer in answers]
    shown = [(row["seq"], row["rank"], row["document"], row["score"]) for row in made if row["type"] == "result"]
    wanted = [
        (each["session"]["seq"], hit["rank"], hit["id"], hit["score"]) for each in answers for hit in each["results"]
    ]
    assert shown == wanted
    said = [
        (row["kind"], row["document"], row["passage"], row["note"], row["reader"])
        for row in made
        if row["type"] == "feedback"
    ]
    assert said == [("open", "python-1", 0, "look", "sub"), ("reject", "blog-2", None, None, "sub")]


def test_passages_have_the_texts_that_were_shown(client: Client) -> None:
    """Whole, as the generation has them."""
    session, answers = researched(client)
    made = {(row["seq"], row["id"]): row for row in rows(client, session, "passages")}
    for answer in answers:
        for hit in answer["results"]:
            for passage in hit["passages"]:
                row = made.pop((answer["session"]["seq"], passage["id"]))
                assert row["text"].startswith(passage["text"])
                assert (row["document"], row["start"], row["heading"]) == (
                    hit["id"],
                    passage["start"],
                    passage["heading"],
                )
    assert not made


def test_signals_are_those_of_the_explained_answer(client: Client) -> None:
    """Every signal of every result, what it contributed, and which had no data."""
    session, answers = researched(client)
    made: dict[tuple[int, str], dict[str, Any]] = {}
    for row in rows(client, session, "signals"):
        assert row["type"] == "signal"
        made.setdefault((row["seq"], row["document"]), {})[row["signal"]] = row
    for answer in answers:
        for hit in answer["results"]:
            kept = made[answer["session"]["seq"], hit["id"]]
            assert {name: row["value"] for name, row in kept.items() if name in hit["signals"]} == hit["signals"]
            assert sorted(name for name, row in kept.items() if row["missing"]) == sorted(hit["signals_missing"])
            assert sum(row["contribution"] for row in kept.values()) == pytest.approx(hit["score"])


@pytest.mark.parametrize(
    ("what", "types"),
    [
        ("queries", {"query"}),
        ("results", {"result"}),
        ("passages", {"passage"}),
        ("feedback", {"feedback"}),
        ("signals", {"signal"}),
    ],
)
def test_one_kind_of_rows_may_be_asked_for(client: Client, what: str, types: set[str]) -> None:
    """The same rows as among all of them."""
    session, _ = researched(client)
    made = rows(client, session, what)
    assert {row["type"] for row in made} == types
    assert made == [row for row in rows(client, session) if row["type"] in types]


def test_parquet_has_the_same_rows(client: Client) -> None:
    """One table, one column for each key, null where a row lacks it."""
    parquet = needs.parquet()
    session, _ = researched(client)
    for what in ("all", "queries", "results", "passages", "feedback", "signals"):
        response = client("GET", f"/v1/sessions/{session}/export?format=parquet&what={what}")
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/vnd.apache.parquet"
        table = parquet.read_table(io.BytesIO(response.content)).to_pylist()
        wanted = rows(client, session, what)
        assert len(table) == len(wanted)
        for row, line in zip(table, wanted, strict=True):
            if row.get("request"):
                row["request"] = json.loads(row["request"])
            assert {name: value for name, value in row.items() if name in line} == line
            assert all(value is None for name, value in row.items() if name not in line)


def test_an_empty_session_is_an_empty_table(client: Client) -> None:
    """With its columns."""
    parquet = needs.parquet()
    session = client("POST", "/v1/sessions", {}).json()["session_id"]
    assert rows(client, session) == []
    response = client("GET", f"/v1/sessions/{session}/export?format=parquet&what=results")
    table = parquet.read_table(io.BytesIO(response.content))
    assert table.num_rows == 0
    assert "document" in table.column_names


def test_without_pyarrow_parquet_is_501_and_says_how_to_have_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON lines need nothing."""
    session, _ = researched(client)
    load = builtins.__import__

    def lacking(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    response = client("GET", f"/v1/sessions/{session}/export?format=parquet")
    assert response.status_code == 501
    error = response.json()["error"]
    assert error["code"] == "not_installed"
    assert "make install" in error["hint"]
    assert rows(client, session)


def test_what_the_index_no_longer_has_is_null_and_said(tmp_path: Path) -> None:
    """Texts are null, signals are a notice; the log has everything else."""
    client = filled(tmp_path)
    try:
        client("POST", "/v1/collections", {"name": "passing"})
        client("POST", "/v1/collections/passing/documents", [{"id": "brief", "title": "brief", "text": "brief words"}])
        session = client.search("brief", collection="passing")["session_id"]
        client.search("zip", session_id=session, max_results=1)
        client("DELETE", "/v1/collections/passing")
        made = rows(client, session)
        texts = [
            (row["document"], row["id"], row["text"]) for row in made if row["type"] == "passage" and row["seq"] == 1
        ]
        assert texts == [("brief", "brief#0", None)]
        notices = [(row["seq"], row["code"]) for row in made if row["type"] == "notice"]
        assert notices == [(1, "signals_gone")]
        assert any(row["type"] == "signal" and row["seq"] == 2 for row in made)
        assert [row["document"] for row in made if row["type"] == "result" and row["seq"] == 1] == ["brief"]
    finally:
        client.close()


@pytest.mark.parametrize(
    ("query", "path"), [("format=csv", "query.format"), ("what=everything", "query.what"), ("wat=all", "query.wat")]
)
def test_what_cannot_be_exported_is_422(client: Client, query: str, path: str) -> None:
    """It names what can."""
    session, _ = researched(client)
    response = client("GET", f"/v1/sessions/{session}/export?{query}")
    assert response.status_code == 422
    assert response.json()["error"]["path"] == path


def test_an_export_goes_on_when_the_server_is_busy(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for its turn instead of ending in the middle."""
    from api.errors import OverloadedError

    client = serve(tmp_path, documents=True)
    session, _ = researched(client)
    wanted = rows(client, session)
    workers = client.app.state.workers
    run, turn = workers.run, [0]

    async def busy(function: Any, *rest: Any, **more: Any) -> Any:
        if function is next:
            turn[0] += 1
            if turn[0] % 2:
                raise OverloadedError("full")
        return await run(function, *rest, **more)

    monkeypatch.setattr(workers, "run", busy)
    assert rows(client, session) == wanted
    assert turn[0] > 2
