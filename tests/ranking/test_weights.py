"""Precedence of weights, the key `*`, names that do not exist, and weights under each method of fusion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import BIGRAM_TO_BM25, DENSE_TO_BM25
from ranking.errors import ParamsError
from ranking.signals.catalogue import SIGNALS
from ranking.weights import needs_of, resendable, resolve_weights, stood_in
from tests.ranking.evidence import Page, build, params

PLAN, _ = build([Page("a", "fox")], "fox")


def weights(**fields: Any) -> dict[str, float]:
    return dict(resolve_weights(params(**fields), PLAN))


def test_by_default_words_and_meaning_weigh_and_nothing_else_does() -> None:
    """bm25 1, its pairs a third, and dense 2, i.e. bm25 + 1.0 cos; every other signal is named with 0."""
    found = weights()
    weighed = {name: weight for name, weight in found.items() if weight}
    assert weighed == {"bm25": 1.0, "bm25.bigram": BIGRAM_TO_BM25, "dense": DENSE_TO_BM25}
    assert set(found) == {*SIGNALS, "rank.lex", "rank.sem"}


def test_a_named_weight_replaces_its_default_alone() -> None:
    """Key by key."""
    found = weights(weights={"recency": 0.5})
    assert (found["bm25"], found["dense"], found["recency"]) == (1.0, DENSE_TO_BM25, 0.5)


def test_a_star_sets_every_signal_that_is_not_named() -> None:
    """`{"*": 0, "bm25": 1}` is BM25 alone, with every method of fusion."""
    for method in ("linear", "rrf"):
        found = weights(weights={"*": 0, "bm25": 1}, fuse={"method": method})
        assert {name: weight for name, weight in found.items() if weight} == {"bm25": 1.0}
    everything = weights(weights={"*": 0.1})
    assert everything.pop("fused") == 0.0
    assert set(everything.values()) == {0.1}


def test_fused_stands_in_for_bm25_and_dense_when_ranks_are_fused() -> None:
    """With rrf, fused weighs 1 and the two weigh nothing, even when a resent request carries their weights."""
    for asked in ({}, {"bm25": 1.0, "dense": 2.0}):
        found = weights(weights=asked, fuse={"method": "rrf"})
        assert {name: weight for name, weight in found.items() if weight} == {"fused": 1.0}
    assert stood_in(params(weights={"bm25": 1.0}, fuse={"method": "rrf"})) == ("bm25",)


@pytest.mark.parametrize("fuse", [{"normalize": "minmax"}, {"weights": {"lex": 2.0}}, {"weights": {}}])
def test_linear_fuses_when_it_is_told_how(fuse: dict[str, Any]) -> None:
    """A normaliser, or weights of retrievers, would have no effect on signals that are weighed one by one."""
    assert {name for name, weight in weights(fuse=fuse).items() if weight} == {"fused"}
    assert stood_in(params(weights={"bm25": 1.0}, fuse=fuse)) == ("bm25",)
    assert weights(fuse={"normalize": "theoretical", "k": 9})["fused"] == 0.0


def test_whoever_names_fused_weighs_all_three_freely() -> None:
    """Naming `fused` is how a request says that it knows."""
    found = weights(weights={"fused": 0.5, "bm25": 0.2}, fuse={"method": "rrf"})
    assert (found["fused"], found["bm25"], found["dense"]) == (0.5, 0.2, 0.0)
    assert weights(weights={"fused": 0.5})["fused"] == 0.5


def test_an_unknown_signal_is_refused_with_the_nearest_name() -> None:
    """The error has a path, the nearest name and where to look."""
    with pytest.raises(ParamsError) as caught:
        weights(weights={"recncy": 1.0})
    assert caught.value.path == "$.weights.recncy"
    assert caught.value.did_you_mean == "recency"
    assert "GET /v1/signals" in str(caught.value.hint)


def test_an_unknown_retriever_in_the_fusion_is_refused() -> None:
    """fuse.weights speaks of the retrievers of the same request; rank signals too."""
    with pytest.raises(ParamsError, match="no retriever named 'lexx'") as caught:
        weights(fuse={"method": "rrf", "weights": {"lexx": 1.0}})
    assert caught.value.did_you_mean == "lex"
    assert weights(weights={"rank.sem": 0.5})["rank.sem"] == 0.5
    with pytest.raises(ParamsError):
        weights(weights={"rank.other": 0.5})


@given(
    asked=st.dictionaries(st.sampled_from([*SIGNALS, "*", "rank.lex"]), st.sampled_from([0.0, 1.0, -0.5, 3.0])),
    method=st.sampled_from(["linear", "rrf"]),
)
def test_resolved_weights_sent_again_resolve_to_themselves(asked: dict[str, float], method: str) -> None:
    """`resolved` is a request: its weights mean what they say."""
    fuse = {"method": method}
    once = weights(weights=asked, fuse=fuse)
    assert weights(weights=once, fuse=fuse) == once
    assert weights(weights=resendable(once, params(fuse=fuse)), fuse=fuse) == once


def test_resolved_weights_follow_a_changed_method() -> None:
    """Copy `resolved`, change fuse.method, send: the new method takes effect, and back again."""
    linear = resendable(weights(), params())
    assert weights(weights=linear, fuse={"method": "rrf"}) == weights(fuse={"method": "rrf"})
    ranks = resendable(weights(fuse={"method": "rrf"}), params(fuse={"method": "rrf"}))
    back = weights(weights=ranks)
    assert (back["bm25"], back["dense"]) == (1.0, DENSE_TO_BM25)


def test_needs_follow_the_weights() -> None:
    """Positions and vectors are asked of the index only when something reads them."""
    plain = params(weights={"bm25.bigram": 0})
    assert needs_of(plain, resolve_weights(plain, PLAN)) == {"lexical", "dense", "attributes"}
    near = params(weights={"proximity": 0.1})
    assert "positions" in needs_of(near, resolve_weights(near, PLAN))
    diverse = params(diversify={"method": "mmr"})
    assert "vectors" in needs_of(diverse, resolve_weights(diverse, PLAN))
    explained = params(explain=True)
    assert {"positions", "vectors"} <= needs_of(explained, resolve_weights(explained, PLAN))
