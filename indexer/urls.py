"""Names of pages: given a URL, returns its canonical form, the id of its page, its site, or its link key.

Two spellings of one page must give one id (ingest is idempotent) and one link key (links meet their target).
Not for deciding what may be fetched: that is the crawler's business, which also knows more spellings; a door that
has a crawler passes the crawler's own naming to the importer.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import xxhash

SCHEMES: Final = ("http", "https", "file")
"""What a document's URL may begin with: a result's URL is shown as a link, so no `javascript:` or `data:`."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PORTS: Final = tuple(f":{port}" for port in _DEFAULT_PORTS.values())
_PLACE: Final = "http://h.example"  # stands for the host while courlan and w3lib do the path
_CACHED_KEYS: Final = 32_768  # most links of a page are those of its neighbour


def canonical_url(url: str) -> str:
    """The spelling that identifies the page: scheme and host case, default port, fragment, tracking parameters, dot
    segments and query order settled. A URL that cannot be read is its own."""
    import courlan  # 0.1 s that a server which only reads need not pay
    from courlan.clean import TRACKERS_RE
    from w3lib.url import canonicalize_url

    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
        pieces = [
            piece
            for piece in parts.query.split("&")
            if piece and not TRACKERS_RE.search(piece.partition("=")[0].lower())
        ]
        path = courlan.normalize_url(_PLACE + (parts.path or "/"))
        whole = canonicalize_url(path + ("?" + "&".join(pieces) if pieces else ""))
    except ValueError:
        return url.strip()
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{whole[len(_PLACE) :]}"


def page_id(url: str) -> str:
    """The id of the page at this URL, when none is given: BLAKE2b (16 bytes, hex) of the canonical URL."""
    return hashlib.blake2b(canonical_url(url).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def site_of(url: str) -> str:
    """Host of the URL, lower case, without port; "" when there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=_CACHED_KEYS)
def url_key(url: str) -> int:
    """64-bit key under which a link and its target meet: blind to scheme, fragment, default port, host case and
    trailing slash. A microsecond: a link graph has millions."""
    head = url.partition("#")[0]
    _, found, rest = head.partition("://")
    host, _, path = (rest if found else head).partition("/")
    host = host.lower()
    if host.endswith(_PORTS):
        host = host.rpartition(":")[0]
    return xxhash.xxh3_64_intdigest(f"{host}/{path.rstrip('/')}".encode("utf-8", "surrogatepass"))
