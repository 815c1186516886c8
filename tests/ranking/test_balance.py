"""The default weight of dense: its laws over queries and collections, and what it must not read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.balance import balance, weight_of
from ranking.constants import DENSE_CEILING, DENSE_DECAY, DENSE_FLOOR, DENSE_TO_BM25
from ranking.plan import idf
from ranking.types import Plan, PlannedTerm, ScoredTerm, TermStatistics
from ranking.weights import resolve_weights
from tests.ranking.evidence import Page, build, params

DRAFT, _ = build([Page("a", "fox"), Page("b", "hen")], "fox")

DOCUMENTS = st.integers(2, 10_000_000)
IDFS = st.lists(st.floats(0.01, 16.0), min_size=1, max_size=40)


def planned(token: str, df: int, documents: int, *, scored: bool = True, **of_term: object) -> PlannedTerm:
    term = replace(ScoredTerm(token), **of_term)  # type: ignore[arg-type]
    return PlannedTerm(term, TermStatistics(token, (token,), df, {}, False), idf(documents, df), scored=scored)


def plan_of(terms: Sequence[PlannedTerm], documents: int) -> Plan:
    return replace(DRAFT, terms=tuple(terms), statistics=replace(DRAFT.statistics, documents=documents))


def words(dfs: Sequence[int], documents: int) -> Plan:
    return plan_of([planned(f"w{place}", df, documents) for place, df in enumerate(dfs)], documents)


# ---------------------------------------------------------------- laws


@given(IDFS, DOCUMENTS)
def test_it_lies_between_floor_and_ceiling(idfs: list[float], documents: int) -> None:
    """Never negative, never without bound, always finite."""
    assert DENSE_FLOOR <= weight_of(idfs, documents) <= DENSE_CEILING


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), DOCUMENTS)
def test_up_to_one_documents_worth_of_words_more_words_never_lower_it(a: float, b: float, documents: int) -> None:
    """Sum idf up to ln N: the more a query says, the fewer documents hold all of it by chance."""
    less, more = sorted((a, b))
    needed = math.log(documents)
    assert weight_of([less * needed], documents) <= weight_of([more * needed], documents) or less == 0.0


@given(st.floats(2.0, 50.0), st.floats(0.0, 50.0), DOCUMENTS)
def test_from_two_documents_worth_of_words_more_words_never_raise_it(share: float, more: float, documents: int) -> None:
    """Sum idf from 2 ln N: a long question is decided by its words."""
    said = share * math.log(documents)
    assert weight_of([said, more], documents) <= weight_of([said], documents)


@given(st.lists(st.floats(1.0, 10.0), min_size=1, max_size=10), st.integers(3, 1_000_000), st.integers(1, 100))
def test_for_a_query_that_says_enough_a_larger_collection_never_lowers_it(
    shares: list[float], documents: int, times: int
) -> None:
    """With the same idf, more documents agree with the words by chance, so meaning has more to settle."""
    larger = documents * times
    needed = math.log(larger)
    idfs = [2.0 * share * needed for share in shares]
    assert weight_of(idfs, larger) >= weight_of(idfs, documents)


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=12), st.integers(50_000, 1_000_000))
def test_it_is_the_formula_in_terms_of_document_frequencies(dfs: list[int], documents: int) -> None:
    """Oracle without logarithms of sums: N prod (df + 1/2)/(N + 1) documents hold every word by chance."""
    chance = math.prod((df + 0.5) / (documents + 1) for df in dfs)
    base = math.log(1.0 / chance, documents)  # sum idf / ln N
    expected = DENSE_CEILING * max(1.0, base) ** -DENSE_DECAY * math.exp(-documents * chance)
    assert balance(words(dfs, documents)) == pytest.approx(max(DENSE_FLOOR, expected), abs=1e-4)


@given(st.permutations([3, 40, 500, 6_000]))
def test_the_order_of_words_is_nothing_to_it(dfs: list[int]) -> None:
    """Bit for bit: a question asked in another order is fused alike."""
    assert balance(words(dfs, 10_000)) == balance(words([3, 40, 500, 6_000], 10_000))


# ---------------------------------------------------------------- what it reads


def test_one_common_word_leaves_the_order_to_bm25() -> None:
    """Hundreds of documents hold it: the floor."""
    assert balance(words([300], 20_000)) == DENSE_FLOOR


def test_a_few_words_weigh_meaning_more_than_a_long_question() -> None:
    """Three words of a code search against fourteen of a scientific claim."""
    short, long = balance(words([60] * 4, 6_000)), balance(words([60] * 14, 6_000))
    assert short > 2.0 * DENSE_TO_BM25
    assert long < DENSE_TO_BM25


def test_the_same_query_is_weighed_by_the_collection_it_meets() -> None:
    """Words that are rare here and common there say different amounts."""
    assert balance(words([2, 2, 2], 5_000)) != balance(words([900, 900, 900], 5_000))


def test_stop_words_same_stems_expansions_and_boosts_change_nothing() -> None:
    """Only distinct words of the query that score are read, each once."""
    terms = [planned("fox", 9, 1_000), planned("den", 30, 1_000)]
    more = [
        planned("the", 990, 1_000, scored=False),
        planned("foxes", 9, 1_000, scored=False),
        planned("vixen", 2, 1_000, source="expansion"),
    ]
    boosted = [planned("fox", 9, 1_000, boost=5.0), planned("den", 30, 1_000)]
    assert balance(plan_of([*terms, *more], 1_000)) == balance(plan_of(terms, 1_000))
    assert balance(plan_of(boosted, 1_000)) == balance(plan_of(terms, 1_000))


@pytest.mark.parametrize(("dfs", "documents"), [((), 1_000), ((1,), 1), ((0,), 0)])
def test_where_there_is_nothing_to_read_it_is_the_fixed_weight(dfs: tuple[int, ...], documents: int) -> None:
    """No word, one document, none: bm25 + 1.0 cos."""
    assert balance(words(dfs, documents)) == DENSE_TO_BM25


# ---------------------------------------------------------------- its three numbers

NUMBERS = st.fixed_dictionaries(
    {}, optional={"ceiling": st.floats(0, 1_000), "decay": st.floats(0, 10), "floor": st.floats(0, 1_000)}
)


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=12), st.integers(50_000, 1_000_000), NUMBERS)
def test_a_request_may_set_them(dfs: list[int], documents: int, numbers: dict[str, float]) -> None:
    """The oracle above with the request's numbers; those it leaves out are the constants."""
    asked = {"ceiling": DENSE_CEILING, "decay": DENSE_DECAY, "floor": DENSE_FLOOR} | numbers
    chance = math.prod((df + 0.5) / (documents + 1) for df in dfs)
    base = math.log(1.0 / chance, documents)
    rule = asked["ceiling"] * max(1.0, base) ** -asked["decay"] * math.exp(-documents * chance)
    weights = resolve_weights(params(fuse={"balance": numbers}), words(dfs, documents))
    assert weights["dense"] == pytest.approx(max(asked["floor"], rule), abs=1e-4, rel=1e-9)
    assert weights["bm25"] == 1.0


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=12), st.floats(0, 1_000), st.floats(0, 1))
def test_a_floor_from_the_ceiling_on_is_a_fixed_weight(dfs: list[int], floor: float, share: float) -> None:
    numbers = {"floor": floor, "ceiling": floor * share}
    assert resolve_weights(params(fuse={"balance": numbers}), words(dfs, 10_000))["dense"] == round(floor, 4)


