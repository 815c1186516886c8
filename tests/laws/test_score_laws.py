"""Laws of scores and pages over arbitrary evidence, sessions and params: not one document's text is needed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranking.identity import number_of
from ranking.params import Params
from ranking.pipeline import rank
from ranking.seen import exposure_of
from ranking.signals.catalogue import SIGNALS
from ranking.types import (
    FIELDS,
    CollectionStatistics,
    Evidence,
    Floats,
    Phrase,
    Plan,
    PlannedTerm,
    Positions,
    Query,
    Ranking,
    Scored,
    ScoredTerm,
    SeenDocument,
    SessionState,
    TermStatistics,
)
from ranking.weights import resolve_weights

NOW = 1_700_000_000.0
Case = tuple[Plan, Evidence, SessionState]
MOSTLY = st.sampled_from([True, True, True, False])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A plan of 0-4 terms, 0-12 candidates with coarse values (so that ties happen), and a session of some of them."""
    size, terms = draw(st.integers(0, 12)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = [f"d{i:02d}" for i in rng.permutation(40)[:size]]
    plan = _plan(terms, draw(st.integers(0, 2)), rng)
    evidence = _evidence(names, plan, rng, draw(MOSTLY), draw(MOSTLY))
    return plan, evidence, _session(evidence, rng, draw(MOSTLY))


def _plan(terms: int, phrases: int, rng: np.random.Generator) -> Plan:
    planned = tuple(
        PlannedTerm(
            ScoredTerm(f"t{i}", float(rng.choice([0.5, 1.0, 2.0])), ("title",) if rng.random() < 0.2 else ()),
            TermStatistics(f"t{i}", (f"t{i}",), 3, {}, False),
            idf=float(rng.choice([0.0, 1.0, 5.5])),
            scored=bool(rng.random() < 0.8),
        )
        for i in range(terms)
    )
    query = Query("q", (), tuple(Phrase(("x", "y")) for _ in range(phrases)), None, (), "q")
    lengths = {name: float(rng.choice([0.0, 3.0, 40.0])) for name in FIELDS}
    statistics = CollectionStatistics("g", 100, 300, lengths, "m", 3, {}, 4)
    return Plan(query, planned, None, (), None, frozenset(), 10, statistics, 0)


def _evidence(names: list[str], plan: Plan, rng: np.random.Generator, vectors: bool, positions: bool) -> Evidence:
    size, terms = len(names), len(plan.terms)
    hits = rng.integers(0, 6, size) if terms else np.zeros(size, np.int64)
    total = int(hits.sum())
    cosine = np.where(rng.random(size) < 0.2, np.nan, rng.choice([-1.0, 0.0, 0.5, 1.0], size)).astype(np.float32)
    floats = ("published", "modified", "authority", "inlinks", "url_depth", "words", "quality", "passages")
    attributes: dict[str, Any] = {
        name: np.where(rng.random(size) < 0.3, np.nan, rng.choice([0.0, 0.5, 1.0], size)) for name in floats
    }
    for name, many in (("site", 3), ("cluster", 6), ("content", 4)):
        attributes[name] = np.array([number_of(f"{name}{i}") for i in rng.integers(0, many, size)], np.int64)
    return Evidence(
        "g",
        tuple(names),
        np.arange(size, dtype=np.int64),
        {name: rng.integers(0, 4, size).astype(np.int32) for name in ("lex", "sem")},
        (rng.integers(0, 5, (len(FIELDS), terms, size)) * (rng.random((len(FIELDS), terms, size)) < 0.5)).astype(
            np.float32
        ),
        rng.choice([0.0, 1.0, 30.0], (len(FIELDS), size)).astype(np.float32),
        cosine,
        cosine,
        attributes,
        rng.integers(0, 2, (len(plan.query.phrases), size)).astype(np.float32),
        Positions(
            np.concatenate([[0], np.cumsum(hits)]).astype(np.int64),
            rng.integers(0, max(terms, 1), total).astype(np.int32),
            np.concatenate([np.sort(rng.integers(0, 50, count)) for count in hits] or [np.zeros(0)]).astype(np.int32),
        )
        if positions
        else None,
        _units(size, rng) if vectors else None,
    )


def _units(size: int, rng: np.random.Generator) -> Floats:
    """[size, 3] unit vectors, some of them zero."""
    units = rng.choice([-1.0, 0.0, 0.4, 1.0], (size, 3)).astype(np.float32)
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    return np.asarray(units / np.where(lengths > 0, lengths, 1.0), np.float32)


def _session(evidence: Evidence, rng: np.random.Generator, vectors: bool) -> SessionState:
    contents = {number_of(f"content{i}"): f"content{i}" for i in range(4)}
    clusters = {number_of(f"cluster{i}"): f"cluster{i}" for i in range(6)}
    seen = {}
    for row in np.flatnonzero(rng.random(evidence.size) < 0.4).tolist():
        content = contents[int(evidence.attributes["content"][row])] if rng.random() < 0.8 else "changed"
        cluster = clusters[int(evidence.attributes["cluster"][row])]
        shown = frozenset(rng.integers(0, 2, 2).tolist())
        name = evidence.ids[row]
        seen[name] = SeenDocument(name, row + 1, 1, int(rng.integers(0, 9)), content, cluster, shown)
    shown_vectors = _units(2, rng) if vectors and evidence.vectors is not None else None
    others = {name: ("other",) for name in evidence.ids if rng.random() < 0.1}
    return SessionState(seen, {one.cluster: name for name, one in seen.items()}, others, shown_vectors, 1, 1)


WEIGHT = st.sampled_from([-2.0, -0.3, 0.0, 0.1, 1.0, 7.0])
PARAMS = st.builds(
    lambda weights, fuse, seen, cap, diversify, size, explain: Params.model_validate(
        {
            "weights": weights,
            "fuse": fuse,
            "session": {"seen": seen},
            "diversify": {"method": diversify, "max_per_site": cap},
            "max_results": size,
            "explain": explain,
        }
    ),
    st.dictionaries(st.sampled_from([*SIGNALS, "*", "rank.lex"]), WEIGHT, max_size=5),
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["linear", "rrf", "combmnz", "max"]),
            "normalize": st.sampled_from(["theoretical", "minmax", "zscore", "l2", "rank", "none"]),
        }
    ),
    st.sampled_from(["demote", "new_passages", "drop", "off"]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["none", "mmr"]),
    st.sampled_from([1, 3, 10]),
    st.booleans(),
)

law = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(case: Case, params: Params) -> Ranking:
    plan, evidence, session = case
    return rank(plan, evidence, params, session, NOW)


def without_rows(ranking: Ranking) -> Ranking:
    """The same ranking but for where its candidates stood in the evidence."""

    def bare(many: tuple[Scored, ...]) -> tuple[Scored, ...]:
        return tuple(replace(one, row=0) for one in many)

    return replace(ranking, page=bare(ranking.page), scored=bare(ranking.scored))


@law
@given(case=cases(), params=PARAMS)
def test_contributions_sum_to_the_score(case: Case, params: Params) -> None:
    """Within 1e-9, whatever signals, weights and seen mode; each is weight x signal, `seen` apart."""
    weights = resolve_weights(params, case[0])
    ranking = run(case, params)
    for one in (*ranking.page, *ranking.scored):
        assert math.isclose(sum(one.contributions.values()), one.score, rel_tol=0, abs_tol=1e-9)
        for name, value in one.contributions.items():
            if name != "seen":
                assert value == weights[name] * one.signals[name]


@law
@given(case=cases(), params=PARAMS)
def test_every_signal_is_in_0_1_and_a_missing_one_is_0(case: Case, params: Params) -> None:
    """Also when everything is explained."""
    for one in run(case, params.model_copy(update={"explain": True})).scored:
        assert set(SIGNALS) <= set(one.signals)
        assert all(0.0 <= value <= 1.0 for value in one.signals.values())
        assert all(one.signals[name] == 0.0 for name in one.signals_missing)


@law
@given(case=cases(), params=PARAMS)
def test_the_list_is_ordered_by_score_and_then_by_id(case: Case, params: Params) -> None:
    """Ties have one order."""
    keys = [(-one.score, one.id) for one in run(case, params).scored]
    assert keys == sorted(keys)


@law
@given(case=cases(), params=PARAMS, seed=st.integers(0, 1_000))
def test_the_order_of_the_candidates_changes_nothing(case: Case, params: Params, seed: int) -> None:
    """Permuted evidence gives an equal ranking, bit for bit."""
    plan, evidence, session = case
    order = np.random.default_rng(seed).permutation(evidence.size)
    positions = evidence.positions
    if positions is not None:
        runs = [np.arange(positions.offsets[row], positions.offsets[row + 1]) for row in order]
        taken = np.concatenate([*runs, np.zeros(0, np.int64)]).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(np.diff(positions.offsets)[order])]).astype(np.int64)
        positions = Positions(offsets, positions.term[taken], positions.position[taken])
    permuted = replace(
        evidence,
        ids=tuple(evidence.ids[row] for row in order),
        rows=evidence.rows[order],
        ranks={name: column[order] for name, column in evidence.ranks.items()},
        tf=evidence.tf[:, :, order],
        dl=evidence.dl[:, order],
        cosine=evidence.cosine[order],
        cosine_mean=evidence.cosine_mean[order],
        attributes={name: column[order] for name, column in evidence.attributes.items()},
        phrases=evidence.phrases[:, order],
        positions=positions,
        vectors=None if evidence.vectors is None else evidence.vectors[order],
    )
    assert without_rows(run((plan, permuted, session), params)) == without_rows(run(case, params))


