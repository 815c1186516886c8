"""A document as rows of documents.sqlite: given a Document, returns its Row, and back. Pure; no SQL here.

Text and links are zstd frames. `edges` is what the link graph needs of the links, ready for numpy: a little-endian
uint64 pair (key of the target URL, key of the anchor text; 0 without text) for each followed link. Lone
surrogates, which neither SQLite nor JSON can hold, become U+FFFD here, whoever sent them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
import xxhash
import zstandard

from indexer.limits import StoreLimits
from indexer.urls import site_of, url_key
from ranking.types import Document, Hashes, Link

SIGN: Final = 1 << 63
"""SQLite integers are signed: keys are stored minus 2^63, so that their order stays."""

_CACHED_ANCHORS: Final = 16_384  # navigation repeats on every page of a site
_LOCAL = threading.local()


@dataclass(frozen=True, slots=True)
class Row:
    """One document, encoded. `fingerprint` is of all but `fetched_at`: equal fingerprint, same document."""

    id: str
    fingerprint: bytes
    columns: tuple[Any, ...]  # in the order of COLUMNS
    text: bytes
    links: bytes
    edges: bytes
    anchors: tuple[tuple[int, str], ...]  # (signed key, text)

    @property
    def size(self) -> int:
        return len(self.text) + len(self.links) + len(self.edges) + 64 * len(self.anchors) + 1_024


COLUMNS: Final = (
    "url", "url_key", "title", "site", "language", "author", "published_at", "modified_at", "fetched_at", "filetype",
    "content_hash", "metadata",
)  # fmt: skip


def clean(text: str) -> str:
    """`text` with lone surrogates replaced by U+FFFD (pairs that meet become their character)."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean_value(value: Any) -> Any:
    """A JSON value with every string in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name)): clean_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(inner) for inner in value]
    return value


def content_hash(title: str, text: str) -> str:
    """Of title and text: equal hash, equal content."""
    return xxhash.xxh3_128_hexdigest(f"{title}\n{text}".encode())


def compress(data: bytes, level: int) -> bytes:
    compressor = getattr(_LOCAL, "compressor", None)
    if compressor is None or _LOCAL.level != level:
        compressor = _LOCAL.compressor = zstandard.ZstdCompressor(level=level)
        _LOCAL.level = level
    return bytes(compressor.compress(data))


def decompress(data: bytes) -> bytes:
    decompressor = getattr(_LOCAL, "decompressor", None)
    if decompressor is None:
        decompressor = _LOCAL.decompressor = zstandard.ZstdDecompressor()
    return bytes(decompressor.decompress(data))


def encode(document: Document, limits: StoreLimits) -> Row:
    """The document's row. Missing site and content hash are filled in."""
    url, title, text = clean(document.url), clean(document.title), clean(document.text)
    metadata = orjson.dumps(clean_value(document.metadata), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    digest = document.content_hash or content_hash(title, text)
    columns = (
        url,
        url_key(url) - SIGN if url else None,
        title,
        document.site or site_of(url),
        document.language,
        None if document.author is None else clean(document.author),
        document.published_at,
        document.modified_at,
        document.fetched_at,
        document.filetype,
        digest,
        metadata.decode(),
    )
    lasting = [value for name, value in zip(COLUMNS, columns, strict=True) if name not in ("url_key", "fetched_at")]
    body = text.encode()
    links = orjson.dumps([(clean(link.url), clean(link.text), link.nofollow) for link in document.links])
    state = xxhash.xxh3_128(orjson.dumps(lasting))
    state.update(links)
    state.update(body)
    edges, anchors = _edges(document.links, limits)
    return Row(
        id=clean(document.id),
        fingerprint=state.digest(),
        columns=columns,
        text=compress(body, limits.compression),
        links=compress(links, limits.compression) if document.links else b"",
        edges=edges,
        anchors=anchors,
    )


def _edges(links: tuple[Link, ...], limits: StoreLimits) -> tuple[bytes, tuple[tuple[int, str], ...]]:
    pairs: list[int] = []
    anchors: dict[int, str] = {}
    for link in links:
        if link.nofollow:
            continue  # its author vouches for nothing
        key, text = _anchor(link.text, limits.anchor_characters)
        if key:
            anchors[key - SIGN] = text
        pairs += (url_key(link.url), key)
    return np.array(pairs, dtype="<u8").tobytes(), tuple(anchors.items())


@lru_cache(maxsize=_CACHED_ANCHORS)
def _anchor(text: str, longest: int) -> tuple[int, str]:
    tidy = " ".join(clean(text).split())[:longest]
    return (xxhash.xxh3_64_intdigest(tidy.encode()), tidy) if tidy else (0, "")


def edges_of(data: bytes) -> Hashes:
    """[m, 2] keys of target URL and anchor text."""
    return np.frombuffer(data, dtype="<u8").reshape(-1, 2)


def decode(id: str, columns: tuple[Any, ...], text: bytes, links: bytes) -> Document:
    """The document of a row, as it was stored."""
    named = dict(zip(COLUMNS, columns, strict=True))
    del named["url_key"]
    named["metadata"] = orjson.loads(named["metadata"])
    found = orjson.loads(decompress(links)) if links else ()
    return Document(
        id=id,
        text=decompress(text).decode() if text else "",
        links=tuple(Link(url, anchor, nofollow) for url, anchor, nofollow in found),
        **named,
    )
