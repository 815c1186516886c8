"""What a crawl works on: the collection's folder with its lock, frontier, archive and the run that is going on.

Opening it puts right what a killed process left: a torn record is cut off (survey.py), and answers that were archived
but not settled are taken up from the archive instead of being fetched again. A lost frontier is rebuilt the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from crawler import urls
from crawler.errors import UrlError
from crawler.frontier import FILE, Frontier, Kind, State
from crawler.judge import REDIRECTS, judge, redirect
from crawler.lock import CrawlLock
from crawler.outcomes import Outcome
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.settle import Settler
from crawler.survey import Survey, cut_off, notices, survey
from crawler.warc import Archive, Position
from crawler.warc_reader import Archived, scan
from ranking.ports import DocumentSink
from ranking.types import Notice

WARC_FOLDER: Final = "warc"


class Workspace:
    """Open from construction to `close`. Raises CrawlBusyError when another process has it open, FolderGoneError when
    there is no such folder."""

    def __init__(self, folder: Path, sink: DocumentSink, settings: CrawlSettings) -> None:
        self._lock = CrawlLock(folder)
        try:
            self.warc = folder / WARC_FOLDER
            self._sink = sink
            self._settings = settings
            self.frontier = Frontier(folder / FILE)
            try:
                self.archive = Archive(
                    self.warc, size=settings.warc_bytes, level=settings.warc_level, software=settings.user_agent
                )
                self._lock.check()  # what was opened is not of another collection in the place of a deleted one
            except BaseException:
                self.frontier.close()
                raise
        except BaseException:
            try:
                self._lock.check()
            finally:
                self._lock.release()
            raise
        self.run = 0
        self.scope = Scope()
        self.settler: Settler
        self._survey: Survey
        self._cut = False
        self._pages_lost = 0

    def close(self) -> None:
        """Lets go of everything but `archive`, which whoever appends to it closes before. Idempotent."""
        self.frontier.close()
        self._lock.release()

    def notices(self, unread: Iterable[Position]) -> tuple[Notice, ...]:
        """What there is to say of the archive. `unread`: records that could not be read since it was opened."""
        return tuple(notices(self._survey, unread, cut=self._cut, pages_lost=self._pages_lost))

    # ------------------------------------------------------------ begin and end of a run

    def begin(self, seeds: Sequence[str]) -> None:
        """Goes on with what an earlier call left waiting within these seeds' hosts, and with all of a call that was
        killed; or begins the next run, a conditional recrawl. What waits elsewhere is parked. Raises UrlError,
        SettingsError.
        """
        names = [(urls.canonical(seed), urls.fetchable(seed)) for seed in seeds]
        frontier = self.frontier
        state: dict[str, Any] = frontier.note("run", {"number": 0, "finished": True})
        stored: dict[str, Any] = frontier.note("scope", {"hosts": [], "suffixes": [], "schemes": {}})
        killed = not state["finished"]
        base = Scope(frozenset(stored["hosts"]), tuple(stored["suffixes"]), stored["schemes"])
        # A new call has its own hosts, but a host keeps the scheme that its seed once ended at.
        scope = base if killed else Scope(schemes=base.schemes)
        for name, _ in names:
            scope = scope.with_page(name, known_scheme=True)
        self.scope = scope.with_hosts(self._settings.allow_hosts).without(self._settings.exclude)
        for name, _ in names:
            self._follow_seed(name)
        before = [sorted(base.hosts), sorted(base.suffixes), frontier.note("depth")]
        after = [sorted(self.scope.hosts), sorted(self.scope.suffixes), self._settings.depth]
        with frontier.transaction():
            for name, _ in names:
                frontier.connection.execute("UPDATE pages SET seed = 1, depth = 0 WHERE url = ?", (name,))
            frontier.reach(self._settings.depth, self.scope.allows)
            going_on = killed or frontier.count(State.WAITING) > 0
            self.run = state["number"] + (0 if going_on else 1)
            if not going_on:
                frontier.forgive_robots()
                frontier.begin_again(self._settings.depth, self.scope.allows)
            if before != after:
                frontier.forget_sitemaps()
            if not killed:
                frontier.write_note("counts", {})
            for name, address in names:
                frontier.add(name, address=address, depth=0, seed=True)
            frontier.write_note("run", {"number": self.run, "finished": False})
            frontier.write_note("depth", self._settings.depth)
        self.keep_scope(self.scope)
        self._take_up(relink=before != after, write=True)

    def begin_replay(self) -> None:
        """Everything in the archive is to be read again, without a run of its own."""
        frontier = self.frontier
        self.run = frontier.note("run", {"number": 0})["number"]
        stored: dict[str, Any] = frontier.note("scope", {"hosts": [], "suffixes": [], "schemes": {}})
        self.scope = Scope(frozenset(stored["hosts"]), tuple(stored["suffixes"]), stored["schemes"])
        self.scope = self.scope.with_hosts(self._settings.allow_hosts)
        kept = frontier.note("counts", {})
        self._take_up(relink=False, write=False)
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
        """The call is over: the next one has counts, and so a budget, of its own. It goes on with what waits (a limit
        was reached), or recrawls when nothing does."""
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

    def _take_up(self, relink: bool, *, write: bool) -> None:
        """Brings frontier and archive together again. `write`: the archive is to be written."""
        noted = self.frontier.note("archive")
        known = Position(noted[0], noted[1]) if noted else None
        found = self._survey = survey(self.warc, known, everything=not write)
        if write:
            if found.torn is not None:
                cut_off(self.warc, found.torn)
                self._cut = True
            self.archive.go_on_at(found.end)
        if found.lost is not None:
            known = found.lost
            with self.frontier.transaction():
                self._pages_lost = self.frontier.forget_archived(known)
                self.frontier.write_note("archive", [known.file, known.offset])
        self.settler = self._settler(relink)
        rebuilt = known is None
        outcomes: list[Outcome] = []
        for archived in scan(self.warc, known):
            if len(outcomes) >= self._settings.commit_pages:
                self.settler.settle(outcomes, archived.position)
                outcomes = []
            if rebuilt and archived.answer.status == 200:
                # A rebuilt frontier knows no scope but what the archive shows.
                self.scope = self.scope.with_page(archived.url)
            outcome = self._taken_up(archived, rebuilt)
            if outcome is not None:
                outcomes.append(outcome)
        self.settler.settle(outcomes, found.end)
        if rebuilt:
            with self.frontier.transaction():  # what was fetched long ago is not of this call's budget
                self.frontier.write_note("counts", {})
            self.settler = self._settler(relink)

    def _taken_up(self, archived: Archived, rebuilt: bool) -> Outcome | None:
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
        if archived.kind == "revisit":
            if page.position is None:
                return None  # nobody has the body that it is a repetition of
            etag, modified = answer.header("etag"), answer.header("last-modified")
            return Outcome(page, "unchanged", answer.status, etag=etag, modified=modified)
        if answer.status in REDIRECTS:
            outcome, scope = redirect(page, answer, self.scope, self._settings, anywhere=rebuilt)
            if scope != self.scope:
                self.keep_scope(scope)
            return outcome
        outcome = judge(page, answer)
        return replace(outcome, position=archived.position) if outcome.kind == "archived" else outcome
