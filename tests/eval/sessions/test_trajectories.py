"""Trajectories at rest, and what of an answer is displayed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eval.sessions.calls import Call, Trajectory
from eval.sessions.displayed import answer_of, tokens_of, without
from eval.sessions.trajectories import read, write

CALL = Call("q", "agent-1", 2, (("a", 10), ("b", 20)), (("c", 3),))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field of it."""
    made = [Trajectory("t1", (CALL, CALL)), Trajectory("t2", ())]
    write(tmp_path / "x.jsonl", {"seed": 1}, made)
    assert read(tmp_path / "x.jsonl", {"seed": 1}) == made


def test_a_run_that_dies_leaves_no_file(tmp_path: Path) -> None:
    """Under its name; what was there before stays."""
    path = tmp_path / "x.jsonl"

    def dying() -> Iterator[Trajectory]:
        yield Trajectory("t1", (CALL,))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, {}, dying())
    assert not path.exists()
    write(path, {}, [Trajectory("t0", ())])
    with pytest.raises(KeyboardInterrupt):
        write(path, {}, dying())
    assert read(path, {}) == [Trajectory("t0", ())]


def test_a_result_is_its_line_and_its_passages() -> None:
    """Rank, title and address; headings and texts below; four characters a token, rounded up."""
    passages = [{"heading": "Head", "text": "Some text."}, {"heading": "", "text": "More."}]
    hit = {"rank": 1, "id": "a", "title": "T", "url": None, "passages": passages}
    stub = {"id": "b", "title": "Seen", "url": "http://b", "shown_at": 2, "rank_now": 4}
    answer = answer_of({"results": [hit], "stubs": [stub]})
    assert answer.shown[0].text == "Head\nSome text.\nMore."
    assert answer.shown[0].tokens == tokens_of("1. T a\nHead\nSome text.\nMore.\n") == 8
    assert answer.stubs[0].tokens == tokens_of("(4. Seen http://b: shown in call 2)\n") == 9
    assert without(answer, {"a"}).shown == ()
    assert without(answer, {"b"}) == answer, "a client leaves out results, not stubs"


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_tokens_are_four_characters(text: str, tokens: int) -> None:
    """Rounded up."""
    assert tokens_of(text) == tokens
