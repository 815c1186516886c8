"""One tokenisation for queries and documents."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.text import MAX_TOKEN_CHARACTERS, fold, spaced, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown-fox", ["the", "quick", "brown", "fox"]),
        ("snake_case camelCase", ["snake", "case", "camelcase"]),
        ("Straße NAÏVE Ångström", ["strasse", "naive", "angstrom"]),
        ("ﬁle ２０２４ x²", ["file", "2024", "x2"]),
        ("東京都 と大阪", ["東京", "京都", "と大", "大阪"]),
        ("東", ["東"]),
        ("Python3で書く", ["python3", "で書", "書く"]),
        ("ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("한국어 검색", ["한국어", "검색"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("हिन्दी", ["हिन्दी"]),
        ("don't", ["don", "t"]),
        ("🙂 ... !!!", []),
        ("", []),
        ("a\ud800b", ["ab"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    """Letters and digits, case and Latin accents folded, unspaced scripts as bigrams."""
    assert tokenize(text) == tokens


@given(st.text(max_size=300))
def test_tokens_are_tokens_of_themselves(text: str) -> None:
    """Tokens are non-empty, bounded, and an ASCII one is its own only token."""
    for token in tokenize(text):
        assert 0 < len(token) <= MAX_TOKEN_CHARACTERS
        if token.isascii():
            assert tokenize(token) == [token]


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_space_separates(left: str, right: str) -> None:
    """Tokens of two texts with a space between are the tokens of each: what the parser relies on."""
    assert tokenize(f"{left} {right}") == tokenize(left) + tokenize(right)


@given(st.text(max_size=200))
def test_folding_settles(text: str) -> None:
    """Folding never raises and leaves no lone surrogate."""
    fold(text).encode("utf-8")


SEPARATED = re.compile(r"[\x00-\x2f\x3a-\x60\x7b-\x7f]+")


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("abc ’“”–…\u00a0é文字ไทย_½ﬁ™")))
def test_spaced_text_has_the_tokens(text: str) -> None:
    """In order and each by itself, whatever the script."""
    tokens = [token[:MAX_TOKEN_CHARACTERS] for token in SEPARATED.split(spaced(text)) if token]
    assert tokens == tokenize(text)
