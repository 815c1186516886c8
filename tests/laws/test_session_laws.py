"""Laws of the session log: what a session knows is a function of the set of its events, however it is computed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ranking.types import FeedbackMark, SeenDocument, SessionState
from sessions.bounds import compact, overflow
from sessions.codec import (
    decode_digest,
    decode_event,
    decode_exposure,
    decode_mark,
    decode_session,
    encode_digest,
    encode_event,
    encode_exposure,
    encode_mark,
    encode_session,
)
from sessions.events import TRUNK, Branch, Event, Merge, Session
from sessions.exposures import exposure, join
from sessions.fold import fold, marks_of, state_of
from sessions.idempotency import body_hash
from sessions.layers import Layers
from sessions.ledger import EMPTY, advance, cuts_of, restored
from sessions.settings import SessionSettings
from tests.sessions import logs
from tests.sessions.logs import READERS, events, json_values, results, scores, texts

COMMON = settings(max_examples=60, deadline=None)

CLOCK_WENT_BACK = [
    *(logs.event(seq) for seq in range(1, 8)),
    logs.event(8, kind="open", document="d0", at=9.0),
    logs.event(9, "d0"),
    logs.event(10, kind="cite", document="d0", at=5.0),
]
"""The mark of event 8 stands, although event 10 spoke of the document last."""


def plain_fold(log: list[Event], reader: str) -> SessionState:
    """The fold in the slowest and most obvious way: an independent oracle for one branch."""
    ordered = sorted({event.seq: event for event in log}.values(), key=lambda event: event.seq)
    mine = [event for event in ordered if event.reader == reader]
    calls = [event.seq for event in mine if event.kind == "search"]
    seen = {}
    for document in {item.document for event in mine for item in event.shown}:
        rows = [(event.seq, item) for event in mine for item in event.shown if item.document == document]
        latest = rows[-1][1]
        seen[document] = SeenDocument(
            document=document,
            seq=rows[0][0],
            rank=rows[0][1].rank,
            calls_ago=sum(1 for seq in calls if seq > rows[-1][0]),
            content_hash=latest.content_hash,
            cluster=latest.cluster,
            passages=frozenset(
                p for _, item in rows if item.content_hash == latest.content_hash for p in item.passages
            ),
        )
    clusters: dict[str, str] = {}
    for item in sorted(seen.values(), key=lambda item: (item.seq, item.rank, item.document)):
        if item.cluster:
            clusters.setdefault(item.cluster, item.document)
    others: dict[str, set[str]] = {}
    for event in ordered:
        for shown in event.shown if event.reader != reader else ():
            others.setdefault(shown.document, set()).add(event.reader or "")
    asked = [event for event in mine if event.kind == "search" and event.query]
    drift = max((place for place, event in enumerate(asked) if event.drifted), default=0)
    topic = [event.query for event in asked[drift:]]
    said = [event for event in ordered if event.kind in ("open", "cite", "reject")]
    last_words = {event.document: event for event in sorted(said, key=lambda event: (event.at, event.seq))}
    standing = sorted(last_words.values(), key=lambda event: (event.at, event.seq))
    return SessionState(
        seen=seen,
        clusters=clusters,
        others={document: tuple(sorted(readers)) for document, readers in others.items()},
        snapshot_seq=ordered[-1].seq if ordered else 0,
        calls=len(calls),
        goal=topic[0] if topic else "",
        queries=tuple(topic[-8:]),
        marks=tuple(FeedbackMark(event.document, event.kind, event.passage) for event in standing),
    )


@COMMON
@given(events(), st.sampled_from(READERS))
def test_fold_agrees_with_the_obvious_one(log: list[Event], reader: str) -> None:
    """The ledger's fold gives what counting through the log by hand gives."""
    assert fold(log, reader) == plain_fold(log, reader)


@COMMON
@given(events(), st.randoms(use_true_random=False), st.sampled_from(READERS))
def test_fold_does_not_depend_on_order_or_repeats(log: list[Event], random: object, reader: str) -> None:
    """Commutative and idempotent: any order, any duplicates, the same state."""
    shuffled = log + [event for event in log if event.seq % 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled, reader) == fold(log, reader)
    assert advance(EMPTY, shuffled) == advance(EMPTY, log)


@COMMON
@given(events(), st.lists(st.integers(0, 12), max_size=4))
def test_folding_in_steps_is_folding_at_once(log: list[Event], cuts: list[int]) -> None:
    """Associative: a kept ledger and the events since give the full fold, wherever the log is cut."""
    ledger = EMPTY
    for cut in [*sorted(cuts), len(log)]:
        ledger = advance(ledger, log[:cut])
    assert ledger == advance(EMPTY, log)


