"""Generations: the manifest, the pointer, damage found and survived, garbage, the lock, readers that follow."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from indexer.build import build
from indexer.collection import (
    check_name,
    create_collection,
    delete_collection,
    get_collection,
    list_collections,
    open_index,
)
from indexer.collection_reader import CollectionReader
from indexer.errors import (
    CollectionBusyError,
    CollectionExistsError,
    CollectionNameError,
    CollectionNotFoundError,
    GenerationCorruptError,
    GenerationFormatError,
    GenerationNotFoundError,
)
from indexer.generation import (
    GENERATIONS,
    HEAD,
    generation_ids,
    held,
    open_current,
    open_generation,
    read_generation,
)
from indexer.lock import writer_lock
from indexer.manifest import from_bytes, to_bytes
from indexer.storage import files_below
from tests.indexer.build_support import FAST, built, fill, page, served
from tests.processes import script


def flip(path: Path, at: int) -> None:
    """One bit of one byte, in place."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def test_a_manifest_has_one_spelling_and_notices_every_change(twice: Path) -> None:
    """Whichever byte is changed, even white space."""
    current = open_current(twice).generation
    assert current is not None
    data = to_bytes(current.manifest)
    assert from_bytes(data) == current.manifest
    for at in range(0, len(data), 3):
        with pytest.raises((GenerationCorruptError, GenerationFormatError)):
            from_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(GenerationCorruptError):
        from_bytes(data + b"\n")


def test_a_manifest_names_every_file(twice: Path) -> None:
    """With counts, parent, embedder and segments as they are."""
    current = open_current(twice).generation
    assert current is not None
    manifest = current.manifest
    names = {path.relative_to(current.folder).as_posix() for path in files_below(current.folder)}
    assert set(manifest.files) == names - {"manifest.json"}
    assert (manifest.documents, manifest.rows, manifest.parent) == (13, 14, generation_ids(twice)[0])
    assert [(entry.offset, entry.rows, entry.live) for entry in manifest.segments] == [(0, 12, 11), (12, 2, 2)]


