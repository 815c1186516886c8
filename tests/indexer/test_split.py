"""Passages of Markdown: the laws, and how headings, code and tables are kept."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.settings import IndexSettings
from indexer.split import embedding_text, estimate, split

SMALL = IndexSettings(passage_tokens=20, overlap_tokens=6, section_tokens=8)
LINES = st.sampled_from(
    ["# Top", "## Sub ##", "###", "####### not", "plain words here. Another sentence! And more?", "- item one", "1. two",
     "```", "```python", "~~~", "code(x, y)", "| a | b |", "|---|---|", "", "   ", "東京は日本の首都です。今日は晴れ。", "กรุงเทพเป็นเมืองหลวง",
     "a" * 90, "x-y_z " * 30, "\u2028", "\ud800", "#hash", "tab\tbed", "é" * 50, "🙂 🙂", "[a](http://b.c/d)"]
)  # fmt: skip
TEXTS = st.one_of(st.lists(LINES, max_size=25).map("\n".join), st.text(max_size=300))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
@example("")
@example("\n\n")
@example("word")
def test_passages_cover_the_text_in_order(text: str) -> None:
    """Every non-blank character is in a passage, starts and ends grow, cells tile the text, nothing is empty."""
    parts = split(text, SMALL)
    covered = [False] * len(text)
    for section in parts.sections:
        assert 0 <= section.start < section.end <= len(text)
        assert text[section.start : section.end] == text[section.start : section.end].strip()
        covered[section.start : section.end] = [True] * (section.end - section.start)
        first, last = parts.cells(section)
        assert (parts.cuts[first], parts.cuts[last]) == (section.start, section.end)
    assert not [i for i, character in enumerate(text) if not covered[i] and not character.isspace()]
    assert all(a.start < b.start and a.end < b.end for a, b in pairwise(parts.sections))
    assert parts.cuts[0] == 0
    assert parts.cuts[-1] == len(text)
    assert all(a < b for a, b in pairwise(parts.cuts))


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_cut_is_inside_a_word(text: str) -> None:
    """Where two Latin letters or digits touch, there is no border."""
    for section in split(text, SMALL).sections:
        for border in (section.start, section.end):
            around = text[max(border - 1, 0) : border + 1]
            assert not (len(around) == 2 and around.isascii() and around.isalnum())


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_passages_are_of_the_wanted_size(text: str) -> None:
    """A passage is larger than asked for only when it is one unbroken word, or a heading and one piece."""
    for section in split(text, SMALL).sections:
        passage = text[section.start : section.end]
        words = [estimate(word) for word in passage.split()] or [0]
        assert estimate(passage) <= SMALL.passage_tokens + max(words) + sum(
            estimate(line) for line in passage.splitlines() if line.lstrip().startswith("#")
        )


def test_the_headings_above_are_known() -> None:
    """The path follows the levels, markup and closing #s taken out."""
    text = "# A *guide* #\n\n" + "one. " * 30 + "\n\n## [Sub](x)\n\n" + "two. " * 30 + "\n\n# C#\n\n" + "three. " * 30
    parts = split(text, SMALL)
    assert list(dict.fromkeys(section.heading for section in parts.sections)) == ["A guide", "A guide > Sub", "C#"]
    assert parts.headings == ("A guide", "Sub", "C#")


def test_a_heading_inside_code_is_code() -> None:
    """A comment in a fenced block is no heading, and a block that fits stays whole."""
    text = "intro\n\n```sh\n# not a heading\nls\n\nls -l\n```\n\nafter"
    parts = split(text, IndexSettings(passage_tokens=30, overlap_tokens=5, section_tokens=1))
    assert parts.headings == ()
    assert any("# not a heading\nls\n\nls -l\n```" in text[s.start : s.end] for s in parts.sections)


def test_a_table_that_fits_stays_whole() -> None:
    """Rows are not parted when the table is small, and are parted between rows when it is large."""
    row = "| cell | cell |\n"
    small = "words " * 15 + "\n\n" + row * 2
    parts = split(small, SMALL)
    assert any(small[s.start : s.end].count("| cell | cell |") == 2 for s in parts.sections)
    large = row * 50
    for section in split(large, SMALL).sections:
        assert large[section.start : section.end].endswith("|")


def test_neighbours_overlap_by_a_sentence() -> None:
    """The end of a passage comes again at the start of the next of its section."""
    text = " ".join(f"Sentence {i} is here." for i in range(40))
    parts = split(text, SMALL)
    assert len(parts.sections) > 3
    assert all(b.start < a.end for a, b in pairwise(parts.sections))


def test_the_embedded_text_carries_its_context() -> None:
    """Title and headings come first, each once, and can be left out."""
    assert embedding_text("T", "T > H", "see [x](http://y)", IndexSettings()) == "T\nH\nsee [x] "
    assert embedding_text("T", "T", "p", IndexSettings()) == "T\np"
    assert embedding_text("T", "H", "p", IndexSettings(embed_title=False, embed_heading=False)) == "p"
    assert embedding_text("T", "", "", IndexSettings()) == "T"


@pytest.mark.parametrize(
    "text",
    ["x" * 2_000_000, "# " + " " * 500_000, "# " * 100_000, "# a\n" * 20_000, "- \n" * 50_000, "." * 200_000,
     "'" * 200_000 + ".'" * 50_000, "日" * 50_000, "a. " * 50_000, "```\n" * 50_000, "|" * 200_000, "\n" * 500_000],
    ids=range(12),
)  # fmt: skip
def test_hostile_texts_take_linear_time(text: str) -> None:
    """Megabytes of one pattern are split in seconds."""
    begun = time.process_time()
    split(text, IndexSettings())
    assert time.process_time() - begun < 10
