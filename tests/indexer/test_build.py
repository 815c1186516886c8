"""Builds: only what changed is written, nothing is embedded twice, and the old generation outlives every failure."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.assembly import Limits
from indexer.build import build
from indexer.compact import Size, batch_size, merges
from indexer.documents import DocumentStore
from indexer.errors import EmbedderMismatchError, SettingsMismatchError
from indexer.generation import Generation, generation_ids, open_current
from indexer.limits import BuildLimits
from indexer.overlay import read_overlay
from indexer.progress import Progress
from indexer.segment import read_ids
from indexer.settings import IndexSettings
from indexer.storage import files_below
from tests.indexer.build_support import CountingEmbedder, built, fill, page, served


def current(collection: Path) -> Generation:
    generation = open_current(collection).generation
    assert generation is not None
    return generation


def inodes(generation: Generation) -> dict[str, tuple[int, int]]:
    """File within the generation -> inode and time of the last change of content."""
    return {
        path.relative_to(generation.folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in files_below(generation.folder)
        if path.relative_to(generation.folder).parts[0] in ("segments", "sketches")
    }


def test_the_first_build_makes_everything_searchable(tmp_path: Path) -> None:
    """And the next one, without changes, says that there is nothing to do."""
    embedder = CountingEmbedder()
    fill(tmp_path, [page(n) for n in range(30)])
    report = build(tmp_path, embedder)
    assert (report.changed, report.added, report.documents, report.segments, report.parent) == (True, 30, 30, 1, None)
    assert report.embedded == report.passages == embedder.texts >= 30
    assert current(tmp_path).manifest.embedder == "counting"
    again = build(tmp_path, embedder)
    assert (again.changed, again.generation, again.embedded) == (False, report.generation, 0)
    assert generation_ids(tmp_path) == [report.generation]


def test_adding_documents_rewrites_and_embeds_only_them(tmp_path: Path) -> None:
    """A hundred into many: the files of the others are the same inodes, untouched."""
    embedder = CountingEmbedder()
    fill(tmp_path, [page(n) for n in range(600)])
    build(tmp_path, embedder)
    before, counted = inodes(current(tmp_path)), embedder.texts
    fill(tmp_path, [page(n) for n in range(600, 700)])
    report = build(tmp_path, embedder)
    assert (report.added, report.replaced, report.removed, report.segments, report.merged) == (100, 0, 0, 2, 0)
    assert embedder.texts - counted == report.embedded == current(tmp_path).manifest.segments[1].passages
    after = inodes(current(tmp_path))
    assert {name: after[name] for name in before} == before
    assert len(served(tmp_path)) == 700


def test_changed_and_removed_documents_leave_and_new_versions_come(tmp_path: Path) -> None:
    """What is served is what is stored."""
    built(tmp_path, [page(n) for n in range(200)])
    report = built(tmp_path, [page(7, "seven, changed"), page(300)], removed=["d00009", "d00010"])
    assert (report.added, report.replaced, report.removed, report.documents) == (1, 1, 2, 199)
    found = served(tmp_path)
    assert found["d00007"] == "seven, changed"
    assert "d00300" in found
    assert not found.keys() & {"d00009", "d00010"}
    manifest = current(tmp_path).manifest
    assert [(entry.rows, entry.live) for entry in manifest.segments] == [(200, 197), (2, 2)]


def test_a_change_beside_the_text_embeds_nothing(tmp_path: Path) -> None:
    """A new date or link makes a new row, with the vectors that are known."""
    embedder = CountingEmbedder()
    fill(tmp_path, [page(n) for n in range(40)])
    build(tmp_path, embedder)
    counted = embedder.texts
    fill(tmp_path, [replace(page(n), published_at="2021-05") for n in range(10)])
    report = build(tmp_path, embedder)
    assert (report.replaced, report.embedded) == (10, 0)
    assert report.reused >= 10
    assert embedder.texts == counted


def test_new_aliases_make_a_new_overlay_and_nothing_else(tmp_path: Path) -> None:
    """A link to an old address counts for the page that it leads to."""
    built(tmp_path, [page(1, links=["old"]), page(2)])
    assert read_overlay(current(tmp_path).overlay).inlinks.tolist() == [0, 0]
    before = inodes(current(tmp_path))
    with DocumentStore(tmp_path / "documents.sqlite") as store:
        store.alias([("http://a.example/old", "d00002")])
    report = build(tmp_path, None)
    assert (report.changed, report.added, report.segments) == (True, 0, 1)
    assert inodes(current(tmp_path)) == before
    assert read_overlay(current(tmp_path).overlay).inlinks.tolist() == [0, 1]


def test_a_first_build_is_cut_into_segments(tmp_path: Path) -> None:
    """Bounded memory, whatever the number of documents; the limit of segments is kept without merging."""
    limits = Limits(BuildLimits(batch_documents=10, max_segments=4))
    report = built(tmp_path, [page(n) for n in range(35)], limits=limits)
    assert (report.segments, report.merged) == (4, 0)
    assert [entry.offset for entry in current(tmp_path).manifest.segments] == [0, 10, 20, 30]
    assert batch_size(1_000, limits.build) == 250
    assert len(served(tmp_path)) == 35


def test_many_small_builds_are_merged_without_embedding_again(tmp_path: Path) -> None:
    """The number of segments stays bounded, the large one stays as it is, and nothing is lost."""
    embedder = CountingEmbedder()
    fill(tmp_path, [page(n) for n in range(200)])
    limits = Limits(BuildLimits(max_segments=3))
    build(tmp_path, embedder, limits=limits)
    large = inodes(current(tmp_path))
    merged = 0
    for step in range(8):
        fill(tmp_path, [page(200 + 3 * step + n) for n in range(3)], removed=[f"d{step:05d}"])
        report = build(tmp_path, embedder, limits=limits)
        merged += report.merged
        assert report.segments <= 3
        assert report.embedded == 3
    assert merged
    assert {name: inode for name, inode in inodes(current(tmp_path)).items() if name in large} == large
    assert served(tmp_path).keys() == {f"d{n:05d}" for n in range(8, 224)}
    rows = np.concatenate([read_ids(folder) for folder in current(tmp_path).segments])
    assert len(rows) == current(tmp_path).manifest.rows


def test_a_segment_of_mostly_deleted_rows_is_rewritten(tmp_path: Path) -> None:
    """So that the disk is given back; a few deleted rows are left where they are."""
    built(tmp_path, [page(n) for n in range(300)])
    built(tmp_path, removed=[f"d{n:05d}" for n in range(60)])
    assert current(tmp_path).manifest.rows == 300
    report = built(tmp_path, removed=[f"d{n:05d}" for n in range(60, 120)])
    assert (report.merged, report.documents, current(tmp_path).manifest.rows) == (1, 180, 180)
    assert served(tmp_path).keys() == {f"d{n:05d}" for n in range(120, 300)}


def test_a_collection_can_become_empty_and_full_again(tmp_path: Path) -> None:
    """A generation without documents is a generation."""
    nothing = build(tmp_path, None)
    assert (nothing.generation, nothing.notices[0].code) == (None, "no_documents")
    built(tmp_path, [page(1), page(2)])
    report = built(tmp_path, removed=["d00001", "d00002"])
    assert (report.changed, report.documents, report.segments) == (True, 0, 0)
    assert served(tmp_path) == {}
    assert built(tmp_path, [page(1)]).documents == 1
    assert len(served(tmp_path)) == 1


def test_another_embedder_is_refused_until_the_index_is_rebuilt(tmp_path: Path) -> None:
    """Vectors of two models must not meet; the message says how to go on."""
    fill(tmp_path, [page(n) for n in range(5)])
    build(tmp_path, CountingEmbedder("one"))
    fill(tmp_path, [page(9)])
    for other in (CountingEmbedder("two"), None):
        with pytest.raises(EmbedderMismatchError, match="built with the embedder one") as caught:
            build(tmp_path, other)
        assert caught.value.status == 409
        assert "forage index --rebuild" in str(caught.value.hint)
    second = CountingEmbedder("two")
    report = build(tmp_path, second, rebuild=True)
    assert (report.documents, report.embedded, current(tmp_path).manifest.embedder) == (6, second.texts, "two")
    assert current(tmp_path).manifest.segments[0].rows == 6


def test_other_settings_are_refused_until_the_index_is_rebuilt(tmp_path: Path) -> None:
    """Unless they only change how fast it is built; known vectors are taken over."""
    embedder = CountingEmbedder()
    fill(tmp_path, [page(n) for n in range(5)])
    build(tmp_path, embedder, IndexSettings(embed_batch=8))
    fill(tmp_path, [page(9)])
    with pytest.raises(SettingsMismatchError, match="passage_tokens was 200 and is 100"):
        build(tmp_path, embedder, IndexSettings(passage_tokens=100))
    report = build(tmp_path, embedder, IndexSettings(passage_tokens=100), rebuild=True)
    assert (report.documents, report.reused) == (6, 5)
    assert build(tmp_path, embedder, IndexSettings(passage_tokens=100, embed_batch=4)).changed is False


def test_progress_is_told_with_time_left(tmp_path: Path) -> None:
    """Each stage ends at its total, and the embedding knows its rate."""
    told: list[Progress] = []
    fill(tmp_path, [page(n) for n in range(300)])
    limits = Limits(BuildLimits(progress_seconds=0, batch_documents=100))
    report = build(tmp_path, CountingEmbedder(), progress=told.append, limits=limits)
    stages = list(dict.fromkeys(p.stage for p in told))
    assert stages == ["embed", "links", "duplicates", "verify"]
    embedding = [p for p in told if p.stage == "embed"]
    assert [p.done for p in embedding] == sorted(p.done for p in embedding)
    assert embedding[-1].done == embedding[-1].total == report.passages
    assert all(abs(p.total - report.passages) <= 0.1 * report.passages for p in embedding)
    assert all(p.rate > 0 and p.eta is not None for p in embedding[1:])


def test_near_duplicates_and_authority_do_not_depend_on_the_batches(tmp_path: Path) -> None:
    """Documents in one build or in five, with changes on the way: the same overlay by document."""
    generator = random.Random(1)
    copies = {n: " ".join(f"w{generator.randrange(400)}" for _ in range(80)) for n in range(6)}
    documents = [page(n, copies[n % 6] + f" tail{n}", links=[str((n * k) % 60) for k in (2, 3, 7)]) for n in range(60)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    built(whole, documents)
    built(parts, [page(n, copies[(n + 1) % 6]) for n in range(0, 60, 9)])
    generator.shuffle(documents)
    for start in range(0, 60, 15):
        built(parts, documents[start : start + 15], limits=Limits(BuildLimits(max_segments=2)))

    def overlay(collection: Path) -> dict[str, tuple[int, float, int]]:
        generation = current(collection)
        arrays = read_overlay(generation.overlay)
        ids = [id for folder in generation.segments for id in read_ids(folder)]
        columns = zip(ids, arrays.deleted, arrays.cluster, arrays.authority, arrays.inlinks, strict=True)
        return {id: (int(c), round(float(a), 9), int(n)) for id, gone, c, a, n in columns if not gone}

    assert overlay(whole) == overlay(parts)
    assert len({cluster for cluster, _, _ in overlay(whole).values()}) == 6


@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["x", "y", None])), max_size=6), min_size=1, max_size=5
    )
)
def test_whatever_happens_the_index_serves_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[int, str | None]]]
) -> None:
    """Any sequence of additions, changes and removals, built in between, against a dictionary."""
    collection = tmp_path_factory.mktemp("any")
    model: dict[str, str] = {}
    for step in steps:
        for number, text in step:
            if text is None:
                built(collection, removed=[f"d{number:05d}"]) if number == 0 else fill(
                    collection, [], [f"d{number:05d}"]
                )
                model.pop(f"d{number:05d}", None)
            else:
                fill(collection, [page(number, text)])
                model[f"d{number:05d}"] = text
        report = build(collection, None, limits=Limits(BuildLimits(max_segments=2, min_deleted_rows=1)))
        assert report.segments <= 2 or not report.changed  # built() above goes by other limits
        if report.generation is not None:
            assert served(collection) == model


# ---------------------------------------------------------------- which segments are merged

SIZES = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)).map(lambda t: Size(max(t), min(t))), max_size=30
)


@given(SIZES, st.integers(1, 10))
def test_a_merge_policy_bounds_segments_and_deleted_rows(sizes: list[Size], most: int) -> None:
    """After the merges there are at most so many segments, none mostly deleted; a merge never leaves things worse."""
    limits = BuildLimits(max_segments=most)
    groups = merges(sizes, limits)
    chosen = [at for group in groups for at in group]
    assert len(chosen) == len(set(chosen))
    assert all(sizes[at].live for at in chosen)
    left = [size for at, size in enumerate(sizes) if size.live and at not in chosen]
    assert len(left) + len(groups) <= most or (len(groups) == 1 and not left)
    for size in left:
        deleted = size.rows - size.live
        assert deleted < limits.min_deleted_rows or deleted <= limits.max_deleted_share * size.rows


@given(st.integers(1, 300), st.integers(1, 50))
def test_rows_are_rewritten_logarithmically_often(builds: int, batch: int) -> None:
    """Adding batches for ever costs about log(rows) rewrites a row, and never more than the limit of segments."""
    limits = BuildLimits()
    sizes: list[Size] = []
    written = 0
    for _ in range(builds):
        sizes.append(Size(batch, batch))
        for group in merges(sizes, limits):
            rows = sum(sizes[at].live for at in group)
            written += rows
            sizes = [size for at, size in enumerate(sizes) if at not in group] + [Size(rows, rows)]
        assert len(sizes) <= limits.max_segments
    assert written <= builds * batch * (1 + np.log2(builds + 1))
