"""Signals against formulas written out in plain Python, and what each says when it has nothing to say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.errors import SignalError
from ranking.signals.catalogue import SIGNALS, compute
from ranking.signals.input import SignalInput
from ranking.types import FIELDS, SessionState
from tests.ranking.evidence import DAY, NOW, Page, build, idf, params, seen, session_of, tokens_of
from tests.ranking.signal_columns import lexical, values


def naive_bm25f(
    page: Page, query: Sequence[str], known: Sequence[Page], weights: Mapping[str, float], k1: float, b: float
) -> float:
    """BM25F over sum idf (k1 + 1), word by word, from the texts."""
    total = bound = 0.0
    for term in dict.fromkeys(query):
        df = sum(any(term in tokens_of(other, name) for name in FIELDS) for other in known)
        frequency = 0.0
        for name, weight in weights.items():
            average = sum(len(tokens_of(other, name)) for other in known) / len(known)
            count = tokens_of(page, name).count(term)
            if count:
                frequency += weight * count / (1 - b + b * len(tokens_of(page, name)) / average)
        total += idf(len(known), df) * frequency * (k1 + 1) / (frequency + k1) if frequency else 0.0
        bound += idf(len(known), df) * (k1 + 1)
    return total / bound if bound else 0.0


def test_bm25_equals_the_value_worked_by_hand() -> None:
    """Two pages, two terms, worked on paper.

    N = 2, average lengths: title 1.5, body 2; k1 1.2, b 0.75, weights title 3, body 1.
    idf(red) = ln(1 + 1.5/1.5) = ln 2 = 0.69315 (page a only); idf(fox) = ln(1 + 0.5/2.5) = ln 1.2 = 0.18232.
    a: title normaliser 0.25 + 0.75 x 2/1.5 = 1.25, body 0.25 + 0.75 x 3/2 = 1.375
       red: 3 x 1/1.25 + 1 x 2/1.375 = 3.85455 -> 3.85455/5.05455 = 0.76259; fox: 3 x 1/1.25 = 2.4 -> 2.4/3.6 = 0.66667
       (0.69315 x 0.76259 + 0.18232 x 0.66667) / 0.87547 = 0.74262
    b: body normaliser 0.25 + 0.75 x 1/2 = 0.625; fox: 1/0.625 = 1.6 -> 1.6/2.8 = 0.57143
       0.18232 x 0.57143 / 0.87547 = 0.11900
    """
    plan, evidence = build([Page("a", "red fox", "red dog red"), Page("b", "cat", "fox")], "red fox")
    assert values("bm25", plan, evidence) == pytest.approx([0.74262, 0.11900], abs=1e-5)


WORDS = st.lists(st.sampled_from(["ant", "bee", "cow", "dog", "elk", "fox"]), max_size=6).map(" ".join)
PAGES = st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5).map(
    lambda texts: [Page(f"p{i}", title, body, heading) for i, (title, body, heading) in enumerate(texts)]
)


@settings(max_examples=150, deadline=None)
@given(
    pages=PAGES,
    query=WORDS,
    k1=st.sampled_from([0.0, 0.5, 1.2, 10.0]),
    b=st.sampled_from([0.0, 0.4, 0.75, 1.0]),
    weights=st.dictionaries(
        st.sampled_from(["title", "heading", "body"]), st.sampled_from([0.5, 1.0, 3.0]), min_size=1
    ),
)
def test_bm25_equals_the_plain_formula_for_any_texts_k1_b_and_fields(
    pages: list[Page], query: str, k1: float, b: float, weights: dict[str, float]
) -> None:
    """The vectorised BM25F agrees with one written word by word."""
    plan, evidence = build(pages, query)
    asked = params(retrieve=[{"type": "bm25", "fields": weights, "k1": k1, "b": b}])
    expected = [naive_bm25f(page, query.split(), pages, weights, k1, b) for page in pages]
    assert np.nan_to_num(values("bm25", plan, evidence, asked)) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(pages=PAGES, query=WORDS, name=st.sampled_from(["title", "heading", "body"]))
def test_bm25_of_a_field_is_bm25_with_that_field_alone(pages: list[Page], query: str, name: str) -> None:
    """bm25.title and its like use the idf of the whole document and say when a page has no such field."""
    plan, evidence = build(pages, query)
    expected = [naive_bm25f(page, query.split(), pages, {name: 1.0}, 1.2, 0.75) for page in pages]
    found = values(f"bm25.{name}", plan, evidence)
    for page, value, wanted in zip(pages, found, expected, strict=True):
        if not query or not tokens_of(page, name):
            assert math.isnan(value)
        else:
            assert value == pytest.approx(wanted, abs=1e-6)


def test_bm25_reaches_1_only_in_the_limit_and_stays_finite_with_extreme_parameters() -> None:
    """The scale is exact: saturation of every term is 1, whatever the counts."""
    plan, evidence = build([Page("a", "", "fox " * 500), Page("b", "fox", "dog")], "fox")
    assert values("bm25", plan, evidence, lexical(k1=0.0)) == [1.0, 1.0]
    assert 0.99 < values("bm25", plan, evidence, lexical(b=0.0))[0] < 1.0
    negative = params(retrieve=[{"type": "bm25", "fields": {"title": -2.0, "body": 1.0}}])
    assert values("bm25", plan, evidence, negative)[1] == 0.0


def test_a_boost_counts_as_a_rarer_word_and_a_field_limit_is_kept() -> None:
    """`fox^3` weighs idf three times in both halves of the fraction; a term of the title ignores the body."""
    pages = [Page("a", "dog", "fox"), Page("b", "fox", "dog")]
    plan, evidence = build(pages, "fox dog", boosts={"fox": 3.0}, fields={"fox": ("title",)})
    without_body = values("coverage", plan, evidence)
    assert without_body == [0.5, 1.0]
    assert values("coverage_idf", plan, evidence) == pytest.approx([0.25, 1.0])
    assert values("bm25", plan, evidence)[1] > 2 * values("bm25", plan, evidence)[0]


def test_stop_words_beside_other_words_earn_nothing() -> None:
    """A term that is not scored is left out of numerator and denominator."""
    pages = [Page("a", "", "the fox"), Page("b", "", "the the the")]
    plan, evidence = build(pages, "the fox", stop_words=["the"])
    alone = values("bm25", *build(pages, "fox"))
    assert values("bm25", plan, evidence) == alone
    assert values("coverage", plan, evidence) == [1.0, 0.0]


def test_coverage_counts_words_once_wherever_they_stand() -> None:
    """A word in the title covers as one in the body does; repeats add nothing."""
    plan, evidence = build([Page("a", "fox", "dog dog"), Page("b", "", "cow")], "fox dog elk")
    assert values("coverage", plan, evidence) == pytest.approx([2 / 3, 0.0])


def naive_proximity(page: Page, query: list[str], weight: Mapping[str, float]) -> float:
    hits = [(place, word) for place, word in enumerate(tokens_of(page, "body")) if word in query]
    near = sum(
        min(weight[first], weight[second]) / (later - earlier) ** 2
        for (earlier, first), (later, second) in itertools.pairwise(hits)
        if first != second
    )
    midpoint = sum(weight.values()) - max(weight.values())
    return near / (near + midpoint)


def naive_window(page: Page, query: list[str]) -> float:
    words = tokens_of(page, "body")
    there = set(words) & set(query)
    if not there:
        return 0.0
    spans = (
        end - start
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if there <= set(words[start:end])
    )
    return len(there) ** 2 / (len(set(query)) * min(spans))


LONG_WORDS = st.lists(st.sampled_from(["ant", "bee", "cow", "x", "y", "z"]), max_size=14).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(LONG_WORDS, min_size=1, max_size=4))
def test_proximity_window_and_first_position_equal_the_plain_formulas(bodies: list[str]) -> None:
    """One pass over all hits finds what a search of every window of every body finds."""
    query = ["ant", "bee", "cow"]
    pages = [Page(f"p{i}", "", body) for i, body in enumerate(bodies)]
    plan, evidence = build(pages, "ant bee cow")
    weight = {one.term.token: one.idf for one in plan.terms}
    assert values("proximity", plan, evidence) == pytest.approx([naive_proximity(p, query, weight) for p in pages])
    assert values("min_window", plan, evidence) == pytest.approx([naive_window(p, query) for p in pages])
    for page, value in zip(pages, values("first_position", plan, evidence), strict=True):
        first = next((place for place, word in enumerate(tokens_of(page, "body")) if word in query), None)
        assert math.isnan(value) if first is None else value == pytest.approx(1 / (1 + first / 50))


def test_adjacent_terms_once_in_order_are_worth_half_and_a_run_of_all_is_a_whole_window() -> None:
    """The midpoint of proximity is one run of the query; min_window is 1 there."""
    plan, evidence = build([Page("a", "", "red fox"), Page("b", "", "red one two three fox")], "red fox")
    close, far = values("proximity", plan, evidence)
    assert close == pytest.approx(0.5)
    assert far < close / 4
    assert values("min_window", plan, evidence) == pytest.approx([1.0, 0.4])


def test_positions_that_did_not_come_are_missing_not_zero_knowledge() -> None:
    """Without positions the three signals say so for every page."""
    plan, evidence = build([Page("a", "", "red fox")], "red fox")
    without = replace(evidence, positions=None)
    for name in ("proximity", "min_window", "first_position"):
        assert math.isnan(values(name, plan, without)[0])


def test_two_terms_at_one_place_do_not_make_a_window_shorter_than_its_words() -> None:
    """A token that two query terms stem to is one token."""
    plan, evidence = build([Page("a", "", "red fox")], "red fox")
    assert evidence.positions is not None
    same = replace(evidence.positions, position=np.array([4, 4], np.int32))
    assert values("min_window", plan, replace(evidence, positions=same)) == [1.0]


def test_a_title_that_is_the_query_is_exact_whatever_the_order() -> None:
    """Every word of one is in the other, but for stop words of the query; a longer title is not exact, nor one that
    lacks a word; no title is missing."""
    pages = [
        Page("a", "the red fox"), Page("b", "fox red"), Page("c", "the red fox runs"), Page("d", "the fox"),
        Page("e", "", "fox"),
    ]  # fmt: skip
    plan, evidence = build(pages, "the red fox", stop_words=["the"])
    found = values("exact_title", plan, evidence)
    assert found[:4] == [1.0, 1.0, 0.0, 0.0]
    assert math.isnan(found[4])


def test_an_exact_title_needs_no_word_that_expansion_added() -> None:
    """Synonyms and feedback are not the query, and stand for no word of a title."""
    plan, evidence = build([Page("a", "fox"), Page("b", "fox dog")], "fox dog")
    added = replace(plan.terms[1], term=replace(plan.terms[1].term, source="synonym:fox"))
    assert values("exact_title", replace(plan, terms=(plan.terms[0], added)), evidence) == [1.0, 0.0]


def test_two_words_of_one_stem_are_one_word_of_a_title() -> None:
    """The plan lets the second of them not score; its frequency, where the index counts it, is the first one's."""
    plan, evidence = build([Page("a", "foxes run"), Page("b", "foxes")], "foxes fox")
    known = replace(plan.terms[0].statistics, forms=("fox",))
    twins = (
        replace(plan.terms[0], statistics=known),
        replace(plan.terms[1], statistics=replace(known, token="fox"), scored=False),
    )
    tf = evidence.tf.copy()
    tf[:, 1] = tf[:, 0]
    assert values("exact_title", replace(plan, terms=twins), replace(evidence, tf=tf)) == [0.0, 1.0]


