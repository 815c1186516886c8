"""Documents that come with a build: stored in the instant in which they are served, or not at all."""

from __future__ import annotations

import errno
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.assembly import Limits
from indexer.build import BuildReport, build
from indexer.collection import create_collection, delete_collection, get_collection
from indexer.documents import DocumentStore
from indexer.errors import CollectionBusyError, CollectionNotFoundError, EmbedderMismatchError, StorageFullError
from indexer.generation import GENERATIONS, HEAD, head_id, open_current
from indexer.limits import BuildLimits, StoreLimits
from indexer.lock import writer_lock
from indexer.snapshot import Snapshot
from indexer.staging import Staging
from ranking.ports import Embedder
from ranking.types import Document, Link
from tests.indexer.build_support import CountingEmbedder, fill, page, script, served


def ingest(
    collection: Path, documents: Sequence[Document], embedder: Embedder | None = None, **options: object
) -> BuildReport:
    """As the door does it."""
    collection.mkdir(parents=True, exist_ok=True)
    with Staging(collection, StoreLimits(staging_bytes=20_000)) as staged:
        staged.add(documents)
        return build(collection, embedder, staged=staged, **options)  # type: ignore[arg-type]


def stored(collection: Path) -> dict[str, str]:
    """id -> text of every document in documents.sqlite."""
    with DocumentStore(collection / "documents.sqlite") as store:
        return {document.id: document.text for document in store.documents()}


def leftovers(collection: Path) -> list[str]:
    """What a writer should have removed."""
    places = [collection, collection / GENERATIONS]
    return [path.name for place in places if place.is_dir() for path in place.iterdir() if path.name.startswith(".")]


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


# ---------------------------------------------------------------- failures


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
        from tests.indexer.test_ingest import ingest

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
    from tests.indexer.test_ingest import ingest
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
        from tests.indexer.test_ingest import ingest
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
    from tests.indexer.test_ingest import ingest
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


# ---------------------------------------------------------------- the staged snapshot

WORDS = st.sampled_from(["red", "green", "blue"])
DOCUMENTS = st.lists(
    st.builds(
        lambda number, text, targets: replace(
            page(number, text), links=tuple(Link(f"http://a.example/{t}", f"to {t}") for t in targets)
        ),
        st.integers(0, 9),
        WORDS,
        st.lists(st.integers(0, 9), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.lists(st.integers(0, 9), max_size=3), DOCUMENTS, st.sampled_from([1, 10_000_000]))
def test_a_staged_snapshot_is_what_a_commit_makes_true(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Document],
    removed: list[int],
    coming: list[Document],
    staging_bytes: int,
) -> None:
    """Whatever is stored and staged, in memory or in a file: every method answers as after the commit."""
    path = tmp_path_factory.mktemp("any") / "documents.sqlite"
    limits = StoreLimits(staging_bytes=staging_bytes, batch_rows=3)
    with DocumentStore(path, limits) as store, Staging(path.parent, limits) as staged:
        store.add(before)
        store.remove(f"d{number:05d}" for number in removed)
        staged.add(coming)
        with store.snapshot(staged) as snapshot:
            expected = everything(snapshot)
        store.commit(staged)
        with store.snapshot() as snapshot:
            assert everything(snapshot) == expected


def everything(snapshot: Snapshot) -> dict[str, object]:
    """What a snapshot says. Rows of one revision have an order of their own, which nobody relies on."""
    ids = [f"d{number:05d}" for number in (7, 0, 9, 0, 3, 5, 2, 8, 1, 4, 6)]
    keys = sorted({int(key) for each in snapshot.pages() for key in np.frombuffer(each.edges, "<u8")[1::2]})
    return {
        "version": snapshot.version,
        "count": snapshot.count(),
        "fingerprints": sorted(snapshot.fingerprints()),
        "fingerprints of": snapshot.fingerprints_of(ids),
        "documents": list(snapshot.documents(ids)),
        "all documents": sorted(snapshot.documents(), key=lambda document: document.id),
        "pages": sorted(map(repr, snapshot.pages())),
        "aliases": list(snapshot.aliases()),
        "anchors": snapshot.anchors([key for key in keys if key]),
    }


def test_memory_stays_flat_while_a_large_ingest_is_read(tmp_path: Path) -> None:
    """Sixty megabytes that do not compress are staged and read back through less than that of memory."""
    body = """
        import os, resource, sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from ranking.types import Document
        store = DocumentStore(Path(sys.argv[1]))
        store.add([Document("warm", "", "t", os.urandom(20000).hex())])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with store.stage() as staged:
            staged.add(Document(f"n{n}", "", "t", os.urandom(15000).hex()) for n in range(4000))
            with store.snapshot(staged) as snapshot:
                assert sum(len(d.text) for d in snapshot.documents()) == 4000 * 30000 + 40000
                assert sum(1 for _ in snapshot.pages()) == 4001
            assert store.commit(staged) == 4000
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    output, errors = script(body, str(tmp_path / "documents.sqlite")).communicate(timeout=120)
    assert int(output) < 60, errors


def test_a_staged_document_can_be_taken_back(tmp_path: Path) -> None:
    """A staging is a sink like any other, in memory and in its file."""
    for size in (1, 10_000_000):
        with Staging(tmp_path, StoreLimits(staging_bytes=size)) as staged:
            assert staged.add([page(1), page(2), page(1, "again")]) == 2
            assert staged.add([page(2, "again"), page(3)]) == 1
            assert staged.remove(["d00002", "unknown"]) == 1
            assert [row.id for batch in staged.batches() for row in batch] == ["d00001", "d00003"]
            with pytest.raises(KeyError):
                staged.row("d00002")
    assert not list(tmp_path.iterdir())
