"""Signals of places in the body against searches of every pair, run and window, written out in plain Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.types import Plan
from tests.ranking.evidence import Page, build, tokens_of
from tests.ranking.signal_columns import values

ASKED = "ant the bee cow"
STOP = ["the"]
OFFSETS = {"ant": 0, "bee": 2, "cow": 3}
WORDS = st.lists(st.sampled_from(["ant", "bee", "cow", "the", "x", "y"]), max_size=24).map(" ".join)
BODIES = st.lists(WORDS, min_size=1, max_size=4)

law = settings(max_examples=150, deadline=None)


def places(page: Page) -> list[tuple[int, str]]:
    """Where the query's scored words stand."""
    return [(place, word) for place, word in enumerate(tokens_of(page, "body")) if word in OFFSETS]


def pair_scores(page: Page, pages: Sequence[Page], plan: Plan, counts: Callable[[str, str], int]) -> float:
    """BM25 of the body over the two pairs, with k1 1.2 and b 0.75, over the most that it can be."""
    idf = {one.term.token: one.idf for one in plan.terms}
    average = sum(len(tokens_of(other, "body")) for other in pages) / len(pages)
    length = 0.25 + 0.75 * len(tokens_of(page, "body")) / average if average else 1.0
    total = most = 0.0
    for first, second in (("ant", "bee"), ("bee", "cow")):
        weight = min(idf[first], idf[second])
        frequency = counts(first, second) / length
        total += weight * frequency / (frequency + 1.2)
        most += weight
    return total / most


@law
@given(bodies=BODIES)
def test_bigrams_are_pairs_as_far_apart_as_in_the_query(bodies: list[str]) -> None:
    """`ant the bee` is the pair ant-bee two apart: the stop word counts, whichever word stands there."""
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, ASKED, stop_words=STOP)

    def adjacent(page: Page, first: str, second: str) -> int:
        apart = OFFSETS[second] - OFFSETS[first]
        held = set(places(page))
        return sum(word == first and (place + apart, second) in held for place, word in held)

    expected = [pair_scores(page, pages, plan, lambda a, b, page=page: adjacent(page, a, b)) for page in pages]
    assert values("bm25.bigram", plan, evidence) == pytest.approx(expected)
    shares = [sum(adjacent(page, *pair) > 0 for pair in (("ant", "bee"), ("bee", "cow"))) / 2 for page in pages]
    assert values("coverage.bigram", plan, evidence) == pytest.approx(shares)


@law
@given(bodies=BODIES, reach=st.integers(2, 12))
def test_near_pairs_are_all_pairs_of_hits_within_reach(bodies: list[str], reach: int) -> None:
    """In either order, every hit with every hit of the neighbouring word."""
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, ASKED, stop_words=STOP)

    def near(page: Page, first: str, second: str) -> int:
        return sum(
            {one[1], other[1]} == {first, second} and other[0] - one[0] < reach
            for one, other in itertools.combinations(places(page), 2)
        )

    expected = [pair_scores(page, pages, plan, lambda a, b, page=page: near(page, a, b)) for page in pages]
    assert values("bm25.near", plan, evidence, tokens=reach) == pytest.approx(expected)


@law
@given(bodies=BODIES)
def test_the_longest_run_is_the_longest_part_of_the_query_that_stands_there(bodies: list[str]) -> None:
    """Found by trying every part at every place; order by looking at all neighbours."""
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, ASKED, stop_words=STOP)
    chain = list(OFFSETS)

    def longest(page: Page) -> int:
        held = set(places(page))
        parts = [chain[start:end] for start in range(3) for end in range(start + 1, 4)]
        return max(
            (
                len(part)
                for part in parts
                for begin in range(24)
                if all((begin + OFFSETS[word] - OFFSETS[part[0]], word) in held for word in part)
            ),
            default=0,
        )

    assert values("longest_run", plan, evidence) == [longest(page) / 3 for page in pages]
    for page, found in zip(pages, values("orderness", plan, evidence), strict=True):
        neighbours = [(a[1], b[1]) for a, b in itertools.pairwise(places(page)) if a[1] != b[1]]
        kept = sum(OFFSETS[first] < OFFSETS[second] for first, second in neighbours)
        assert math.isnan(found) if not neighbours else found == kept / len(neighbours)


