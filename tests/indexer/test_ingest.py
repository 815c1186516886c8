"""Documents that come with a build: stored and served together, beside crawls, deletions and other writers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.collection import create_collection, delete_collection, get_collection
from indexer.documents import DocumentStore
from indexer.errors import CollectionNotFoundError
from indexer.generation import HEAD, open_current
from indexer.lock import writer_lock
from indexer.staging import Staging
from tests.indexer.build_support import CountingEmbedder, fill, page, served
from tests.indexer.ingests import ingest, leftovers, stored


def test_an_ingest_is_stored_and_served_together(tmp_path: Path) -> None:
    """New, changed and unchanged documents; the next build has nothing to do."""
    embedder = CountingEmbedder()
    first = ingest(tmp_path, [page(n, links=["3"]) for n in range(60)], embedder)
    assert (first.stored, first.added, first.documents) == (60, 60, 60)
    second = ingest(tmp_path, [page(3), page(7, "seven, changed"), page(99), page(5, links=["3"])], embedder)
    assert (second.stored, second.added, second.replaced) == (3, 1, 2)
    assert served(tmp_path) == stored(tmp_path)
    assert stored(tmp_path)["d00007"] == "seven, changed"
    assert build(tmp_path, embedder).changed is False
    assert ingest(tmp_path, [page(99)], embedder).stored == 0
    assert not leftovers(tmp_path)


def test_an_ingest_gives_the_generation_of_storing_first_and_building_then(tmp_path: Path) -> None:
    """The same rows, links and link texts: documents that are staged are as good as stored ones."""
    before = [page(n, links=[str((n * 7) % 40)]) for n in range(40)]
    after = [page(n, f"changed {n}", links=[str(n + 1), "5"]) for n in range(30, 50)]
    for name in ("staged", "stored"):
        fill(tmp_path / name, before)
        build(tmp_path / name, None)
    ingest(tmp_path / "staged", after)
    fill(tmp_path / "stored", after)
    build(tmp_path / "stored", None)

    def files(collection: str) -> dict[str, str]:
        generation = open_current(tmp_path / collection).generation
        assert generation is not None
        entries = generation.manifest.files.items()
        return {name: entry.xxh3_128 for name, entry in entries if name.startswith(("overlay", "fingerprints"))}

    assert served(tmp_path / "staged") == served(tmp_path / "stored")
    assert files("staged").keys() == {"overlay/rows.bin", "overlay/anchors.bin", "fingerprints.npy"}
    assert files("staged") == files("stored")


# ---------------------------------------------------------------- beside others


def test_a_crawl_goes_on_storing_while_an_ingest_is_built(tmp_path: Path) -> None:
    """Nobody waits, nothing is lost, and the next build sees what the crawl stored."""
    ingest(tmp_path, [page(1), page(2)], CountingEmbedder())

    class Meanwhile(CountingEmbedder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            fill(tmp_path, [page(2, "from the crawl"), page(8, "from the crawl"), page(9, "from the crawl")])
            return super().encode(texts)

    report = ingest(tmp_path, [page(3, "from the ingest"), page(9, "from the ingest")], Meanwhile())
    assert report.stored == 2
    expected = {"d00002": "from the crawl", "d00003": "from the ingest", "d00009": "from the ingest"}
    assert {"d00003", "d00009"} <= served(tmp_path).keys()
    report = build(tmp_path, CountingEmbedder())
    assert (report.added, report.replaced) == (1, 1)
    assert served(tmp_path) == stored(tmp_path)
    assert expected.items() <= served(tmp_path).items()


def test_what_a_crawl_stored_beside_the_same_document_is_not_forgotten(tmp_path: Path) -> None:
    """The revision that the ingest counted on is the crawl's: the next build looks again."""
    ingest(tmp_path, [page(1)], CountingEmbedder())

    class Meanwhile(CountingEmbedder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            fill(tmp_path, [page(2), page(8)])
            return super().encode(texts)

    assert ingest(tmp_path, [page(2)], Meanwhile()).stored == 0
    assert served(tmp_path).keys() == {"d00001", "d00002"}
    assert build(tmp_path, CountingEmbedder()).added == 1
    assert served(tmp_path).keys() == {"d00001", "d00002", "d00008"}


@pytest.mark.parametrize("again", [False, True])
def test_an_ingest_into_a_collection_that_is_deleted_meanwhile_is_refused(tmp_path: Path, again: bool) -> None:
    """Not even when there is another one of its name by then; and no folder comes back."""
    folder = create_collection(tmp_path, "x").folder
    with Staging(folder) as staged:
        staged.add([page(1)])
        delete_collection(tmp_path, "x")
        if again:
            create_collection(tmp_path, "x")
        with pytest.raises(CollectionNotFoundError) as caught:
            build(folder, None, staged=staged)
    assert caught.value.status == 404
    assert folder.exists() is again
    if again:
        assert stored(folder) == {}
        assert not (folder / HEAD).exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_writer_that_waited_for_a_deletion_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """The lock that it gets is the old folder's."""
    folder = create_collection(tmp_path, "x").folder
    holder = ExitStack()
    holder.enter_context(writer_lock(folder))

    def deletion(_: float) -> None:
        folder.rename(tmp_path / ".deleted-x")
        if again:
            folder.mkdir()
        holder.close()

    monkeypatch.setattr("indexer.lock.time.sleep", deletion)
    with pytest.raises(CollectionNotFoundError):
        build(folder, None)
    assert folder.exists() is again
    assert not again or not list(folder.iterdir())


def test_nothing_makes_the_folder_of_a_collection_but_its_creation(tmp_path: Path) -> None:
    """A store, a lock, a staging and a build of what is not there are 404s."""
    folder = tmp_path / "gone"
    attempts: list[Callable[[], object]] = [
        lambda: DocumentStore(folder / "documents.sqlite"),
        lambda: writer_lock(folder).__enter__(),
        lambda: Staging(folder),
        lambda: build(folder, None),
        lambda: get_collection(tmp_path, "gone"),
    ]
    for attempt in attempts:
        with pytest.raises(CollectionNotFoundError):
            attempt()
    assert not folder.exists()
