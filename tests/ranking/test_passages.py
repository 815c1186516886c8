"""Which passages are shown, and how a text is recognised as read."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import PASSAGE_COSINE_SHARE
from ranking.passages import SeenMode, choose_passages, read_before
from ranking.shingles import coverage, shingles
from ranking.types import PassageEvidence
from tests.ranking.evidence import Page, seen


def evidence(bm25: Sequence[float], cosine: Sequence[float] | None = None) -> PassageEvidence:
    cosines = cosine or [math.nan] * len(bm25)
    return PassageEvidence(
        "a", np.arange(len(bm25), dtype=np.int32), np.array(cosines, np.float32), np.array(bm25, np.float32)
    )


def ordinals(*args: object, **more: object) -> list[int]:
    return [one.ordinal for one in choose_passages(*args, **more)]  # type: ignore[arg-type]


def test_the_best_passages_by_words_and_meaning_come_first() -> None:
    """1/3 bm25 + 2/3 (1 + cos)/2; ties go by place in the document."""
    chosen = choose_passages(evidence([0.9, 0.0, 0.0, 0.3], [-1.0, 1.0, 1.0, -1.0]), 3, None, "demote")
    assert [one.ordinal for one in chosen] == [1, 2, 0]
    assert chosen[0].score == pytest.approx(PASSAGE_COSINE_SHARE)
    assert chosen[2].score == pytest.approx(0.9 * (1 - PASSAGE_COSINE_SHARE))


def test_without_vectors_the_words_alone_decide() -> None:
    """NaN cosines leave bm25 as it is."""
    chosen = choose_passages(evidence([0.1, 0.7]), 1, None, "demote")
    assert [(one.ordinal, one.score) for one in chosen] == [(1, pytest.approx(0.7))]


@pytest.mark.parametrize("mode", ["demote", "drop"])
def test_shown_passages_give_way_to_the_best_unseen_ones(mode: SeenMode) -> None:
    """Seen ones fill up behind, marked."""
    record = seen(Page("a"), passages=[0, 1])
    chosen = choose_passages(evidence([0.9, 0.8, 0.1, 0.2]), 3, record, mode)
    assert [(one.ordinal, one.seen) for one in chosen] == [(3, False), (2, False), (0, True)]


def test_new_passages_shows_only_new_ones_but_never_nothing() -> None:
    """A page read to its end gives its best passage again, marked as seen."""
    some, all_of_them = seen(Page("a"), passages=[0]), seen(Page("a"), passages=[0, 1, 2])
    passages = evidence([0.9, 0.8, 0.1])
    assert ordinals(passages, 3, some, "new_passages") == [1, 2]
    (again,) = choose_passages(passages, 3, all_of_them, "new_passages")
    assert (again.ordinal, again.seen) == (0, True)


def test_off_forgets_what_was_shown() -> None:
    """Best first, nothing marked."""
    chosen = choose_passages(evidence([0.9, 0.8]), 2, seen(Page("a"), passages=[0]), "off")
    assert [(one.ordinal, one.seen) for one in chosen] == [(0, False), (1, False)]


def test_a_text_read_in_another_document_counts_as_shown() -> None:
    """Syndicated paragraphs give way like the page's own shown ones."""
    text = " ".join(f"word{i}" for i in range(80))
    half = text[: len(text) // 2]
    texts = [text, "something else entirely, of other words", f"{half} {half.replace('word', 'other')}", ""]
    hashed = [shingles(one) for one in texts]
    assert read_before(hashed, shingles(text)) == [True, False, False, False]
    assert read_before(hashed, frozenset()) == [False] * 4
    assert ordinals(evidence([0.9, 0.1]), 1, None, "demote", covered={0}) == [1]


@given(
    scores=st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1) | st.just(math.nan)), max_size=8),
    wanted=st.integers(0, 5),
    shown=st.sets(st.integers(0, 7)),
    mode=st.sampled_from(["demote", "new_passages", "drop", "off"]),
)
def test_a_document_with_passages_always_shows_some(
    scores: list[tuple[float, float]], wanted: int, shown: set[int], mode: SeenMode
) -> None:
    """As many as wanted and there; fewer only when only new ones are wanted; never repeated."""
    passages = evidence([one[0] for one in scores], [one[1] for one in scores] or None)
    chosen = choose_passages(passages, wanted, seen(Page("a"), passages=sorted(shown)), mode)
    assert len({one.ordinal for one in chosen}) == len(chosen) <= wanted
    if mode != "new_passages":
        assert len(chosen) == min(wanted, len(scores))
    assert bool(chosen) == bool(wanted and scores)


WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta"]), max_size=60).map(" ".join)


@given(first=WORDS, second=WORDS)
def test_shingles_of_a_text_are_kept_by_any_text_that_holds_it(first: str, second: str) -> None:
    """A long enough text's sampled shingles all appear again in a longer text around it; coverage is a share."""
    whole = shingles(f"{second} {first} {second}")
    if len(first.split()) >= 40:
        assert coverage(shingles(first), whole) == 1.0 or len(shingles(first)) == 1
    assert 0.0 <= coverage(shingles(first), shingles(second)) <= 1.0
    assert bool(shingles(first)) == bool(first)


def test_shingles_are_about_a_quarter_of_all_and_different_texts_share_none() -> None:
    """1 in 4 sampled by hash, below 2^32."""
    text = " ".join(f"w{i}" for i in range(4_000))
    sampled = shingles(text)
    assert 800 < len(sampled) < 1_200
    assert max(sampled) < 2**32
    assert coverage(sampled, shingles(" ".join(f"v{i}" for i in range(4_000)))) == 0.0
    assert coverage(frozenset(), sampled) == 0.0


def test_shingles_do_not_depend_on_the_process() -> None:
    """What a session stored yesterday is recognised by another process with another hash seed."""
    text = "the quick brown fox jumps over the lazy dog, and again over the lazy cat"
    script = f"from ranking.shingles import shingles; print(sorted(shingles({text!r})))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(sorted(shingles(text)))
