"""What the index reads in a text: given Markdown, a URL or a token, returns the tokens and stems it is found by.

Tokens are those of ranking.text. Stems are Snowball's for the document's language; a document of unknown language
counts as IndexSettings.default_language, and a language that Snowball does not know (Chinese, Japanese, Thai,
Polish, ...) is not stemmed: there a stem is the token itself. Not for queries' choices: see terms.py.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import Stemmer
import xxhash

from ranking.text import tokenize

ANALYZER: Final = "forage-1"
"""Raised whenever a token or stem of any text changes: segments of two analyzers must not meet."""

SNOWBALL: Final = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""ISO 639-1 -> Snowball algorithm."""

_LINK_TARGET: Final = re.compile(r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"\n]*\")?\)")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_CACHED_STEMS: Final = 65_536
_LOCAL: Final = threading.local()


def algorithm_of(language: str | None, default: str) -> str:
    """Name of the Snowball algorithm for a document's language; "" when its tokens stay as they are."""
    return SNOWBALL.get((language or default).lower()[:2], "")


def _stemmer(algorithm: str) -> Any:
    """A Stemmer of this thread: the C object keeps state between calls."""
    stemmers: dict[str, Any] = _LOCAL.__dict__.setdefault("stemmers", {})
    if algorithm not in stemmers:
        stemmers[algorithm] = Stemmer.Stemmer(algorithm, 0)
    return stemmers[algorithm]


@lru_cache(maxsize=_CACHED_STEMS)
def stem(token: str, algorithm: str) -> str:
    """The stem of a token; the token itself for algorithm ""."""
    if not algorithm:
        return token
    stemmed: str = _stemmer(algorithm).stemWord(token)
    return stemmed


def readable(markdown: str) -> str:
    """Markdown without the targets of its links, which are not what a page says."""
    return _LINK_TARGET.sub("] ", markdown) if "](" in markdown else markdown


def body_tokens(markdown: str) -> list[str]:
    return tokenize(readable(markdown))


def url_tokens(url: str) -> list[str]:
    """Tokens of host, path and query, percent-escapes decoded; the scheme says nothing."""
    return tokenize(unquote(_SCHEME.sub("", url), errors="ignore"))


def url_depth(url: str) -> int:
    """Non-empty path segments."""
    try:
        return sum(1 for part in urlsplit(url).path.split("/") if part)
    except ValueError:
        return 0


def token_hash(token: str) -> int:
    """XXH64: the key of a token or stem in every vocabulary."""
    return xxhash.xxh64_intdigest(token.encode("utf-8", "surrogatepass"))
