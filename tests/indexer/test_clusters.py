"""Near-duplicates: against every pair compared by hand, in any order, in any batches, with members lost."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.clusters import cluster_name, clusters
from indexer.limits import ClusterLimits
from indexer.shingles import jaccard, shingle_hashes, signature
from ranking.types import Hashes

LIMITS = ClusterLimits()
NONE = np.zeros(0, dtype=np.uint64)
KNOWN = [137163058, 316248663]  # of one text, computed in another process


class Corpus:
    """Documents by row, and the cluster of each as `clusters` sees it."""

    def __init__(self, documents: Sequence[tuple[str, str]], limits: ClusterLimits = LIMITS) -> None:
        self.ids = [id for id, _ in documents]
        self.shingles = [shingle_hashes("", text, limits) for _, text in documents]
        self.signatures = np.array([signature(found, limits) for found in self.shingles]).reshape(
            -1, limits.permutations
        )
        self.limits = limits
        self.read = 0

    def cluster(
        self, live: Sequence[bool] = (), fresh: Sequence[bool] = (), previous: Hashes = NONE, lost: Hashes = NONE
    ) -> Hashes:
        size = len(self.ids)
        return clusters(
            self.ids,
            self.signatures,
            np.array(live or [True] * size, dtype=bool),
            np.array(fresh or [True] * size, dtype=bool),
            previous if len(previous) else np.zeros(size, dtype=np.uint64),
            lost,
            self.of,
            self.limits,
        )

    def of(self, rows: Sequence[int]) -> list[Hashes]:
        self.read += len(rows)
        return [self.shingles[row] for row in rows]


def oracle(documents: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Every pair, and the smallest id that can be reached."""
    shingles = {id: set(shingle_hashes("", text, LIMITS).tolist()) for id, text in documents}

    def alike(a: str, b: str) -> bool:
        either = len(shingles[a] | shingles[b])
        return either > 0 and len(shingles[a] & shingles[b]) / either >= LIMITS.jaccard

    names = {}
    for id in shingles:
        reached, waiting = {id}, [id]
        while waiting:
            near = [other for other in shingles if other not in reached and alike(waiting[-1], other)]
            waiting.pop()
            reached.update(near)
            waiting.extend(near)
        names[id] = cluster_name(min(reached))
    return names


def text(generator: random.Random, words: int = 120) -> str:
    return " ".join(f"w{generator.randrange(3_000)}" for _ in range(words))


def edited(original: str, generator: random.Random, edits: int) -> str:
    words = original.split()
    for _ in range(edits):
        words[generator.randrange(len(words))] = f"e{generator.randrange(10_000)}"
    return " ".join(words)


def documents_of(seed: int, families: int = 6, copies: int = 5) -> list[tuple[str, str]]:
    """Families of texts that are nearly the same (0 or 1 edits) or clearly not (40 of 120 words)."""
    generator = random.Random(seed)
    found = []
    for family in range(families):
        base = text(generator)
        names = [f"{family}-{copy}-{generator.randrange(1000)}" for copy in range(copies)]
        found += [(name, edited(base, generator, generator.choice([0, 1, 40]))) for name in names]
    generator.shuffle(found)
    return found


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_clusters_are_those_of_comparing_every_pair(seed: int) -> None:
    """Named after the smallest id of each."""
    documents = documents_of(seed)
    corpus = Corpus(documents)
    assert dict(zip(corpus.ids, corpus.cluster().tolist(), strict=True)) == oracle(documents)


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_and_the_batches_change_nothing(seed: int, generator: random.Random) -> None:
    """In two steps with some documents lost between them: as if what is left had come at once."""
    documents = documents_of(seed)
    half = len(documents) // 2
    first = Corpus(documents[:half])
    before = first.cluster()
    gone = set(generator.sample(range(half), k=3))
    live = [row not in gone for row in range(len(documents))]
    whole = Corpus(documents)
    previous = np.append(before, np.zeros(len(documents) - half, dtype=np.uint64))
    fresh = [row >= half for row in range(len(documents))]
    found = whole.cluster(live, fresh, previous, np.unique(before[sorted(gone)]))
    left = [document for row, document in enumerate(documents) if live[row]]
    assert {id: c for id, c, kept in zip(whole.ids, found.tolist(), live, strict=True) if kept} == oracle(left)
    assert all(found[row] == 0 for row in gone)


