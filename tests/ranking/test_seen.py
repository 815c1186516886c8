"""The four seen modes, near-duplicates, changed pages and stubs, on pages whose scores are their dense signal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ranking.identity import number_of
from ranking.pipeline import rank
from ranking.types import FeedbackMark, Ranking, SessionState
from tests.ranking.evidence import NOW, Page, build, params, seen, session_of

DENSE = {"*": 0, "dense": 1}


def page(name: str, score: float, **more: Any) -> Page:
    """A page whose dense signal, and so its score, is `score`."""
    return Page(name, **{"cosine": 2.0 * score - 1.0, "ranks": {"sem": 1}, **more})


FIVE = [page("a", 0.9), page("b", 0.8), page("c", 0.7), page("d", 0.6), page("e", 0.1)]


def search(state: SessionState, pages: list[Page] = FIVE, size: int = 2, **fields: Any) -> Ranking:
    fields.setdefault("weights", DENSE)
    plan, evidence = build(pages, "fox")
    return rank(plan, evidence, params(max_results=size, **fields), state, NOW)


def ids(ranking: Ranking) -> list[str]:
    return [one.id for one in ranking.page]


def test_a_seen_page_loses_3_tenths_of_what_it_has_above_the_last_candidate() -> None:
    """a: 0.1 + 0.7 x (0.9 - 0.1) = 0.66, so b and c pass it; its entry `seen` says -0.24 and it becomes a stub."""
    ranking = search(session_of(seen(FIVE[0], seq=4, rank=2)))
    assert ids(ranking) == ["b", "c"]
    (stub,) = ranking.stubs
    assert (stub.id, stub.shown_at, stub.rank_now) == ("a", 4, 1)
    account = search(session_of(seen(FIVE[0])), size=5).page[2]
    assert account.id == "a"
    assert account.score == pytest.approx(0.66, abs=1e-6)
    assert account.contributions == pytest.approx({"dense": 0.9, "seen": -0.24}, abs=1e-6)
    assert account.stateless_rank == 1
    assert account.seen is not None
    assert [notice.code for notice in ranking.notices] == ["seen_demoted"]
    assert ranking.notices[0].message == "1 result you were shown before was moved down"


@pytest.mark.parametrize(
    ("kind", "read", "score"),
    [("cite", [0, 1], 0.1), ("cite", [0], 0.66), ("open", [0, 1], 0.66), ("note", [0, 1], 0.66)],
)
def test_a_page_that_was_cited_and_read_whole_goes_to_the_last(kind: str, read: list[int], score: float) -> None:
    """For good: 0.1 is the last candidate's score. A passage that is left brings it back as any other seen page; so
    does `cited: 1`, but no higher than `demote`."""
    first = page("a", 0.9, attributes={"passages": 2})
    state = session_of(seen(first, passages=read), marks=(FeedbackMark("a", kind),))
    pages = [first, *FIVE[1:]]
    assert {one.id: one.score for one in search(state, pages, size=5).page}["a"] == pytest.approx(score, abs=1e-6)
    kept = search(state, pages, size=5, session={"cited": 1.0}).page
    assert {one.id: one.score for one in kept}["a"] == pytest.approx(0.66, abs=1e-6)
    late = session_of(seen(first, passages=read, calls_ago=5_000), marks=(FeedbackMark("a", kind),))
    stays = 0.1 if score == 0.1 else 0.9
    assert {one.id: one.score for one in search(late, pages, size=5).page}["a"] == pytest.approx(stays, abs=1e-6)


def test_the_demotion_means_the_same_on_every_scale() -> None:
    """Weights a hundred times as large, or negative scores, give the same order."""
    session = session_of(seen(FIVE[0]), seen(FIVE[1]))
    usual = ids(search(session, size=5))
    assert ids(search(session, size=5, weights={"*": 0, "dense": 100})) == usual
    with_malus = [page(one.id, (one.cosine + 1) / 2, attributes={"authority": 1.0}) for one in FIVE]
    lowered = search(
        session_of(seen(with_malus[0]), seen(with_malus[1])),
        with_malus,
        size=5,
        weights={"*": 0, "dense": 1, "authority": -10},
    )
    assert ids(lowered) == usual


def test_the_demotion_decays_over_later_calls() -> None:
    """After decay_calls half of it is gone: 0.1 + 0.85 x 0.8 = 0.78; long after, all."""
    half = {one.id: one.score for one in search(session_of(seen(FIVE[0], calls_ago=6)), size=5).page}
    assert half["a"] == pytest.approx(0.78, abs=1e-6)
    late = {one.id: one.score for one in search(session_of(seen(FIVE[0], calls_ago=5_000)), size=5).page}
    assert late["a"] == pytest.approx(0.9, abs=1e-6)
    fast = search(session_of(seen(FIVE[0], calls_ago=1)), size=5, session={"decay_calls": 1}).page
    assert {one.id: one.score for one in fast}["a"] == pytest.approx(0.78, abs=1e-6)


def test_a_demotion_factor_of_1_changes_nothing_and_of_0_puts_seen_pages_last() -> None:
    """The knob goes all the way."""
    session = session_of(seen(FIVE[0]))
    assert ids(search(session, size=5, session={"demote": 1.0})) == list("abcde")
    assert ids(search(session, size=5, session={"demote": 0.0})) == list("bcdae")


def test_seen_pages_still_fill_the_page() -> None:
    """The same query twenty times never gives an empty or short page."""
    session = SessionState()
    shown: dict[str, int] = {}
    for call in range(20):
        ranking = search(session, size=4)
        assert len(ranking.page) == 4
        shown.update({one.id: call for one in ranking.page})
        records = [seen(one, calls_ago=call - shown[one.id]) for one in FIVE if one.id in shown]
        session = session_of(*records)


def test_drop_shows_only_unseen_pages_even_if_few() -> None:
    """The page is short; what would have been there is a stub; with nothing unseen the seen ones come back."""
    drop = {"seen": "drop"}
    ranking = search(session_of(*map(seen, FIVE[:4])), session=drop)
    assert ids(ranking) == ["e"]
    assert [(stub.id, stub.rank_now) for stub in ranking.stubs] == [("a", 1), ("b", 2)]
    assert [notice.code for notice in ranking.notices] == ["seen_dropped"]
    everything = search(session_of(*map(seen, FIVE)), session=drop)
    assert ids(everything) == ["a", "b"]
    assert everything.stubs == ()
    assert everything.unseen == 0


def test_no_more_stubs_than_are_asked_for() -> None:
    """The best first; the page is the same."""
    state = session_of(*map(seen, FIVE[:2]))
    every = search(state, session={"seen": "drop"})
    assert [stub.id for stub in every.stubs] == ["a", "b"]
    for most in (0, 1):
        fewer = search(state, session={"seen": "drop", "stubs": most})
        assert (ids(fewer), fewer.stubs) == (ids(every), every.stubs[:most])


def test_without_filling_nothing_comes_in_from_beyond_the_stateless_page() -> None:
    """Dropped pages leave their places empty, demoted ones stay behind the others; on a first call nothing changes."""
    bare = {"fill": False}
    assert ids(search(SessionState(), session=bare)) == ["a", "b"]
    both = session_of(seen(FIVE[0]), seen(FIVE[3]))
    assert ids(search(both, session={**bare, "seen": "drop"})) == ["b"]
    assert ids(search(both, session=bare)) == ["b", "a"]
    none = search(session_of(*map(seen, FIVE[:2])), session={**bare, "seen": "drop"})
    assert none.page == ()
    assert [stub.id for stub in none.stubs] == ["a", "b"]
    assert none.notices[0].message == "2 results you were shown before left out; fill: false leaves their places empty"
    assert not none.exhausted
    everything = search(session_of(*map(seen, FIVE)), size=5, session={**bare, "seen": "drop"})
    assert (everything.page, everything.unseen) == ((), 0)


def test_new_passages_keeps_the_order_until_a_page_has_none_left() -> None:
    """A page with passages left stands where it stood; a read-out page goes behind all others."""
    pages = [page("a", 0.9, attributes={"passages": 2}), page("b", 0.8, attributes={"passages": 2}), page("c", 0.1)]
    mode = {"seen": "new_passages"}
    left = search(session_of(seen(pages[0], passages=[0])), pages, session=mode)
    assert ids(left) == ["a", "b"]
    out = search(session_of(seen(pages[0], passages=[0, 1])), pages, size=3, session=mode)
    assert ids(out) == ["b", "a", "c"]  # at the last candidate's score: ties go by id
    assert out.page[1].contributions["seen"] == pytest.approx(-0.8, abs=1e-6)


def test_off_is_the_stateless_order_without_a_trace_of_the_session() -> None:
    """seen: off equals no session at all."""
    session = session_of(seen(FIVE[0]), others={"b": ("other",)})
    assert search(session, session={"seen": "off"}) == search(SessionState(), session={"seen": "off"})


def test_a_near_duplicate_of_a_seen_page_counts_as_seen() -> None:
    """Another document of the same cluster is demoted, and marked with the showing of the other."""
    pages = [page("a", 0.9, cluster="twins"), page("b", 0.8, cluster="twins"), *FIVE[2:]]
    ranking = search(session_of(seen(pages[1], seq=7, rank=3)), pages, size=5)
    assert ids(ranking) == ["c", "a", "d", "b", "e"]
    mark = ranking.page[1].seen
    assert mark is not None
    assert (mark.seq, mark.rank) == (7, 3)
    gone = search(session_of(seen(page("z", 0.5, cluster="twins"))), pages, session={"seen": "drop"})
    assert ids(gone) == ["c", "d"]


def test_a_copy_that_came_after_the_showing_counts_as_seen() -> None:
    """The index named the cluster anew when the copy joined it: the shown page, if it is still the same, says which."""
    shown = session_of(seen(page("b", 0.8, cluster="alone"), seq=7, rank=3))
    joined = [page("a", 0.9, cluster="both"), page("b", 0.8, cluster="both"), *FIVE[2:]]
    ranking = search(shown, joined, size=5)
    assert ids(ranking) == ["c", "a", "d", "b", "e"]
    assert [one.seen.seq for one in ranking.page if one.seen] == [7, 7]
    edited = [joined[0], page("b", 0.8, cluster="both", content="rewritten"), *FIVE[2:]]
    assert ids(search(shown, edited, size=5)) == list("abcde")


def test_pages_of_no_known_cluster_are_not_alike_for_that() -> None:
    """An index without clusters names them all the same: nothing."""
    plan, evidence = build(FIVE, "fox")
    unnamed = np.full(len(FIVE), number_of(""), np.int64)
    evidence = replace(evidence, attributes={**evidence.attributes, "cluster": unnamed})
    session = session_of(replace(seen(FIVE[0]), cluster=""))
    ranking = rank(plan, evidence, params(max_results=5, weights=DENSE), session, NOW)
    assert [one.id for one in ranking.page if one.seen] == ["a"]


def test_a_page_whose_content_changed_is_new_and_says_updated() -> None:
    """No demotion, no stub; `updated` and the first showing are named."""
    before = page("a", 0.9, content="old text")
    ranking = search(session_of(seen(before)))
    assert ids(ranking) == ["a", "b"]
    assert ranking.page[0].updated
    assert ranking.page[0].seen is not None
    assert "seen" not in ranking.page[0].contributions
    assert not ranking.page[1].updated
    assert ranking.unseen == 5


def test_what_another_reader_saw_is_a_hint_and_never_a_reason() -> None:
    """Two readers, same query, equal lists; `by` names the other reader."""
    ranking = search(SessionState(others={"a": ("scout",)}))
    assert ids(ranking) == ids(search(SessionState()))
    mark = ranking.page[0].seen
    assert mark is not None
    assert (mark.seq, mark.rank, mark.by) == (0, 0, ("scout",))


def test_exhausted_when_unseen_candidates_do_not_fill_a_page() -> None:
    """Fewer than max_results unseen documents were recalled; what no retriever found only fills up the page."""
    assert not search(session_of(*map(seen, FIVE[:3]))).exhausted
    assert search(session_of(*map(seen, FIVE[:4]))).exhausted
    assert search(SessionState(), size=6).exhausted
    fill = [*FIVE[:2], *(page(one.id, 0.1, ranks={}) for one in FIVE[2:])]
    ranking = search(session_of(seen(FIVE[0])), fill)
    assert (ranking.unseen, ranking.exhausted, len(ranking.page)) == (1, True, 2)
    assert not search(SessionState(), fill).exhausted


def test_the_stateless_best_hit_if_unseen_is_on_the_page() -> None:
    """A session signal may push it off; the guard gives it the last place and says so."""
    pages = [page("a", 0.9, vector=(1.0, 0.0)), page("b", 0.8, vector=(0.0, 1.0)), page("c", 0.7, vector=(0.0, 1.0))]
    shown = session_of(seen(page("z", 0.5)), vectors=build([page("z", 0.5, vector=(1.0, 0.0))], "x")[1].vectors)
    ranking = search(shown, pages, weights={"*": 0, "dense": 1, "novelty": 5})
    assert ids(ranking) == ["b", "a"]
    assert ranking.page[1].moves == ("guard: - -> 2",)
    assert ranking.page[1].stateless_rank == 1


def test_a_weight_on_the_signal_seen_adds_to_the_demotion() -> None:
    """One entry `seen`, and the contributions still sum to the score."""
    ranking = search(session_of(seen(FIVE[0])), size=5, weights={"*": 0, "dense": 1, "seen": -0.2})
    account = next(one for one in ranking.page if one.id == "a")
    assert account.contributions["seen"] == pytest.approx(-0.2 - 0.3 * (0.7 - 0.1), abs=1e-6)
    assert sum(account.contributions.values()) == pytest.approx(account.score, abs=1e-9)
