"""The plan: which terms recall reads, which score, what the filters demand, and what it will cost."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.errors import ParamsError
from ranking.params import FilterParams, Params
from ranking.plan import NOT_THERE, OVER_POSTINGS, SAME_STEM, STOP_WORD, TOO_COMMON, condition_of, idf, plan
from ranking.query import parse
from ranking.types import (
    All,
    Any_,
    CollectionStatistics,
    Filter,
    Node,
    Not,
    Plan,
    PlannedTerm,
    Term,
    TermStatistics,
)

STATISTICS = CollectionStatistics(
    generation="g",
    documents=1_000,
    passages=3_000,
    average_length={"title": 5.0, "body": 300.0},
    embedder="model",
    dimension=4,
    languages={"en": 1_000},
    sites=3,
)
VECTOR = np.array([1, 0, 0, 0], dtype=np.float32)


class Counts:
    """A lookup over a table of df; a word and its plural share a stem, as a stemmer would have it."""

    def __init__(self, df: Mapping[str, int]) -> None:
        self.df = df
        self.calls: list[tuple[int, bool]] = []

    def __call__(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        self.calls.append((len(tokens), stem))
        return tuple(self.one(token, exact, stem) for token, exact in tokens)

    def one(self, token: str, exact: bool, stem: bool) -> TermStatistics:
        form = token.rstrip("s") if stem and not exact else token
        df = self.df.get(form, 0)
        return TermStatistics(token, (form,), df, {"body": df, "title": df // 10}, exact)


def planned(text: str, df: Mapping[str, int], statistics: CollectionStatistics = STATISTICS, **params: Any) -> Plan:
    return plan(parse(text), Params.model_validate(params), statistics, Counts(df), VECTOR)


def kept(found: Plan) -> list[str]:
    return [term.term.token for term in found.terms if term.kept]


def of(found: Plan, token: str) -> PlannedTerm:
    (term,) = [term for term in found.terms if term.term.token == token]
    return term


# ---------------------------------------------------------------- terms


def test_idf_is_the_textbook_formula() -> None:
    """ln(1 + (N - df + 0.5)/(df + 0.5)), positive for every df, also when deletes leave df above N."""
    assert idf(1_000, 10) == pytest.approx(math.log(1 + 990.5 / 10.5))
    assert idf(10, 10) > 0
    assert idf(10, 12) == idf(10, 10)


def test_every_term_of_the_query_is_in_the_plan_in_order() -> None:
    """Evidence has one row per planned term, so none may vanish."""
    found = planned("what is the borrow checker", {"borrow": 5, "checker": 7, "the": 900})
    assert [term.term.token for term in found.terms] == ["what", "is", "the", "borrow", "checker"]


def test_stop_words_neither_score_nor_recall_beside_other_words() -> None:
    """They stay visible, and say why."""
    found = planned("what is the borrow checker", {"the": 900, "is": 800, "borrow": 5, "checker": 7})
    assert kept(found) == ["borrow", "checker"]
    the = of(found, "the")
    assert (the.scored, the.kept, the.why) == (False, False, STOP_WORD)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("the who", {}),  # nothing else to search for
        ('"the" checker', {}),
        ("+the checker", {}),
        ("the OR checker", {}),
        ("the checker", {"precision": "exact"}),
    ],
)
def test_a_stop_word_scores_when_it_is_meant(text: str, params: dict[str, Any]) -> None:
    """Alone, quoted, required, or with precision exact."""
    found = planned(text, {"the": 900, "who": 300, "checker": 7}, **params)
    assert (of(found, "the").scored, of(found, "the").kept) == (True, True)


def test_stop_words_of_english_do_not_rule_other_languages() -> None:
    """`do` and `as` are words like any other where nothing is English."""
    polish = CollectionStatistics(**{**{f: getattr(STATISTICS, f) for f in STATISTICS.__dataclass_fields__},
                                     "languages": {"pl": 10}})  # fmt: skip
    assert of(planned("do szkoły", {"do": 100, "szkoły": 3}, polish), "do").scored


def test_words_of_one_stem_score_once_with_their_boosts_added() -> None:
    """`task` and `tasks` are one term of the index: twice the weight, not two terms."""
    found = planned("task tasks lock", {"task": 20, "lock": 5})
    assert of(found, "task").term.boost == 2.0
    assert (of(found, "tasks").scored, of(found, "tasks").why) == (False, f"{SAME_STEM}task")
    assert all(term.scored for term in planned("task tasks", {"task": 20, "tasks": 3}, expand={"stem": False}).terms)


def test_a_required_word_is_kept_through_its_stem() -> None:
    """`tasks +task` may not lose the stem that it demands, however common."""
    found = planned("tasks +task a1 b1 c1", {"task": 900, "a1": 1, "b1": 2, "c1": 3})
    assert "tasks" in kept(found)


def test_unknown_words_are_named() -> None:
    """A word that no document holds recalls nothing, yet counts as a word of the query."""
    found = planned("xyzzy lock", {"lock": 5})
    assert (of(found, "xyzzy").kept, of(found, "xyzzy").scored, of(found, "xyzzy").why) == (False, True, NOT_THERE)


def test_common_terms_are_dropped_from_recall_alone() -> None:
    """Above max_df a term scores but is not recalled."""
    found = planned("a1 b1 c1 common", {"a1": 1, "b1": 2, "c1": 3, "common": 300})
    assert kept(found) == ["a1", "b1", "c1"]
    assert (of(found, "common").scored, of(found, "common").why) == (True, TOO_COMMON)


@pytest.mark.parametrize(
    "params",
    [{"retrieve": [{"type": "bm25", "terms": {"max_df": 1}}]}, {"precision": "exact"}],
)
def test_full_evaluation_keeps_every_term(params: dict[str, Any]) -> None:
    """max_df 1, or precision exact, drops nothing however long the query."""
    df = {f"w{i}x": 900 for i in range(50)}
    assert len(kept(planned(" ".join(df), df, **params))) == 50


def test_recall_never_falls_below_min_keep() -> None:
    """The rarest terms stay even when all are common."""
    df = {"a1": 400, "b1": 500, "c1": 600, "d1": 700}
    assert kept(planned("d1 c1 b1 a1", df)) == ["c1", "b1", "a1"]
    one: dict[str, Any] = {"retrieve": [{"type": "bm25", "terms": {"min_keep": 1}}]}
    assert kept(planned("d1 c1 b1 a1", df, **one)) == ["a1"]


def test_required_terms_are_never_dropped() -> None:
    """However common they are and however many; nor do they push a rare one out."""
    df = {"rare": 1, **{f"w{i}x": 900 for i in range(6)}}
    required = [token for token in df if token != "rare"]
    assert kept(planned("rare " + " ".join(f"+{token}" for token in required), df)) == ["rare", *required]
    assert set(kept(planned('a1 +w1x "w2x" w3x', {"a1": 1, **df}))) >= {"a1", "w1x", "w2x"}


def test_long_queries_stop_at_two_postings_a_document() -> None:
    """Rarest first until the sum of df is 2 N."""
    df = {f"w{i}x": 200 for i in range(30)}
    found = planned(" ".join(df), df)
    assert len(kept(found)) == 10
    assert {term.why for term in found.terms if not term.kept} == {OVER_POSTINGS}
    assert all(term.scored for term in found.terms)
    assert len(kept(planned(" ".join(df), df, precision="fast"))) < 10


def test_max_postings_caps_recall() -> None:
    """A cap of the caller's own replaces the rule of thumb."""
    df = {f"w{i}x": 100 for i in range(30)}
    body_only: dict[str, Any] = {"fields": {"body": 1}, "type": "bm25"}
    found = planned(" ".join(df), df, retrieve=[{**body_only, "terms": {"max_postings": 500}}])
    assert found.postings == 500
    assert len(kept(planned(" ".join(df), df, retrieve=[{**body_only, "terms": {"max_postings": 10**6}}]))) == 30


