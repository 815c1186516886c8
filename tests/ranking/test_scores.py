"""How a score comes about beyond weights: expressions, rules, second opinions, pins; and that it all adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.errors import ExpressionError, ParamsError
from ranking.params import Params
from ranking.pipeline import rank
from ranking.plan import rules_of
from ranking.signals.catalogue import Signals
from ranking.types import Evidence, Floats, Longs, Mask, Plan, Ranking, SessionState
from tests.ranking.evidence import NOW, Page, build, params

PAGES = [
    Page("a", "red fox", "a red fox runs", cosine=0.2, ranks={"lex": 1}, attributes={"authority": 0.9}),
    Page("b", "dogs", "red dogs and a fox", cosine=0.9, ranks={"lex": 2, "sem": 1}, attributes={"authority": 0.1}),
    Page("c", "birds", "nothing of it", cosine=0.5, ranks={"sem": 2}),
]


def told(pages: list[Page], fits: dict[int, list[str]] | None = None, opinions: Any = None, **fields: Any) -> Ranking:
    """A ranking; `fits`: per probe of the rules the ids that it fits, as an index would answer."""
    from dataclasses import replace

    asked: Params = params(explain=True, **fields)
    plan, evidence = build(pages, "red fox")
    rules = rules_of(asked)
    probes: Mask = np.array(
        [[name in (fits or {}).get(number, []) for name in evidence.ids] for number in range(len(rules.probes))],
        dtype=np.bool_,
    ).reshape(len(rules.probes), len(evidence.ids))
    whole: tuple[Plan, Evidence] = replace(plan, probes=rules.probes), replace(evidence, probes=probes)
    return rank(*whole, asked, SessionState(), NOW, opinions)


def scores(ranking: Ranking) -> dict[str, float]:
    return {one.id: one.score for one in ranking.page}


def test_an_expression_replaces_the_weights() -> None:
    """One entry per addend, keyed by its text."""
    ranking = told(PAGES, score="2*bm25 + authority - 0.5*dense")
    first = ranking.page[0]
    assert set(first.contributions) >= {"2*bm25", "authority", "-0.5*dense"}
    assert first.score == pytest.approx(
        2 * first.signals["bm25"] + first.signals["authority"] - 0.5 * first.signals["dense"]
    )
    assert first.id == "a"


def test_an_expression_with_a_fault_says_where() -> None:
    """At the door, with the nearest name."""
    with pytest.raises(ExpressionError) as refused:
        told(PAGES, score="bm25 + autority")
    assert "character 8" in refused.value.message
    assert refused.value.did_you_mean == "authority"


def test_division_by_zero_is_0_and_told() -> None:
    """No NaN reaches an order."""
    ranking = told(PAGES, score="bm25 / (authority - authority) + dense")
    assert all(np.isfinite(one.score) for one in ranking.page)
    assert "expression_undefined" in {notice.code for notice in ranking.notices}


def test_a_boost_multiplies_and_is_accounted_for() -> None:
    """`rule:0` is what it added."""
    plain, boosted = told(PAGES), told(
        PAGES, {0: ["c"]}, rules=[{"match": {"site": "x.org"}, "do": "boost", "by": 3}]
    )  # fmt: skip
    assert scores(boosted)["c"] == pytest.approx(3 * scores(plain)["c"])
    account = next(one for one in boosted.page if one.id == "c")
    assert account.contributions["rule:0"] == pytest.approx(2 * scores(plain)["c"])
    assert any("boost" in move for move in account.moves)


def test_a_pin_stands_at_its_place() -> None:
    """Whatever its score, and the others keep their order around it."""
    ranking = told(PAGES, {0: ["c"]}, rules=[{"match": {"url": "https://c.org/"}, "do": "pin", "at": 1}])
    assert [one.id for one in ranking.page] == ["c", "b", "a"]
    assert "pin: 3 -> 1" in ranking.page[0].moves


def test_a_second_opinion_reorders_the_best_alone() -> None:
    """Depth 2: the two best change places, the third stays below with its score."""
    asked: list[list[int]] = []

    def opinions(stage: Any, rows: Longs, signals: Signals) -> Floats:
        asked.append(rows.tolist())
        return np.array([0.1, 0.9], np.float32)

    stage = {"type": "cross_encoder", "model": "m", "depth": 2, "blend": 1.0}
    plain, ranking = told(PAGES), told(PAGES, opinions=opinions, rerank=[stage])
    assert [one.id for one in plain.page] == ["b", "a", "c"]
    assert [one.id for one in ranking.page] == ["a", "b", "c"]
    assert len(asked[0]) == 2
    assert scores(ranking)["c"] == scores(plain)["c"]
    assert ranking.page[0].signals["rerank:0"] == pytest.approx(0.9)
    assert "rerank:0" not in ranking.page[2].signals


def test_a_signal_that_mmr_weighs_must_be_one() -> None:
    """Unknown names are refused with the nearest."""
    with pytest.raises(ParamsError) as refused:
        told(PAGES, diversify={"method": "mmr", "relevance": "denze"})
    assert refused.value.did_you_mean == "dense"


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "score": st.sampled_from(["bm25 + dense", "max(bm25, dense) * 2 - seen", "if(bm25 > 0.1, dense, 0) + recency"]),
        "weights": st.dictionaries(
            st.sampled_from(["bm25", "dense", "authority", "seen"]), st.floats(-5, 5), max_size=3
        ),
        "rules": st.lists(
            st.sampled_from(
                [
                    {"match": {"site": "a.org"}, "do": "boost", "by": 1.5},
                    {"match": {"site": "b.org"}, "do": "bury", "by": 4},
                    {"match": {"site": "a.org"}, "do": "pin", "at": 2},
                ]
            ),
            max_size=3,
        ),
        "rerank": st.lists(st.just({"type": "trees", "model": "m", "depth": 2, "blend": 0.5}), max_size=2),
    },
)


@given(FIELDS, st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_contributions_sum_to_the_score(fields: dict[str, Any], said: list[float]) -> None:
    """Whatever is asked for: expression, weights, rules, opinions, together."""

    def opinions(stage: Any, rows: Longs, signals: Signals) -> Floats:
        return np.array(said, np.float32)[: len(rows)]

    ranking = told(PAGES, {0: ["a", "c"], 1: ["b"], 2: ["c"]}, opinions=opinions, **fields)
    for one in ranking.page:
        assert sum(one.contributions.values()) == pytest.approx(one.score, abs=1e-9)
        assert np.isfinite(one.score)