@COMMON
@given(events(), st.integers(0, 12))
def test_a_held_ledger_never_changes(log: list[Event], cut: int) -> None:
    """A reader that holds a snapshot keeps it, whatever is added after."""
    held = advance(EMPTY, log[:cut])
    before = [fold(log[:cut], reader) for reader in READERS]
    advance(held, log)
    assert [state_of(held, reader) for reader in READERS] == before


@COMMON
@given(events(), st.integers(0, 12), st.sampled_from(READERS))
def test_as_of_is_the_fold_of_the_prefix(log: list[Event], seq: int, reader: str) -> None:
    """Reading a session as of a seq is reading the session that it was then."""
    assert fold(log, reader, as_of=seq) == fold(log[:seq], reader)


@COMMON
@given(st.tuples(*[st.tuples(st.integers(1, 3), st.integers(0, 2**32))] * 3))
def test_exposures_join_in_any_order(showings: tuple[tuple[int, int], ...]) -> None:
    """`join` is commutative, associative and idempotent, also for two showings in one event."""
    one, two, three = (exposure(results(1, seed)[0], seq) for seq, seed in showings)
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one


@COMMON
@given(
    events(max_size=30),
    st.integers(1, 6),
    st.integers(1, 10),
    st.integers(1, 3),
    st.lists(st.integers(1, 4), max_size=12),
)
@example(CLOCK_WENT_BACK, 3, 1, 1, [])
def test_folding_into_the_summary_loses_nothing_but_what_the_bounds_forget(
    log: list[Event], live: int, ids: int, readers: int, batches: list[int]
) -> None:
    """However the log is committed and folded, the kept ledger is the fold of summary and live events, inside the
    bounds; and without a bound on ids and readers the state is the full fold's."""
    limits = SessionSettings(live_events=live, fold_step=2, seen_ids=ids, forget_step=2, readers=readers)
    roomy = replace(limits, seen_ids=10_000, readers=64)
    for bounds in (limits, roomy):
        summary, ledger, kept, at = EMPTY, EMPTY, [], 0
        for size in [*batches, len(log)]:
            fresh, at = log[at : at + size], at + size
            ledger, kept = advance(ledger, fresh), kept + fresh
            folding = overflow(ledger, summary.seq, bounds)
            if folding:
                folded = compact(summary, kept, ledger, folding)
                summary, ledger = folded.summary, folded.ledger
                kept = [event for event in kept if event.seq > folding.horizon]
            assert advance(summary, kept) == ledger
            assert overflow(ledger, summary.seq, bounds) is None
            assert len(kept) <= live
            assert ledger.size == sum(len(trail.documents) + len(trail.marks) for trail in ledger.trails.values())
        if bounds is limits:
            assert ledger.size <= ids
            assert len(ledger.readers) <= readers
        else:
            for reader in READERS:
                assert state_of(ledger, reader) == fold(log, reader)


# ---------------------------------------------------------------- branches


@COMMON
@given(events(max_size=16, branches=("main", "fork")), st.integers(0, 16))
def test_a_fork_sees_no_later_event_of_its_parent(log: list[Event], parent_seq: int) -> None:
    """Nothing that its parent did after the fork changes what any reader sees on the fork."""
    branches = (TRUNK, Branch("fork", "main", parent_seq))
    visible = [event for event in log if event.branch == "fork" or event.seq <= parent_seq]
    for reader in (None, *READERS):
        whole, bounded = (fold(some, reader, "fork", branches=branches) for some in (log, visible))
        assert replace(whole, snapshot_seq=0) == replace(bounded, snapshot_seq=0)


@COMMON
@given(events(max_size=10))
def test_a_fork_starts_where_its_parents_reader_stood(log: list[Event]) -> None:
    """Right after the fork, the default reader of the fork sees what the default reader of the parent saw."""
    branches = (TRUNK, Branch("fork", "main", len(log)))
    assert fold(log, None, "fork", branches=branches) == fold(log, None, "main", branches=branches)


@COMMON
@given(events(max_size=14, branches=("main", "left", "right")), st.permutations(["left", "right"]))
def test_merges_in_any_order_are_equal_and_give_only_hints(log: list[Event], order: list[str]) -> None:
    """What was merged is the same in either order, twice is once, and the default reader's seen set stays."""
    forks = (Branch("left", "main", 0), Branch("right", "main", 0))
    merges = tuple(Merge(name, len(log), len(log)) for name in order)
    straight = tuple(Merge(name, len(log), len(log)) for name in ("left", "right"))
    one, other = (
        fold(log, None, "main", branches=(Branch("main", merged=merged), *forks)) for merged in (merges * 2, straight)
    )
    assert one == other
    alone = fold(log, None, "main", branches=(TRUNK, *forks))
    own = {event.seq for event in log if event.branch != "main" and event.reader == "main"}
    if not own:
        assert one.seen == alone.seen
    assert set(alone.others) <= set(one.others)