def test_a_weight_of_the_request_wins_over_its_numbers() -> None:
    """Named, or by the star."""
    numbers = {"balance": {"ceiling": 40.0, "floor": 40.0}}
    for weights, expected in (({"dense": 0.25}, 0.25), ({"*": 0.0, "bm25": 1.0}, 0.0), ({"recency": 1.0}, 40.0)):
        assert resolve_weights(params(weights=weights, fuse=numbers), words([60], 6_000))["dense"] == expected


@pytest.mark.parametrize("fuse", [{"method": "rrf"}, {"normalize": "minmax"}, {"weights": {"lex": 2.0}}])
def test_a_fused_request_has_no_use_for_them(fuse: dict[str, object]) -> None:
    """And they make none of it: numbers alone fuse nothing."""
    plan = words([60] * 3, 6_000)
    other = {"balance": {"ceiling": 40.0, "floor": 40.0}}
    assert resolve_weights(params(fuse=fuse | other), plan) == resolve_weights(params(fuse=fuse), plan)
    assert resolve_weights(params(fuse=other), plan)["fused"] == 0.0


@pytest.mark.parametrize(
    "numbers",
    [
        {"ceiling": -1},
        {"ceiling": 1_001},
        {"decay": -0.5},
        {"decay": 11},
        {"floor": -1},
        {"floor": math.inf},
        {"flor": 1},
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(numbers))):
        params(fuse={"balance": numbers})


# ---------------------------------------------------------------- how it is said


def test_resolved_weights_say_the_number_and_mean_the_same_when_sent_again() -> None:
    """Also to a plan that would be balanced otherwise: a sent weight is not argued with."""
    short, long = words([60] * 3, 6_000), words([60] * 14, 6_000)
    resolved = dict(resolve_weights(params(), short))
    assert resolved["dense"] == balance(short) != balance(long)
    assert dict(resolve_weights(params(weights=resolved), long)) == resolved


def test_the_number_is_short_enough_to_read() -> None:
    """Four decimals, so that no platform's last bit changes an order."""
    assert len(repr(balance(words([7, 80, 900], 12_345))).split(".")[1]) <= 4
