"""The log as bytes: given an event, session or entry of the summary, returns JSON of version 1, and back.

`decode(encode(x)) == x` for everything but text with lone surrogates, which UTF-8 cannot hold: they become
U+FFFD. Rows of `shown` are arrays (a page repeats its nine names ten times otherwise), shingles base64 of
32-bit little-endian numbers behind a mark; in older logs of 64-bit numbers, whose upper bits they are. Not for what
people read (readback.py) nor for export.
"""

from __future__ import annotations

import math
import re
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import orjson

from ranking.types import Shown, Stub
from sessions.bounds import Item
from sessions.errors import EventError, LogFormatError
from sessions.events import Branch, Event, Merge, Session
from sessions.exposures import PACKED, Exposure, ordinals, pack, unpack
from sessions.ledger import Gain, Ledger, Mark, Touch, Trail, TrailKey, restored
from sessions.topics import NO_TOPIC, Asked, Topic

VERSION: Final = 1
T = TypeVar("T")

_NARROW: Final = "4:"  # no base64 begins like this
_WIDER: Final = 21  # bits that a number of 53 has more
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


# ---------------------------------------------------------------- events


def encode_event(event: Event) -> bytes:
    """Raises EventError when a score is not finite, a shingle out of range, or a value not JSON."""
    return _dumps(
        {
            "v": VERSION,
            "seq": event.seq,
            "at": event.at,
            "branch": event.branch,
            "reader": event.reader,
            "kind": event.kind,
            "query": event.query,
            "request": event.request,
            "generation": event.generation,
            "snapshot_seq": event.snapshot_seq,
            "answer": event.answer,
            "body": event.body,
            "shown": [_shown_row(shown) for shown in event.shown],
            "stubs": [(stub.id, stub.shown_at, stub.rank_now) for stub in event.stubs],
            "new": event.new,
            "best_new": _finite(event.best_new),
            "document": event.document,
            "passage": event.passage,
            "note": event.note,
            "cost": {name: _finite(amount) for name, amount in event.cost.items()},
            "drifted": event.drifted,
        }
    )


def decode_event(body: bytes) -> Event:
    """Raises LogFormatError."""
    return _decoded(body, _event)


def _event(item: dict[str, Any]) -> Event:
    return Event(
        seq=item["seq"],
        at=item["at"],
        branch=item["branch"],
        reader=item["reader"],
        kind=item["kind"],
        query=item["query"],
        request=item["request"],
        generation=item["generation"],
        snapshot_seq=item["snapshot_seq"],
        answer=item["answer"],
        body=item["body"],
        shown=tuple(map(_shown, item["shown"])),
        stubs=tuple(Stub(*row) for row in item["stubs"]),
        new=item["new"],
        best_new=item["best_new"],
        document=item["document"],
        passage=item["passage"],
        note=item["note"],
        cost=item["cost"],
        drifted=item.get("drifted", False),  # logs that are older than the word have none
    )


def _shown_row(shown: Shown) -> tuple[Any, ...]:
    return (
        shown.document,
        shown.url,
        shown.title,
        shown.rank,
        _finite(shown.score),
        shown.content_hash,
        shown.cluster,
        shown.passages,
        _written(pack(shown.shingles)),
    )


def _shown(row: Sequence[Any]) -> Shown:
    document, url, title, rank, score, content_hash, cluster, passages, shingles = row
    return Shown(document, url, title, rank, score, content_hash, cluster, tuple(passages), unpack(_read(shingles)))


# ---------------------------------------------------------------- sessions


def encode_session(session: Session, branches: Sequence[Branch]) -> bytes:
    """All but tenant, id and expires, which stores keep beside it."""
    return _dumps(
        {
            "v": VERSION,
            "created": session.created,
            "budget": {name: _finite(amount) for name, amount in session.budget.items()},
            "first_query": session.first_query,
            "objective": session.objective,
            "keep": session.keep,
            "branches": [
                (branch.id, branch.parent, branch.parent_seq, [(m.source, m.upto, m.at) for m in branch.merged])
                for branch in branches
            ],
        }
    )


def decode_session(body: bytes, *, tenant: str, id: str, expires: float) -> tuple[Session, tuple[Branch, ...]]:
    """Raises LogFormatError."""

    def build(item: dict[str, Any]) -> tuple[Session, tuple[Branch, ...]]:
        session = Session(
            tenant,
            id,
            item["created"],
            expires,
            item["budget"],
            item["first_query"],
            item["objective"],
            item.get("keep", False),
        )
        branches = tuple(
            Branch(name, parent, seq, tuple(Merge(*merge) for merge in merged))
            for name, parent, seq, merged in item["branches"]
        )
        return session, branches

    return _decoded(body, build)


# ---------------------------------------------------------------- the summary, by entry


def encode_exposure(item: Exposure) -> bytes:
    return _dumps(
        (
            VERSION,
            item.first_seq,
            item.first_rank,
            item.last_seq,
            item.last_rank,
            item.content_hash,
            item.cluster,
            [(content_hash, sorted(places)) for content_hash, places in item.versions],
            _written(item.shingles),
        )
    )