def test_phrase_is_the_share_of_phrases_found() -> None:
    """One of two phrases is a half; a query without phrases has no data."""
    pages = [Page("a", "", "red fox and blue bird"), Page("b", "", "fox red")]
    assert values("phrase", *build(pages, "red fox", phrases=["red fox", "blue car"])) == [0.5, 0.0]
    assert math.isnan(values("phrase", *build(pages, "red fox"))[0])


def test_dense_is_half_of_one_plus_cosine() -> None:
    """-1 -> 0, 1 -> 1, rounding above 1 stays 1, no vector is missing."""
    cosines = (-1.0, 0.0, 1.0000001, math.nan)
    pages = [Page(f"p{i}", cosine=cosine, cosine_mean=cosine) for i, cosine in enumerate(cosines)]
    plan, evidence = build(pages, "fox")
    for name in ("dense", "dense_mean"):
        found = values(name, plan, evidence)
        assert found[:3] == [0.0, 0.5, 1.0]
        assert math.isnan(found[3])


def test_recency_halves_each_year_from_the_later_date() -> None:
    """A future date counts as now; without a date there is no data."""
    pages = [
        Page("a", attributes={"published": NOW - 3_650 * DAY, "modified": NOW - 365 * DAY}),
        Page("b", attributes={"published": NOW + 10 * DAY}),
        Page("c"),
    ]
    found = values("recency", *build(pages, "fox"))
    assert found[:2] == pytest.approx([0.5, 1.0])
    assert math.isnan(found[2])


