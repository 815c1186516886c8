"""Before an archive is written again: given its folder and how far it was known, says what is there and what is not.

Only one thing is ever taken away (`cut_off`): a record that the end of the last file cuts off, behind whole ones and
behind the place up to which the archive was known to be whole. That is what a killed process leaves. Whatever else
cannot be read stays as it is, and new records go to a new file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crawler.warc import Position, archive_files, file_name, following
from crawler.warc_reader import stretches
from ranking.types import Notice

_LISTED: Final = 10  # offsets that a notice names


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no record. `torn`: the beginning of one, up to the end of the file. `alone`: the file holds
    nothing else."""

    position: Position
    bytes: int
    torn: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What an archive holds. `end`: where the next record goes. `torn`: what may be cut off, and then `end` is where it
    begins; `gaps`: all other damage. `lost`: the archive was known to reach further, and records at or behind this
    place are gone."""

    end: Position
    torn: Gap | None = None
    gaps: tuple[Gap, ...] = ()
    lost: Position | None = None


def survey(folder: Path, known: Position | None, *, everything: bool = False) -> Survey:
    """Reads the files from `known` on, the place up to which they were written and settled (None: from the beginning);
    with `everything`, all of them, so that damage before that place is found too. Changes nothing. Raises OSError."""
    names = archive_files(folder)
    sizes = {name: (folder / name).stat().st_size for name in names}
    gaps = list[Gap]()
    sound = dict[str, int]()  # where the last whole record of a file ends
    for name, size in sizes.items():
        begin = 0
        if known is not None and not everything:
            if name < known.file:
                continue
            if name == known.file and known.offset <= size:
                begin = known.offset
        found, sound[name] = _look(folder / name, begin, size)
        gaps += found
    lost = None
    if known is not None and known.offset > sizes.get(known.file, 0):
        lost = Position(known.file if names else "", sound.get(known.file, 0))
    if not names:
        return Survey(Position(file_name(1), 0), lost=lost)
    last = names[-1]
    own = [gap for gap in gaps if gap.position.file == last]
    torn = own[0] if own and known is not None and _left_by_a_kill(own[0], known) else None
    if torn is not None:
        end = torn.position
    elif own:
        end = Position(following(last), 0)
    elif known is not None and known.file > last and not known.offset:
        end = known  # `last` was left as it is, and nothing was written since
    else:
        end = Position(last, sizes[last])
    return Survey(end, torn, tuple(gap for gap in gaps if gap is not torn), lost)


def _left_by_a_kill(gap: Gap, known: Position) -> bool:
    """Damage may look like a torn record, too: only what was never known to be whole may be thrown away."""
    behind = (gap.position.file, gap.position.offset) >= (known.file, known.offset)
    return gap.torn and not gap.alone and behind


def _look(path: Path, begin: int, size: int) -> tuple[list[Gap], int]:
    """Damage in a file from byte `begin` on, and where its last whole record ends."""
    gaps, sound = list[Gap](), begin
    for stretch in stretches(path, begin):
        if stretch.plain is not None:
            sound = stretch.end
        else:
            length = stretch.end - stretch.begin
            gaps.append(Gap(Position(path.name, stretch.begin), length, stretch.torn, alone=length == size))
    return gaps, sound


def cut_off(folder: Path, torn: Gap) -> None:
    """Takes the torn record away. Raises OSError."""
    os.truncate(folder / torn.position.file, torn.position.offset)


def notices(found: Survey, unread: Iterable[Position], *, cut: bool, pages_lost: int) -> Iterator[Notice]:
    """What to tell of a survey. `unread`: records that could not be read later on; `cut`: the torn one was cut off;
    `pages_lost`: so many pages had their record behind `found.lost`."""
    if found.torn is not None:
        place, size = found.torn.position, found.torn.bytes
        fate = "were cut off" if cut else "are not read, and the next crawl cuts them off"
        message = (
            f"the last record of {place.file} was not written to its end: its {size} bytes, from byte {place.offset}"
        )
        yield Notice("archive_torn", f"{message} on, {fate}")
    damaged = dict[str, set[int]]()
    for place in [*(gap.position for gap in found.gaps), *unread]:
        damaged.setdefault(place.file, set()).add(place.offset)
    for gap in found.gaps:
        if gap.alone:
            del damaged[gap.position.file]
            yield Notice(
                "archive_unreadable",
                f"{gap.position.file} holds no readable record: its {gap.bytes} bytes are left as they are",
            )
    for file, offsets in sorted(damaged.items()):
        listed = ", ".join(map(str, sorted(offsets)[:_LISTED])) + (", ..." if len(offsets) > _LISTED else "")
        count = f"{len(offsets)} place{'s' if len(offsets) > 1 else ''}"
        yield Notice(
            "archive_damaged",
            f"{file} is damaged in {count}, at byte {listed}: it is left as it is, what surrounds the damage is read, "
            "and a crawl fetches again what is missing",
        )
    if pages_lost:
        yield Notice(
            "archive_lost",
            f"the archive is shorter than it was: the records of {pages_lost} pages are gone, "
            "and a crawl fetches them again",
        )
