"""Documents that wait: what a build reads of them is what their commit makes true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.documents import DocumentStore
from indexer.limits import StoreLimits
from indexer.snapshot import Snapshot
from indexer.staging import Staging
from ranking.types import Document, Link
from tests.indexer.build_support import page
from tests.processes import script

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