def test_page_priors_follow_their_formulas() -> None:
    """Authority and quality as stored, links, depth and length on fixed curves."""
    attributes = {"authority": 0.3, "quality": 0.6, "inlinks": 30.0, "url_depth": 3.0, "words": 100.0}
    plan, evidence = build([Page("a", attributes=attributes), Page("b")], "fox")
    expected = {"authority": 0.3, "quality": 0.6, "inlinks": 0.75, "url_depth": 0.25, "length": 0.25}
    for name, value in expected.items():
        found = values(name, plan, evidence)
        assert found[0] == pytest.approx(value)
        assert math.isnan(found[1])
    assert math.isnan(values("authority", plan, replace(evidence, attributes={}))[0])


def test_retrievers_and_ranks_tell_who_found_a_page() -> None:
    """Share of retrievers; a rank signal is 1 at rank 1 and missing where that retriever found nothing."""
    pages = [Page("a", ranks={"lex": 1, "sem": 2}), Page("b", ranks={"sem": 1}), Page("c")]
    plan, evidence = build(pages, "fox")
    assert values("retrievers", plan, evidence) == [1.0, 0.5, 0.0]
    lex = values("rank.lex", plan, evidence)
    assert lex[0] == 1.0
    assert math.isnan(lex[1])
    assert values("rank.sem", plan, evidence)[0] == pytest.approx(61 / 62)


