"""The fold of the log, kept so that a new event costs its own size: given a ledger and events, returns the next ledger.

`advance(EMPTY, events)` is a function of the *set* of events: order and repeats do not matter. And
`advance(advance(EMPTY, old), new) == advance(EMPTY, old + new)` when every new seq is above the old ones,
which stores guarantee. A ledger is never written to: a reader that holds one keeps it while others go on.
Not for questions (fold.py) nor for limits (bounds.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ranking.types import Shown
from sessions.events import FEEDBACK, Branch, Event, Kind
from sessions.exposures import Exposure, exposure, join
from sessions.layers import Layers
from sessions.settings import COUNTED_CALLS
from sessions.topics import NO_TOPIC, Asked, Topic
from sessions.topics import join as join_topics

Cuts = Mapping[str, tuple[int, ...]]
"""Branch -> the seqs at which others forked from it or took from it, ascending."""

NO_CUTS: Final[Cuts] = {}


class TrailKey(NamedTuple):
    """Whose trail: a reader on a branch, in one era. An era is the stretch of a branch after the cut `era` and up
    to the next one; so what a fork knows of its parent is whole trails, also after their events were folded."""

    branch: str
    reader: str
    era: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest word on a document; of two, the one with the larger (at, seq). `latest`: the last event that said
    one, which is another event than `seq` when the clock went back."""

    kind: Kind
    at: float
    seq: int
    passage: int | None
    latest: int


@dataclass(frozen=True, slots=True)
class Gain:
    """What one search brought: results shown, how many were new, the best score among the new ones."""

    seq: int
    shown: int
    new: int
    best_new: float


@dataclass(frozen=True, slots=True)
class Touch:
    """The latest event of a reader: what an implicit retry is compared with."""

    seq: int
    at: float
    body: str
    answer: int


@dataclass(frozen=True, slots=True)
class Trail:
    """What one reader was shown and said. `documents` and `marks` are in order of their latest event.

    `clusters`: near-duplicate cluster -> the documents whose latest showing named it, first shown first.
    `calls`: seqs of the latest searches, ascending, at most COUNTED_CALLS; `total` counts all of them.
    """

    documents: Layers[str, Exposure] = field(default_factory=Layers)
    clusters: Layers[str, tuple[str, ...]] = field(default_factory=Layers)
    marks: Layers[str, Mark] = field(default_factory=Layers)
    calls: tuple[int, ...] = ()
    total: int = 0
    best: float | None = None  # highest score shown
    gain: Gain | None = None  # of the latest search
    touched: Touch | None = None
    topic: Topic = NO_TOPIC


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that the events up to `seq` say. `spent`: resource -> amount."""

    seq: int = 0
    trails: Mapping[TrailKey, Trail] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    size: int = 0  # documents and marks over all trails

    @property
    def readers(self) -> frozenset[str]:
        return frozenset(key.reader for key in self.trails)


EMPTY: Final = Ledger()


def cuts_of(branches: Iterable[Branch]) -> Cuts:
    """Where the branches were forked from, or taken from."""
    cuts: dict[str, set[int]] = {}
    for branch in branches:
        if branch.parent is not None:
            cuts.setdefault(branch.parent, set()).add(branch.parent_seq)
        for merge in branch.merged:
            cuts.setdefault(merge.source, set()).add(merge.upto)
    return {name: tuple(sorted(seqs)) for name, seqs in cuts.items()}


def key_of(event: Event, cuts: Cuts) -> TrailKey:
    """The trail that this event belongs to."""
    seqs = cuts.get(event.branch)
    if not seqs:
        return TrailKey(event.branch, event.who)
    before = bisect_left(seqs, event.seq)
    return TrailKey(event.branch, event.who, seqs[before - 1] if before else 0)


def advance(ledger: Ledger, events: Iterable[Event], cuts: Cuts = NO_CUTS) -> Ledger:
    """The ledger with these events too; those it has already are passed over."""
    fresh = {event.seq: event for event in events if event.seq > ledger.seq}
    if not fresh:
        return ledger
    drafts: dict[TrailKey, _TrailDraft] = {}
    spent = dict(ledger.spent)
    for seq in sorted(fresh):
        event = fresh[seq]
        key = key_of(event, cuts)
        draft = drafts.get(key)
        if draft is None:
            draft = drafts[key] = _TrailDraft(ledger.trails.get(key))
        draft.add(event)
        for resource, amount in event.cost.items():
            spent[resource] = spent.get(resource, 0.0) + amount
    trails = dict(ledger.trails)
    size = ledger.size
    for key, draft in drafts.items():
        old = trails.get(key)
        trails[key] = trail = draft.done()
        size += count(trail) - (count(old) if old else 0)
    return Ledger(max(fresh), trails, spent, size)


def count(trail: Trail) -> int:
    """What the trail adds to a ledger's size."""
    return len(trail.documents) + len(trail.marks)