@COMMON
@given(
    events(min_size=4, max_size=20, branches=("main", "fork")),
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(1, 5),
)
def test_folded_events_keep_their_side_of_a_fork(log: list[Event], parent_seq: int, horizon: int, live: int) -> None:
    """A fork made before the events were folded sees the same after they were."""
    branches = (TRUNK, Branch("fork", "main", parent_seq))
    cuts = cuts_of(branches)
    ledger = advance(EMPTY, log, cuts)
    folding = overflow(ledger, 0, SessionSettings(live_events=live, fold_step=1))
    if folding:
        folded = compact(EMPTY, log, ledger, folding, cuts)
        live_events = [event for event in log if event.seq > folding.horizon]
        for reader in (None, *READERS):
            assert fold(log, reader, "fork", branches=branches) == fold(
                live_events, reader, "fork", branches=branches, summary=folded.summary
            )


@COMMON
@given(events(max_size=14), st.randoms(use_true_random=False))
def test_feedback_is_decided_by_time_not_by_order(log: list[Event], random: object) -> None:
    """Of two words on one document the one with the larger (time, seq) stands."""
    shuffled = list(log)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = {}
    for event in sorted(log, key=lambda event: (event.at, event.seq)):
        if event.kind in ("open", "cite", "reject"):
            expected[event.document] = event.kind
    assert {name: mark.kind for name, mark in marks_of(advance(EMPTY, shuffled)).items()} == expected


# ---------------------------------------------------------------- bytes


@COMMON
@given(events(max_size=4), st.dictionaries(texts, json_values, max_size=4))
def test_events_come_back_from_their_bytes(log: list[Event], request: dict[str, object]) -> None:
    """decode(encode(event)) is the event."""
    for event in log:
        event = replace(event, request=request)
        assert decode_event(encode_event(event)) == event


@COMMON
@given(events(max_size=12))
def test_summaries_come_back_from_their_entries(log: list[Event]) -> None:
    """A ledger taken apart into digest and entries, and put together again, is the ledger."""
    ledger = advance(EMPTY, log)
    seq, spent, trails = decode_digest(encode_digest(ledger))
    parts = {
        key: (
            trail,
            {name: decode_exposure(encode_exposure(item)) for name, item in ledger.trails[key].documents.items()},
            {name: decode_mark(encode_mark(mark)) for name, mark in ledger.trails[key].marks.items()},
        )
        for key, trail in trails.items()
    }
    back = restored(seq, spent, parts)
    assert back == ledger
    for key, trail in ledger.trails.items():
        assert list(back.trails[key].documents) == list(trail.documents)


@COMMON
@given(texts, texts, st.none() | texts, st.dictionaries(texts, scores, max_size=3), st.integers(0, 9))
def test_sessions_come_back_from_their_bytes(
    tenant: str, id: str, query: str | None, budget: dict[str, float], seq: int
) -> None:
    """decode(encode(session and branches)) is both."""
    session = Session(tenant, id, 1.5, 2.5, budget, query, query)
    branches = (TRUNK, Branch("b", "main", seq, (Merge("main", seq, seq + 1),)))
    assert decode_session(encode_session(session, branches), tenant=tenant, id=id, expires=2.5) == (session, branches)


@COMMON
@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms(use_true_random=False))
def test_the_body_hash_ignores_the_order_of_keys(payload: dict[str, object], random: object) -> None:
    """Two ways to write one JSON object are one request."""
    keys = list(payload)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert body_hash({key: payload[key] for key in keys}) == body_hash(payload)


@COMMON
@given(st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(0, 3), st.booleans()), max_size=120))
def test_layers_are_a_dictionary(steps: list[tuple[int, int | None, bool]]) -> None:
    """Under any edits a Layers map holds what a dict holds, in the order of the latest put; old ones stay."""
    layers: Layers[int, int | None] = Layers()
    edit, oracle, held = layers.edit(), {}, []
    for key, value, commit in steps:
        if value == 0 and key in oracle:
            edit.remove(key)
            del oracle[key]
        else:
            oracle.pop(key, None)
            oracle[key] = value
            edit.put(key, value)
        if commit:
            layers = edit.done()
            held.append((layers, dict(oracle)))
            edit = layers.edit()
    for kept, expected in held:
        assert list(kept.items()) == list(expected.items())
        assert list(reversed(kept)) == list(reversed(expected))
        assert len(kept) == len(expected)
        assert all(
            kept.get(key, -1) == expected.get(key, -1) and (key in kept) == (key in expected) for key in range(41)
        )
