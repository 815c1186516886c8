"""How sessions are called in Redis: given a tenant and an id, returns the names of its keys.

The keys of one session share a hash tag, so they lie on one node. A request id is known before its session is, so it
has a key of its own, and so has a tenant's list. Names from outside are written in ASCII without braces, and long ones
as their hash. Not for what is under the keys (redis_scripts.py).
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple
from urllib.parse import quote

PREFIX: Final = "forage"

LONGEST_NAME: Final = 200
"""Characters of a name that is written out."""


class SessionKeys(NamedTuple):
    """`session`: a hash. `events`: a list, from the summary's seq on. `summary`: a hash, by entry. `kept`: a sorted set
    of the keys that are erased with it, by when they expire. `recent`: a list of its latest answers that no request id
    asks for. `listing`: a sorted set of the tenant's sessions."""

    session: str
    events: str
    summary: str
    kept: str
    recent: str
    listing: str


def session_keys(tenant: str, session_id: str) -> SessionKeys:
    tag = _tag(tenant, session_id)
    parts = {part: f"{tag}:{part}" for part in SessionKeys._fields if part != "listing"}
    return SessionKeys(**parts, listing=listing_key(tenant))


def answer_key(tenant: str, session_id: str, number: int, seq: int) -> str:
    """`number` is the session's incarnation."""
    return f"{_tag(tenant, session_id)}:answer:{number}:{seq}"


def listing_key(tenant: str) -> str:
    return f"{_tag(tenant)}:sessions"


def request_key(tenant: str, request_id: str) -> str:
    return f"{_tag(tenant, request_id)}:request"


def _tag(*names: str) -> str:
    """What decides on which node a key lies."""
    return f"{PREFIX}:{{{':'.join(map(name, names))}}}"


def name(text: str) -> str:
    """Letters, digits, `_.-~` and percent signs; another text has another name."""
    written = quote(text, safe="", errors="surrogatepass")
    return written if len(written) <= LONGEST_NAME else "%%" + hashlib.sha256(written.encode("ascii")).hexdigest()
