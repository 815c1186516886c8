"""Postings as written and read: against counting by hand, in one block or many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import indexer.forward as forward
from indexer.analyze import stem
from indexer.arrays import ArrayWriter, read_arrays
from indexer.phrases import phrase_counts
from indexer.postings import PostingSet

WORDS = ["run", "runs", "running", "cat", "cats", "the", "chat", "chats", "東京", "京都"]
DOCUMENTS = st.lists(
    st.tuples(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from(["english", "french", ""])), max_size=8
)


def written(folder: Path, documents: list[tuple[list[str], str]]) -> PostingSet:
    scratch = folder / "scratch"
    scratch.mkdir()
    builder = forward.ForwardWriter(("body",), scratch)
    for tokens, algorithm in documents:
        builder.add("body", builder.vocabulary.number(tokens, algorithm))
    with ArrayWriter(folder / "postings.bin") as writer:
        builder.write(writer)
    assert not list(scratch.iterdir())
    return PostingSet.open(read_arrays(folder / "postings.bin"), ("body",), 0)


@pytest.mark.parametrize("block", [4_000_000, 5])
def test_postings_are_what_counting_gives(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Documents, frequencies and positions of every stem and surface, however small the blocks are."""
    monkeypatch.setattr(forward, "BLOCK_TOKENS", block)

    @settings(max_examples=40, deadline=None)
    @given(DOCUMENTS)
    def check(documents: list[tuple[list[str], str]]) -> None:
        held = written(tmp_path_factory.mktemp("postings"), documents)
        field, vocabulary = held.fields["body"], held.vocabulary
        assert field.length.tolist() == [len(tokens) for tokens, _ in documents]
        everyone = np.arange(len(documents))
        stems = {stem(token, algorithm) for tokens, algorithm in documents for token in tokens}
        assert vocabulary.stems == len(stems)
        for wanted in stems:
            at = [[i for i, t in enumerate(tokens) if stem(t, a) == wanted] for tokens, a in documents]
            found, frequencies = field.postings([(vocabulary.stem(wanted), -1)])
            assert found.tolist() == [i for i, places in enumerate(at) if places]
            assert frequencies.tolist() == [len(places) for places in at if places]
            keys = field.keys((vocabulary.stem(wanted), -1), everyone)
            assert keys.tolist() == [i << 32 | place for i, places in enumerate(at) for place in places]
        for surface in WORDS:
            at = [[i for i, t in enumerate(tokens) if t == surface] for tokens, _ in documents]
            places = vocabulary.surface(surface)
            found, frequencies = field.postings(places)
            assert found.tolist() == [i for i, own in enumerate(at) if own]
            assert frequencies.tolist() == [len(own) for own in at if own]
        assert vocabulary.stem("absent") == -1
        for prefix in ("ru", "c", "東", ""):
            names = {vocabulary.surfaces[token] for token in vocabulary.with_prefix(prefix)}
            assert names == {t for tokens, _ in documents for t in tokens if t.startswith(prefix)}

    check()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), max_size=14), st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.integers(0, 5), st.booleans(),
)  # fmt: skip
def test_phrases_are_what_trying_all_places_gives(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[str], phrase: list[str], slop: int, ordered: bool
) -> None:
    """Adjacent, ordered with slop, and in any order, words repeated in the phrase included."""
    from itertools import product

    held = written(tmp_path_factory.mktemp("phrases"), [(["z"], ""), (tokens, ""), (tokens[::-1], "")])
    places = [tuple(held.vocabulary.surface(token)) for token in phrase]
    expected = {}
    for document, line in ((1, tokens), (2, tokens[::-1])):
        starts = {
            min(spots)
            for spots in product(*([i for i, t in enumerate(line) if t == word] for word in phrase))
            if len(set(spots)) == len(spots)
            and (not ordered or list(spots) == sorted(spots))
            and max(spots) - min(spots) - len(spots) + 1 <= slop
        }
        if starts:
            expected[document] = len(starts)
    documents, counts = phrase_counts(held.fields["body"], places, slop, ordered)
    assert dict(zip(documents.tolist(), counts.tolist(), strict=True)) == expected
