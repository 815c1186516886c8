"""What a generation says of itself: given a Manifest, returns the bytes of manifest.json, and back.

The file names every other file of the generation with size and XXH3-128, and carries a hash of itself; there is one
spelling of a manifest, so a single changed byte is noticed. Not for reading the files it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson
import xxhash

from indexer.errors import GenerationCorruptError, GenerationFormatError
from indexer.limits import GENERATION_FORMAT

MANIFEST: Final = "manifest.json"
_SPELLING: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment: its rows are the global rows [offset, offset + rows)."""

    name: str
    offset: int
    rows: int
    live: int  # rows that are not deleted
    passages: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    bytes: int
    xxh3_128: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`store` and `revision` name the state of documents.sqlite that it was built from."""

    id: str
    parent: str | None
    created: str  # RFC 3339, UTC
    store: str
    revision: int
    documents: int  # live
    rows: int  # with deleted ones
    passages: int  # of live documents
    embedder: str | None
    dimension: int
    settings: Mapping[str, Any]  # of splitter, analyzer and embedded text
    settings_hash: str
    segments: tuple[SegmentEntry, ...] = ()
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    missing: int = 0  # documents whose segment was damaged: salvage.py left them out
    format: int = GENERATION_FORMAT


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Equal hash, equal settings."""
    return xxhash.xxh3_64_hexdigest(orjson.dumps(dict(settings), option=orjson.OPT_SORT_KEYS))


def to_bytes(manifest: Manifest) -> bytes:
    body = asdict(manifest)
    body["checksum"] = _checksum(body)
    return orjson.dumps(body, option=_SPELLING)


def from_bytes(data: bytes) -> Manifest:
    """Raises GenerationCorruptError, GenerationFormatError."""
    try:
        body = orjson.loads(data)
        checksum = body.pop("checksum")
        whole = checksum == _checksum(body) and orjson.dumps({**body, "checksum": checksum}, option=_SPELLING) == data
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise GenerationCorruptError(f"{MANIFEST} is not readable: {error}") from error
    if not whole:
        raise GenerationCorruptError(f"{MANIFEST} was changed: its checksum does not match")
    if body["format"] != GENERATION_FORMAT:
        raise GenerationFormatError(
            f"generation {body['id']} has format {body['format']}, this version reads format {GENERATION_FORMAT}",
            hint="run `forage index --rebuild`, or use the version of forage that wrote it",
        )
    body["segments"] = tuple(SegmentEntry(**entry) for entry in body["segments"])
    body["files"] = {path: FileEntry(**entry) for path, entry in body["files"].items()}
    return Manifest(**body)


def _checksum(body: Mapping[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS))
