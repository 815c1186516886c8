"""Laws of every signal over arbitrary small texts, dates, vectors and sessions: one suite for each row that there is and
for each that will be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.params import Params
from ranking.signals.catalogue import compute, signals_for
from ranking.signals.input import SignalInput
from ranking.types import Evidence, Mask, Plan, Positions, SessionState
from tests.ranking.evidence import DAY, NOW, Page, build, params, seen, session_of

LETTERS = "abcdefghijkl"  # more words than NumPy adds up in one go
QUERY = " ".join(LETTERS) + " 2021"
SPECS = signals_for(("lex", "sem"), ("year",))
UP_TO_ROUNDING = ("novelty",)  # a matrix product; its last bits depend on the number of its rows

Case = tuple[Plan, Evidence, SessionState, Params]

TEXT = st.lists(st.sampled_from([*LETTERS, "x", "2021"]), max_size=30).map(" ".join)
UNITS = st.sampled_from([(), (1.0, 0.0), (0.6, 0.8), (0.0, -1.0)])
ATTRIBUTES: Mapping[str, st.SearchStrategy[float]] = {
    **dict.fromkeys(
        ("published", "modified", "fetched"), st.sampled_from([0.0, NOW - 900 * DAY, NOW - DAY, NOW + DAY])
    ),
    **dict.fromkeys(("authority", "quality"), st.sampled_from([0.0, 0.25, 1.0])),
    **dict.fromkeys(("inlinks", "url_depth", "words", "passages"), st.sampled_from([0.0, 1.0, 7.0, 5_000.0])),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """1 to 6 pages, of which a reader saw some, under one of a few requests."""
    pages = [
        Page(
            f"p{i}",
            **{name: draw(TEXT) for name in ("title", "heading", "body", "url", "anchor")},
            cosine=draw(st.sampled_from([-1.0, 0.3, 1.0, math.nan])),
            cosine_mean=draw(st.sampled_from([-1.0, 0.3, 1.0, math.nan])),
            cluster=draw(st.sampled_from(["", "shared"])),
            vector=draw(UNITS),
            ranks=draw(st.dictionaries(st.sampled_from(["lex", "sem"]), st.integers(1, 300))),
            attributes=draw(st.fixed_dictionaries({}, optional=ATTRIBUTES)),
        )
        for i in range(draw(st.integers(1, 6)))
    ]
    phrases = draw(st.sampled_from([(), ("a b", "c x d")]))
    fields = draw(st.sampled_from([{}, {"b": ("title",)}]))
    plan, evidence = build(pages, QUERY, stop_words=["c"], phrases=phrases, fields=fields, boosts={"d": 2.5})
    year = [draw(st.sampled_from([math.nan, -1.0, 3.0, 9.0])) for _ in pages]
    evidence = replace(evidence, numbers={"year": np.array(year)})
    plan = replace(plan, number_scales={"year": np.linspace(0.0, 9.0, 101)})
    return plan, evidence, draw(sessions(pages)), draw(st.sampled_from(REQUESTS))


@st.composite
def sessions(draw: st.DrawFn, pages: Sequence[Page]) -> SessionState:
    """Some pages were shown to this reader, some of them have changed since, and some were shown to others."""
    records = [
        replace(
            seen(page, calls_ago=draw(st.integers(0, 9)), passages=range(draw(st.integers(0, 3)))),
            content_hash=draw(st.sampled_from([page.content_hash, "old"])),
        )
        for page in pages
        if draw(st.booleans())
    ]
    shown = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32) if draw(st.booleans()) else None
    others = {page.id: ("planner",) for page in pages if draw(st.booleans())}
    return session_of(*records, vectors=shown, others=others)


REQUESTS = [
    params(),
    params(retrieve=[{"type": "bm25", "fields": {"title": 3, "anchor": -1, "body": 1}, "b": 1.0}, {"type": "dense"}]),
    params(fuse={"method": "rrf"}),
    params(retrieve=[{"type": "bm25", "k1": 0}, {"type": "dense"}], fuse={"method": "max"}),
]

law = settings(max_examples=150, deadline=None)


def columns(case: Case) -> dict[str, tuple[list[float], list[bool]]]:
    """Signal -> its values, in [0, 1] or `compute` would have refused them, and where it had no data."""
    plan, evidence, session, asked = case
    found = compute(SignalInput(plan, evidence, session, NOW, asked), SPECS.values())
    return {
        name: (values.tolist(), _all(missing, evidence.size))
        for name, values, missing in zip(found.names, found.values, found.missing, strict=True)
    }


def _all(missing: Mask | None, size: int) -> list[bool]:
    return [False] * size if missing is None else missing.tolist()


def of_rows(evidence: Evidence, rows: Sequence[int]) -> Evidence:
    """The same candidates, some of them, in another order."""
    order = np.array(rows, np.int64)
    places = evidence.positions
    assert places is not None
    assert evidence.numbers
    runs = [np.arange(places.offsets[row], places.offsets[row + 1]) for row in rows]
    taken = np.concatenate([np.zeros(0, np.int64), *runs])
    offsets = np.cumsum([0, *map(len, runs)]).astype(np.int64)
    return replace(
        evidence,
        ids=tuple(evidence.ids[row] for row in rows),
        rows=evidence.rows[order],
        positions=Positions(offsets, places.term[taken], places.position[taken]),
        vectors=None if evidence.vectors is None else evidence.vectors[order],
        **{name: getattr(evidence, name)[..., order] for name in ("tf", "dl", "cosine", "cosine_mean", "phrases")},
        **{name: _taken(getattr(evidence, name), order) for name in ("ranks", "attributes", "numbers")},
    )


def _taken(columns: Mapping[str, Any], order: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {name: column[order] for name, column in columns.items()}


@law
@given(case=cases())
def test_values_are_finite_in_0_1_and_0_where_there_is_no_data(case: Case) -> None:
    """-0 is not 0: it would show in an answer."""
    for name, (values, missing) in columns(case).items():
        for value, without in zip(values, missing, strict=True):
            assert 0.0 <= value <= 1.0, name
            assert math.copysign(1.0, value) == 1.0, name
            assert not without or value == 0.0, name


@law
@given(case=cases(), data=st.data())
def test_another_order_of_the_candidates_is_the_same_values_in_that_order(case: Case, data: st.DataObject) -> None:
    """Bit for bit, whatever a signal looks at."""
    plan, evidence, session, asked = case
    rows = data.draw(st.permutations(range(evidence.size)))
    before, after = columns(case), columns((plan, of_rows(evidence, rows), session, asked))
    for name in SPECS:
        for first, second in zip(before[name], after[name], strict=True):
            assert [first[row] for row in rows] == second, name


@law
@given(case=cases(), data=st.data())
def test_a_candidate_is_worth_the_same_among_others_and_alone(case: Case, data: st.DataObject) -> None:
    """Bit for bit, unless the row says that it looks at all of them: so scores of two searches can be compared."""
    plan, evidence, session, asked = case
    rows = data.draw(st.lists(st.integers(0, evidence.size - 1), min_size=1, max_size=2, unique=True))
    among, alone = columns(case), columns((plan, of_rows(evidence, rows), session, asked))
    for name, spec in SPECS.items():
        if spec.relative:
            continue
        for place, row in enumerate(rows):
            assert among[name][1][row] == alone[name][1][place], name
            same = among[name][0][row], alone[name][0][place]
            assert math.isclose(*same, abs_tol=1e-6) if name in UP_TO_ROUNDING else same[0] == same[1], name


@law
@given(case=cases())
def test_no_candidates_are_no_values(case: Case) -> None:
    """An empty recall is no error."""
    plan, evidence, session, asked = case
    assert all(values == [] for values, _ in columns((plan, of_rows(evidence, []), session, asked)).values())


@law
@given(case=cases())
def test_what_a_session_did_changes_only_what_says_so(case: Case) -> None:
    """`of_session` is what a stateless score leaves out."""
    plan, evidence, _, asked = case
    with_it, without = columns(case), columns((plan, evidence, SessionState(), asked))
    for name, spec in SPECS.items():
        if not spec.of_session:
            assert with_it[name] == without[name], name


@law
@given(case=cases())
def test_a_signal_reads_no_more_than_it_needs(case: Case) -> None:
    """What the index did not deliver, because no row of some weight needs it, changes no other signal."""
    plan, evidence, session, asked = case
    whole = columns(case)
    bare = {
        "positions": replace(evidence, positions=None),
        "vectors": replace(evidence, vectors=None),
        "dense_mean": replace(evidence, cosine_mean=np.full(evidence.size, np.nan, np.float32)),
        "attributes": replace(evidence, attributes={}),
        "numbers": replace(evidence, numbers={}),
    }
    for need, less in bare.items():
        found = columns((plan, less, session, asked))
        for name, spec in SPECS.items():
            if need not in spec.needs:
                assert found[name] == whole[name], (name, need)
