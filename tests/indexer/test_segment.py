"""Writing, merging and reading back a segment; overlays; and what a broken one says."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.arrays import ArrayWriter, read_arrays
from indexer.errors import EmbedderMismatchError, GenerationCorruptError, GenerationFormatError, IndexerError
from indexer.local import LocalIndex
from indexer.overlay import Overlay, read_overlay, write_overlay
from indexer.segment import known_vectors_of, merge_segments, read_counts, read_ids, write_segment
from indexer.settings import IndexSettings
from ranking.types import Document
from tests.contract.builders import SETTINGS
from tests.contract.samples import CORPUS, HashingEmbedder, page, planned


def plain_overlay(folder: Path, segments: Sequence[Path]) -> Path:
    rows = sum(read_counts(path).documents for path in segments)
    zero = np.zeros(rows)
    overlay = Overlay(zero.astype(bool), zero, zero.astype(np.int64), np.arange(rows, dtype=np.uint64))
    write_overlay(folder, overlay, {}, segments)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "tantivy" not in str(p)}


def test_rows_are_in_the_order_of_the_input(tmp_path: Path) -> None:
    """Local row = place in the input; counts add up and say what was embedded."""
    embedder = HashingEmbedder()
    counts = write_segment(tmp_path / "s", iter(CORPUS), embedder, SETTINGS)
    assert read_ids(tmp_path / "s") == tuple(document.id for document in CORPUS)
    assert read_counts(tmp_path / "s") == counts
    assert (counts.documents, counts.embedded, counts.reused) == (len(CORPUS), counts.passages, 0)
    assert embedder.encoded == counts.passages
    assert counts.bytes > 0
    assert not (tmp_path / "s" / "scratch").exists()


def test_the_same_documents_give_the_same_files(tmp_path: Path) -> None:
    """A segment is deterministic, tantivy's random names aside."""
    for name in ("one", "two"):
        write_segment(tmp_path / name, CORPUS, HashingEmbedder(), SETTINGS)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_unchanged_passages_are_not_embedded_again(tmp_path: Path) -> None:
    """Only what is new is computed, and progress ends at all passages."""
    write_segment(tmp_path / "old", CORPUS, HashingEmbedder(), SETTINGS)
    embedder, seen = HashingEmbedder(), []
    added = page("new", "https://new.org/", "New", "A passage that was never seen.", language="en")
    counts = write_segment(
        tmp_path / "new", [*CORPUS, added], embedder, SETTINGS, lambda *pair: seen.append(pair),
        known_vectors_of([tmp_path / "old"]),
    )  # fmt: skip
    assert (embedder.encoded, counts.embedded, counts.reused) == (1, 1, counts.passages - 1)
    assert seen[-1] == (counts.passages, counts.passages)
    assert all(done <= total for done, total in seen)
    old = read_arrays(tmp_path / "old" / "vectors.bin")["vectors"]
    np.testing.assert_array_equal(old, read_arrays(tmp_path / "new" / "vectors.bin")["vectors"][: len(old)])


def test_a_merge_is_what_writing_at_once_gives(tmp_path: Path) -> None:
    """Kept rows of the sources in order, byte for byte, with no embedding."""
    write_segment(tmp_path / "a", CORPUS[:7], HashingEmbedder(), SETTINGS)
    write_segment(tmp_path / "b", CORPUS[7:], HashingEmbedder(), SETTINGS)
    keep_a, keep_b = np.ones(7, bool), np.ones(len(CORPUS) - 7, bool)
    keep_a[[0, 3]] = keep_b[2] = False
    merged = merge_segments(tmp_path / "m", [(tmp_path / "a", keep_a), (tmp_path / "b", keep_b)], SETTINGS)
    left = [d for d, kept in zip(CORPUS, [*keep_a, *keep_b], strict=True) if kept]
    whole = write_segment(tmp_path / "w", left, HashingEmbedder(), SETTINGS)
    assert (merged.embedded, merged.reused) == (0, whole.passages)
    mine, theirs = files(tmp_path / "m"), files(tmp_path / "w")
    heads = [json.loads(held.pop("segment.json")) for held in (mine, theirs)]
    assert mine == theirs
    assert heads[0]["counts"]["passages"] == heads[1]["counts"]["passages"]


