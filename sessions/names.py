"""Ids: given text from outside, returns it if it can name a session, reader, branch or request; mints new ones."""

from __future__ import annotations

import secrets
import unicodedata

from sessions.errors import InvalidName
from sessions.settings import MAX_NAME_CHARACTERS


def checked(what: str, value: str) -> str:
    """`value` itself. Raises InvalidName when it is empty, too long, or holds control characters or lone surrogates."""
    if not value or len(value) > MAX_NAME_CHARACTERS:
        raise InvalidName(
            f"{what} has {len(value)} characters; it must have 1 to {MAX_NAME_CHARACTERS}", path=what, hint="use a UUID"
        )
    if not (value.isascii() and value.isprintable()):
        bad = next((character for character in value if unicodedata.category(character) in ("Cc", "Cs")), None)
        if bad is not None:
            raise InvalidName(
                f"{what} holds the character U+{ord(bad):04X}", path=what, hint="use printable characters"
            )
    return value


def new_session_id() -> str:
    """128 random bits: unguessable, so an id is also the permission to read (within its tenant)."""
    return secrets.token_hex(16)


def new_owner() -> str:
    """Names one attempt at answering one request."""
    return secrets.token_hex(8)