@law
@given(bodies=BODIES, tokens=st.integers(2, 9))
def test_the_best_window_is_found_by_trying_each(bodies: list[str], tokens: int) -> None:
    """Windows begin at every half of their length, rounded up, also where the length is odd."""
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, ASKED, stop_words=STOP)
    idf = {one.term.token: one.idf for one in plan.terms if one.scored}
    step = math.ceil(tokens / 2)

    def best(page: Page, worth: Callable[[int], float]) -> float:
        windows = [tokens_of(page, "body")[start : start + tokens] for start in range(0, 24, step)]
        return max(sum(idf[word] * worth(held.count(word)) for word in idf) for held in windows) / sum(idf.values())

    coverage = [best(page, lambda count: float(count > 0)) for page in pages]
    bm25 = [best(page, lambda count: count / (count + 1.2)) for page in pages]
    assert values("coverage.passage", plan, evidence, tokens=tokens) == pytest.approx(coverage)
    assert values("bm25.passage", plan, evidence, tokens=tokens) == pytest.approx(bm25)


@law
@given(bodies=BODIES, tokens=st.integers(1, 30))
def test_lead_and_spread_equal_the_plain_formulas(bodies: list[str], tokens: int) -> None:
    """The first words of the body, and its tenths."""
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, ASKED, stop_words=STOP)
    idf = {one.term.token: one.idf for one in plan.terms if one.scored}
    lead = [sum(idf[word] for word in idf if word in tokens_of(page, "body")[:tokens]) for page in pages]
    expected = [value / sum(idf.values()) for value in lead]
    assert values("coverage.lead", plan, evidence, tokens=tokens) == pytest.approx(expected)
    for page, found in zip(pages, values("spread", plan, evidence), strict=True):
        length = len(tokens_of(page, "body"))
        parts = min(length, 10)
        held = {place * parts // length for place, _ in places(page)}
        assert math.isnan(found) if not length else found == len(held) / parts


def test_words_that_expansion_added_belong_to_no_pair_and_no_run() -> None:
    """Nor do words that may not stand in the body; the query's own words close ranks."""
    pages = [Page("a", "", "red syn fox"), Page("b", "", "red fox")]
    plan, evidence = build(pages, "red syn fox")
    added = replace(plan.terms[1], term=replace(plan.terms[1].term, source="synonym:red"))
    expanded = replace(plan, terms=(plan.terms[0], added, plan.terms[2]))
    titled, _ = build(pages, "red syn fox", fields={"syn": ("title",)})
    for asked in (expanded, titled):
        assert values("coverage.bigram", asked, evidence) == [0.0, 1.0]
        assert values("longest_run", asked, evidence) == [0.5, 1.0]
        assert values("orderness", asked, evidence)[1] == 1.0


def test_a_query_of_one_word_has_no_pairs_and_a_page_without_positions_no_places() -> None:
    """Missing, not 0; a run of one word is a run."""
    plan, evidence = build([Page("a", "", "fox")], "fox")
    for name in ("bm25.bigram", "bm25.near", "coverage.bigram", "orderness"):
        assert math.isnan(values(name, plan, evidence)[0]), name
    assert values("longest_run", plan, evidence) == [1.0]
    without = replace(evidence, positions=None)
    for name in ("longest_run", "coverage.passage", "bm25.passage", "coverage.lead", "spread", "first_position"):
        assert math.isnan(values(name, plan, without)[0]), name


def test_pages_do_not_run_into_each_other() -> None:
    """A word at the end of one body and its neighbour at the beginning of the next are far apart."""
    pages = [Page("a", "", "x x red"), Page("b", "", "fox x x")]
    plan, evidence = build(pages, "red fox")
    for name in ("bm25.bigram", "bm25.near", "coverage.bigram", "proximity"):
        assert values(name, plan, evidence) == [0.0, 0.0], name
    assert values("coverage.passage", plan, evidence) == [0.5, 0.5]
    assert values("bm25.near", plan, evidence, tokens=50) == [0.0, 0.0]


def test_the_smallest_window_is_of_the_weightiest_words() -> None:
    """Of 18 equal words the first 16 are looked at, whatever the others do."""
    words = [f"w{number:02d}" for number in range(18)]
    pages = [Page("a", "", " ".join(words)), Page("b", "", " ".join(words[16:]))]
    plan, evidence = build(pages, " ".join(words), collection=[pages[0]] * 2)
    assert values("min_window", plan, evidence) == [1.0, 0.0]
