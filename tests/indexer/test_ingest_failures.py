"""An ingest that fails, or is killed at any instant: stored and served whole, or not at all."""

from __future__ import annotations

import errno
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.assembly import Limits
from indexer.build import build
from indexer.documents import DocumentStore
from indexer.errors import CollectionBusyError, EmbedderMismatchError, StorageFullError
from indexer.generation import head_id, open_current
from indexer.limits import BuildLimits, StoreLimits
from indexer.lock import writer_lock
from indexer.staging import Staging
from ranking.ports import Embedder
from tests.indexer.build_support import CountingEmbedder, page, served
from tests.indexer.ingests import ingest, leftovers, stored
from tests.processes import script


class Failing(CountingEmbedder):
    """Raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        raise self.error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the segment's spool closes itself late
@pytest.mark.parametrize(
    ("embedder", "raised"),
    [
        (Failing(OSError(errno.ENOSPC, "No space left on device")), StorageFullError),
        (Failing(RuntimeError("the model broke")), RuntimeError),
        (Failing(KeyboardInterrupt()), KeyboardInterrupt),
        (CountingEmbedder("another"), EmbedderMismatchError),
    ],
)
def test_an_ingest_whose_build_fails_leaves_nothing(
    tmp_path: Path, embedder: Embedder, raised: type[Exception]
) -> None:
    """Neither stored nor served, and the next ingest does not bring it in."""
    ingest(tmp_path, [page(1), page(2)], CountingEmbedder())
    before, head = stored(tmp_path), head_id(tmp_path)
    with pytest.raises(raised):
        ingest(tmp_path, [page(2, "changed"), page(3, "a ghost")], embedder)
    assert (stored(tmp_path), head_id(tmp_path)) == (before, head)
    assert not leftovers(tmp_path)
    assert build(tmp_path, CountingEmbedder()).changed is False
    ingest(tmp_path, [page(4)], CountingEmbedder())
    assert served(tmp_path) == stored(tmp_path) == before | {"d00004": page(4).text}


def test_an_ingest_behind_another_writer_leaves_nothing(tmp_path: Path) -> None:
    """409, and the documents are not there."""
    ingest(tmp_path, [page(1)])
    with writer_lock(tmp_path), pytest.raises(CollectionBusyError):
        ingest(tmp_path, [page(2)], limits=Limits(BuildLimits(lock_seconds=0.1)))
    assert stored(tmp_path).keys() == {"d00001"}


def test_a_full_disk_leaves_nothing_of_an_ingest(tmp_path: Path) -> None:
    """File size limits stand for the disk: while the generation is written, and while documents.sqlite is."""
    body = """
        import os, resource, sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from indexer.errors import StorageFullError
        from tests.indexer.build_support import CountingEmbedder, page
        from tests.indexer.ingests import ingest

        def full(limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        def attempt(name):
            try:
                ingest(Path(sys.argv[1]), ghosts, CountingEmbedder())
                print(name, "stored")
            except StorageFullError as error:
                print(name, error.status)

        ghosts = [page(n, os.urandom(3000).hex()) for n in range(100, 200)]
        commit = DocumentStore.commit
        DocumentStore.commit = lambda *given, **named: (full(100_000), commit(*given, **named))
        attempt("commit")
        DocumentStore.commit = commit
        for limit in (300_000, 40_000, 3_000, 20):
            full(limit)
            attempt(limit)
    """
    ingest(tmp_path, [page(n) for n in range(50)], CountingEmbedder())
    before, head = stored(tmp_path), head_id(tmp_path)
    output, errors = script(body, str(tmp_path)).communicate(timeout=120)
    assert output.splitlines() == [f"{name} 507" for name in ("commit", 300_000, 40_000, 3_000, 20)], errors
    assert (stored(tmp_path), head_id(tmp_path)) == (before, head)
    assert not leftovers(tmp_path)
    ingest(tmp_path, [page(50)], CountingEmbedder())
    assert served(tmp_path).keys() == before.keys() | {"d00050"}


_KILLED = """
    import os, sys
    from pathlib import Path
    import indexer.generation
    from indexer.documents import DocumentStore
    from indexer.generation import HEAD
    from tests.indexer.build_support import CountingEmbedder, page
    from tests.indexer.ingests import ingest
    collection, instant = Path(sys.argv[1]), sys.argv[2]

    def dying(function, when, before=False):
        def call(*given, **named):
            if before and when(*given):
                os._exit(9)
            result = function(*given, **named)
            if when(*given):
                os._exit(9)
            return result
        return call

    if instant == "before the commit":
        DocumentStore.commit = dying(DocumentStore.commit, lambda *_: True, before=True)
    elif instant == "within the commit":
        DocumentStore._upsert = dying(DocumentStore._upsert, lambda *_: True)
    elif instant == "after the commit":
        DocumentStore.commit = dying(DocumentStore.commit, lambda *_: True)
    elif instant == "after the folder's renaming":
        Path.rename = dying(Path.rename, lambda path, target: path.name.startswith(".ready-"))
    elif instant == "after the switch":
        Path.replace = dying(Path.replace, lambda path, target: target.name == HEAD)
    ingest(collection, [page(1, "changed"), page(3, "a new page")], CountingEmbedder())
    print("not killed")
"""


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("instant", "kept"),
    [
        ("before the commit", False),
        ("within the commit", False),
        ("after the commit", True),
        ("after the folder's renaming", True),
        ("after the switch", True),
    ],
)
def test_killed_at_any_instant_an_ingest_is_there_or_not(tmp_path: Path, instant: str, kept: bool, first: bool) -> None:
    """Old or new, whole; what was not committed is never served, and what was is finished by the next writer."""
    if not first:
        ingest(tmp_path, [page(1), page(2)], CountingEmbedder())
    before = {} if first else served(tmp_path)
    process = script(_KILLED, str(tmp_path), instant)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (9, ""), errors
    after = before | {"d00001": "changed", "d00003": "a new page"}
    assert (served(tmp_path) if open_current(tmp_path).generation else {}) in (before, after)
    ingest(tmp_path, [page(4, "four")], CountingEmbedder())
    assert served(tmp_path) == stored(tmp_path) == (after if kept else before) | {"d00004": "four"}
    assert not open_current(tmp_path).notices
    assert not leftovers(tmp_path)


def test_a_file_of_staged_documents_that_a_kill_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    """It loses its name as soon as it is open, and a kill may come before that. Nobody else's staging minds."""
    body = """
        import os, sys
        from pathlib import Path
        from tests.indexer.build_support import page
        from tests.indexer.ingests import ingest
        Path.unlink = lambda *given, **named: os._exit(9)
        ingest(Path(sys.argv[1]), [page(n, os.urandom(3000).hex()) for n in range(20)])
    """
    process = script(body, str(tmp_path))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (9, ""), errors
    assert leftovers(tmp_path)
    with Staging(tmp_path, StoreLimits(staging_bytes=1)) as other:
        other.add([page(8), page(9)])
        ingest(tmp_path, [page(1)])
        assert not leftovers(tmp_path)
        assert build(tmp_path, None, staged=other).stored == 2
    assert served(tmp_path).keys() == {"d00001", "d00008", "d00009"}


def test_what_was_committed_is_finished_even_when_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the commit and the switch: the generation is served, for its documents are stored."""
    ingest(tmp_path, [page(1)])
    commit = DocumentStore.commit

    def interrupted(store: DocumentStore, staged: Staging, generation: str, *, revised: bool) -> int:
        commit(store, staged, generation, revised=revised)
        raise KeyboardInterrupt

    monkeypatch.setattr(DocumentStore, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest(tmp_path, [page(2)])
    assert served(tmp_path) == stored(tmp_path)
    assert served(tmp_path).keys() == {"d00001", "d00002"}
    assert not leftovers(tmp_path)


_INGESTER = """
    import sys
    from pathlib import Path
    from tests.indexer.build_support import CountingEmbedder, page
    from tests.indexer.ingests import ingest
    for step in range(int(sys.argv[2]), 100000):
        print("begun", step, flush=True)
        batch = [page(1000 + 10 * step + n, f"version {step}") for n in range(10)]
        ingest(Path(sys.argv[1]), [*batch, page(0, f"version {step}")], CountingEmbedder())
        print("done", step, flush=True)
"""


def test_kill_9_at_random_moments_leaves_whole_ingests(tmp_path: Path) -> None:
    """Every ingest that was answered is there, and none in part."""
    generator = random.Random(7)
    done = -1
    for _ in range(5):
        process = script(_INGESTER, str(tmp_path), str(done + 1))
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(generator.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        rest, errors = process.communicate()
        assert not errors
        done = max([done, *(int(line.split()[1]) for line in [*lines, *rest.splitlines()] if line.startswith("done"))])
        build(tmp_path, CountingEmbedder())
        found = stored(tmp_path)
        assert not found or served(tmp_path) == found
        whole = (len(found) - 1) // 10
        assert whole in (done + 1, done + 2) or not found
        assert not found or found["d00000"] == f"version {whole - 1}"
        done = max(done, whole - 1)