def test_segments_of_two_models_do_not_meet(tmp_path: Path) -> None:
    """Merging them, or opening one under the other's name, is refused."""

    class Other(HashingEmbedder):
        id = "other/32"

    write_segment(tmp_path / "a", CORPUS[:2], HashingEmbedder(), SETTINGS)
    write_segment(tmp_path / "b", CORPUS[2:4], Other(), SETTINGS)
    keep = np.ones(2, bool)
    with pytest.raises(EmbedderMismatchError):
        merge_segments(tmp_path / "m", [(tmp_path / "a", keep), (tmp_path / "b", keep)], SETTINGS)
    overlay = plain_overlay(tmp_path / "o", [tmp_path / "a"])
    with pytest.raises(EmbedderMismatchError, match="hashing"):
        LocalIndex("g", [tmp_path / "a"], overlay, "other/32", 32)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """An error of the source, the disk or the embedder removes the folder again."""

    def breaking() -> Iterator[Document]:
        yield CORPUS[0]
        raise OSError(errno.ENOSPC, "No space left on device")

    class Bad(HashingEmbedder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            return np.full((len(texts), 32), np.nan, np.float32)

    with pytest.raises(OSError, match="No space"):
        write_segment(tmp_path / "s", breaking(), None, SETTINGS)
    with pytest.raises(EmbedderMismatchError, match="not finite"):
        write_segment(tmp_path / "s", CORPUS[:1], Bad(), SETTINGS)
    with pytest.raises(ValueError, match="twice"):
        write_segment(tmp_path / "s", [CORPUS[0], CORPUS[1], CORPUS[0]], None, SETTINGS)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["columns.bin", "postings.bin", "vectors.bin", "texts.zst", "segment.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_file_is_noticed(tmp_path: Path, name: str, damage: str) -> None:
    """A cut or missing file is a GenerationCorruptError, at opening or at its first use."""
    write_segment(tmp_path / "s", CORPUS, HashingEmbedder(), SETTINGS)
    overlay = plain_overlay(tmp_path / "o", [tmp_path / "s"])
    path = tmp_path / "s" / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()

    def use() -> None:
        index = LocalIndex("g", [tmp_path / "s"], overlay, HashingEmbedder.id, 32)
        index.recall(planned(index, "loop", HashingEmbedder().encode(["loop"])[0]))
        index.fetch(["a"])

    with pytest.raises(GenerationCorruptError, match=name.split(".")[0]):
        use()


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A segment of another version says what to do."""
    write_segment(tmp_path / "s", CORPUS[:1], None, SETTINGS)
    head = json.loads((tmp_path / "s" / "segment.json").read_text())
    (tmp_path / "s" / "segment.json").write_text(json.dumps(head | {"format": 99}))
    with pytest.raises(GenerationFormatError, match="99") as caught:
        read_counts(tmp_path / "s")
    assert "forage index" in str(caught.value.hint)


def test_an_overlay_must_fit_its_segments(tmp_path: Path) -> None:
    """Wrong sizes and two live rows of one id are refused; what was written reads back."""
    write_segment(tmp_path / "a", CORPUS[:3], None, SETTINGS)
    write_segment(tmp_path / "b", CORPUS[2:4], None, SETTINGS)
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(IndexerError, match="two rows"):
        plain_overlay(tmp_path / "o", paths)
    right = Overlay(
        np.array([0, 0, 1, 0, 0], bool),
        np.linspace(0, 1, 5),
        np.arange(5),
        np.arange(5, dtype=np.uint64) + np.uint64(2**63),
    )
    with pytest.raises(IndexerError, match=r"authority.*5 rows"):
        write_overlay(tmp_path / "o", replace(right, authority=np.zeros(4)), {}, paths)
    assert not (tmp_path / "o").exists()
    write_overlay(tmp_path / "o", right, {0: "anchor"}, paths)
    back = read_overlay(tmp_path / "o")
    for name in ("deleted", "authority", "inlinks", "cluster"):
        np.testing.assert_array_equal(getattr(back, name), getattr(right, name))


def test_a_large_document_is_one_document(tmp_path: Path) -> None:
    """Megabytes of text, a part of which comes back exactly from the middle."""
    text = "\n\n".join(f"Paragraph {i} of a very long page, with naïve words." for i in range(40_000))
    write_segment(tmp_path / "s", [page("big", "https://big.org/", "Big", text)], None, IndexSettings())
    index = LocalIndex("g", [tmp_path / "s"], plain_overlay(tmp_path / "o", [tmp_path / "s"]), None, 0)
    (stored,) = index.fetch(["big"], text=True)
    assert stored.document.text == text
    (passage,) = index.fetch_passages([("big", stored.passages // 2)])
    assert passage.text == text[passage.start : passage.end]
    evidence = index.recall(planned(index, "paragraph 39999"))
    assert evidence.tf[2, 1].tolist() == [1]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    """Types, shapes and values, empty ones too; an exception completes nothing."""
    with ArrayWriter(tmp_path / "a") as writer:
        writer.add("empty", np.empty((0, 3), np.float32))
        writer.add("bytes", np.arange(5, dtype=np.uint8))
        writer.allocate("filled", np.int64, (2, 2))[:] = 7
        writer.allocate("none", np.int32, (0,))
    back = read_arrays(tmp_path / "a")
    assert (back["empty"].shape, back["bytes"].tolist(), back["filled"].tolist()) == (
        (0, 3),
        [0, 1, 2, 3, 4],
        [[7, 7], [7, 7]],
    )
    assert back["none"].dtype == np.int32
    with pytest.raises(RuntimeError), ArrayWriter(tmp_path / "b") as writer:
        raise RuntimeError
    with pytest.raises(GenerationCorruptError, match="b in"):
        read_arrays(tmp_path / "b")