def test_the_request_budget_cuts_harder_than_min_keep() -> None:
    """budget.postings with degrade leaves at least the rarest term; with fail it leaves the plan alone."""
    df = {"a1": 100, "b1": 120, "c1": 140}
    fields: dict[str, Any] = {"retrieve": [{"type": "bm25", "fields": {"body": 1}}]}
    cut = planned("a1 b1 c1", df, budget={"postings": 150}, **fields)
    assert kept(cut) == ["a1"]
    assert cut.postings == 100
    assert len(kept(planned("a1 b1 c1", df, budget={"postings": 150, "on_exceed": "fail"}, **fields))) == 3


def test_predicted_postings_count_each_searched_field() -> None:
    """Title and body by default; a field-bound word costs only its field."""
    assert planned("lock", {"lock": 50}).postings == 55
    assert planned("intitle:lock", {"lock": 50}).postings == 5
    two = [{"type": "bm25", "name": "x", "fields": {"body": 1}}, {"type": "bm25", "name": "y", "fields": {"body": 1}}]
    assert planned("lock", {"lock": 50}, retrieve=two).postings == 100


def test_a_thousand_terms_are_cheap() -> None:
    """One lookup, one sort: no quadratic step."""
    df = {f"w{i}x": i for i in range(1_000)}
    query, params, lookup = parse(" ".join(df)), Params(), Counts(df)
    before = time.thread_time()
    plan(query, params, STATISTICS, lookup, VECTOR)
    assert time.thread_time() - before < 0.5
    assert lookup.calls == [(1_000, True)]


