"""documents.sqlite: all or nothing, upsert by id, revisions, snapshots, many threads and processes, full disks."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.documents import DocumentStore
from indexer.errors import CollectionBusyError, DocumentsError
from indexer.limits import StoreLimits
from ranking.types import Document, Link
from tests.processes import script


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    (tmp_path / "c").mkdir()
    with DocumentStore(tmp_path / "c" / "documents.sqlite") as opened:
        yield opened


def page(number: int, text: str = "some text", **fields: object) -> Document:
    return replace(
        Document(f"d{number}", f"http://a.example/{number}", f"title {number}", text, "a.example", content_hash="h"),
        **fields,  # type: ignore[arg-type]
    )


def test_a_document_comes_back_as_it_was_stored(store: DocumentStore) -> None:
    """Every field survives, links and metadata included."""
    document = Document(
        "x", "https://a.example/x?q=1", "Títle", "# Heading\n\ntext 漢字", "a.example", "en", "Ann", "2020-05",
        "2021-01-01", "2022-02-02T00:00:00Z", "md", "hash",
        (Link("http://b.example/", "to b"), Link("http://c.example/", "", True)),
        {"year": 2020, "tags": ["a", "b"], "nested": {"deep": [1, None, 2.5]}},
    )  # fmt: skip
    assert store.add([document]) == 1
    assert store.get("x") == document
    assert store.get("y") is None


def test_the_last_of_an_id_wins_and_counts_once(store: DocumentStore) -> None:
    """Duplicates in one call and over calls."""
    assert store.add([page(1, "a"), page(2), page(1, "b")]) == 2
    assert store.get("d1").text == "b"  # type: ignore[union-attr]
    assert store.add([page(1, "c")]) == 1
    assert store.get("d1").text == "c"  # type: ignore[union-attr]
    assert store.count() == 2


def test_an_unchanged_document_keeps_its_revision(store: DocumentStore) -> None:
    """A second add of the same content changes nothing, not even the revision of the store; a newer fetch is noted."""
    store.add([page(1), page(2)])
    before = store.version
    assert store.add([page(1), replace(page(2), fetched_at="2024-01-01")]) == 0
    assert store.version == before
    assert store.get("d2").fetched_at == "2024-01-01"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "changed",
    [{"title": "other"}, {"text": "other"}, {"published_at": "2020"}, {"metadata": {"a": 1}}, {"url": "http://a.example/z"},
     {"links": (Link("http://a.example/9", "nine"),)}, {"language": "de"}, {"author": "Bo"}],
)  # fmt: skip
def test_any_change_is_a_change(store: DocumentStore, changed: dict[str, object]) -> None:
    """Each field that an index could hold makes a new revision."""
    store.add([page(1)])
    assert store.add([replace(page(1), **changed)]) == 1  # type: ignore[arg-type]
    assert store.version.revision == 2


def test_fingerprints_name_each_document_once_the_oldest_change_first(store: DocumentStore) -> None:
    """Adds, changes and removals; what came back comes last."""
    store.add([page(1), page(2), page(3)])
    store.add([page(2, "new")])
    assert store.remove(["d3", "unknown"]) == 1
    with store.snapshot() as snapshot:
        assert [id for id, _ in snapshot.fingerprints()] == ["d1", "d2"]
        assert snapshot.count() == 2
    assert store.get("d3") is None
    assert store.remove(["d3"]) == 0
    assert store.add([page(3)]) == 1, "a removed document can come back"
    assert store.add([page(1, "new")]) == 1
    with store.snapshot() as snapshot:
        assert [id for id, _ in snapshot.fingerprints()] == ["d2", "d3", "d1"]


def test_nothing_is_stored_when_the_iterable_raises(store: DocumentStore) -> None:
    """Neither from memory nor from the staging file."""
    store.add([page(0)])

    def broken(count: int) -> Iterator[Document]:
        yield from (page(number, os.urandom(3000).hex()) for number in range(count))
        raise ValueError("the source broke")

    small = DocumentStore(store.path, StoreLimits(staging_bytes=100_000))
    for chosen, count in ((store, 5), (small, 200)):
        with pytest.raises(ValueError, match="the source broke"):
            chosen.add(broken(count))
        assert chosen.count() == 1
    small.close()
    assert not list(store.path.parent.glob(".staging*"))


def test_a_large_add_is_staged_outside_memory_with_the_same_result(tmp_path: Path) -> None:
    """Spilled or not: the same documents, the last of an id winning."""
    documents = [page(number % 70, f"text {number} {os.urandom(50).hex()}") for number in range(200)]
    stores = [
        DocumentStore(tmp_path / f"{size}.sqlite", StoreLimits(staging_bytes=size, batch_rows=7))
        for size in (5_000, 10_000_000)
    ]
    assert [store.add(documents) for store in stores] == [70, 70]
    spilled, direct = ([*store.documents()] for store in stores)
    assert sorted(spilled, key=lambda d: d.id) == sorted(direct, key=lambda d: d.id)
    assert {d.id: d.text for d in spilled} == {d.id: d.text for d in documents}
    for store in stores:
        store.close()


@settings(max_examples=40, deadline=None)
@given(
    title=st.text(st.characters(), max_size=20),
    text=st.text(st.characters(), max_size=200),
    anchor=st.text(st.characters(), max_size=20),
    key=st.text(st.characters(), max_size=5),
)
def test_any_text_can_be_stored(
    tmp_path_factory: pytest.TempPathFactory, title: str, text: str, anchor: str, key: str
) -> None:
    """Control characters, NUL, lone surrogates: what cannot be encoded becomes U+FFFD, nothing else changes."""
    links = (Link("http://x.example/" + anchor, anchor),)
    with DocumentStore(tmp_path_factory.getbasetemp() / "any.sqlite") as store:
        store.add([Document("a", "", title, text, links=links, metadata={key: text})])
        found = store.get("a")
    assert found is not None
    for before, after in ((title, found.title), (text, found.text), (anchor, found.links[0].text)):
        after.encode("utf-8")
        if any("\ud800" <= character <= "\udfff" for character in before):
            assert len(after) <= len(before)
        else:
            assert after == before


def test_twenty_megabytes_in_one_document(store: DocumentStore) -> None:
    """A page may be large."""
    text = "a line of text that repeats itself\n" * 600_000
    assert store.add([page(1, text)]) == 1
    assert store.get("d1").text == text  # type: ignore[union-attr]


def test_a_snapshot_does_not_see_what_is_written_meanwhile(store: DocumentStore) -> None:
    """A build works on one state, and a writer does not wait for it."""
    store.add([page(1), page(2)])
    with store.snapshot() as snapshot:
        store.add([page(1, "changed"), page(3)])
        store.remove(["d2"])
        assert {d.id: d.text for d in snapshot.documents()} == {"d1": "some text", "d2": "some text"}
        assert snapshot.version.revision == 1
    assert store.count() == 2


def test_documents_come_in_the_order_asked_for(store: DocumentStore) -> None:
    """By id, unknown ids left out, repeats repeated."""
    store.add(page(number) for number in range(1000))
    wanted = [f"d{number}" for number in range(999, -1, -3)] + ["nope", "d5", "d5"]
    assert [d.id for d in store.documents(wanted)] == [id for id in wanted if id != "nope"]


def test_pages_are_found_by_url_and_alias(store: DocumentStore) -> None:
    """Spellings of one address, and addresses that lead to a page."""
    store.add([page(1, url="https://A.example:443/one/#top")])
    assert store.alias([("http://a.example/old", "d1")]) == 1
    assert store.alias([("http://a.example/old", "d1")]) == 0
    assert store.find("http://a.example/one") == store.find("https://a.example/old") == "d1"
    assert store.find("http://a.example/two") is None


def test_redirects_become_aliases_of_pages_that_are_stored(store: DocumentStore) -> None:
    """A crawl knows URLs; those that lead nowhere are left out."""
    store.add([page(1)])
    moved = [("http://a.example/moved", "http://a.example/1"), ("http://a.example/lost", "http://a.example/404")]
    assert store.redirect(moved) == 1
    assert store.redirect(moved) == 0
    assert store.find("http://a.example/moved") == "d1"
    assert store.find("http://a.example/lost") is None


def test_many_threads_write_and_read(store: DocumentStore) -> None:
    """No lost update and no torn read among eight threads."""
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for number in range(15):
                store.add([page(offset * 100 + number), page(9_999, f"{offset} {number}")])
                assert store.get(f"d{offset * 100 + number}") is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count() == 8 * 15 + 1
    assert store.version.revision == 8 * 15


def test_two_processes_create_and_fill_one_file(tmp_path: Path) -> None:
    """Both come at the same instant; both succeed."""
    body = """
        import sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from ranking.types import Document
        store = DocumentStore(Path(sys.argv[1]))
        for number in range(40):
            store.add([Document(f"{sys.argv[2]}-{number}", "", "t", "x")])
    """
    path = tmp_path / "documents.sqlite"
    processes = [script(body, str(path), name) for name in "ab"]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with DocumentStore(path) as store:
        assert store.count() == 80


def test_what_add_returned_from_survives_kill_9(tmp_path: Path) -> None:
    """Killed at any instant: every acknowledged commit is there, and none is there in part."""
    body = """
        import sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from ranking.types import Document
        store = DocumentStore(Path(sys.argv[1]))
        for number in range(100000):
            store.add([Document(f"{number}-{part}", "", "t", "x" * 5000) for part in range(10)])
            print(number, flush=True)
    """
    path = tmp_path / "documents.sqlite"
    process = script(body, str(path))
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(12)][-1]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged = max([acknowledged, *map(int, rest.split())])
    with DocumentStore(path) as store:
        ids = {document.id for document in store.documents()}
        assert {f"{number}-{part}" for number in range(acknowledged + 1) for part in range(10)} <= ids
        assert len(ids) % 10 == 0
        assert store.add([page(1)]) == 1, "a killed writer leaves no lock"


def test_a_writer_that_waits_too_long_says_so(store: DocumentStore) -> None:
    """409, to be tried again."""
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with (
        DocumentStore(store.path, StoreLimits(busy_seconds=0.1)) as other,
        pytest.raises(CollectionBusyError) as caught,
    ):
        other.add([page(1)])
    assert caught.value.status == 409
    assert caught.value.retryable
    blocker.close()


def test_a_full_disk_stores_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    """A file size limit stands for the disk: the old documents are still there, also for the next writer."""
    body = """
        import resource, sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from indexer.errors import StorageFullError
        from ranking.types import Document
        import os
        store = DocumentStore(Path(sys.argv[1]))
        store.add([Document("old", "", "t", "x")])
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            store.add(Document(f"new{n}", "", "t", os.urandom(2000).hex()) for n in range(2000))
        except StorageFullError as error:
            print(error.status, error.hint)
            print(store.count(), store.get("old").text)
    """
    path = tmp_path / "documents.sqlite"
    output, errors = script(body, str(path)).communicate(timeout=60)
    assert output.startswith("507 free some space"), errors
    assert output.split("\n")[1] == "1 x"
    with DocumentStore(path) as store:
        assert [document.id for document in store.documents()] == ["old"]
        assert store.add([page(1)]) == 1


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """And left as it is."""
    path = tmp_path / "documents.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(DocumentsError, match=r"documents\.sqlite .* cannot be read"):
        DocumentStore(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Never guessed at."""
    path = tmp_path / "documents.sqlite"
    DocumentStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DocumentsError, match="format 99"):
        DocumentStore(path)


def test_memory_stays_flat_while_much_is_added(tmp_path: Path) -> None:
    """Sixty megabytes of text that does not compress pass through less than forty of memory."""
    body = """
        import os, resource, sys
        from pathlib import Path
        from indexer.documents import DocumentStore
        from ranking.types import Document
        store = DocumentStore(Path(sys.argv[1]))
        store.add([Document("warm", "", "t", os.urandom(20000).hex())])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        store.add(Document(f"n{n}", "", "t", os.urandom(15000).hex()) for n in range(4000))
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    output, errors = script(body, str(tmp_path / "documents.sqlite")).communicate(timeout=120)
    assert int(output) < 60, errors


def test_a_forked_child_uses_connections_of_its_own(store: DocumentStore) -> None:
    """SQLite connections must not cross a fork."""
    store.add([page(1)])
    child = os.fork()
    if child == 0:
        os._exit(0 if store.add([page(2)]) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.add([page(3)]) == 1
    assert store.count() == 3
