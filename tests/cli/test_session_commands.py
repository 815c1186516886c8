"""`forage sessions`, run as a person would, on a folder that a server wrote."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.session_tree import draw
from tests import needs
from tests.cli.test_commands import forage
from tests.http.conftest import Client, filled


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with a fork, a fork of it, feedback and a merge."""
    folder = tmp_path_factory.mktemp("data")
    client = filled(folder)
    try:
        research(client)
    finally:
        client.close()
    return folder


def research(client: Client) -> None:
    at = "/v1/sessions/mine"
    client.search("zip archives", session_id="mine", max_results=2, objective="archives in Python")
    client.search("threads", session_id="mine", max_results=2)
    assert client("POST", f"{at}/fork", {"at": 1}).status_code == 201
    client.search("tar", session_id="mine", branch="b2", max_results=8)
    client.search("tar", session_id="mine", branch="b2", reader="sub", max_results=2)
    events = [{"kind": "cite", "document": "python-2", "note": "the table"}]
    assert client("POST", f"{at}/feedback", {"events": events, "branch": "b2", "reader": "sub"}).status_code == 200
    assert client("POST", f"{at}/fork", {"from": "b2", "branch": "deep"}).status_code == 201
    assert client("POST", f"{at}/merge", {"from": "b2", "into": "main"}).status_code == 200


def test_show_draws_the_branches_with_what_each_call_added(data: Path) -> None:
    """Plain and indented where there is no terminal: a fork at the event where it begins, a merge where it came."""
    lines = forage(data, "sessions", "show", "mine").splitlines()
    assert lines[0].startswith("session mine: 5 events, until ")
    assert lines[1] == "  goal: archives in Python"
    drawn = [line for line in lines if not line.startswith("  profile")]
    indents = {line.strip().split(" (")[0]: len(line) - len(line.lstrip()) for line in drawn}
    assert indents["main"] == 2
    assert indents["1 zip archives"] == indents["b2 from event 1"] == indents["2 threads"] == 4
    assert indents["3 tar"] == indents["4 tar [sub]"] == indents["5 cite python-2 [sub]: the table"] == 6
    assert indents["deep from event 5"] == 6
    assert indents["merged b2 up to event 5"] == 4
    order = [line.strip().split(" (")[0] for line in drawn]
    places = [
        order.index(text) for text in ("1 zip archives", "b2 from event 1", "2 threads", "merged b2 up to event 5")
    ]
    assert places == sorted(places)
    assert "    1 zip archives (2 new of 2)" in lines
    assert "      3 tar (6 new of 8)" in lines  # the fork's reader goes on where its parent's stood
    assert "      4 tar [sub] (2 new of 2)" in lines
    assert sum(line.startswith("        + ") for line in lines) == 8


def test_on_a_terminal_it_is_a_tree(data: Path) -> None:
    """With lines, and what people wrote taken as it is."""
    body = json.loads(forage(data, "sessions", "show", "mine", "--json"))
    body["events"][0]["query"] = "[bold]not markup[/bold]"
    written = io.StringIO()
    draw(body, Console(file=written, force_terminal=True, width=200, highlight=False))
    assert "├── " in written.getvalue()
    assert "[bold]not markup[/bold]" in written.getvalue()
    folded: dict[str, Any] = {**body, "session": {**body["session"], "folded": 2, "expires": None}}
    written = io.StringIO()
    draw(folded, Console(file=written, force_terminal=False, width=200))
    assert "kept" in written.getvalue().splitlines()[0]
    assert "  events up to 2 are folded into the summary" in written.getvalue()