@given(st.dictionaries(st.from_regex(r"[b-df-hj-np-tv-z]{4}", fullmatch=True), st.integers(1, 1_000), max_size=30))
def test_what_is_kept_is_never_commoner_than_what_is_dropped(df: dict[str, int]) -> None:
    """Rarest first: a dropped term has at least the df of every kept one."""
    found = planned(" ".join(df) or "x", df)
    most = max((term.statistics.df for term in found.terms if term.kept), default=0)
    assert all(term.statistics.df >= most for term in found.terms if not term.kept and term.why != NOT_THERE)
    assert found.postings == sum(sum(t.statistics.field_df.values()) for t in found.terms if t.kept)


# ---------------------------------------------------------------- retrievers, vector, needs


def test_precision_becomes_parameters() -> None:
    """exact scans all vectors, fast goes half as deep, balanced is as requested."""
    lex, sem = planned("x", {}, precision="exact").retrievers
    assert sem.parameters["exact"] is True
    assert (lex.k, lex.parameters["terms"]["max_df"]) == (300, 1.0)
    assert [one.k for one in planned("x", {}, precision="fast").retrievers] == [150, 100]
    assert [one.k for one in planned("x", {}).retrievers] == [300, 200]


def test_without_a_vector_dense_retrievers_are_left_out() -> None:
    """A filter-only query has no meaning to embed."""
    found = plan(parse("site:x.org"), Params(), STATISTICS, Counts({}), None)
    assert [one.name for one in found.retrievers] == ["lex"]
    assert (found.terms, found.condition) == ((), Filter("site", "x.org"))


def test_a_sent_vector_is_used_at_unit_length() -> None:
    """The request's own vector needs no embedder."""
    params = Params.model_validate({"retrieve": [{"type": "dense", "vector": [0, 3, 0, 4]}]})
    found = plan(parse("x"), params, STATISTICS, Counts({}), None)
    assert found.vector is not None
    assert found.vector.tolist() == pytest.approx([0, 0.6, 0, 0.8])


@pytest.mark.parametrize("vector", [[1.0, 0.0], [0.0] * 4, [1e300] * 4])
def test_an_impossible_vector_is_refused(vector: list[float]) -> None:
    """Another model's size, a zero, or numbers that overflow: said with the model that would fit."""
    params = Params.model_validate({"retrieve": [{"type": "dense", "vector": vector}]})
    with pytest.raises(ParamsError) as refused, np.errstate(over="ignore"):
        plan(parse("x"), params, STATISTICS, Counts({}), None)
    assert "model" in (refused.value.hint or "")


def test_a_second_vector_goes_with_its_retriever() -> None:
    """The first one sent stands for the query; another one is searched with by the retriever that brought it."""
    dense = [{"type": "dense", "name": name, "vector": v} for name, v in (("p", [1, 0, 0, 0]), ("q", [0, 2, 0, 0]))]
    found = plan(parse("x"), Params.model_validate({"retrieve": dense}), STATISTICS, Counts({}), None)
    assert found.vector is not None
    assert found.vector.tolist() == [1, 0, 0, 0]
    first, second = (retriever.parameters["vector"] for retriever in found.retrievers)
    assert first is None
    assert second.tolist() == [0, 1, 0, 0]


