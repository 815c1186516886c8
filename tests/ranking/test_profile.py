"""What a session learned acts on scores as a named part, keeps what a query alone says, and is bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import CONSTANTS, MAX_DOCUMENT_MASS, MAX_SITE_MASS, PROFILE_DEPTH
from ranking.pipeline import order, rank
from ranking.profile import best_found, bounded, drifts, gains_of, masses, share_of
from ranking.types import FeedbackMark, Influence, Ranking, SessionState
from tests.ranking.evidence import NOW, Page, build, params, seen, session_of

PAGES = [
    Page("a", "red fox", "a red fox runs", cosine=0.6, ranks={"lex": 1}),
    Page("b", "red fox", "a red fox runs far", cosine=0.5, ranks={"lex": 2, "sem": 1}),
    Page("c", "birds", "nothing of it", cosine=0.4, ranks={"sem": 2}),
    Page("d", "fish", "nothing of it either", cosine=0.3, ranks={"sem": 3}),
]
GOAL = Influence("goal", 0.5, {"b": 2.0, "c": 0.1, "elsewhere": 9.0})


def search(state: SessionState, pages: Sequence[Page] = PAGES, **fields: Any) -> Ranking:
    plan, evidence = build(list(pages), "red fox")
    return rank(plan, evidence, params(**fields), state, NOW)


@pytest.mark.parametrize(
    ("given", "kept"), [((), ()), ((0.4, 0.6), (0.4, 0.6)), ((1.0, 1.0), (0.5, 0.5)), ((0.9, 0.3), (0.75, 0.25))]
)
def test_influences_together_weigh_no_more_than_the_query(given: tuple[float, ...], kept: tuple[float, ...]) -> None:
    """Each gives way alike; below that nothing changes."""
    made = bounded([Influence("goal", share, {"a": 1.0}) for share in given])
    assert [one.share for one in made] == pytest.approx(list(kept))


# ---------------------------------------------------------------- what it adds


def test_an_influence_adds_its_share_of_its_gains() -> None:
    """To those who have one, as an entry of its own; the scores sum up, and stateless ranks know nothing of it."""
    told = {one.id: one for one in search(SessionState(influences=(GOAL,))).page}
    bare = {one.id: one for one in search(SessionState()).page}
    for name, gain in (("a", 0.0), ("b", 1.0), ("c", 0.05), ("d", 0.0)):
        assert told[name].contributions.get("session:goal", 0.0) == pytest.approx(gain)
        assert told[name].score == pytest.approx(bare[name].score + gain)
        assert sum(told[name].contributions.values()) == pytest.approx(told[name].score)
        assert told[name].stateless_rank == bare[name].stateless_rank
    assert [one.id for one in search(SessionState()).page] == ["a", "b", "c", "d"]
    assert [one.id for one in search(SessionState(influences=(GOAL,))).page] == ["b", "a", "c", "d"]


def test_without_the_profile_nothing_is_added() -> None:
    """The flag turns off goal, feedback and rejections."""
    session = SessionState(influences=(GOAL,), marks=(FeedbackMark("a", "reject"),))
    assert search(session, session={"use_profile": False}).page == search(SessionState()).page


def test_the_profile_goes_without_what_was_seen() -> None:
    """`seen: off` is about exposure alone."""
    session = SessionState(seen={"b": seen(PAGES[1])}, influences=(GOAL,))
    page = search(session, session={"seen": "off"}).page
    assert [one.id for one in page] == ["b", "a", "c", "d"]
    assert all(one.seen is None for one in page)


def test_seen_demotion_acts_on_what_was_learned_too() -> None:
    """The factor is on the whole score above the last candidate's."""
    learned = search(SessionState(influences=(GOAL,))).page
    lowest, best = learned[-1].score, learned[0].score
    session = session_of(seen(PAGES[1]), influences=(GOAL,))
    (one,) = [one for one in search(session).page if one.id == "b"]
    assert one.score == pytest.approx(lowest + 0.7 * (best - lowest))


def test_a_rejected_page_falls_with_its_near_duplicates() -> None:
    """Halfway to the last candidate; a page that was edited since is another page."""
    twin = Page("e", "red fox", "a red fox runs", cosine=0.59, cluster="a", ranks={"lex": 3})
    pages = [Page(**{**_fields(PAGES[0]), "cluster": "a"}), *PAGES[1:], twin]
    marks = (FeedbackMark("a", "reject"),)
    bare = {one.id: one.score for one in search(SessionState(), pages, session={"seen": "off"}).page}
    assert list(bare)[:3] == ["a", "e", "b"] or list(bare)[:2] == ["a", "e"]
    told = search(session_of(seen(pages[0]), marks=marks), pages, session={"demote": 1.0}).page
    least = min(bare.values())
    for one in told:
        halved = one.id in ("a", "e")
        assert one.score == pytest.approx(least + (bare[one.id] - least) * (0.5 if halved else 1.0))
        assert ("session:reject" in one.contributions) == halved
    unseen = {one.id for one in search(SessionState(marks=marks), pages).page if "session:reject" in one.contributions}
    assert unseen == {"a"}