@law
@given(case=cases(), params=PARAMS, name=st.sampled_from(sorted(SIGNALS)))
def test_naming_a_signal_with_its_resolved_weight_changes_nothing(case: Case, params: Params, name: str) -> None:
    """A weight of 0 above all: the signal is not even computed."""
    if name == "fused" or (params.fuse.method != "linear" and name in ("bm25", "dense")):
        return
    weight = resolve_weights(params, case[0])[name]
    named = params.model_copy(update={"weights": {**params.weights, name: weight}})
    assert run(case, named) == run(case, params)


@law
@given(case=cases(), params=PARAMS)
def test_seen_off_is_a_search_without_a_session(case: Case, params: Params) -> None:
    """And without a session every mode is the same search."""
    plan, evidence, _ = case
    off = Params.model_validate({**params.model_dump(by_alias=True), "session": {"seen": "off"}})
    assert run(case, off) == run((plan, evidence, SessionState()), params)


@law
@given(case=cases(), params=PARAMS)
def test_the_same_input_gives_the_same_ranking(case: Case, params: Params) -> None:
    """Pure and deterministic."""
    assert run(case, params) == run(case, params)


@law
@given(case=cases(), params=PARAMS)
def test_a_page_is_full_without_repeats(case: Case, params: Params) -> None:
    """min(n, max_results) documents, except that drop leaves seen ones out while there are unseen ones."""
    ranking = run(case, params)
    ids = [one.id for one in ranking.page]
    assert len(ids) == len(set(ids))
    _, evidence, session = case
    unseen = set(range(evidence.size))
    if params.session.seen != "off":
        unseen -= set(np.flatnonzero(exposure_of(evidence, session, params.session.decay_calls).seen).tolist())
    there = len(unseen) if params.session.seen == "drop" and unseen else evidence.size
    assert len(ids) == min(there, params.max_results)
    assert ranking.unseen == sum(any(ranks[row] for ranks in evidence.ranks.values()) for row in unseen)
    assert ranking.exhausted == (ranking.unseen < params.max_results)


@law
@given(case=cases(), params=PARAMS)
def test_a_stateless_page_is_ranked_as_it_says(case: Case, params: Params) -> None:
    """Without a session the stateless rank is the rank, caps and MMR included, and there are no stubs."""
    plan, evidence, _ = case
    ranking = run((plan, evidence, SessionState()), params)
    assert [one.stateless_rank for one in ranking.page] == list(range(1, len(ranking.page) + 1))
    assert ranking.stubs == ()


@law
@given(case=cases(), params=PARAMS)
def test_what_a_stateless_page_shows_is_on_the_page_or_in_the_stubs(case: Case, params: Params) -> None:
    """Nothing is withheld: with the default weights every seen hit of the stateless page stays reachable."""
    plan, evidence, session = case
    plain = params.model_copy(update={"weights": {}})
    stateless = run((plan, evidence, SessionState()), plain)
    ranking = run(case, plain)
    reachable = {one.id for one in ranking.page} | {stub.id for stub in ranking.stubs}
    if plain.session.seen != "off":
        assert {one.id for one in stateless.page} & set(session.seen) - {
            one.id for one in ranking.scored if one.updated
        } <= reachable
    assert len(ranking.stubs) <= params.max_results
    assert not {one.id for one in ranking.page} & {stub.id for stub in ranking.stubs}
    best = stateless.page[:1]
    assert all(one.id in reachable or one.id in session.seen for one in best)
    for stub in ranking.stubs:
        assert stateless.page[stub.rank_now - 1].id == stub.id


@law
@given(case=cases(), params=PARAMS)
def test_demotion_never_lifts_and_never_touches_the_unseen(case: Case, params: Params) -> None:
    """The entry `seen` is at most 0, and an unseen document loses no place to what a session did."""
    plain = params.model_copy(
        update={"weights": {}, "diversify": Params().diversify.model_copy(update={"max_per_site": None})}
    )
    for place, one in enumerate(run(case, plain).page, start=1):
        assert one.contributions.get("seen", 0.0) <= 0.0
        if one.seen is None:
            assert place <= one.stateless_rank
