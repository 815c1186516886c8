"""Values of filters: given text as an operator or a request field has it, returns its canonical form.

The one place where `site:` in a query and `filters.include_sites` in a request come to mean the same. Each
function raises ParamsError, saying what was given and what would work. Not for dates (dates.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ranking.errors import ParamsError
from ranking.shown import shown

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_ADDRESS_6: Final = re.compile(r"\[[0-9a-f:.]{2,45}\]", re.ASCII)
_PORT: Final = re.compile(r":\d{1,5}", re.ASCII)
_FILETYPE: Final = re.compile(r"[a-z0-9][a-z0-9+_-]{0,15}", re.ASCII)
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*", re.ASCII)
_FILETYPE_ALIASES: Final[Mapping[str, str]] = {"htm": "html", "xhtml": "html", "markdown": "md", "text": "txt"}
_MAX_HOST_CHARACTERS: Final = 253


def host(text: str) -> str:
    """Lower-case host without scheme, port, path and wildcard; international names in their ASCII form."""
    name, _ = _split_address(text)
    return name


def site(text: str) -> str:
    """`host` or `host/path`: as host(), and the path as written without a slash at its end."""
    name, path = _split_address(text)
    return name + path.rstrip("/")


def address(text: str) -> str:
    """A URL or host/path to compare URLs with: no spaces, scheme and host in lower case."""
    written = text.strip()
    scheme = _SCHEME.match(written)
    name, _ = _split_address(written)
    rest = written[scheme.end() :] if scheme else written
    cut = min((at for at in (rest.find(mark) for mark in "/?#") if at >= 0), default=len(rest))
    port = _PORT.search(rest[:cut].rpartition("]")[2])
    return (scheme[0].lower() if scheme else "") + name + (port[0] if port else "") + rest[cut:]


def filetype(text: str) -> str:
    """A file's kind by its extension, lower case, without the dot."""
    name = text.strip().lower().removeprefix(".")
    if not _FILETYPE.fullmatch(name):
        raise ParamsError(f"{shown(text)} is no file type", hint="write an extension such as pdf, html or md")
    return _FILETYPE_ALIASES.get(name, name)


def language(text: str) -> str:
    """The primary language tag, lower case: `en-US` is `en`."""
    match = _LANGUAGE.fullmatch(text.strip().lower())
    if not match:
        raise ParamsError(f"{shown(text)} is no language code", hint="write an ISO 639-1 code such as en, de or ja")
    return match[1]


def _split_address(text: str) -> tuple[str, str]:
    written = text.strip()
    if scheme := _SCHEME.match(written):
        written = written[scheme.end() :]
    cut = min((at for at in (written.find(mark) for mark in "/?#") if at >= 0), default=len(written))
    authority, path = written[:cut].lower().rpartition("@")[2], written[cut:]
    name = authority.removeprefix("*.").removeprefix(".").removesuffix(".")
    if bracketed := _ADDRESS_6.match(name):
        return bracketed[0][1:-1], _without_query(path)
    name = _PORT.sub("", name) if _PORT.search(name) and name.count(":") == 1 else name
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise _no_host(text) from None
    if not name or len(name) > _MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise _no_host(text)
    return name, _without_query(path)


def _without_query(path: str) -> str:
    return re.split("[?#]", path, maxsplit=1)[0]


def _no_host(text: str) -> ParamsError:
    return ParamsError(f"{shown(text)} is no host", hint="write a host such as docs.python.org, with a /path if wanted")
