"""Names of pages: given a URL, returns its canonical form, its document id, its site, or its link key.

Two spellings of one page must give one id (ingest is idempotent) and one link key (links meet their target).
Not for deciding what may be fetched: that is the crawler's business.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import courlan
import xxhash
from w3lib.url import canonicalize_url

SCHEMES: Final = ("http", "https", "file")
"""What a document's URL may begin with: a result's URL is shown as a link, so no `javascript:` or `data:`."""

_PORTS: Final = (":80", ":443")


def canonical_url(url: str) -> str:
    """The spelling that identifies the page: default port, fragment, dot segments and query order settled."""
    try:
        return canonicalize_url(courlan.normalize_url(url, strict=False))
    except ValueError:
        return url.strip()


def document_id(url: str) -> str:
    """The id of the page at this URL, when none is given: 16 bytes of XXH3 of the canonical URL, in hex."""
    return xxhash.xxh3_128_hexdigest(canonical_url(url).encode("utf-8", "surrogatepass"))


def site_of(url: str) -> str:
    """Host of the URL, lower case, without port; "" when there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


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
