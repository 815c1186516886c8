"""What lies under Redis' keys: given events, entries and answers, returns their bytes, and back.

The codec's JSON, compressed: memory is what Redis has least of. Events are compressed with the first one of their
session at hand, which makes them a quarter smaller. Not for names (redis_keys.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson
import zstandard

from sessions.bounds import Folded, Item
from sessions.codec import decode_event, decode_summary, encode_digest, encode_entry, encode_event
from sessions.events import Event
from sessions.ledger import EMPTY, Ledger, TrailKey
from sessions.packing import LEVEL, pack, unpack, unpacked
from sessions.redis_scripts import DIGEST, MARK_LENGTH

_EXPIRES: Final = struct.Struct("<d")


def sample_of(event: Event) -> bytes:
    """What the other events of a session are written down by comparison with: requests differ in few places."""
    return encode_event(replace(event, shown=tuple(replace(shown, shingles=()) for shown in event.shown)))


def _dictionary(sample: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(sample, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if sample else None


def pack_events(events: Iterable[Event], mark: str, sample: bytes) -> list[bytes]:
    """`mark` names the commit that they came with; `sample` is the session's, b"" for none."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(sample))
    return [mark.encode("ascii") + compressor.compress(encode_event(event)) for event in events]


def unpack_events(rows: Iterable[bytes], sample: bytes) -> list[Event]:
    """Raises LogFormatError."""
    decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(sample))
    return [decode_event(unpacked(decompressor, row[MARK_LENGTH:])) for row in rows]


def pack_answer(answer: bytes, expires: float) -> bytes:
    return _EXPIRES.pack(expires) + pack(answer)


def unpack_answer(packed: bytes | None, now: float) -> bytes | None:
    """None for one that has expired, or is not there."""
    if packed is None or _EXPIRES.unpack_from(packed)[0] <= now:
        return None
    return unpack(packed[_EXPIRES.size :])


def pack_summary(before: Ledger, folded: Folded) -> tuple[list[str], list[str | bytes]]:
    """The fields to remove from the summary as it was before, and field and value in turn of those to write."""
    summary = folded.summary
    removed = [_field(item) for item in folded.removed]
    for key in folded.dropped:
        trail = before.trails[key]
        removed += [_field(Item(key, "seen", document)) for document in trail.documents]
        removed += [_field(Item(key, "mark", document)) for document in trail.marks]
    written: list[str | bytes] = [DIGEST, pack(encode_digest(summary))]
    for item in folded.written:
        written += [_field(item), pack(encode_entry(summary, item))]
    return removed, written


def unpack_summary(fields: Mapping[bytes, bytes]) -> Ledger:
    digest = fields.get(DIGEST.encode("ascii"))
    if digest is None:
        return EMPTY
    entries = ((_item(field), unpack(packed)) for field, packed in fields.items() if field.startswith(b"["))
    return decode_summary(unpack(digest), entries)


def paired(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """What HGETALL gives, in a script."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _field(item: Item) -> str:
    return orjson.dumps([*item.key, item.shelf, item.document]).decode("utf-8")


def _item(field: bytes) -> Item:
    branch, reader, era, shelf, document = orjson.loads(field)
    return Item(TrailKey(branch, reader, era), shelf, document)
