"""Signals of single fields and of which words are there: laws between them, and what each leaves out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.types import FIELDS
from tests.ranking.evidence import Page, build, params
from tests.ranking.signal_columns import lexical, values

WORDS = st.lists(st.sampled_from(["ant", "bee", "cow", "dog"]), max_size=6).map(" ".join)
PAGES = st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=5).map(
    lambda rows: [Page(f"p{i}", **dict(zip(FIELDS, row, strict=True))) for i, row in enumerate(rows)]
)
law = settings(max_examples=80, deadline=None)


@law
@given(pages=PAGES, query=WORDS.filter(bool))
def test_the_best_field_is_the_largest_of_the_fields_own_bm25(pages: list[Page], query: str) -> None:
    """Never more, and never a field that is not there."""
    plan, evidence = build(pages, query)
    own = np.array([values(f"bm25.{name}", plan, evidence) for name in FIELDS])
    assert values("best_field", plan, evidence) == pytest.approx(np.nan_to_num(own).max(axis=0).tolist())


@law
@given(pages=PAGES, query=WORDS.filter(bool))
def test_what_the_fields_hold_the_page_holds(pages: list[Page], query: str) -> None:
    """Coverage is at least that of each field, all terms are a coverage of 1, and no field means no coverage."""
    plan, evidence = build(pages, query)
    whole = values("coverage", plan, evidence)
    own = np.nan_to_num(np.array([values(f"coverage.{name}", plan, evidence) for name in FIELDS]))
    assert (own.max(axis=0) <= np.array(whole) + 1e-12).all()
    assert values("all_terms", plan, evidence) == [float(value == 1.0) for value in whole]
    assert values("fields_matched", plan, evidence) == pytest.approx(((own > 0).sum(axis=0) / 5).tolist())
    rarest = values("rarest_term", plan, evidence)
    assert all((value > 0) == (share > 0) for value, share in zip(rarest, whole, strict=True))


def test_a_word_that_is_asked_of_the_title_alone_counts_there_alone() -> None:
    """`intitle:fox dog`: the body can hold one word, the title both."""
    pages = [Page("a", "fox dog", "fox dog"), Page("b", "", "dog")]
    plan, evidence = build(pages, "fox dog", fields={"fox": ("title",)})
    assert values("coverage.title", plan, evidence)[0] == 1.0
    assert values("coverage.body", plan, evidence) == [1.0, 1.0]
    assert values("field_completeness.title", plan, evidence)[0] == 1.0
    alone, evidence = build(pages, "fox", fields={"fox": ("title",)})
    assert math.isnan(values("coverage.body", alone, evidence)[0])
    assert math.isnan(values("field_completeness.url", alone, evidence)[0])


def test_a_field_is_never_more_than_complete() -> None:
    """A quoted word and its stem are two terms, and one token of the title."""
    plan, evidence = build([Page("a", "fox den")], "fox foxes")
    tf = evidence.tf.copy()
    tf[:, 1] = tf[:, 0]
    assert values("field_completeness.title", plan, replace(evidence, tf=tf * 3)) == [1.0]


def test_stop_words_beside_other_words_do_not_fill_a_field() -> None:
    """They do not score, so they are as foreign as any other word."""
    plan, evidence = build([Page("a", "the fox")], "the fox", stop_words=["the"])
    assert values("field_completeness.title", plan, evidence) == [0.5]
    assert values("all_terms", plan, evidence) == [1.0]


def test_an_expression_sets_k1_and_b_for_itself() -> None:
    """The retriever's numbers hold unless they are given, one by one."""
    pages = [Page("a", "red fox", "red dog red"), Page("b", "cat", "fox")]
    plan, evidence = build(pages, "red fox")
    for name in ("bm25", "bm25.body", "best_field"):
        given = values(name, plan, evidence, k1=0.5, b=0.2)
        assert given == values(name, plan, evidence, lexical(k1=0.5, b=0.2))
        assert values(name, plan, evidence, lexical(k1=0.5), b=0.2) == given
        assert values(name, plan, evidence, b=0.75) == values(name, plan, evidence)
    assert values("bm25.body", plan, evidence, k1=0.0)[1] == pytest.approx(0.20825, abs=1e-5)


def test_a_query_without_words_has_no_data_of_words() -> None:
    """`site:x.org` alone asks for no word."""
    plan, evidence = build([Page("a", "fox", "fox")], "", retrievers={"lex": "bm25"})
    named = ("bm25", "best_field", "coverage", "all_terms", "rarest_term", "term_density", "fields_matched",
             "coverage.title", "field_completeness.title", "coverage.passage", "coverage.lead", "exact_title")  # fmt: skip
    for name in named:
        assert math.isnan(values(name, plan, evidence, params())[0]), name
    assert values("title_length", plan, evidence) == pytest.approx([0.2])
