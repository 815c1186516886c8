"""A damaged archive: what is whole is read, what is not is named, and nothing but a torn last record is taken away."""

from __future__ import annotations

import gzip
import os
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import ArchiveError
from crawler.survey import Survey, cut_off, notices, survey
from crawler.warc import Archive, Position, archive_files
from crawler.warc_reader import read_at, scan
from tests.crawler.test_warc import answer, write

FIRST, SECOND = "forage-00001.warc.gz", "forage-00002.warc.gz"


def go_on(folder: Path, found: Survey) -> Position:
    """Writes one more record where the survey says."""
    archive = Archive(folder, size=1 << 30, level=3, software="test")
    archive.go_on_at(found.end)
    place = archive.append("http://h.org/9", 0, answer(9))
    archive.close()
    return place


def numbers(folder: Path) -> list[str]:
    return [found.url[-1] for found in scan(folder)]


def told(found: Survey, *unread: Position, cut: bool = True, lost: int = 0) -> dict[str, str]:
    return {notice.code: notice.message for notice in notices(found, unread, cut=cut, pages_lost=lost)}


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(60))


@given(st.integers(1, 4000), st.integers(-1, 5))
@settings(max_examples=100)
def test_a_file_that_was_cut(tmp_path_factory: pytest.TempPathFactory, missing: int, settled: int) -> None:
    """Law: however many bytes of the end are missing, the records before the cut are read and stay. Only the torn one
    behind them goes, if it was never settled; else the file stays as it is. The next record is found again."""
    folder = tmp_path_factory.mktemp("warc")
    places = write(folder, 5)
    path = folder / FIRST
    known = [*places, Position(FIRST, path.stat().st_size), None][settled]
    left = max(0, path.stat().st_size - missing)
    os.truncate(path, left)
    before = path.read_bytes()
    whole = [place for place in places if _whole(before[place.offset :])]
    found = survey(folder, known)
    assert path.read_bytes() == before
    if found.torn is not None:
        assert known is not None
        assert known.offset <= found.torn.position.offset == left - found.torn.bytes
        cut_off(folder, found.torn)
    assert before.startswith(path.read_bytes())
    assert [record.position for record in scan(folder)] == whole
    assert (found.lost is not None) == (known is not None and known.offset > left)
    place = go_on(folder, found)
    assert read_at(folder, place).url == "http://h.org/9"
    assert path.read_bytes().startswith(before) or found.torn is not None
    assert (found.torn is None and not found.gaps) == (left == 0 or left in _ends(before))


def _ends(data: bytes) -> set[int]:
    """Oracle: where gzip members end."""
    ends, rest = set[int](), data
    while rest:
        stream = zlib.decompressobj(31)
        stream.decompress(rest)
        if not stream.eof:
            break
        rest = stream.unused_data
        ends.add(len(data) - len(rest))
    return ends


def _whole(data: bytes) -> bool:
    """Oracle: the data begins with a whole gzip member."""
    stream = zlib.decompressobj(31)
    stream.decompress(data)
    return stream.eof


def test_a_torn_record_may_hold_a_whole_gzip_body(tmp_path: Path) -> None:
    """Bodies are kept as sent: a page inside the torn record is neither a record nor a reason to keep it."""
    write(tmp_path, 2)
    whole = (tmp_path / FIRST).stat().st_size
    body = gzip.compress(os.urandom(3000), mtime=0)
    archive = Archive(tmp_path, size=1 << 30, level=0, software="test")
    archive.append("http://h.org/2", 0, answer(2, body, headers=(("Content-Encoding", "gzip"),)))
    archive.close()
    path = tmp_path / FIRST
    os.truncate(path, path.read_bytes().index(body) + len(body) + 2)
    assert body in path.read_bytes()
    found = survey(tmp_path, Position(FIRST, whole))
    assert found.torn is not None
    assert found.end == found.torn.position == Position(FIRST, whole)
    assert numbers(tmp_path) == ["0", "1"]


def test_damage_in_the_middle_costs_one_record(tmp_path: Path) -> None:
    """It is passed over; the file is left as it is, and what comes goes to another."""
    places = write(tmp_path, 5)
    path = tmp_path / FIRST
    damage(path, places[2].offset + 40)
    before = path.read_bytes()
    found = survey(tmp_path, None)
    assert (found.end, found.torn, [gap.position for gap in found.gaps]) == (Position(SECOND, 0), None, [places[2]])
    assert numbers(tmp_path) == ["0", "1", "3", "4"]
    with pytest.raises(ArchiveError, match="cut or broken"):
        read_at(tmp_path, places[2])
    assert go_on(tmp_path, found).file == SECOND
    assert path.read_bytes() == before
    assert numbers(tmp_path) == ["0", "1", "3", "4", "9"]
    message = told(found)["archive_damaged"]
    assert f"{FIRST} is damaged in 1 place, at byte {places[2].offset}" in message


