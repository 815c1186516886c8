"""Readers of generations: what they see while others publish, delete and break things."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from indexer.collection import (
    open_index,
)
from indexer.collection_reader import CollectionReader
from indexer.errors import (
    GenerationNotFoundError,
)
from indexer.generation import (
    GENERATIONS,
    HEAD,
    generation_ids,
)
from indexer.limits import BuildLimits
from tests.indexer.build_support import FAST, built, page


def test_a_reader_follows_the_pointer_within_a_second(tmp_path: Path) -> None:
    """With a watching thread and without one."""
    collection = tmp_path / "c"
    for watching in (False, True):
        reader = CollectionReader(collection, open_index)
        if watching:
            reader.watch()
        with reader.use() as opened:
            before = opened.index.statistics.documents if opened.index else 0
        built(collection, [page(50 + watching)])
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            with reader.use() as opened:
                if opened.index is not None and opened.index.statistics.documents == before + 1:
                    break
            time.sleep(0.02)
        else:
            pytest.fail("the new generation was not served within a second")
        reader.close()


def test_a_running_call_keeps_its_generation(twice: Path) -> None:
    """Commits go on beside it, garbage is collected, and its index closes when it ends."""
    closed: list[str] = []

    def opener(generation: object) -> object:
        index = open_index(generation)  # type: ignore[arg-type]
        close = index.close
        index.close = lambda: (closed.append(generation.id), close())  # type: ignore[attr-defined,method-assign,assignment,func-returns-value]
        return index

    reader = CollectionReader(twice, opener, FAST)  # type: ignore[arg-type]
    with reader.use() as old:
        assert old.generation is not None
        for n in range(60, 65):
            built(twice, [page(n)])
            reader.refresh()
        assert old.generation.id in generation_ids(twice)
        assert old.index is not None
        assert old.index.fetch(["d00003"], text=True)[0].document.text == "changed text"
        assert old.generation.id not in closed
        with reader.use() as new:
            assert new.index is not None
            assert new.index.statistics.documents == 18
    assert closed[-1] == old.generation.id
    reader.close()
    assert len(closed) == 6


def test_a_reader_opens_older_generations_by_id(twice: Path) -> None:
    """For replay; unknown ones are a 404."""
    first, second = generation_ids(twice)
    reader = CollectionReader(twice, open_index, FAST)
    with reader.use(first) as opened:
        assert opened.index is not None
        assert opened.index.statistics.generation == first
    with reader.use(second) as opened, reader.use() as current:
        assert opened is current
    with pytest.raises(GenerationNotFoundError), reader.use("00000099-ffffff"):
        pass
    reader.close()


def test_a_reader_keeps_what_is_open_when_the_new_generation_cannot_be_opened(twice: Path) -> None:
    """Everything on disk was spoiled after it was opened: what is in memory still answers."""
    reader = CollectionReader(twice, open_index, FAST)
    with reader.use() as opened:
        before = opened.generation
    for id in generation_ids(twice):
        (twice / GENERATIONS / id / "manifest.json").unlink()
    (twice / HEAD).unlink()
    time.sleep(0.1)
    with reader.use() as opened:
        assert opened.generation == before
    reader.close()


def test_many_threads_read_while_generations_change(twice: Path) -> None:
    """No call sees a closed index."""
    reader = CollectionReader(twice, open_index, BuildLimits(poll_seconds=0.01))
    reader.watch()
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                with reader.use() as opened:
                    assert opened.index is not None
                    assert opened.index.fetch(["d00001"])[0].document.id == "d00001"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(70, 75):
        built(twice, [page(n)])
    stop.set()
    for thread in threads:
        thread.join()
    reader.close()
    assert not failures


def test_an_empty_collection_opens_with_nothing(tmp_path: Path) -> None:
    """There is no index, and no error."""
    reader = CollectionReader(tmp_path / "empty", open_index)
    with reader.use() as opened:
        assert (opened.index, opened.generation, opened.notices) == (None, None, ())
    reader.close()