def test_what_a_call_added_is_what_its_answer_said() -> None:
    """A page that changed since is new again, a copy of a shown one is not, and what is folded was shown all the same."""

    def shown(document: str, content: str, cluster: str, rank: int) -> dict[str, Any]:
        return {"document": document, "title": document, "content_hash": content, "cluster": cluster, "rank": rank}

    def call(seq: int, new: int, *items: dict[str, Any]) -> dict[str, Any]:
        event = {"seq": seq, "branch": "main", "reader": "main", "kind": "search", "query": "q", "stubs": []}
        return {**event, "new": new, "shown": list(items)}

    body: dict[str, Any] = {
        "session": {"id": "s", "seq": 3, "expires": None, "objective": None, "first_query": None, "folded": 0},
        "branches": [{"id": "main", "parent": None, "parent_seq": None, "merged": []}],
        "profile": {},
        "events": [
            call(1, 2, shown("a", "1", "x", 1), shown("b", "2", "", 2)),
            call(2, 1, shown("a", "changed", "x", 1), shown("copy of a", "3", "x", 2), shown("b", "2", "", 3)),
            {"seq": 3, "branch": "main", "reader": "main", "kind": "note", "note": "probe", "query": "is it there"},
        ],
    }
    written = io.StringIO()
    draw(body, Console(file=written, force_terminal=False, width=200))
    lines = [line.strip() for line in written.getvalue().splitlines()]
    assert lines[2:] == ["1 q (2 new of 2)", "+ 1 a", "+ 2 b", "2 q (1 new of 3)", "+ 1 a", "3 probe: is it there"]
    events = [{**body["events"][1], "new": 1}]
    folded = {**body, "events": events, "session": {**body["session"], "folded": 1}}
    written = io.StringIO()
    draw(folded, Console(file=written, force_terminal=False, width=200))
    assert "2 q (1 new of 3)" in written.getvalue()


def test_the_same_search_again_says_that_it_is_no_new_call(data: Path) -> None:
    """Two minutes long it is a retry, and has the answer of the first."""
    first = forage(data, "search", "tar", "--session", "typed")
    again = forage(data, "search", "tar", "--session", "typed")
    assert "call 1, " in first
    assert "as answered before" not in first
    assert "call 1, as answered before, " in again


def test_the_past_is_shown_too(data: Path) -> None:
    """And the future is refused in one line."""
    assert "2 threads" not in forage(data, "sessions", "show", "mine", "--as-of", "1")
    assert "0 to 5" in forage(data, "sessions", "show", "mine", "--as-of", "99", fails=True)


def test_an_export_is_a_file_or_nothing(data: Path, tmp_path: Path) -> None:
    """JSON lines on standard output, or whole in a file."""
    rows = [json.loads(line) for line in forage(data, "sessions", "export", "mine", "--what", "queries").splitlines()]
    assert [row["query"] for row in rows] == ["zip archives", "threads", "tar", "tar"]
    out = tmp_path / "mine.jsonl"
    assert str(out) in forage(data, "sessions", "export", "mine", "--out", str(out))
    assert {json.loads(line)["type"] for line in out.read_text().splitlines()} > {
        "query",
        "result",
        "passage",
        "feedback",
    }
    missing = tmp_path / "none.jsonl"
    assert "there is no session" in forage(data, "sessions", "export", "none", "--out", str(missing), fails=True)
    assert list(tmp_path.iterdir()) == [out]
    assert "--what" in forage(data, "sessions", "export", "mine", "--what", "everything", fails=True)
    assert "--format" in forage(data, "sessions", "export", "mine", "--format", "csv", fails=True)


def test_parquet_is_a_file_too(data: Path, tmp_path: Path) -> None:
    """Where pyarrow is installed."""
    parquet = needs.parquet()
    out = tmp_path / "mine.parquet"
    forage(data, "sessions", "export", "mine", "--format", "parquet", "--what", "results", "--out", str(out))
    assert parquet.read_table(out).num_rows == 2 + 2 + 8 + 2


def test_fork_and_merge_from_the_command_line(data: Path) -> None:
    """They say what became of it; what cannot be is one line."""
    assert "side from event 2 of main" in forage(data, "sessions", "fork", "mine", "--at", "2", "--branch", "side")
    assert "main knows b2 up to event 5, side up to event 5" in forage(
        data, "sessions", "merge", "mine", "--from", "side"
    )
    assert "itself" in forage(data, "sessions", "merge", "mine", "--from", "main", fails=True)
    assert "there is no session" in forage(data, "sessions", "fork", "none", fails=True)