def test_a_changed_byte_in_any_file_is_found_and_the_last_good_generation_served(twice: Path) -> None:
    """First, middle and last byte of each file that the current generation does not share with its parent."""
    first, second = generation_ids(twice)
    folder = twice / GENERATIONS / second
    whole = twice.parent / "whole"
    own = [path for path in files_below(folder) if path.stat().st_nlink == 1 and path.stat().st_size]
    assert {path.relative_to(folder).parts[0] for path in own} == {
        "manifest.json", "segments", "sketches", "overlay", "fingerprints.npy",
    }  # fmt: skip
    for path in own:
        for at in {0, path.stat().st_size // 2, path.stat().st_size - 1}:
            shutil.copy2(path, whole)
            flip(path, at)
            current = open_current(twice)
            assert current.generation is not None
            assert current.generation.id == first, f"{path.name} at {at}"
            assert [notice.code for notice in current.notices] == ["generation_corrupt", "older_generation_served"]
            if path.name != "manifest.json":
                assert path.relative_to(folder).as_posix() in current.notices[0].message
            shutil.copy2(whole, path)
    assert open_current(twice).generation.id == second  # type: ignore[union-attr]


@pytest.mark.parametrize("harm", ["cut", "gone", "no manifest", "empty folder"])
def test_a_half_written_generation_is_not_served(twice: Path, harm: str) -> None:
    """Whatever is missing of it."""
    first, second = generation_ids(twice)
    folder = twice / GENERATIONS / second
    target = folder / "overlay" / "rows.bin"
    if harm == "cut":
        os.truncate(target, target.stat().st_size - 1)
    elif harm == "gone":
        target.unlink()
    elif harm == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        shutil.rmtree(folder)
        folder.mkdir()
    current = open_current(twice)
    assert current.generation is not None
    assert current.generation.id == first
    assert "run `forage index`" in current.notices[-1].message
    report = build(twice, None)
    assert report.changed
    assert report.documents == 13
    assert not open_current(twice).notices
    assert served(twice)["d00003"] == "changed text"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense", b"00000009-abcdef\n", b"../../etc/passwd"])
def test_a_damaged_pointer_still_leads_to_the_newest_generation(twice: Path, content: bytes) -> None:
    """HEAD may be empty, garbled, or name what is not there."""
    (twice / HEAD).write_bytes(content)
    current = open_current(twice)
    assert current.generation is not None
    assert current.generation.id == generation_ids(twice)[-1]
    assert current.notices
    build(twice, None)
    assert not open_current(twice).notices


def test_when_no_generation_is_whole_the_next_build_keeps_what_is(twice: Path) -> None:
    """A segment that all generations share was damaged: its documents are written anew, the others are not."""
    second = read_generation(twice, generation_ids(twice)[-1])
    shared = second.segments[0] / "postings.bin"
    flip(shared, 100)
    with pytest.raises(GenerationCorruptError, match="no generation of collection 'c' is whole"):
        open_current(twice)
    report = build(twice, None)
    assert [notice.code for notice in report.notices] == ["repaired"]
    assert (report.added, report.replaced, report.documents) == (11, 0, 13)
    assert second.manifest.segments[1].name in {s.name for s in open_current(twice).generation.segments}  # type: ignore[union-attr]
    assert len(served(twice)) == 13


def test_a_reader_serves_the_rest_when_no_generation_is_whole(twice: Path) -> None:
    """With a notice that says how much is missing, until a build writes it anew."""
    second = read_generation(twice, generation_ids(twice)[-1])
    flip(second.segments[0] / "postings.bin", 100)
    reader = CollectionReader(twice, open_index, FAST)
    with reader.use() as opened:
        assert opened.index is not None
        assert opened.index.statistics.documents == 2
        assert opened.index.fetch(["d00003"], text=True)[0].document.text == "changed text"
        assert [notice.code for notice in opened.notices] == ["documents_missing"]
        assert opened.notices[0].message.startswith("11 documents are missing")
    report = build(twice, None)
    assert (report.added, report.documents, report.notices[0].code) == (11, 13, "documents_missing")
    reader.refresh()
    with reader.use() as opened:
        assert opened.index is not None
        assert (opened.index.statistics.documents, opened.notices) == (13, ())
    reader.close()


def test_a_generation_of_another_format_is_named(twice: Path) -> None:
    """Not guessed at."""
    generation = read_generation(twice, generation_ids(twice)[-1])
    data = to_bytes(generation.manifest).replace(b'"format": 1', b'"format": 7')
    with pytest.raises(GenerationCorruptError):
        from_bytes(data)  # the checksum sees it first


def test_a_generation_can_be_opened_by_id(twice: Path) -> None:
    """While it is kept; an unknown one is a 404 that names the latest."""
    first, second = generation_ids(twice)
    assert open_generation(twice, first).manifest.documents == 12
    for wrong in ("00000009-000000", "../c", "", second[:-1]):
        with pytest.raises(GenerationNotFoundError) as caught:
            open_generation(twice, wrong)
        assert caught.value.status == 404
        assert second in caught.value.message
    assert caught.value.did_you_mean == second


def test_the_last_three_are_kept_and_one_in_use_is_never_removed(twice: Path) -> None:
    """Garbage is collected by the next commit."""
    first = open_generation(twice, generation_ids(twice)[0])
    with held(first):
        for n in range(20, 24):
            built(twice, [page(n)])
        kept = generation_ids(twice)
        assert len(kept) == 4
        assert kept[0] == first.id
        assert open_generation(twice, first.id).manifest.documents == 12
    built(twice, [page(24)])
    assert len(generation_ids(twice)) == 3
    assert first.id not in generation_ids(twice)


def test_what_killed_writers_left_is_removed_by_the_next_write(twice: Path) -> None:
    """Temporary folders and files, and only those."""
    orphan = twice / GENERATIONS / ".tmp-00000003-ffffff-1"
    (orphan / "segments").mkdir(parents=True)
    (orphan / "segments" / "x").write_text("x")
    (twice / ".HEAD.999").write_text("x")
    built(twice, [page(30)])
    assert not orphan.exists()
    assert not (twice / ".HEAD.999").exists()
    assert len(generation_ids(twice)) == 3


def test_ids_sort_by_age(twice: Path) -> None:
    """Also after the newest was lost."""
    before = generation_ids(twice)
    shutil.rmtree(twice / GENERATIONS / before[-1])
    built(twice, [page(40)])
    assert generation_ids(twice)[-1] > before[-1]


# ---------------------------------------------------------------- the lock


def test_a_second_writer_waits_and_then_says_who_is_in_the_way(tmp_path: Path) -> None:
    """409, to be tried again; and it gets its turn when the first is done."""
    with writer_lock(tmp_path):
        failed: list[BaseException] = []

        def attempt() -> None:
            try:
                with writer_lock(tmp_path, wait=0.2):
                    pass
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    (error,) = failed
    assert isinstance(error, CollectionBusyError)
    assert (error.status, error.retryable) == (409, True)
    with writer_lock(tmp_path, wait=0.2):
        pass


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel lets go of it."""
    body = """
        import sys, time
        from pathlib import Path
        from indexer.lock import writer_lock
        with writer_lock(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(60)
    """
    process = script(body, str(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(CollectionBusyError), writer_lock(tmp_path, wait=0.1):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with writer_lock(tmp_path, wait=2):
        pass


# ---------------------------------------------------------------- collections


def test_collections_are_made_listed_and_deleted(tmp_path: Path) -> None:
    """`default` always exists; a second creation is a conflict; deletion forgets all of it."""
    assert list_collections(tmp_path) == ["default"]
    create_collection(tmp_path, "docs")
    create_collection(tmp_path, "docs", tenant="acme")
    fill(get_collection(tmp_path, "docs").folder, [page(1)])
    assert list_collections(tmp_path) == ["default", "docs"]
    assert list_collections(tmp_path, "acme") == ["default", "docs"]
    for name in ("docs", "default"):
        with pytest.raises(CollectionExistsError) as caught:
            create_collection(tmp_path, name)
        assert caught.value.status == 409
    delete_collection(tmp_path, "docs")
    assert list_collections(tmp_path) == ["default"]
    assert get_collection(tmp_path, "docs", "acme").folder.is_dir()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(CollectionNotFoundError):
        delete_collection(tmp_path, "docs")


def test_an_unknown_collection_is_a_404_with_the_nearest_name(tmp_path: Path) -> None:
    """And what there is."""
    create_collection(tmp_path, "python-docs")
    with pytest.raises(CollectionNotFoundError) as caught:
        get_collection(tmp_path, "python-doc")
    assert (caught.value.status, caught.value.did_you_mean) == (404, "python-docs")


@pytest.mark.parametrize(
    "name",
    ["", "A", "a b", "../x", ".hidden", "-x", "a/b", "ä", "a" * 65, "@t", "a\n", "sessions.sqlite", "x.sqlite-wal",
     "A.SQLITE", "x.sq.sqlitelite", "a" * 1_000_000],
)  # fmt: skip
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    """At the door, with a name that would do."""
    with pytest.raises(CollectionNameError) as caught:
        create_collection(tmp_path, name)
    assert caught.value.status == 422
    assert caught.value.did_you_mean is None or check_name(caught.value.did_you_mean)
    assert not list(tmp_path.iterdir())