def test_a_cluster_falls_apart_when_its_bridge_goes() -> None:
    """Two pages that are alike only through a third are not alike without it."""
    generator = random.Random(6)
    middle = text(generator).split()
    ends = [middle[:8], middle[-8:]]
    first = " ".join([*(f"a{n}" for n in range(len(ends[0]))), *middle[8:]])
    second = " ".join([*middle[:-8], *(f"b{n}" for n in range(len(ends[1])))])
    documents = [("1", first), ("2", " ".join(middle)), ("3", second)]
    corpus = Corpus(documents)
    assert jaccard(corpus.shingles[0], corpus.shingles[2]) < LIMITS.jaccard <= jaccard(*corpus.shingles[:2])
    before = corpus.cluster()
    assert before.tolist() == [cluster_name("1")] * 3
    after = corpus.cluster([True, False, True], [False] * 3, before, before[[1]])
    assert after.tolist() == [cluster_name("1"), 0, cluster_name("3")]


def test_only_new_documents_are_looked_at() -> None:
    """Adding one to many reads the texts of its candidates and of nothing else."""
    documents = documents_of(3, families=40)
    before = Corpus(documents).cluster()
    generator = random.Random(9)
    more = Corpus([*documents, ("new", text(generator)), ("copy", edited(documents[0][1], generator, 1))])
    found = more.cluster(
        fresh=[False] * len(documents) + [True, True], previous=np.append(before, np.zeros(2, dtype=np.uint64))
    )
    assert more.read <= 10
    assert found[-2] == cluster_name("new")
    assert found[-1] in (cluster_name(min("copy", documents[0][0])), found[0])


def test_short_and_empty_texts_are_alike_only_when_equal() -> None:
    """'Not found' pages of two titles are two pages; empty documents are no copies of each other."""
    hashes = [shingle_hashes(title, body, LIMITS) for title, body in
              [("a", "not found"), ("b", "not found"), ("a", "Not  found"), ("", ""), ("", "")]]  # fmt: skip
    assert jaccard(hashes[0], hashes[1]) == 0
    assert jaccard(hashes[0], hashes[2]) == 1
    assert len(hashes[3]) == 0
    empty = Corpus([("x", ""), ("y", ""), ("z", "")])
    assert len(set(empty.cluster().tolist())) == 3


def test_texts_without_spaces_are_compared_too() -> None:
    """Chinese and Japanese by their bigrams."""
    generator = random.Random(2)
    base = "".join(chr(0x4E00 + generator.randrange(2_000)) for _ in range(300))
    other = "".join(chr(0x4E00 + generator.randrange(2_000)) for _ in range(300))
    corpus = Corpus([("a", base), ("b", base[:150] + "的" + base[150:]), ("c", other)])
    found = corpus.cluster().tolist()
    assert found[0] == found[1] == cluster_name("a")
    assert found[2] == cluster_name("c")


def test_a_huge_family_of_templates_ends_in_time() -> None:
    """Fifteen hundred pages of one template that are no duplicates of each other: bounded work, no false join."""
    generator = random.Random(4)
    frame = text(generator, 100)
    corpus = Corpus([(f"{n:05d}", f"{frame} {text(generator, 45)}") for n in range(1_500)])
    found = corpus.cluster()
    assert len(set(found.tolist())) == 1_500
    assert corpus.read < 200_000


@given(st.integers(0, 10_000), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_signatures_estimate_jaccard(seed: int, edits: int) -> None:
    """Within five standard errors, and the same in every process."""
    generator = random.Random(seed)
    base = text(generator)
    first, second = (shingle_hashes("", version, LIMITS) for version in (base, edited(base, generator, edits)))
    estimate = float((signature(first, LIMITS) == signature(second, LIMITS)).mean())
    assert estimate == pytest.approx(jaccard(first, second), abs=5 * 0.5 / LIMITS.permutations**0.5)
    assert jaccard(first, second) == len({*first.tolist()} & {*second.tolist()}) / len(
        {*first.tolist()} | {*second.tolist()}
    )
    assert signature(shingle_hashes("", "one two three four five six " * 3, LIMITS), LIMITS)[:2].tolist() == KNOWN