def _fields(page: Page) -> dict[str, Any]:
    return {name: getattr(page, name) for name in Page.__dataclass_fields__}


# ---------------------------------------------------------------- how much


def test_the_query_keeps_half() -> None:
    """w0 x what the goal's other words say over what the query says, and 1 at most."""
    assert share_of(0.2, 30.0, 12.0) == pytest.approx(0.5)
    assert share_of(0.2, 300.0, 12.0) == 1.0
    assert share_of(0.2, 0.0, 12.0) == share_of(0.2, 5.0, 0.0) == share_of(0.0, 5.0, 5.0) == 0.0


def test_gains_are_over_the_first_that_is_not_among_the_best() -> None:
    """At most PROFILE_DEPTH documents, none of gain 0, whatever the scale."""
    count = PROFILE_DEPTH + 20
    ids = [f"{row:03}" for row in range(count)]
    scores = np.linspace(5.0, 4.0, count)
    gains = gains_of(ids, np.arange(count), scores)
    assert len(gains) == PROFILE_DEPTH
    assert gains["000"] == pytest.approx(5.0 - scores[PROFILE_DEPTH])
    assert min(gains.values()) > 0
    assert gains_of(ids[:2], np.arange(2), scores[:2]) == {"000": pytest.approx(scores[0] - scores[1])}
    assert gains_of([], np.arange(0), scores[:0]) == {}


MARKS = st.lists(
    st.builds(FeedbackMark, st.sampled_from("abcdefg"), st.sampled_from(["open", "cite", "reject", "note"])),
    max_size=20,
)


@given(MARKS, st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from(["x.org", "y.org", None])))
def test_no_page_and_no_site_owns_the_feedback(marks: list[FeedbackMark], sites: dict[str, str | None]) -> None:
    """The latest three that were opened or cited, each and each site within its part, together at most 1."""
    found = masses(marks, sites.get)
    last = {mark.document: mark.kind for mark in marks}
    assert all(last[document] in ("open", "cite") and sites.get(document) for document in found)
    assert len(found) <= 3
    assert math.fsum(found.values()) <= 1 + 1e-9
    for document, mass in found.items():
        assert 0 < mass <= MAX_DOCUMENT_MASS + 1e-9
        own = sum(other for name, other in found.items() if sites[name] == sites[document])
        assert own <= MAX_SITE_MASS + 1e-9


def test_what_was_cited_counts_more_than_what_was_opened() -> None:
    """And the last word on a page is the one that counts."""
    sites = {"a": "a.org", "b": "b.org", "c": "c.org", "d": "d.org", "e": "d.org"}
    marks = [FeedbackMark(name, "open") for name in "abcde"]
    assert list(masses(marks, sites.get)) == ["e", "d", "c"]
    said = [*marks, FeedbackMark("a", "cite"), FeedbackMark("e", "reject")]
    found = masses(said, sites.get)
    assert list(found) == ["a", "d", "c"]
    assert found["a"] > found["d"] == found["c"] == pytest.approx(0.25)


# ---------------------------------------------------------------- another topic


def test_another_topic_shares_neither_pages_nor_words() -> None:
    """Both must be missing; a query without words or results says nothing."""
    known, asked = {"a", "b"}, {"red", "fox"}
    assert drifts(["x", "y"], known, ["blue"], asked)
    assert not drifts(["x", "a"], known, ["blue"], asked)
    assert not drifts(["x", "y"], known, ["blue", "fox"], asked)
    assert not drifts([], known, ["blue"], asked)
    assert not drifts(["x"], known, [], asked)


def test_the_best_found_are_those_of_the_best_ranks() -> None:
    """Whichever list they are in; who was only added is not found."""
    pages = [*PAGES, Page("e", "red fox", "added", ranks={})]
    _, evidence = build(pages, "red fox")
    assert best_found(evidence) == ["b", "a", "c", "d"]


def test_every_constant_is_in_the_table() -> None:
    """With those of the other files."""
    assert {"PROFILE_DEPTH", "REJECTED_FACTOR", "DRIFT_TERMS"} <= CONSTANTS.keys()


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0, 3)), st.floats(0, 1))
def test_contributions_sum_to_the_score(gains: dict[str, float], share: float) -> None:
    """Whatever was learned, to the last bit of a sum, and nobody comes or goes."""
    plan, evidence = build(PAGES, "red fox")
    session = session_of(
        seen(PAGES[0]), influences=(Influence("goal", share, gains),), marks=(FeedbackMark("b", "reject"),)
    )
    made = order(plan, evidence, params(), session, NOW)
    for one in made.account(list(range(evidence.size))):
        assert sum(one.contributions.values()) == pytest.approx(one.score, abs=1e-12)
    assert sorted(made.order.tolist()) == [0, 1, 2, 3]
    assert made.before.tolist() == order(plan, evidence, params(), SessionState(), NOW).order.tolist()
