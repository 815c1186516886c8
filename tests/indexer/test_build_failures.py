"""Builds that fail or are killed: what is published stays whole, and the next build goes on."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from indexer.assembly import Limits
from indexer.build import build
from indexer.errors import CollectionBusyError, StorageFullError
from indexer.generation import GENERATIONS, head_id, open_current
from indexer.limits import BuildLimits
from indexer.lock import writer_lock
from tests.indexer.build_support import CountingEmbedder, built, fill, page, served
from tests.processes import script

_BUILDER = """
    import sys
    from pathlib import Path
    from indexer.build import build
    from tests.indexer.build_support import CountingEmbedder, fill, page
    collection = Path(sys.argv[1])
    for step in range(int(sys.argv[2]), 100000):
        fill(collection, [page(1000 + step), page(step % 50, f"version {step}")])
        print("filled", step, flush=True)
        report = build(collection, CountingEmbedder())
        print("built", step, flush=True)
"""


def test_kill_9_at_any_instant_leaves_a_whole_generation(tmp_path: Path) -> None:
    """Several times, at random moments: what was committed is served, and the next writer goes on."""
    generator = random.Random(5)
    fill(tmp_path, [page(n) for n in range(50)])
    build(tmp_path, CountingEmbedder())
    committed = -1
    for _ in range(4):
        process = script(_BUILDER, str(tmp_path), str(committed + 1))
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(generator.random() * 0.6)
        process.send_signal(signal.SIGKILL)
        rest, errors = process.communicate()
        assert not errors
        lines += rest.splitlines()
        committed = max([committed, *(int(line.split()[1]) for line in lines if line.startswith("built"))])
        state = open_current(tmp_path)
        assert not state.notices
        found = served(tmp_path)
        assert {f"d{1000 + step:05d}" for step in range(committed + 1)} <= found.keys()
        assert len(found) == open_current(tmp_path).generation.manifest.documents  # type: ignore[union-attr]
    report = build(tmp_path, CountingEmbedder())
    assert not [path for path in (tmp_path / GENERATIONS).iterdir() if path.name.startswith(".")]
    assert report.documents == len(served(tmp_path))


def test_a_full_disk_leaves_the_old_generation_and_says_what_to_do(tmp_path: Path) -> None:
    """File size limits stand for the disk, at several points of the commit."""
    body = """
        import resource, sys
        from pathlib import Path
        from indexer.build import build
        from indexer.errors import StorageFullError
        from indexer.generation import head_id
        from tests.indexer.build_support import CountingEmbedder
        collection = Path(sys.argv[1])
        for limit in (40_000, 3_000, 200, 20):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                build(collection, CountingEmbedder())
                print(limit, "built")
            except StorageFullError as error:
                print(limit, error.status, error.retryable, "FORAGE_DATA" in error.hint, head_id(collection))
    """
    fill(tmp_path, [page(n) for n in range(50)])
    build(tmp_path, CountingEmbedder())
    before = head_id(tmp_path)
    fill(tmp_path, [page(n, "long " * 500) for n in range(50, 120)])
    output, errors = script(body, str(tmp_path)).communicate(timeout=60)
    assert output.splitlines() == [f"{limit} 507 True True {before}" for limit in (40_000, 3_000, 200, 20)], errors
    assert len(served(tmp_path)) == 50
    assert not open_current(tmp_path).notices
    assert not [path for path in (tmp_path / GENERATIONS).iterdir() if path.name.startswith(".")]
    assert build(tmp_path, CountingEmbedder()).documents == 120


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the segment's spool closes itself late
def test_an_embedder_that_fails_leaves_the_old_generation(tmp_path: Path) -> None:
    """The error is its own, and nothing half-written stays."""

    class Broken(CountingEmbedder):
        def encode(self, texts: object) -> np.ndarray:
            raise RuntimeError("the model broke")

    fill(tmp_path, [page(1)])
    build(tmp_path, CountingEmbedder())
    before = head_id(tmp_path)
    fill(tmp_path, [page(2)])
    with pytest.raises(RuntimeError, match="the model broke"):
        build(tmp_path, Broken())
    assert head_id(tmp_path) == before
    assert [path.name for path in (tmp_path / GENERATIONS).iterdir()] == [before]
    assert StorageFullError.status == 507


def test_two_writers_at_once_both_commit(tmp_path: Path) -> None:
    """One waits for the other; nothing of either is lost."""
    body = """
        import sys
        from pathlib import Path
        from indexer.build import build
        from tests.indexer.build_support import fill, page
        start = int(sys.argv[2])
        for step in range(3):
            fill(Path(sys.argv[1]), [page(start + step)])
            build(Path(sys.argv[1]), None)
    """
    processes = [script(body, str(tmp_path), str(start)) for start in (0, 100)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert served(tmp_path).keys() == {f"d{n:05d}" for start in (0, 100) for n in range(start, start + 3)}
    assert not open_current(tmp_path).notices


def test_a_build_behind_another_writer_gives_up_after_its_wait(tmp_path: Path) -> None:
    """409; what was there is still served."""
    built(tmp_path, [page(1)])
    process = script(
        """
        import sys, time
        from pathlib import Path
        from indexer.lock import writer_lock
        with writer_lock(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(30)
        """,
        str(tmp_path),
    )
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(CollectionBusyError):
        built(tmp_path, [page(2)], limits=Limits(BuildLimits(lock_seconds=0.2)))
    assert len(served(tmp_path)) == 1
    process.kill()
    process.communicate()
    assert build(tmp_path, None).documents == 2
    with writer_lock(tmp_path, wait=0):
        pass
