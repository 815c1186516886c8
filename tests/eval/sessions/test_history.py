"""Rules of history, and the systems that follow them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.errors import SessionRunError
from eval.sessions.history import Rule, compose
from eval.sessions.systems import system_of, systems_of
from ranking.params import MAX_QUERY_CHARACTERS

WEIGHTS = st.integers(0, 3)
QUERIES = st.lists(st.text("abc ", min_size=1, max_size=8).filter(str.strip), max_size=5)


@pytest.mark.parametrize(
    ("rule", "earlier", "sent"),
    [
        (Rule(), ["a", "b"], "c"),
        (Rule(first=1), ["a", "b"], "a c"),
        (Rule(previous=1), ["a", "b"], "b c"),
        (Rule(first=1, previous=1, current=2), ["a", "x", "b"], "a b c c"),
        (Rule(first=1, previous=1, current=2), ["a"], "a a c c"),
        (Rule(first=1, previous=1, current=2), [], "c c"),
        (Rule(all=1), ["a", "x", "b"], "a x b c"),
        (Rule(first=1, all=1), ["a", "x"], "a a x c"),
    ],
)
def test_a_rule_by_hand(rule: Rule, earlier: list[str], sent: str) -> None:
    """Oldest first, each as often as it weighs."""
    assert compose(rule, earlier, "c") == sent


@given(WEIGHTS, WEIGHTS, st.integers(1, 3), WEIGHTS, QUERIES)
def test_words_are_sent_as_often_as_their_queries_weigh(
    first: int, previous: int, current: int, every: int, earlier: list[str]
) -> None:
    """Counted over the whole text, whatever the order."""
    sent = compose(Rule(first, previous, current, every), earlier, "now").split()
    assert sent.count("now") == current
    length = every * sum(len(query.split()) for query in earlier)
    if earlier:
        length += first * len(earlier[0].split()) + previous * len(earlier[-1].split())
    assert len(sent) == length + current


def test_a_long_history_loses_its_oldest_words() -> None:
    """And no word in the middle."""
    sent = compose(Rule(all=1), ["oldest " * 1_000, "older " * 400], "current words")
    assert len(sent) <= MAX_QUERY_CHARACTERS
    assert sent.endswith("older older  current words")
    assert sent.split()[0] == "oldest"


def test_systems_of_history() -> None:
    """The grid holds the current query alone, the four rules and the session, all with ten results a call."""
    made = systems_of(["histories"])
    assert [system.kind for system in made] == ["stateless", *["history"] * 4, "session"]
    assert {system.k for system in made} == {10}
    assert system_of("history:first=1,previous=1,current=2").history == Rule(1, 1, 2, 0)


@pytest.mark.parametrize(
    "name", ["history:first=0.5", "history:current=0", "history:frist=1", "history:all=11", "history:all=true"]
)
def test_a_rule_that_is_none_is_refused(name: str) -> None:
    """With what would work."""
    with pytest.raises(SessionRunError) as refused:
        system_of(name)
    assert refused.value.hint