class _TrailDraft:
    """A trail while events are added: the only place where one is written to."""

    def __init__(self, start: Trail | None) -> None:
        base = start or Trail()
        self.documents = base.documents.edit()
        self.clusters = base.clusters.edit()
        self.marks = base.marks.edit()
        self.calls = list(base.calls)
        self.total = base.total
        self.best = base.best
        self.gain = base.gain
        self.touched = base.touched
        self.topic = base.topic

    def add(self, event: Event) -> None:
        # Worst rank first: when ids must be forgotten, the best of a page stays longest.
        for shown in sorted(event.shown, key=_rank, reverse=True):
            self._show(shown.document, exposure(shown, event.seq))
            if self.best is None or shown.score > self.best:
                self.best = shown.score
        if event.kind == "search":
            self.calls.append(event.seq)
            self.total += 1
            self.gain = Gain(event.seq, len(event.shown), event.new, event.best_new)
            if event.query:
                self.topic = self.topic.then(Asked(event.seq, event.query), event.drifted)
        elif event.kind in FEEDBACK:
            mark = Mark(event.kind, event.at, event.seq, event.passage, event.seq)
            old = self.marks.get(event.document)
            self.marks.put(event.document, mark if old is None else _later(old, mark))
        self.touched = Touch(event.seq, event.at, event.body, event.answer)

    def _show(self, document: str, new: Exposure) -> None:
        old = self.documents.get(document)
        now = new if old is None else join(old, new)
        self.documents.put(document, now)
        if old is None:
            self._enter(document, now.cluster)
            return
        if now.cluster != old.cluster:
            self._leave(document, old.cluster)
            self._enter(document, now.cluster)
        elif now.first_rank != old.first_rank:  # twice in one event: its place in the cluster may have moved
            self._leave(document, now.cluster)
            self._enter(document, now.cluster)

    def _enter(self, document: str, cluster: str) -> None:
        if cluster:
            members = (*self.clusters.get(cluster, ()), document)
            self.clusters.put(cluster, tuple(sorted(members, key=self._first)) if len(members) > 1 else members)

    def _leave(self, document: str, cluster: str) -> None:
        members = tuple(member for member in self.clusters.get(cluster, ()) if member != document)
        if members:
            self.clusters.put(cluster, members)
        elif cluster in self.clusters:
            self.clusters.remove(cluster)

    def _first(self, document: str) -> tuple[int, int, str]:
        item = self.documents[document]
        return (item.first_seq, item.first_rank, document)

    def forget(self, documents: Iterable[str], marks: Iterable[str]) -> None:
        for document in documents:
            self._leave(document, self.documents.remove(document).cluster)
        for document in marks:
            self.marks.remove(document)

    def done(self) -> Trail:
        return Trail(
            documents=self.documents.done(),
            clusters=self.clusters.done(),
            marks=self.marks.done(),
            calls=tuple(self.calls[-COUNTED_CALLS:]),
            total=self.total,
            best=self.best,
            gain=self.gain,
            touched=self.touched,
            topic=self.topic,
        )


def _rank(shown: Shown) -> int:
    return shown.rank


def without(trail: Trail, documents: Iterable[str], marks: Iterable[str]) -> Trail:
    """The trail after these documents and marks were forgotten; its counts of calls stay."""
    draft = _TrailDraft(trail)
    draft.forget(documents, marks)
    return draft.done()


def joined(trails: Sequence[Trail]) -> Trail:
    """One trail that says what these say together; none of them knows a call that another one knows."""
    counts = Trail(
        calls=tuple(sorted(seq for trail in trails for seq in trail.calls)),
        total=sum(trail.total for trail in trails),
        best=max((trail.best for trail in trails if trail.best is not None), default=None),
        gain=max((trail.gain for trail in trails if trail.gain), key=_seq, default=None),
        touched=max((trail.touched for trail in trails if trail.touched), key=_seq, default=None),
        topic=join_topics(trail.topic for trail in trails),
    )
    exposures: dict[str, Exposure] = {}
    marks: dict[str, Mark] = {}
    for trail in trails:
        for document, item in trail.documents.items():
            exposures[document] = join(exposures[document], item) if document in exposures else item
        for document, mark in trail.marks.items():
            marks[document] = _later(marks[document], mark) if document in marks else mark
    return _rebuilt(counts, exposures, marks)


def coalesced(ledger: Ledger, cuts: Cuts) -> Ledger:
    """The ledger with the eras that no cut tells apart any more as one."""
    groups: dict[TrailKey, list[Trail]] = {}
    for key, trail in ledger.trails.items():
        seqs = cuts.get(key.branch, ())
        after = bisect_right(seqs, key.era)
        groups.setdefault(key._replace(era=seqs[after - 1] if after else 0), []).append(trail)
    if groups.keys() == ledger.trails.keys():
        return ledger
    trails = {key: joined(group) if len(group) > 1 else group[0] for key, group in groups.items()}
    return Ledger(ledger.seq, trails, ledger.spent, sum(map(count, trails.values())))


def _seq(item: Gain | Touch) -> int:
    return item.seq


def _later(one: Mark, other: Mark) -> Mark:
    stands = max(one, other, key=lambda mark: (mark.at, mark.seq))
    return replace(stands, latest=max(one.latest, other.latest))


def _rebuilt(counts: Trail, exposures: Mapping[str, Exposure], marks: Mapping[str, Mark]) -> Trail:
    """A trail from its entries in any order."""
    draft = _TrailDraft(counts)
    for document, item in sorted(exposures.items(), key=lambda pair: (pair[1].last_seq, -pair[1].last_rank, pair[0])):
        draft.documents.put(document, item)
        draft._enter(document, item.cluster)
    for document, mark in sorted(marks.items(), key=lambda pair: pair[1].latest):
        draft.marks.put(document, mark)
    return draft.done()


def restored(
    seq: int,
    spent: Mapping[str, float],
    parts: Mapping[TrailKey, tuple[Trail, Mapping[str, Exposure], Mapping[str, Mark]]],
) -> Ledger:
    """A ledger from its stored parts: per trail its counts, exposures and marks, in any order."""
    trails = {}
    for key, (counts, exposures, marks) in parts.items():
        trails[key] = _rebuilt(counts, exposures, marks)
    return Ledger(seq, trails, dict(spent), sum(map(count, trails.values())))
