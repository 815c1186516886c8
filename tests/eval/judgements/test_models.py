"""What clicks and citations say, by hand; and laws that hold whatever was shown and said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.judgements.impressions import Impression, told
from eval.judgements.models import NAMES, grade, judge, model_of
from eval.judgements.topics import topics_of


def page(shown: str, **words: Any) -> Impression:
    """Documents are letters, best first."""
    return Impression("s", 1, "q", "default", tuple(shown), words)


def grades(model: str, *pages: Impression, eta: float = 1.0) -> dict[str, float]:
    return {each.document: each.estimate for each in judge(pages, model_of(model, eta))}


def test_cited_judges_what_was_said_and_what_was_passed_over() -> None:
    """Nothing below the lowest click; a rejection is no click."""
    assert grades("cited", page("abcdef", b="cite", d="open")) == {"a": 0, "b": 2, "c": 0, "d": 1}
    assert grades("cited", page("abc", c="reject")) == {"c": 0}
    assert grades("cited", page("abc")) == {}


def test_cited_takes_the_most_frequent_word() -> None:
    """Of equally frequent ones the highest; a word outweighs any number of passes."""
    assert grades("cited", page("ab", a="cite"), page("ab", a="reject")) == {"a": 2}
    assert grades("cited", page("ab", a="cite"), page("ab", a="reject"), page("ab", a="reject")) == {"a": 0}
    passes = [page("ab", b="open")] * 5
    assert grades("cited", page("ab", a="open"), *passes) == {"a": 1, "b": 1}


def test_position_weights_by_the_chance_of_a_look() -> None:
    """1/rank^eta, bounded; every showing counts, also without a word."""
    assert grades("position", page("abcd", d="open")) == {"a": 0, "b": 0, "c": 0, "d": 4}
    assert grades("position", page("abcd", d="cite"), eta=0.5) == {"a": 0, "b": 0, "c": 0, "d": 4}
    assert grades("position", page("abcd", d="cite"), page("abcd"), eta=0) == {"a": 0, "b": 0, "c": 0, "d": 1}
    far = "".join(chr(ord("a") + number) for number in range(20))
    assert grades("position", page(far, t="open"))["t"] == 10
    assert grades("position", page("ab", a="open"), page("ba", a="open")) == {"a": 1.5, "b": 0}


def test_cascade_goes_down_to_the_last_word() -> None:
    """Whatever that was; what stands below is not judged; where nothing was said nobody is known to have looked."""
    assert grades("cascade", page("abcd", b="open", c="reject")) == {"a": 0, "b": 1, "c": 0}
    assert grades("cascade", page("abc", c="cite"), page("abc", a="open"), page("abc")) == {"a": 0.5, "b": 0, "c": 2}


def test_a_grade_is_rounded_and_never_rounds_away_what_is_of_worth() -> None:
    """Half up."""
    assert [grade(each) for each in (0, 0.01, 0.5, 1.49, 1.5, 2, 19.6)] == [0, 1, 1, 1, 2, 2, 20]


def test_what_is_counted_of_a_judgement() -> None:
    """Showings, words, passes, places, and whether words disagree."""
    pages = [page("ab", a="open"), page("ba", a="reject"), page("xab", b="cite")]
    found = {each.document: each for each in judge(pages, model_of("cited"))}
    a = found["a"]
    assert (a.shown, a.cited, a.opened, a.rejected, a.skipped) == (3, 0, 1, 1, 1)
    assert a.ranks == (1, 2, 2)
    assert a.conflict
    assert not found["b"].conflict


def rows(*events: tuple[int, Any, str, str]) -> list[dict[str, Any]]:
    """(seq, page or (kind, document), branch, reader)."""
    made: list[dict[str, Any]] = []
    for seq, what, branch, reader in events:
        event = {"seq": seq, "branch": branch, "reader": reader}
        if isinstance(what, tuple):
            made.append({**event, "type": "feedback", "kind": what[0], "document": what[1]})
            continue
        made.append({**event, "type": "query", "query": f"q{seq}", "collection": "default", "request": {}})
        made += [
            {"type": "result", "seq": seq, "rank": rank, "document": each} for rank, each in enumerate(what, start=1)
        ]
    return made


def test_feedback_belongs_to_the_latest_search_that_showed_the_document() -> None:
    """Of the same reader where there is one, else of any; not to one that came later, nor to none."""
    found = told(
        "s",
        rows(
            (1, "ab", "main", "main"),
            (2, "ac", "main", "main"),
            (3, "ax", "main", "sub"),
            (4, ("cite", "a"), "main", "main"),
            (5, ("open", "b"), "main", "main"),
            (6, ("cite", "x"), "main", "main"),
            (7, ("open", "y"), "main", "main"),
            (8, "y", "main", "main"),
        ),
    )
    assert [dict(each.words) for each in found.impressions] == [{"b": "open"}, {"a": "cite"}, {"x": "cite"}, {}]
    assert (found.feedback, found.unplaced, found.first) == (4, 1, 1)


@pytest.mark.parametrize(
    ("words", "last"),
    [(["open", "cite"], "cite"), (["cite", "open"], "cite"), (["cite", "reject"], "reject"),
     (["reject", "cite"], "cite"), (["reject", "open"], "open")],
)  # fmt: skip
def test_the_last_word_counts_but_reading_again_takes_nothing_back(words: list[str], last: str) -> None:
    """Within one search."""
    events = [(seq, (word, "a"), "main", "main") for seq, word in enumerate(words, start=2)]
    (found,) = told("s", rows((1, "ab", "main", "main"), *events)).impressions
    assert found.words == {"a": last}


WORDS = st.sampled_from(["cite", "open", "reject"])


@st.composite
def sessions(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Some sessions of searches and feedback, on what was shown and on what was not."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        events: list[tuple[int, Any, str, str]] = []
        for seq in range(1, draw(st.integers(1, 8)) + 1):
            reader = draw(st.sampled_from(["main", "sub"]))
            if draw(st.booleans()):
                events.append((seq, "".join(draw(st.lists(st.sampled_from("abcdef"), unique=True))), "main", reader))
            else:
                events.append((seq, (draw(WORDS), draw(st.sampled_from("abcdefg"))), "main", reader))
        session = rows(*events)
        for row in session:
            if row["type"] == "query":
                row["query"] = draw(st.sampled_from(["one", "One ", "two", "ONE"]))
        made.append(session)
    return made


def impressions(some: Sequence[list[dict[str, Any]]]) -> list[Impression]:
    return [each for number, session in enumerate(some) for each in told(f"s{number}", session).impressions]


@given(sessions(), st.sampled_from(NAMES), st.floats(0, 4))
def test_only_what_was_shown_for_a_query_is_judged_for_it(
    some: list[list[dict[str, Any]]], model: str, eta: float
) -> None:
    """By any model; and a judgement that is above 0 was opened or cited for it, and the other way round under all but
    `cited`, where words may outvote each other."""
    found, _ = topics_of(impressions(some), model_of(model, eta))
    for topic in found:
        own = [each for each in impressions(some) if each.query.strip().lower() == topic.text.lower()]
        for judgement in topic.judgements:
            shown = [each for each in own if judgement.document in each.shown]
            assert shown
            clicked = any(each.clicked(judgement.document) for each in shown)
            assert clicked or not judgement.relevance
            assert model == "cited" or clicked == bool(judgement.relevance)


@given(sessions(), st.sampled_from(NAMES), st.randoms())
def test_the_order_of_sessions_changes_nothing(some: list[list[dict[str, Any]]], model: str, chance: Any) -> None:
    """Nor that of searches among them."""
    mixed = impressions(some)
    chance.shuffle(mixed)
    assert topics_of(mixed, model_of(model)) == topics_of(impressions(some), model_of(model))
