"""Looking words up in an index with enough of them for bounds to matter, against counting every word of every page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.local import LocalIndex
from indexer.patterns import MAX_PROGRAM
from ranking.errors import ParamsError
from ranking.types import Document
from tests.contract.builders import local, memory
from tests.contract.samples import page

SYLLABLES = ("con", "nect", "run", "ning", "er", "ed", "s", "ation", "ab", "a", "katz", "en", "天気", "é", "x1")
LIMITS = st.sampled_from([1, 2, 3, 7, 50, 10_000])


def documents() -> tuple[Document, ...]:
    """Words of few syllables, so that many share a stem; common ones in most documents, most in one or two."""
    random = np.random.default_rng(11)
    words = ["".join(random.choice(SYLLABLES, random.integers(1, 4))) for _ in range(600)]
    chance = 1 / np.arange(1, len(words) + 1)
    made = []
    for number in range(120):
        text = " ".join(random.choice(words, 40, p=chance / chance.sum()))
        language = ["en", "de", None][number % 3]
        made.append(page(f"d{number:03}", f"https://x{number % 5}.org/{number}", text[:30], text, language=language))
    return tuple(made)


DOCUMENTS = documents()
ANCHORS = {"d007": "running connections\nconnects", "d008": "only anchors say this"}


@pytest.fixture(scope="module", params=["one segment", "three segments with deletes"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    layout = {"segments": 1} if request.param == "one segment" else {"segments": 3, "deleted": 2}
    return local(tmp_path_factory.mktemp("words"), DOCUMENTS, None, anchors=ANCHORS, **layout)


@lru_cache
def counted() -> Mapping[str, int]:
    """df of every word in any field: the oracle has counted them page by page."""
    return {word.token: word.df for word in memory(DOCUMENTS, None, ANCHORS).vocabulary("prefix", "", limit=100_000)}


def expected(distance: dict[str, int], limit: int) -> list[tuple[str, int, int]]:
    df = counted()
    ordered = sorted(distance, key=lambda token: (distance[token], -df[token], token))[:limit]
    return [(token, df[token], distance[token]) for token in ordered]


def found(index: LocalIndex, kind: str, text: str, limit: int, distance: int = 1) -> list[tuple[str, int, int]]:
    return [(w.token, w.df, w.distance) for w in index.vocabulary(kind, text, limit=limit, distance=distance)]


@settings(max_examples=60, deadline=None)
@given(text=st.sampled_from(["", "c", "con", "connect", "天", "é", "e", "zz", "x1x1x1x1", "only"]), limit=LIMITS)
def test_prefix(index: LocalIndex, text: str, limit: int) -> None:
    """The commonest words that begin so, whatever the limit."""
    begin = {token: 0 for token in counted() if token.startswith(text)}
    assert found(index, "prefix", text, limit) == expected(begin, limit)


@settings(max_examples=100, deadline=None)
@given(
    pattern=st.sampled_from(
        [".*", "con.*", "[^c]*", "[^a]+n[^a]*", "(con|run)(ning|nect)+s?", "a|b", "^run$", "..", "天.", "[a-z]+[0-9].*",
         ".{9,}", "", "q+", "(?i:RUN).*", r"\w+ing", r"x\d.*", r"(?s:.*)", r"[\W\w]+n", r"[\x00-\x7f]{8,}", r"run\s*s"],
    ),
    limit=LIMITS,
)  # fmt: skip
def test_regex(index: LocalIndex, pattern: str, limit: int) -> None:
    """A pattern fits whole words and never runs from one into the next; Python's own matcher is the oracle."""
    compiled = re.compile(pattern, re.ASCII)
    fitting = {token: 0 for token in counted() if compiled.fullmatch(token)}
    assert found(index, "regex", pattern, limit) == expected(fitting, limit)


@lru_cache(100_000)
def edits(one: str, other: str) -> int:
    """Optimal string alignment, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    best = min(edits(one[:-1], other) + 1, edits(one, other[:-1]) + 1)
    best = min(best, edits(one[:-1], other[:-1]) + (one[-1] != other[-1]))
    if len(one) > 1 and len(other) > 1 and one[-2:] == other[-1] + other[-2]:
        best = min(best, edits(one[:-2], other[:-2]) + 1)
    return best


@pytest.mark.parametrize("text", ["connect", "conenct", "run", "ca", "", "天気", "気天", "connectationed"])
@pytest.mark.parametrize("distance", [0, 1, 2])
@pytest.mark.parametrize("limit", [1, 5, 10_000])
def test_fuzzy(index: LocalIndex, text: str, distance: int, limit: int) -> None:
    """Nearest first, the commonest first among equals; two neighbours changing places is one edit."""
    near = {t: away for t in counted() if abs(len(t) - len(text)) <= distance and (away := edits(t, text)) <= distance}
    assert found(index, "fuzzy", text, limit, distance) == expected(near, limit)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("con(", "missing )"), ("a)|(b", "unexpected )"), ("(?=con)", "invalid perl operator"), (r"(a)\1", "invalid escape"),
        ("[z-a]", "invalid character class range"), ("*a", "no argument"), ("con\\", "trailing"),
        ("a{1,2000}", "invalid repetition size"), ("\ud800", "it is no text"),
        (".{1,900}", f"at most {MAX_PROGRAM:,}"), (r"\Arun\z", "beginning of the text"), (r"run\z", "end of the text"),
        (r"\C*", "a single byte"),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(index: LocalIndex, pattern: str, said: str) -> None:
    """The message says what is wrong with the pattern as it was written."""
    with pytest.raises(ParamsError, match=re.escape(said)) as error:
        index.vocabulary("regex", pattern, limit=10)
    assert "(?m)" not in error.value.message
    assert error.value.hint


def test_escapes_that_look_like_refused_ones_are_not(index: LocalIndex) -> None:
    """`\\\\A` is a backslash and an A."""
    assert found(index, "regex", r"\\A|run", 5) == expected({"run": 0}, 5)


def test_an_unknown_kind_is_refused(index: LocalIndex) -> None:
    with pytest.raises(ParamsError, match="no way to look up words"):
        index.vocabulary("suffix", "ing", limit=10)


def test_no_words_at_all(tmp_path: Path) -> None:
    """An empty collection has none."""
    empty = local(tmp_path, (), None, segments=0, anchors={})
    for kind, text in (("prefix", ""), ("regex", ".*"), ("fuzzy", "a")):
        assert empty.vocabulary(kind, text, limit=5, distance=2) == ()