def test_needs_follow_weights_and_explanations() -> None:
    """Positions are fetched only for who reads them."""
    assert "positions" not in planned("x", {}, weights={"bm25.bigram": 0}).needs
    assert "positions" in planned("x", {}).needs  # pairs of words weigh something by default
    assert "positions" in planned("x", {}, weights={"proximity": 0.5}).needs
    assert "positions" in planned("x", {}, explain=True).needs
    assert "vectors" in planned("x", {}, diversify={"method": "mmr"}).needs


def test_minimum_is_the_page_and_stemming_is_the_requests() -> None:
    """The index fills up to max_results; the plan says whether words match by stem."""
    found = planned("x", {}, max_results=25, expand={"stem": False})
    assert (found.minimum, found.stem) == (25, False)


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({}, None),
        ({"include_sites": ["A.org"]}, Filter("site", "a.org")),
        ({"include_sites": ["a.org", "b.org/x/"]}, Any_((Filter("site", "a.org"), Filter("site", "b.org/x")))),
        ({"exclude_sites": ["a.org", "b.org"]}, All((Not(Filter("site", "a.org")), Not(Filter("site", "b.org"))))),
        ({"after": "2020", "before": "2021-02"}, All((Filter("after", "2020"), Filter("before", "2021-02")))),
        ({"languages": ["EN", "en-GB"]}, Filter("lang", "en")),
        ({"filetypes": [".htm", "pdf"]}, Any_((Filter("filetype", "html"), Filter("filetype", "pdf")))),
        ({"url_prefixes": ["https://x.org/a"]}, Filter("url_prefix", "https://x.org/a")),
        ({"metadata": {"year": 2020}}, Filter("metadata", "2020", "year", "eq")),
        ({"metadata": {"year": "2020"}}, Filter("metadata", '"2020"', "year", "eq")),
        ({"metadata": {"draft": False}}, Filter("metadata", "false", "draft", "eq")),
        ({"metadata": {"kind": ["a", 1]}}, Filter("metadata", '["a",1]', "kind", "in")),
        (
            {"metadata": {"year": {"gte": 2020, "lt": 2022.5}}},
            All((Filter("metadata", "2020", "year", "gte"), Filter("metadata", "2022.5", "year", "lt"))),
        ),
    ],
)
def test_filters_become_conditions(filters: dict[str, Any], condition: Node | None) -> None:
    """Values of one list are alternatives; everything else holds together."""
    assert condition_of(FilterParams.model_validate(filters)) == condition


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ({"include_sites": ["ok.org", "not a host"]}, "$.filters.include_sites[1]"),
        ({"exclude_sites": [""]}, "$.filters.exclude_sites[0]"),
        ({"after": "yesterday"}, "$.filters.after"),
        ({"before": "2023-02-29"}, "$.filters.before"),
        ({"languages": ["english"]}, "$.filters.languages[0]"),
        ({"filetypes": ["a b"]}, "$.filters.filetypes[0]"),
        ({"url_prefixes": [" "]}, "$.filters.url_prefixes[0]"),
        ({"metadata": {"year": {"gt": True}}}, "$.filters.metadata.year.gt"),
        ({"metadata": {"year": {"min": 1}}}, "$.filters.metadata.year.min"),
        ({"metadata": {"year": {}}}, "$.filters.metadata.year"),
        ({"metadata": {"year": []}}, "$.filters.metadata.year"),
        ({"metadata": {"year": 10**400}}, "$.filters.metadata.year"),
        ({"metadata": {"year": None}}, "$.filters.metadata.year"),
        ({"metadata": {"year": [{"a": 1}]}}, "$.filters.metadata.year[0]"),
        ({"metadata": {"year": math.inf}}, "$.filters.metadata.year"),
    ],
)
def test_impossible_filters_name_their_path(filters: dict[str, Any], path: str) -> None:
    """Fail at the door: the path says which value, the hint what would work."""
    with pytest.raises(ParamsError) as refused:
        condition_of(FilterParams.model_validate(filters))
    assert refused.value.path == path
    assert refused.value.hint


def test_filters_of_request_and_query_hold_together() -> None:
    """Neither replaces the other."""
    found = planned("+lock site:a.org", {"lock": 5}, filters={"include_sites": ["b.org"]})
    assert found.condition == All((Term("lock"), Filter("site", "a.org"), Filter("site", "b.org")))