def test_a_damaged_last_record_is_not_a_torn_one(tmp_path: Path) -> None:
    """A broken checksum, noise that looks like the beginning of something, a torn end in a damaged file: all of it
    stays, wherever it was settled once; only behind that place noise may be taken for a torn record."""
    places = write(tmp_path, 5)
    path = tmp_path / FIRST
    size = path.stat().st_size
    whole = path.read_bytes()
    path.write_bytes(whole[:-6] + bytes(2) + whole[-4:])
    for known in (None, places[4], Position(FIRST, size)):
        assert survey(tmp_path, known, everything=True).torn is None
    for settled in (None, Position(FIRST, size)):
        for seed in range(40):
            path.write_bytes(whole[:-70] + random.Random(seed).randbytes(60) + whole[-10:])
            found = survey(tmp_path, settled, everything=True)
            assert (found.end, found.torn, len(found.gaps)) == (Position(SECOND, 0), None, 1)
    path.write_bytes(whole[:-20])
    damage(path, places[1].offset + 20)
    found = survey(tmp_path, places[0])
    assert (found.end, found.torn, len(found.gaps)) == (Position(SECOND, 0), None, 2)


@pytest.mark.parametrize(
    "junk", [b"hello\n", b"\x1f", b"\x1f\x8b\x08\0", gzip.compress(b"no record", mtime=0), b"\0" * 9999]
)  # mtime: the bytes name the test, and every worker must know it by the same name
def test_a_file_without_a_record_is_left_alone(tmp_path: Path, junk: bytes) -> None:
    """Whatever it is, it is not ours to throw away."""
    path = tmp_path / FIRST
    path.write_bytes(junk)
    found = survey(tmp_path, None)
    assert (found.end, found.torn, [gap.alone for gap in found.gaps]) == (Position(SECOND, 0), None, [True])
    go_on(tmp_path, found)
    assert path.read_bytes() == junk
    assert numbers(tmp_path) == ["9"]
    message = told(found)["archive_unreadable"]
    assert message == f"{FIRST} holds no readable record: its {len(junk)} bytes are left as they are"


def test_an_empty_file_is_begun(tmp_path: Path) -> None:
    """A process killed between making a file and writing to it leaves one."""
    (tmp_path / FIRST).touch()
    found = survey(tmp_path, None)
    assert found == Survey(Position(FIRST, 0))
    go_on(tmp_path, found)
    assert numbers(tmp_path) == ["9"]
    assert survey(tmp_path / "nothing", None) == Survey(Position(FIRST, 0))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    """From the known place on; `everything` finds what was damaged before it."""
    places = write(tmp_path, 5)
    size = (tmp_path / FIRST).stat().st_size
    damage(tmp_path / FIRST, places[1].offset + 40)
    assert survey(tmp_path, places[3]) == Survey(Position(FIRST, size))
    assert [gap.position for gap in survey(tmp_path, places[3], everything=True).gaps] == [places[1]]


def test_what_was_there_and_is_gone(tmp_path: Path) -> None:
    """A shorter file, a missing file, an empty folder: from where on records are lost."""
    places = write(tmp_path, 5)
    end = Position(FIRST, (tmp_path / FIRST).stat().st_size)
    os.truncate(tmp_path / FIRST, places[3].offset)
    assert survey(tmp_path, end).lost == places[3]
    (tmp_path / FIRST).write_bytes(b"hello\n")
    found = survey(tmp_path, end)
    assert (found.lost, found.end) == (Position(FIRST, 0), Position(SECOND, 0))
    assert survey(tmp_path, Position(SECOND, 77)).lost == Position(SECOND, 0)
    (tmp_path / FIRST).unlink()
    assert survey(tmp_path, end) == Survey(Position(FIRST, 0), lost=Position("", 0))
    assert "the records of 7 pages are gone" in told(found, lost=7)["archive_lost"]


def test_a_new_file_that_was_due_is_still_due(tmp_path: Path) -> None:
    """Nothing was written since the damage was found: the next record still goes to the next file."""
    write(tmp_path, 2)
    assert survey(tmp_path, Position(SECOND, 0)) == Survey(Position(SECOND, 0))
    assert go_on(tmp_path, Survey(Position(SECOND, 0))).file == SECOND
    assert archive_files(tmp_path) == [FIRST, SECOND]


def test_only_the_last_file_loses_its_torn_end(tmp_path: Path) -> None:
    """An earlier one is not written any more: it was cut by somebody else."""
    write(tmp_path, 20, size=2000)
    files = archive_files(tmp_path)
    for name in (files[0], files[-1]):
        os.truncate(tmp_path / name, (tmp_path / name).stat().st_size - 5)
    found = survey(tmp_path, Position(FIRST, 0))
    assert found.torn is not None
    assert found.torn.position.file == files[-1]
    assert [gap.position.file for gap in found.gaps] == [files[0]]
    assert set(told(found)) == {"archive_torn", "archive_damaged"}
    assert "were cut off" in told(found)["archive_torn"]
    assert "are not read" in told(found, cut=False)["archive_torn"]


def test_records_that_could_not_be_read_are_named_once(tmp_path: Path) -> None:
    """By the survey or by a reader; many of them make one sentence."""
    places = write(tmp_path, 30)
    damage(tmp_path / FIRST, places[0].offset + 40)
    message = told(survey(tmp_path, None), *places[:20])["archive_damaged"]
    assert "damaged in 20 places" in message
    assert message.count(",") < 15


def test_files_of_others_are_none_of_ours(tmp_path: Path) -> None:
    """Only names that we give count, so that a copy somebody made is neither read nor written."""
    write(tmp_path, 1)
    for name in ("forage-copy.warc.gz", "forage-1.warc.gz", "other-00002.warc.gz"):
        (tmp_path / name).write_bytes(b"hello")
    assert archive_files(tmp_path) == [FIRST]
    assert survey(tmp_path, None).gaps == ()