def decode_exposure(body: bytes) -> Exposure:
    """Raises LogFormatError."""

    def build(row: Sequence[Any]) -> Exposure:
        _, first_seq, first_rank, last_seq, last_rank, content_hash, cluster, versions, shingles = row
        return Exposure(
            first_seq,
            first_rank,
            last_seq,
            last_rank,
            content_hash,
            cluster,
            tuple((name, ordinals(tuple(places))) for name, places in versions),
            _read(shingles),
        )

    return _decoded(body, build)


def encode_mark(mark: Mark) -> bytes:
    return _dumps((VERSION, mark.kind, mark.at, mark.seq, mark.passage, mark.latest))


def decode_mark(body: bytes) -> Mark:
    """Raises LogFormatError."""
    return _decoded(body, lambda row: Mark(*row[1:]))


def encode_entry(summary: Ledger, item: Item) -> bytes:
    trail = summary.trails[item.key]
    if item.shelf == "seen":
        return encode_exposure(trail.documents[item.document])
    return encode_mark(trail.marks[item.document])


def encode_digest(summary: Ledger) -> bytes:
    """What the summary knows beside its entries: per trail the counts, over all what was spent."""
    trails = [
        (
            *key,
            trail.calls,
            trail.total,
            trail.best,
            trail.gain and (trail.gain.seq, trail.gain.shown, trail.gain.new, trail.gain.best_new),
            trail.touched and (trail.touched.seq, trail.touched.at, trail.touched.body, trail.touched.answer),
            (trail.topic.drift, trail.topic.first, trail.topic.latest),
        )
        for key, trail in summary.trails.items()
    ]
    return _dumps({"v": VERSION, "seq": summary.seq, "spent": summary.spent, "trails": trails})


def decode_digest(body: bytes) -> tuple[int, dict[str, float], dict[TrailKey, Trail]]:
    """(seq, spent, trails without entries). Raises LogFormatError."""

    def build(item: dict[str, Any]) -> tuple[int, dict[str, float], dict[TrailKey, Trail]]:
        trails = {}
        for branch, reader, era, calls, total, best, gain, touched, *more in item["trails"]:
            trails[TrailKey(branch, reader, era)] = Trail(
                calls=tuple(calls),
                total=total,
                best=best,
                gain=Gain(*gain) if gain else None,
                touched=Touch(*touched) if touched else None,
                topic=_topic(*more[0]) if more else NO_TOPIC,  # summaries that are older than the word have none
            )
        return item["seq"], item["spent"], trails

    return _decoded(body, build)


def decode_summary(digest: bytes, entries: Iterable[tuple[Item, bytes]]) -> Ledger:
    """Entries of a trail that the digest does not know are passed over. Raises LogFormatError."""
    seq, spent, trails = decode_digest(digest)
    parts: dict[TrailKey, tuple[Trail, dict[str, Exposure], dict[str, Mark]]]
    parts = {key: (trail, {}, {}) for key, trail in trails.items()}
    for (key, shelf, document), body in entries:
        if key not in parts:
            continue
        _, exposures, marks = parts[key]
        if shelf == "seen":
            exposures[document] = decode_exposure(body)
        else:
            marks[document] = decode_mark(body)
    return restored(seq, spent, parts)


def _topic(drift: int, first: Sequence[Any] | None, latest: Sequence[Sequence[Any]]) -> Topic:
    return Topic(drift, Asked(*first) if first else None, tuple(Asked(*row) for row in latest))


# ---------------------------------------------------------------- bytes


def _dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        try:
            return orjson.dumps(_clean(value), option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            raise EventError(f"an event must be made of JSON values: {error}") from error


def _clean(value: Any) -> Any:
    """The same with lone surrogates replaced: they come from broken pages and must not cost the whole event."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _decoded(body: bytes, build: Callable[[Any], T]) -> T:
    try:
        item = orjson.loads(body)
        version = item["v"] if isinstance(item, dict) else item[0]
        if version != VERSION:
            raise LogFormatError(
                f"a session entry of format {version}, this program reads {VERSION}",
                hint="serve it with the version of Forage that wrote it, or move sessions.sqlite away",
            )
        return build(item)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise LogFormatError(f"a damaged session entry: {error}", hint="delete the session") from error


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise EventError(f"{number} cannot be written down: scores and amounts must be finite")
    return number


def _written(packed: bytes) -> str:
    return _NARROW + b64encode(_little(packed, PACKED)).decode("ascii") if packed else ""


def _read(text: str) -> bytes:
    """Packed as in exposures.py."""
    if text.startswith(_NARROW):
        return _little(b64decode(text[len(_NARROW) :]), PACKED)
    wide = array("Q")
    wide.frombytes(_little(b64decode(text), "Q"))
    return array(PACKED, [number >> _WIDER for number in wide]).tobytes()


def _little(packed: bytes, kind: str) -> bytes:
    """Native numbers to little-endian ones, or back."""
    if sys.byteorder == "little":
        return packed
    numbers = array(kind)
    numbers.frombytes(packed)
    numbers.byteswap()
    return numbers.tobytes()
