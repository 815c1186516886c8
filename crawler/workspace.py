"""What a crawl works on: the collection's folder with its lock, frontier, archive and the run that is going on.

Opening it repairs what a killed process left: a torn record is cut off, and answers that were archived but not
settled are taken up from the archive instead of being fetched again. A lost frontier is rebuilt the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from crawler import urls
from crawler.errors import CrawlBusyError, UrlError
from crawler.frontier import FILE, Frontier, Kind
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.settle import Outcome, Settler, Ticket
from crawler.warc import Archive, Archived, Position, repair, scan
from ranking.ports import DocumentSink

WARC_FOLDER: Final = "warc"
LOCK_FILE: Final = "crawl.lock"
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Workspace:
    """Open from construction to `close`. Raises CrawlBusyError when another process has it open."""

    def __init__(self, folder: Path, sink: DocumentSink, settings: CrawlSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / LOCK_FILE, timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise CrawlBusyError(
                f"another crawl is at work in {folder}", hint="wait for it to end, or crawl into another collection"
            ) from error
        try:
            self.warc = folder / WARC_FOLDER
            self._sink = sink
            self._settings = settings
            self.frontier = Frontier(folder / FILE)
            self.archive = Archive(
                self.warc, size=settings.warc_bytes, level=settings.warc_level, software=settings.user_agent
            )
        except BaseException:
            self._lock.release()
            raise
        self.run = 0
        self.scope = Scope()
        self.settler: Settler

    def close(self) -> None:
        """Lets go of everything. Idempotent."""
        self.archive.close()
        self.frontier.close()
        self._lock.release()

    # ------------------------------------------------------------ begin and end of a run

    def begin(self, seeds: Sequence[str]) -> None:
        """Goes on with an unfinished run (its hosts included), or begins the next one: a conditional recrawl.

        Raises UrlError, SettingsError.
        """
        names = [(urls.canonical(seed), urls.fetchable(seed)) for seed in seeds]
        frontier = self.frontier
        state: dict[str, Any] = frontier.note("run", {"number": 0, "finished": True})
        stored: dict[str, Any] = frontier.note("scope", {"hosts": [], "suffixes": [], "schemes": {}})
        going_on = not state["finished"]
        base = Scope(frozenset(stored["hosts"]), tuple(stored["suffixes"]), stored["schemes"])
        # A new run has its own hosts, but a host keeps the scheme that its seed once ended at.
        scope = base if going_on else Scope(schemes=base.schemes)
        for name, _ in names:
            scope = scope.with_page(name, known_scheme=True)
        self.scope = scope.with_hosts(self._settings.allow_hosts).without(self._settings.exclude)
        for name, _ in names:
            self._follow_seed(name)
        self.run = state["number"] + (0 if going_on else 1)
        before = [sorted(base.hosts), sorted(base.suffixes), frontier.note("depth")]
        after = [sorted(self.scope.hosts), sorted(self.scope.suffixes), self._settings.depth]
        with frontier.transaction():
            if not going_on:
                frontier.write_note("counts", {})
                frontier.forgive_robots()
                frontier.begin_again(self.run, self._settings.depth, self.scope.allows)
            for name, address in names:
                if not frontier.add(name, address=address, depth=0, seed=True):
                    frontier.connection.execute("UPDATE pages SET seed = 1, depth = 0 WHERE url = ?", (name,))
            frontier.write_note("run", {"number": self.run, "finished": False})
            frontier.write_note("depth", self._settings.depth)
        self.keep_scope(self.scope)
        self._take_up(relink=before != after)

    def begin_replay(self) -> None:
        """Everything in the archive is to be read again, without a run of its own."""
        frontier = self.frontier
        self.run = frontier.note("run", {"number": 0})["number"]
        stored: dict[str, Any] = frontier.note("scope", {"hosts": [], "suffixes": [], "schemes": {}})
        self.scope = Scope(frozenset(stored["hosts"]), tuple(stored["suffixes"]), stored["schemes"])
        self.scope = self.scope.with_hosts(self._settings.allow_hosts)
        kept = frontier.note("counts", {})
        self._take_up(relink=False)
        with frontier.transaction():
            frontier.replay_all()
            # What is counted from here on is counted apart from the crawl.
            frontier.write_note("crawl_counts", kept)
            frontier.write_note("counts", {})
        self.settler = self._settler(relink=False)

    def end_replay(self) -> None:
        """Gives the crawl its own counts back."""
        with self.frontier.transaction():
            self.frontier.write_note("counts", self.frontier.note("crawl_counts", {}))

    def finish(self) -> None:
        """The run is over: the same command will recrawl."""
        with self.frontier.transaction():
            self.frontier.write_note("run", {"number": self.run, "finished": True})

    def keep_scope(self, scope: Scope) -> None:
        """Makes the scope durable: a redirected seed may have widened it."""
        self.scope = scope
        value = {"hosts": sorted(scope.hosts), "suffixes": list(scope.suffixes), "schemes": dict(scope.schemes)}
        self.frontier.write_note("scope", value)

    def _follow_seed(self, name: str) -> None:
        """Hosts that a seed redirected to in an earlier run belong to the crawl from the start."""
        if self._settings.allow_hosts:
            return
        for _ in range(self._settings.max_redirects):
            page = self.frontier.page(name)
            if page is None or page.alias is None or page.alias_kind != "redirect":
                return
            name = page.alias
            self.scope = self.scope.with_page(name, known_scheme=True)

    def _settler(self, relink: bool) -> Settler:
        return Settler(self.frontier, self._sink, self._settings, self.run, relink)

    # ------------------------------------------------------------ what a killed process left

    def _take_up(self, relink: bool) -> None:
        """Brings frontier and archive together again."""
        noted = self.frontier.note("archive")
        start = Position(noted[0], noted[1]) if noted else None
        end = repair(self.warc, start)
        if start is not None and (end is None or (end.file, end.offset) < (start.file, start.offset)):
            lost = end or Position("", 0)
            with self.frontier.transaction():
                self.frontier.forget_archived(lost)
                self.frontier.write_note("archive", [lost.file, lost.offset])
            start = lost
        self.settler = self._settler(relink)
        outcomes: list[Outcome] = []
        for archived in scan(self.warc, start):
            if start is None and archived.answer.status == 200:
                # A rebuilt frontier knows no scope but what the archive shows.
                self.scope = self.scope.with_page(archived.url)
            outcome = self._adopted(archived)
            if outcome is not None:
                outcomes.append(outcome)
            if len(outcomes) >= self._settings.commit_pages:
                self.settler.settle(outcomes, None)
                outcomes = []
        self.settler.settle(outcomes, end)

    def _adopted(self, archived: Archived) -> Outcome | None:
        """What an archived answer says of its page."""
        answer, url = archived.answer, archived.url
        try:
            if urls.canonical(url) != url:
                return None
        except UrlError:
            return None
        self.frontier.add(url, address=answer.address, depth=archived.depth)
        page = self.frontier.page(url)
        if page is None or page.kind is Kind.SITEMAP:
            return None
        if answer.status in (404, 410):
            return Outcome(page, "gone", answer.status, f"status {answer.status}")
        if answer.status in REDIRECTS:
            try:
                found = urls.absolute(answer.address, answer.header("location") or "")
                target, address = urls.canonical(found), urls.fetchable(found)
            except UrlError:
                return None
            if target == url:
                return None
            return Outcome(page, "redirect", answer.status, target=target, target_address=address)
        if archived.kind != "response" or answer.status != 200:
            return None
        return Outcome(
            page, "archived", 200, ticket=Ticket(archived.position), at=answer.at, etag=answer.header("etag"),
            modified=answer.header("last-modified"), payload=digest(answer.body), size=len(answer.raw),
        )  # fmt: skip


def digest(body: bytes) -> bytes:
    """What tells whether a body is the same again (20 bytes)."""
    return hashlib.sha1(body, usedforsecurity=False).digest()


__all__ = ["LOCK_FILE", "REDIRECTS", "WARC_FOLDER", "Workspace", "digest"]