def test_novelty_is_distance_from_everything_shown() -> None:
    """1 - the largest cosine; opposite vectors are as new as can be; no shown vectors, no data."""
    pages = [Page("a", vector=(1.0, 0.0)), Page("b", vector=(0.0, 1.0)), Page("c", vector=(-1.0, 0.0)), Page("d")]
    plan, evidence = build(pages, "fox")
    shown = SessionState(vectors=np.array([[1.0, 0.0], [0.6, 0.8]], np.float32))
    found = values("novelty", plan, evidence, session=shown)
    assert found[:3] == pytest.approx([0.0, 0.2, 1.0], abs=1e-6)
    assert math.isnan(found[3])
    assert math.isnan(values("novelty", plan, evidence)[0])
    backwards = values("novelty", *build(pages[::-1], "fox"), session=shown)
    assert backwards[1:] == found[2::-1]


def test_seen_fades_with_the_calls_since() -> None:
    """1 for the latest call, a half after decay_calls, 0 for what was not shown."""
    pages = [Page("a"), Page("b"), Page("c")]
    session = session_of(seen(pages[0]), seen(pages[1], calls_ago=6))
    assert values("seen", *build(pages, "fox"), session=session) == [1.0, 0.5, 0.0]


def test_a_signal_of_weight_0_is_not_computed() -> None:
    """Cost follows the weights: only what is asked for runs."""
    plan, evidence = build([Page("a", "fox")], "fox")

    def never(given: SignalInput) -> tuple[np.ndarray, None]:
        raise AssertionError("computed")

    compute(SignalInput(plan, evidence, SessionState(), NOW, lexical()), [SIGNALS["bm25"]])
    with pytest.raises(AssertionError, match="computed"):
        compute(SignalInput(plan, evidence, SessionState(), NOW, lexical()), [replace(SIGNALS["bm25"], compute=never)])


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1, 1.1])
def test_a_signal_out_of_range_names_itself_and_the_document(wrong: float) -> None:
    """A defect of a signal is an error, never a silently clipped score."""
    plan, evidence = build([Page("a", "fox"), Page("b", "fox")], "fox")
    broken = replace(SIGNALS["bm25"], compute=lambda given: (np.array([0.5, wrong]), None))
    with pytest.raises(SignalError, match="signal bm25 of document b is"):
        compute(SignalInput(plan, evidence, SessionState(), NOW, lexical()), [broken])
