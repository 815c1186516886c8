"""What one reader's next call sees: given events (or their ledger), a reader and a branch, returns a SessionState.

A branch knows its own events, its parent's up to the fork, and what was merged into it. On those, a reader's
`seen` is what carries the reader's own name; and the branch's default reader (named as the branch) goes on
where the parent's default reader stood at the fork. All else is in `others`: a hint, never a reason to withhold.
The maps are views that build an entry when it is asked for: a call looks up some hundred candidates, and a
session may hold 2,000 documents. Not for storing: stores keep the ledger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar, overload

import numpy as np

from ranking.identity import number_of
from ranking.types import FeedbackMark, SeenDocument, SessionState
from sessions.errors import BranchNotFound, HistoryFolded
from sessions.events import MAIN, TRUNK, Branch, Event
from sessions.exposures import Exposure, Packed, all_shingles, join
from sessions.ledger import EMPTY, Gain, Ledger, Mark, Trail, advance, cuts_of
from sessions.settings import COUNTED_CALLS
from sessions.topics import join as join_topics

T = TypeVar("T")


def fold(
    events: Iterable[Event],
    reader: str | None = None,
    branch: str = MAIN,
    *,
    as_of: int | None = None,
    branches: Sequence[Branch] = (TRUNK,),
    summary: Ledger = EMPTY,
) -> SessionState:
    """The state after the events up to seq `as_of` (None: all), on top of what was folded before.

    Raises BranchNotFound, and HistoryFolded when `as_of` lies inside the summary. `vectors` is left to the engine.
    """
    return state_of(ledger_at(events, as_of=as_of, branches=branches, summary=summary), reader, branch, branches)


def ledger_at(
    events: Iterable[Event], *, as_of: int | None = None, branches: Sequence[Branch] = (TRUNK,), summary: Ledger = EMPTY
) -> Ledger:
    """The whole fold up to seq `as_of`. Raises HistoryFolded."""
    if as_of is not None:
        if as_of < summary.seq:
            raise HistoryFolded(
                f"events up to {summary.seq} are folded into the summary; the session cannot be read as of {as_of}",
                path="as_of",
                hint=f"ask for {summary.seq} or later",
            )
        events = (event for event in events if event.seq <= as_of)
    return advance(summary, events, cuts_of(branches))


def state_of(
    ledger: Ledger, reader: str | None = None, branch: str = MAIN, branches: Sequence[Branch] = (TRUNK,)
) -> SessionState:
    """The state of one reader (None: the branch's default). `goal` is the topic's first query: whoever knows the
    session has a better one. Raises BranchNotFound."""
    own, foreign = split(ledger, reader, branch, branches)
    calls = _calls(own)
    topic = own[0].topic if len(own) == 1 else join_topics(trail.topic for trail in own)
    return SessionState(
        seen=Seen(own, calls),
        clusters=Clusters(own),
        others=Others(foreign),
        snapshot_seq=ledger.seq,
        calls=sum(trail.total for trail in own),
        goal=topic.first.query if topic.first else "",
        queries=tuple(asked.query for asked in topic.latest),
        marks=tuple(
            FeedbackMark(document, mark.kind, mark.passage)
            for document, mark in _marks((*own, *(trail for _, trail in foreign))).items()
        ),
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How a reader's searches have gone: the best score it was shown, and what its latest search brought."""

    calls: int = 0
    best: float | None = None
    latest: Gain | None = None


def progress_of(
    ledger: Ledger, reader: str | None = None, branch: str = MAIN, branches: Sequence[Branch] = (TRUNK,)
) -> Progress:
    """What yields.py judges by. Raises BranchNotFound."""
    own, _ = split(ledger, reader, branch, branches)
    return Progress(
        calls=sum(trail.total for trail in own),
        best=max((trail.best for trail in own if trail.best is not None), default=None),
        latest=max((trail.gain for trail in own if trail.gain), key=lambda gain: gain.seq, default=None),
    )


def marks_of(ledger: Ledger, branch: str = MAIN, branches: Sequence[Branch] = (TRUNK,)) -> dict[str, Mark]:
    """Explicit feedback known on the branch, by whichever reader, oldest first. Raises BranchNotFound."""
    own, foreign = split(ledger, None, branch, branches)
    return _marks((*own, *(trail for _, trail in foreign)))


def _marks(trails: Iterable[Trail]) -> dict[str, Mark]:
    marks: dict[str, Mark] = {}
    for trail in trails:
        for document, mark in trail.marks.items():
            old = marks.get(document)
            if old is None or (old.at, old.seq) < (mark.at, mark.seq):
                marks[document] = mark
    return dict(sorted(marks.items(), key=lambda item: (item[1].at, item[1].seq)))


# ---------------------------------------------------------------- which trails a branch knows


def split(
    ledger: Ledger, reader: str | None, branch: str, branches: Sequence[Branch]
) -> tuple[tuple[Trail, ...], tuple[tuple[str, Trail], ...]]:
    """The reader's own trails on the branch, and (reader, trail) of the others."""
    who = reader or branch
    reach, line = reach_of(branch, branches, ledger.seq)
    own: list[Trail] = []
    foreign: list[tuple[str, Trail]] = []
    for key, trail in ledger.trails.items():
        upto = reach.get(key.branch, 0)
        if upto is not None and key.era >= upto:
            continue
        # What an ancestor did after the fork may have come by a merge: then it is a hint, not this reader's own.
        inherited = who == branch and key.era < line.get(key.branch, 0) and key.reader == key.branch
        if key.reader == who or inherited:
            own.append(trail)
        else:
            foreign.append((key.reader, trail))
    return tuple(own), tuple(foreign)


def find_branch(branches: Sequence[Branch], name: str, path: str = "branch") -> Branch:
    """The branch of this name. Raises BranchNotFound, which names `path`."""
    for branch in branches:
        if branch.id == name:
            return branch
    names = ", ".join(sorted(branch.id for branch in branches)[:10])
    raise BranchNotFound(f"no branch {name!r}", path=path, hint=f"branches: {names}")


def reach_of(branch: str, branches: Sequence[Branch], now: int) -> tuple[dict[str, int | None], dict[str, int]]:
    """Branch -> seq up to which `branch` knows its events at seq `now` (None: all), and of its ancestors those up to
    which it goes on where they stood.

    Raises BranchNotFound for a name that is not among `branches`.
    """
    find_branch(branches, branch)
    known = {item.id: item for item in branches}
    reach: dict[str, int | None] = {branch: None}
    waiting: list[tuple[str, int | None]] = [(branch, None)]
    while waiting:
        name, upto = waiting.pop()
        item = known[name]
        then = now if upto is None else upto
        sources = [(merge.source, min(merge.upto, then)) for merge in item.merged if merge.at <= then]
        if item.parent is not None:
            sources.append((item.parent, min(item.parent_seq, then)))
        for source, limit in sources:
            seen = reach.get(source, 0)
            if source in known and seen is not None and limit > seen:
                reach[source] = limit
                waiting.append((source, limit))
    return reach, dict(_line(branch, known))


def _line(branch: str, known: Mapping[str, Branch]) -> Iterator[tuple[str, int]]:
    """The ancestors of a branch with the seq up to which it shares their events, nearest first."""
    item, limit = known[branch], None
    while item.parent is not None and item.parent in known:
        limit = item.parent_seq if limit is None else min(limit, item.parent_seq)
        yield item.parent, limit
        item = known[item.parent]


def _calls(trails: Sequence[Trail]) -> tuple[int, ...]:
    if len(trails) == 1:
        return trails[0].calls
    return tuple(sorted({seq for trail in trails for seq in trail.calls})[-COUNTED_CALLS:])


# ---------------------------------------------------------------- views


class Seen(Mapping[str, SeenDocument]):
    """Document -> SeenDocument over one reader's trails, in order of the latest showing where there is one trail."""

    __slots__ = ("_calls", "_trails")

    def __init__(self, trails: tuple[Trail, ...], calls: tuple[int, ...]) -> None:
        self._trails = trails
        self._calls = calls

    def __getitem__(self, document: str) -> SeenDocument:
        item = self._exposure(document)
        if item is None:
            raise KeyError(document)
        return self._built(document, item)

    @overload
    def get(self, key: str, /) -> SeenDocument | None: ...
    @overload
    def get(self, key: str, /, default: SeenDocument | T) -> SeenDocument | T: ...
    def get(self, key: str, /, default: object = None) -> object:
        """Without the exception that Mapping.get costs for every candidate that was not seen."""
        item = self._exposure(key)
        return default if item is None else self._built(key, item)

    def _built(self, document: str, item: Exposure) -> SeenDocument:
        return SeenDocument(
            document=document,
            seq=item.first_seq,
            rank=item.first_rank,
            calls_ago=self._calls_ago(item),
            content_hash=item.content_hash,
            cluster=item.cluster,
            passages=item.passages,
        )

    def __contains__(self, document: object) -> bool:
        return any(document in trail.documents for trail in self._trails)

    def __iter__(self) -> Iterator[str]:
        if len(self._trails) == 1:
            return iter(self._trails[0].documents)
        return iter(dict.fromkeys(document for trail in self._trails for document in trail.documents))

    def __len__(self) -> int:
        if len(self._trails) == 1:
            return len(self._trails[0].documents)
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Seen({dict(self)!r})"

    def recent(self) -> Iterator[SeenDocument]:
        """The latest showing first: the engine's key to the vectors of what was shown."""
        return (self._built(document, item) for document, item in self._latest_first())

    def hashes(self) -> list[Packed]:
        """The shingles of all that was shown, with repeats: arrays in turns ascending, which stay from call to call,
        and short ones in any order."""
        return [part for trail in self._trails for part in trail.documents.parts(all_shingles, np.sort)]

    def signs(self, documents: Sequence[str]) -> dict[int, tuple[int, str]]:
        """Place -> (calls ago, content hash), for those that were shown, ascending."""
        places = sorted({place for trail in self._trails for place in trail.documents.among(documents)})
        if len(self._trails) == 1:
            items = self._trails[0].documents
            found = [(place, items[documents[place]]) for place in places]
        else:
            found = [(place, item) for place in places if (item := self._exposure(documents[place])) is not None]
        return {place: (self._calls_ago(item), item.content_hash) for place, item in found}

    def _calls_ago(self, item: Exposure) -> int:
        return len(self._calls) - bisect_right(self._calls, item.last_seq)

    def _latest_first(self) -> Iterable[tuple[str, Exposure]]:
        if len(self._trails) == 1:
            documents = self._trails[0].documents
            return ((document, documents[document]) for document in reversed(documents))
        items = ((document, self._exposure(document)) for document in self)
        known = [(document, item) for document, item in items if item is not None]
        return sorted(known, key=lambda pair: (-pair[1].last_seq, pair[1].last_rank, pair[0]))

    def _exposure(self, document: str) -> Exposure | None:
        if len(self._trails) == 1:
            return self._trails[0].documents.get(document)
        found = [trail.documents[document] for trail in self._trails if document in trail.documents]
        return reduce(join, found) if found else None


class Clusters(Mapping[str, str]):
    """Cluster -> the document of it that the reader was shown first."""

    __slots__ = ("_trails",)

    def __init__(self, trails: tuple[Trail, ...]) -> None:
        self._trails = trails

    def __getitem__(self, cluster: str) -> str:
        if len(self._trails) == 1:
            return self._trails[0].clusters[cluster][0]
        found = []
        for trail in self._trails:
            if cluster in trail.clusters:
                document = trail.clusters[cluster][0]
                item = trail.documents[document]
                found.append((item.first_seq, item.first_rank, document))
        if not found:
            raise KeyError(cluster)
        return min(found)[2]

    def __iter__(self) -> Iterator[str]:
        if len(self._trails) == 1:
            return iter(self._trails[0].clusters)
        return iter(dict.fromkeys(cluster for trail in self._trails for cluster in trail.clusters))

    def __len__(self) -> int:
        return len(self._trails[0].clusters) if len(self._trails) == 1 else sum(1 for _ in self)

    def numbered(self, numbers: Set[int]) -> dict[int, str]:
        """Of the clusters whose names stand for these numbers (identity.number_of), the document shown first."""
        names = [part for trail in self._trails for part in trail.clusters.parts(_by_number)]
        return {number: self[part[number]] for part in names for number in part.keys() & numbers}

    def __repr__(self) -> str:
        return f"Clusters({dict(self)!r})"


def _by_number(clusters: Mapping[str, object]) -> dict[int, str]:
    return {number_of(cluster): cluster for cluster in clusters}


class Others(Mapping[str, tuple[str, ...]]):
    """Document -> the other readers it was shown to, by name."""

    __slots__ = ("_trails",)

    def __init__(self, trails: tuple[tuple[str, Trail], ...]) -> None:
        self._trails = trails

    def __getitem__(self, document: str) -> tuple[str, ...]:
        readers = {reader for reader, trail in self._trails if document in trail.documents}
        if not readers:
            raise KeyError(document)
        return tuple(sorted(readers))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(document for _, trail in self._trails for document in trail.documents))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Others({dict(self)!r})"
