"""One tokenisation for queries and documents: given text, returns its tokens in order.

Tokens are runs of letters and digits, case-folded, compatibility-normalised (Unicode NFKC) and without Latin
diacritics; `_` separates, so identifiers match by their words. Runs of Chinese, Japanese and Thai, which
write no spaces, become overlapping character bigrams (a lone character stays itself). Not for stemming:
that is the index's business, because it depends on each document's language.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSPACED: Final = "\u0e00-\u0e7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_]|[\u0300-\u036f\u0900-\u0dff\u064b-\u0652])+")
_SYMBOLS: Final = re.compile(rf"[^\w\x00-\x7f{_UNSPACED}\u0300-\u036f\u0900-\u0dff\u064b-\u0652]+")
_ASCII_TOKEN: Final = re.compile(r"[a-z0-9]+")
_FIRST_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")
_TYPESET: Final = re.compile("[\u00a0\u2010-\u2015\u2018-\u201f\u2022\u2026]")
"""Spaces, dashes, quotation marks, bullets and ellipses: folding makes them parts of no token either, and takes ten
times as long."""
_LATIN_MARKS: Final = re.compile("[\u0300-\u036f]")
MAX_TOKEN_CHARACTERS: Final = 64
"""Longer tokens are cut: base64 and hashes would swell the vocabulary and match nothing."""


def fold(text: str) -> str:
    """Case-folded, NFKC, Latin diacritics and lone surrogates removed."""
    if text.isascii():
        return text.lower()
    clean = text.encode("utf-8", "ignore").decode("utf-8")
    decomposed = _LATIN_MARKS.sub("", unicodedata.normalize("NFKD", clean))
    return unicodedata.normalize("NFKC", decomposed).casefold()


def tokenize(text: str) -> list[str]:
    """Tokens of `text` in order, repeats kept."""
    folded = fold(text)
    if folded.isascii():
        return [token[:MAX_TOKEN_CHARACTERS] for token in _ASCII_TOKEN.findall(folded)]
    tokens: list[str] = []
    for run in _TOKEN.findall(folded):
        if _FIRST_UNSPACED.match(run) and len(run) > 1:
            tokens.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            tokens.append(run[:MAX_TOKEN_CHARACTERS])
    return tokens


def spaced(text: str) -> str:
    """A folded text with the same tokens, in which ASCII characters that are no letters or digits stand between any
    two: for counting tokens without making them."""
    folded = fold(text if text.isascii() else _TYPESET.sub(" ", text))
    if folded.isascii():
        return folded
    if _FIRST_UNSPACED.search(folded):
        return " ".join(tokenize(text))
    return _SYMBOLS.sub(" ", folded)
