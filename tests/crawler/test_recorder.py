"""What is written when: answers at once, then the disk, then what follows from them."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import CrawlerError
from crawler.fetch import Fetched
from crawler.frontier import FILE, Frontier, Page
from crawler.outcomes import Effects, Outcome
from crawler.recorder import Recorder
from crawler.warc import Archive, Position
from tests.crawler.conftest import settings
from tests.crawler.test_warc import answer

URL = "http://h.org/0"


class Watched(Archive):
    """An archive that notes what is done with it, and may refuse."""

    def __init__(self, folder: Path, story: list[str]) -> None:
        super().__init__(folder, size=1 << 30, level=3, software="test")
        self.story = story
        self.refuse = ""

    def append(self, url: str, depth: int, answer: Fetched, *, revisit_of: str | None = None) -> Position:
        if self.refuse == "append":
            raise OSError(28, "No space left on device")
        self.story.append("append")
        return super().append(url, depth, answer, revisit_of=revisit_of)

    def sync(self) -> None:
        if self.refuse == "sync":
            raise OSError(28, "No space left on device")
        self.story.append("sync")
        super().sync()


class Settled:
    """Stands for the Settler: takes its time when told to."""

    def __init__(self, story: list[str]) -> None:
        self.story = story
        self.calls: list[tuple[list[Outcome], Position | None]] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def settle(self, outcomes: list[Outcome], end: Position | None) -> Effects:
        self.may_end.wait(10)
        self.story.append("settle")
        self.calls.append((outcomes, end))
        return Effects()


@dataclasses.dataclass
class Desk:
    recorder: Recorder
    archive: Watched
    settler: Settled
    story: list[str]
    page: Page

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def both() -> None:
            writing = asyncio.create_task(self.recorder.run())
            try:
                await work()
            finally:
                await self.recorder.close()
                await writing

        asyncio.run(both())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    frontier = Frontier(tmp_path / FILE)
    frontier.add(URL, address=None, depth=0)
    page = frontier.page(URL)
    frontier.close()
    assert page is not None
    story: list[str] = []
    archive, settler = Watched(tmp_path / "warc", story), Settled(story)
    with ThreadPoolExecutor(1) as executor, ThreadPoolExecutor(1) as appender:
        recorder = Recorder(
            archive, settler, settings(commit_s=0.05), executor, appender,  # type: ignore[arg-type]
            idle=lambda: False, told=lambda outcomes, effects: None,
        )  # fmt: skip
        yield Desk(recorder, archive, settler, story, page)
    archive.close()


def test_the_disk_has_an_answer_before_anything_speaks_of_it(desk: Desk) -> None:
    """Append, sync, settle; and what is settled reaches to the end of its last record."""

    async def work() -> None:
        outcome = Outcome(desk.page, "archived", 200)
        place = await desk.recorder.archive(desk.page, answer(0), unread=outcome)
        assert desk.story == ["append"]
        await asyncio.sleep(0.2)
        assert desk.settler.calls == [([dataclasses.replace(outcome, position=place)], desk.archive.end)]

    desk.run(work)
    assert desk.story == ["append", "sync", "settle"]


def test_answers_do_not_wait_for_a_batch(desk: Desk) -> None:
    """While one is being settled they are appended; they belong to the next."""

    async def work() -> None:
        desk.settler.may_end.clear()
        await desk.recorder.archive(desk.page, answer(0))
        first = desk.archive.end
        await asyncio.sleep(0.2)
        await asyncio.wait_for(desk.recorder.archive(desk.page, answer(1)), 2)
        second = desk.archive.end
        desk.settler.may_end.set()
        await asyncio.sleep(0.3)
        assert [end for _, end in desk.settler.calls] == [first, second]

    desk.run(work)
    assert desk.story == ["append", "sync", "append", "settle", "sync", "settle"]


def test_a_page_that_was_read_meanwhile_is_settled_once(desk: Desk) -> None:
    """Its outcome says all that the note would."""

    async def work() -> None:
        outcome = Outcome(desk.page, "archived", 200)
        await desk.recorder.archive(desk.page, answer(0), unread=outcome)
        desk.recorder.settle(dataclasses.replace(outcome, kind="content"))

    desk.run(work)
    assert [[each.kind for each in outcomes] for outcomes, _ in desk.settler.calls] == [["content"]]


@pytest.mark.parametrize("refuse", ["append", "sync"])
def test_a_full_disk_is_said_to_be_full(desk: Desk, refuse: str) -> None:
    """To whoever waits for the answer to be kept, and to whoever waits for the batch; nothing is settled."""

    async def work() -> None:
        desk.archive.refuse = refuse
        await desk.recorder.archive(desk.page, answer(0))

    with pytest.raises(CrawlerError, match="cannot be written down"):
        desk.run(work)
    assert desk.settler.calls == []
    desk.archive.refuse = ""


def test_an_answer_is_kept_though_nobody_waits_for_it(desk: Desk) -> None:
    """Ctrl-C between the answer and the archive."""

    async def work() -> None:
        task = asyncio.create_task(desk.recorder.archive(desk.page, answer(0), unread=Outcome(desk.page, "archived")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    desk.run(work)
    assert desk.story == ["append", "sync", "settle"]
    assert len(desk.settler.calls[0][0]) == 1
