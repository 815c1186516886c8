"""The exactness certificate: it says True only where brute force agrees, and null where it cannot know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.certificate import exact
from ranking.params import Params
from ranking.plan import plan
from ranking.query import parse
from ranking.signals.input import SignalInput
from ranking.signals.lexical import bm25
from ranking.types import (
    FIELDS,
    CollectionStatistics,
    Doubles,
    Evidence,
    Longs,
    Plan,
    SessionState,
    TermStatistics,
)


class Corpus:
    """tf [F, V, N] of random documents, with title and body filled."""

    def __init__(self, seed: int, documents: int = 120, vocabulary: int = 12) -> None:
        draw = np.random.default_rng(seed)
        self.words = [f"w{i}x" for i in range(vocabulary)]
        rate = draw.uniform(0.02, 0.9, vocabulary)[:, None]
        self.tf = np.zeros((len(FIELDS), vocabulary, documents), dtype=np.float32)
        self.tf[FIELDS.index("body")] = draw.poisson(rate * 2, (vocabulary, documents))
        self.tf[FIELDS.index("title")] = draw.poisson(rate / 4, (vocabulary, documents))
        self.dl = self.tf.sum(axis=1) + 1
        self.statistics = CollectionStatistics(
            generation="g", documents=documents, passages=documents, embedder=None, dimension=0, languages={}, sites=1,
            average_length={name: float(self.dl[i].mean()) for i, name in enumerate(FIELDS)},
        )  # fmt: skip

    def lookup(self, tokens: Any, *, stem: bool) -> tuple[TermStatistics, ...]:
        return tuple(self._one(token, exact_form) for token, exact_form in tokens)

    def _one(self, token: str, exact_form: bool) -> TermStatistics:
        held = self.tf[:, self.words.index(token)] > 0
        by_field = {name: int(held[i].sum()) for i, name in enumerate(FIELDS)}
        return TermStatistics(token, (token,), int(held.any(axis=0).sum()), by_field, exact_form)

    def evidence(self, rows: Longs, ranks: Longs) -> Evidence:
        n = len(rows)
        return Evidence(
            generation="g", ids=tuple(f"{row:04}" for row in rows), rows=rows, ranks={"lex": ranks.astype(np.int32)},
            tf=self.tf[:, :, rows], dl=self.dl[:, rows].astype(np.float32), cosine=np.full(n, np.nan, np.float32),
            cosine_mean=np.full(n, np.nan, np.float32), attributes={}, phrases=np.zeros((0, n), np.float32),
            allowed=self.tf.shape[2],
        )  # fmt: skip


def column(found: Plan, params: Params, evidence: Evidence) -> Doubles:
    values, _ = bm25(SignalInput(found, evidence, SessionState(), 0.0, params))
    return values


def by_fields(corpus: Corpus, found: Plan, params: Params) -> Doubles:
    """[N] what recall orders by: the weighted sum over fields of BM25 of the kept terms, with each field's own idf."""
    (retriever,) = params.retrieve
    total = np.zeros(corpus.tf.shape[2])
    for t, planned in enumerate(found.terms):
        if not planned.kept:
            continue
        for name, weight in retriever.fields.items():  # type: ignore[union-attr]
            f = FIELDS.index(name)
            df = planned.statistics.field_df[name]
            idf = np.log1p((found.statistics.documents - df + 0.5) / (df + 0.5))
            tf = corpus.tf[f, t].astype(np.float64)
            norm = 1.2 * (0.25 + 0.75 * corpus.dl[f] / found.statistics.average_length[name])
            total += planned.term.boost * weight * idf * tf * 2.2 / (tf + norm)
    return total


def searched(seed: int, k: int, max_df: float, size: int = 5, **bm25_parameters: Any) -> tuple[bool | None, bool]:
    """(what the certificate says, whether the best `size` of all documents are candidates)."""
    corpus = Corpus(seed)
    terms = {"max_df": max_df, "min_keep": 1}
    params = Params.model_validate(
        {"max_results": size, "retrieve": [{"type": "bm25", "k": k, "terms": terms, **bm25_parameters}]}
    )
    found = plan(parse(" ".join(corpus.words)), params, corpus.statistics, corpus.lookup, None)
    recall = by_fields(corpus, found, params)
    order = np.argsort(-recall, kind="stable")
    order = order[recall[order] > 0][:k]
    rows = np.sort(np.concatenate([order, np.setdiff1d(np.arange(size), order)]))
    ranks = np.zeros(len(rows), dtype=np.int64)
    ranks[np.searchsorted(rows, order)] = np.arange(1, len(order) + 1)
    evidence = corpus.evidence(rows, ranks)
    if len(order) == k:
        evidence = replace(evidence, floors={"lex": float(recall[order[-1]])})
    everything = corpus.evidence(np.arange(corpus.tf.shape[2]), np.zeros(corpus.tf.shape[2], np.int64))
    truth = column(found, params, everything)
    cut = np.sort(truth)[-size]
    outside = np.setdiff1d(np.arange(len(truth)), rows)
    complete = not len(outside) or bool(truth[outside].max() <= cut + 1e-12)
    return exact(found, params, evidence, column(found, params, evidence)), complete


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 119), st.sampled_from([0.2, 0.4, 0.6, 0.8, 1.0]))
def test_what_is_certified_is_complete(seed: int, k: int, max_df: float) -> None:
    """Against brute force over the whole collection: True is never wrong."""
    certified, complete = searched(seed, k, max_df)
    assert certified in (True, None)
    if certified:
        assert complete


def test_it_fires_when_little_was_dropped_and_recall_was_deep() -> None:
    """A certificate that never fires would be true and useless."""
    fired = sum(searched(seed, 100, 1.0)[0] is True for seed in range(20))
    assert fired >= 15


def test_it_is_silent_when_recall_was_too_shallow() -> None:
    """Five candidates with most terms dropped prove nothing."""
    assert all(searched(seed, 5, 0.2)[0] is None for seed in range(20))


@pytest.mark.parametrize("changed", [{"k1": 0.9}, {"b": 0.3}, {"fields": {"title": 2, "body": 1}}])
def test_other_parameters_than_recalls_give_null(changed: dict[str, Any]) -> None:
    """k1, b or field weights that recall does not order by: unknown, whatever the scores."""
    assert searched(1, 119, 1.0, **changed)[0] is None
    assert searched(1, 119, 1.0)[0] is True


def test_everything_recalled_is_exact() -> None:
    """When all allowed documents are candidates there is nothing outside."""
    corpus = Corpus(3)
    params = Params.model_validate({"retrieve": [{"type": "bm25"}]})
    found = plan(parse(corpus.words[0]), params, corpus.statistics, corpus.lookup, None)
    rows = np.arange(corpus.tf.shape[2])
    evidence = replace(corpus.evidence(rows, rows + 1), tf=corpus.tf[:, :1])
    assert exact(found, params, evidence, column(found, params, evidence)) is True
    assert exact(found, params, evidence, None) is None
