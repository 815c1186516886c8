"""Every row of the catalogue against values worked out on paper: one small world, one line of arithmetic each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from ranking.params import Params
from ranking.signals.catalogue import SIGNALS
from ranking.types import SessionState
from tests.ranking.evidence import DAY, NOW, Page, build, params, seen, session_of
from tests.ranking.signal_columns import lexical, values

NAN = math.nan
YEAR_2022 = 1_640_995_200.0  # epoch seconds of its first


@dataclass(frozen=True)
class Case:
    """`expected` of each page in turn; NaN for one without data."""

    pages: Sequence[Page]
    query: str
    expected: Sequence[float]
    asked: Params = field(default_factory=lexical)
    session: SessionState = field(default_factory=SessionState)
    more: Mapping[str, Any] = field(default_factory=dict)


def facts(name: str = "a", **attributes: float) -> Page:
    return Page(name, attributes=attributes)


# N = 2, average title 1.5, body 2; idf(red) = ln 2 = 0.69315, idf(fox) = ln 1.2 = 0.18232, together 0.87547.
RED_FOX = [Page("a", "red fox", "red dog red"), Page("b", "cat", "fox")]
FIELDS_OF_A = [Page("a", "red fox", "red", "den", "fox", "fox red fox"), Page("b", "", "den")]
ONE_RARE = [Page("a", "", "red fox"), Page("b", "", "fox")]  # the same two idf
FAR = "x " * 250

CASES: dict[str, Case] = {
    # See test_signals.py for these two sums.
    "bm25": Case(RED_FOX, "red fox", [0.74262, 0.11900]),
    # a: 1/1.25 = 0.8, 0.8/2.0 = 0.4 for both words.
    "bm25.title": Case(RED_FOX, "red fox", [0.4, 0.0]),
    # a: red 2/1.375 = 1.45455, /2.65455 = 0.54795, x 0.69315/0.87547. b: 1.6/2.8 x 0.18232/0.87547.
    "bm25.body": Case(RED_FOX, "red fox", [0.43384, 0.11900]),
    # Average 0.5, so 0.25 + 0.75 x 2 = 1.75; 1/1.75 = 0.57143, /1.77143.
    "bm25.heading": Case([Page("a", heading="fox"), Page("b", "fox")], "fox", [0.32258, NAN]),
    # 1/(1 + 1.2); 2/(2 + 1.2): a lone page has the average length.
    "bm25.url": Case([Page("a", url="fox org")], "fox", [0.45455]),
    "bm25.anchor": Case([Page("a", anchor="fox fox")], "fox", [0.625]),
    # The better of 0.4 and 0.43384.
    "best_field": Case(RED_FOX, "red fox", [0.43384, 0.11900]),
    "coverage": Case([Page("a", "fox", "dog dog"), Page("b", "", "cow")], "fox dog elk", [2 / 3, 0.0]),
    "coverage.title": Case(FIELDS_OF_A, "red fox", [1.0, NAN]),
    "coverage.heading": Case(FIELDS_OF_A, "red fox", [0.0, NAN]),
    "coverage.body": Case(FIELDS_OF_A, "red fox", [0.5, 0.0]),
    "coverage.url": Case(FIELDS_OF_A, "red fox", [0.5, NAN]),
    "coverage.anchor": Case(FIELDS_OF_A, "red fox", [1.0, NAN]),
    # 0.18232/0.87547.
    "coverage_idf": Case(ONE_RARE, "red fox", [1.0, 0.20825]),
    "field_completeness.title": Case([Page("a", "the red fox"), Page("b", "den"), Page("c")], "red fox", [2 / 3, 0.0, NAN]),
    "field_completeness.heading": Case([Page("a", heading="fox fox den den")], "red fox", [0.5]),
    "field_completeness.url": Case([Page("a", url="example org fox")], "red fox", [1 / 3]),
    "fields_matched": Case([Page("a", "fox", "fox"), Page("b", url="den")], "red fox", [0.4, 0.0]),
    "all_terms": Case([Page("a", "red", "fox"), Page("b", "red fox"), Page("c", "red")], "red fox", [1.0, 1.0, 0.0]),
    # 0.18232/0.69315.
    "rarest_term": Case([*ONE_RARE], "red fox", [1.0, 0.26303]),
    # 1/20 = 0.05; 1 of 1: 1/1.05.
    "term_density": Case([Page("a", "", "fox" + " x" * 19), Page("b", "", "fox"), Page("c", "fox")], "fox", [0.5, 1 / 1.05, NAN]),
    # w/(w + w) side by side; w/9 over w/9 + w three apart.
    "proximity": Case([Page("a", "", "red fox"), Page("b", "", "red x x fox")], "red fox", [0.5, 0.1]),
    # 4/(2 x 2); 4/(2 x 4); one of two words in a window of 1: 1/2.
    "min_window": Case([Page("a", "", "red fox"), Page("b", "", "red x x fox"), Page("c", "", "fox")], "red fox", [1.0, 0.5, 0.5]),
    # 1/(1 + 50/50).
    "first_position": Case([Page("a", "", "x " * 50 + "fox"), Page("b", "fox", "x")], "fox", [0.5, NAN]),
    # Word 120 is not among the first 100; in b both are.
    "coverage.lead": Case([Page("a", "", "red " + "x " * 119 + "fox"), Page("b", "", "x red x fox")], "red fox", [0.5, 1.0]),
    # The first and the last tenth of 20; the first and the last of 4 words.
    "spread": Case([Page("a", "", "fox" + " x" * 18 + " fox"), Page("b", "", "fox x x fox"), Page("c", "fox")], "fox", [0.2, 0.5, NAN]),
    # 251 apart: no window of 200 has both. 101 apart, across the middle: the one from 100 to 299 has.
    "coverage.passage": Case([Page("a", "", f"red {FAR}fox"), Page("b", "", "x " * 150 + "red " + "x " * 100 + "fox")], "red fox", [0.5, 1.0]),
    # 2/(2 + 1.2); 1/(1 + 1.2).
    "bm25.passage": Case([Page("a", "", "fox fox"), Page("b", "", f"fox {FAR}fox")], "fox", [0.625, 0.45455]),
    # One of two pairs, once: 1/2.2 x 1/2.
    "bm25.bigram": Case([Page("a", "", "red fox x den")], "red fox den", [0.22727]),
    # Both pairs are nearer than 8 tokens.
    "bm25.near": Case([Page("a", "", "red fox x den")], "red fox den", [0.45455]),
    "coverage.bigram": Case([Page("a", "", "red fox x den"), Page("b", "", "fox red")], "red fox den", [0.5, 0.0]),
    "longest_run": Case([Page("a", "", "red fox x den"), Page("b", "", "den"), Page("c", "red")], "red fox den", [2 / 3, 1 / 3, 0.0]),
    # fox-red is not in order, red-den is.
    "orderness": Case([Page("a", "", "red fox den"), Page("b", "", "fox red den"), Page("c", "", "fox fox")], "red fox den", [1.0, 0.5, NAN]),
    "phrase": Case([Page("a", "", "red fox and blue bird"), Page("b", "", "fox red")], "red fox", [0.5, 0.0], more={"phrases": ["red fox", "blue car"]}),
    # (3/4 + 0)/2.
    "phrase_frequency": Case([Page("a", "", "red fox red fox red fox")], "red fox", [0.375], more={"phrases": ["red fox", "blue car"]}),
    "exact_title": Case([Page("a", "red fox"), Page("b", "red"), Page("c", "red fox den"), Page("d")], "fox red", [1.0, 0.0, 0.0, NAN]),
    "dense": Case([Page("a", cosine=0.5), Page("b", cosine=-1.0), Page("c")], "fox", [0.75, 0.0, NAN]),
    "dense_mean": Case([Page("a", cosine_mean=0.5), Page("b")], "fox", [0.75, NAN]),
    "recency": Case([facts(published=NOW - 999 * DAY, modified=NOW - 365 * DAY), facts("b")], "fox", [0.5, NAN]),
    "recency.published": Case([facts(published=NOW - 730 * DAY, modified=NOW), facts("b", modified=NOW)], "fox", [0.25, NAN]),
    # 75 of 100 days; a page that says it changed before it came out was not touched.
    "maintained": Case([facts(published=NOW - 100 * DAY, modified=NOW - 25 * DAY), facts("b", published=NOW - DAY, modified=NOW - 2 * DAY), facts("c", modified=NOW)], "fox", [0.75, 0.0, NAN]),
    "dated": Case([facts(published=NOW), facts("b", modified=NOW), facts("c", fetched=NOW)], "fox", [1.0, 1.0, 0.0]),
    # In the year; 180 days after its end, e^-0.5; modified within it; undated.
    "freshness_fit": Case([facts(published=YEAR_2022 - 100 * DAY), facts("b", published=YEAR_2022 + 180 * DAY), facts("c", published=0.0, modified=YEAR_2022 - DAY), facts("d")], "report 2021", [1.0, 0.60653, 1.0, NAN]),
    "fresh_fetch": Case([facts(fetched=NOW - 90 * DAY), facts("b")], "fox", [0.5, NAN]),
    "authority": Case([facts(authority=0.3), facts("b")], "fox", [0.3, NAN]),
    "inlinks": Case([facts(inlinks=30.0), facts("b")], "fox", [0.75, NAN]),
    "anchor_text": Case([Page("a", anchor="x " * 20), Page("b")], "fox", [0.5, 0.0]),
    "url_depth": Case([facts(url_depth=3.0), facts("b")], "fox", [0.25, NAN]),
    "url_length": Case([Page("a", url="x " * 10), Page("b", url="x " * 30), Page("c")], "fox", [0.5, 0.25, NAN]),
    "is_homepage": Case([facts(url_depth=0.0), facts("b", url_depth=1.0), facts("c")], "fox", [1.0, 0.0, NAN]),
    "title_length": Case([Page("a", "a b c d"), Page("b")], "fox", [0.5, 0.0]),
    "length": Case([facts(words=100.0), facts("b")], "fox", [0.25, NAN]),
    "passages": Case([facts(passages=5.0), facts("b")], "fox", [0.5, NAN]),
    "quality": Case([facts(quality=0.6), facts("b")], "fox", [0.6, NAN]),
    "retrievers": Case([Page("a", ranks={"lex": 1, "sem": 2}), Page("b", ranks={"sem": 1}), Page("c")], "fox", [1.0, 0.5, 0.0]),
    "best_rank": Case([Page("a", ranks={"lex": 9, "sem": 2}), Page("b", ranks={"lex": 1}), Page("c")], "fox", [61 / 62, 1.0, NAN]),
    "rrf": Case([Page("a", ranks={"lex": 1, "sem": 1}), Page("b", ranks={"sem": 2}), Page("c")], "fox", [1.0, 61 / 124, 0.0]),
    "fused": Case([Page("a", ranks={"lex": 1, "sem": 1}), Page("b", ranks={"sem": 2})], "fox", [1.0, 61 / 124], params(fuse={"method": "rrf"})),
    "seen": Case([Page("a"), Page("b"), Page("c")], "fox", [1.0, 0.5, 0.0], session=session_of(seen(Page("a")), seen(Page("b"), calls_ago=6))),
    # One of four passages was shown; one that is new; one whose passages nobody counted; one that is not what it was.
    "unread": Case([facts(passages=4.0), facts("b", passages=2.0), facts("c"), replace(facts("d", passages=2.0), content="new")], "fox", [0.75, 1.0, NAN, 1.0], session=session_of(seen(facts(), passages=[2]), seen(facts("c")), seen(facts("d"), passages=[0]))),
    "changed": Case([Page("a", content="new"), Page("b"), Page("c")], "fox", [1.0, 0.0, 0.0], session=session_of(seen(Page("a", content="old")), seen(Page("b")))),
    "seen_by_others": Case([Page("a"), Page("b")], "fox", [0.0, 1.0], session=SessionState(others={"b": ("planner",), "z": ("planner",)})),
    # 1 - 0.8; opposite is as new as can be.
    "novelty": Case([Page("a", vector=(0.0, 1.0)), Page("b", vector=(-1.0, -1.0)), Page("c")], "fox", [0.2, 1.0, NAN], session=SessionState(vectors=np.array([[1.0, 0.0], [0.6, 0.8]], np.float32))),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNALS)
def test_the_signal_is_what_paper_says(name: str) -> None:
    """A signal without a case here is a KeyError: whoever adds a row works one value out."""
    case = CASES[name]
    plan, evidence = build(case.pages, case.query, **case.more)
    found = values(name, plan, evidence, case.asked, case.session)
    assert found == pytest.approx(list(case.expected), abs=1e-5, nan_ok=True)


def test_no_case_is_of_a_signal_that_is_gone() -> None:
    """And there are as many signals as were promised."""
    assert set(CASES) == set(SIGNALS)
    assert len(SIGNALS) >= 45


def test_the_families_too() -> None:
    """rank.<retriever> is 61/62 at rank 2; meta.<field> is the share of the collection with at most this number."""
    plan, evidence = build([Page("a", ranks={"lex": 2}), Page("b"), Page("c")], "fox")
    assert values("rank.lex", plan, evidence) == pytest.approx([61 / 62, NAN, NAN], nan_ok=True)
    held = replace(evidence, numbers={"year": np.array([2_000.0, 2_020.0, NAN])})
    scaled = replace(plan, number_scales={"year": np.linspace(1_990.0, 2_020.0, 101)})
    assert values("meta.year", scaled, held) == pytest.approx([1 / 3, 1.0, NAN], nan_ok=True)
