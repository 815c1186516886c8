"""What becomes of a page: given how its fetch or reading came out, writes the row, its links and its document.

The one place that decides which documents exist. Everything of a batch happens in one transaction, and the sink
has taken the documents before that transaction commits; the raw bytes were appended before. So a page counts as
done only when its record and its document are durable. No network, no clock. One thread only.

A page stores a document under its own id unless it redirects, says the same as an earlier page (exact
duplicate), or names another page as canonical. When the page that spoke for others changes its mind, those
others are read again from the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from crawler import urls
from crawler.discover import Discoverer
from crawler.duplicates import band_keys, similarity
from crawler.events import Counts, EventKind
from crawler.frontier import Frontier, Holds, Kind, Page, State
from crawler.outcomes import Effect, Effects, Outcome
from crawler.settings import CrawlSettings
from crawler.warc import Position
from ranking.ports import DocumentSink
from ranking.types import Document

_CHAIN: Final = 16  # aliases followed before a chain counts as a loop
_SITEMAP_NESTING: Final = 3  # an index in an index happens; more does not
_NO_BODY: Final = dict.fromkeys(("etag", "modified", "payload", "archived", "warc", "offset"))
"""Columns of a page that has none, or no longer the one that was archived."""


class Settler:
    """Applies outcomes to the frontier and the sink. `relink`: links of unchanged pages count again, because the
    scope grew since they were read."""

    def __init__(self, frontier: Frontier, sink: DocumentSink, settings: CrawlSettings, run: int, relink: bool) -> None:
        self._frontier = frontier
        self._database = frontier.connection
        self._sink = sink
        self._settings = settings
        self._run = run
        self._relink = relink
        self._discoverer = Discoverer(frontier, settings)
        self.add_sitemap = self._discoverer.add_sitemap
        self._counts = Counts(**frontier.note("counts", {}))
        self._documents: dict[str, Document | None] = {}
        self._effects = Effects()

    def settle(self, outcomes: Sequence[Outcome], archive_end: Position | None) -> Effects:
        """All outcomes, in order. `archive_end`: everything before it is on disk. Raises what the sink raises, and
        then nothing has happened."""
        self._effects = Effects()
        self._documents = {}
        self._discoverer.begin()
        before = self._counts
        try:
            with self._frontier.transaction():
                for outcome in outcomes:
                    self._settle(outcome)
                self._hand_over()
                self._counts = replace(self._counts, waiting=self._discoverer.waiting)
                self._frontier.write_note("counts", asdict(self._counts))
                if archive_end is not None:
                    self._frontier.write_note("archive", [archive_end.file, archive_end.offset])
        except BaseException:
            self._counts = before
            self._discoverer.forget()
            raise
        effects, found = self._effects, self._discoverer
        effects.counts = self._counts
        effects.hosts |= found.hosts
        effects.replays |= found.replays
        effects.told.extend(Effect("trap", url, reason=reason) for url, reason in found.traps)
        return effects

    def _hand_over(self) -> None:
        kept = [document for document in self._documents.values() if document is not None]
        gone = [identifier for identifier, document in self._documents.items() if document is None]
        if kept:
            self._sink.add(kept)
        if gone:
            self._sink.remove(gone)

    def _settle(self, outcome: Outcome) -> None:
        page = self._frontier.page(outcome.page.url)
        if page is None:
            return
        if page.state is State.REPLAY and outcome.kind in ("unchanged", "failed"):
            return  # of an answer found in the archive: what came before it is still to be read, and that decides
        counted = (
            outcome.kind in ("content", "unread", "archived", "unchanged")
            and page.kind is Kind.PAGE
            and page.state is not State.REPLAY
        )
        # A page that waits to be read from the archive was counted when it was archived.
        self._count(bytes=0 if page.state is State.REPLAY else outcome.size, fetched=int(counted))
        match outcome.kind:
            case "content" | "unread":
                self._content(page, outcome)
            case "archived":
                self._write(page, state=State.REPLAY, run=self._run, status=outcome.status, **self._archived(outcome))
            case "unchanged":
                self._unchanged(page, outcome)
            case "sitemap":
                self._sitemap(page, outcome)
            case "redirect":
                self._redirect(page, outcome)
            case "retry":
                self._write(page, attempts=page.attempts + 1, due=outcome.due, reason=outcome.reason)
                if page.state is State.REPLAY:  # its record cannot be read: have it anew
                    self._write(page, state=State.WAITING, **_NO_BODY)
                self._count(retries=1)
                self._effects.hosts.add(page.host)
                self._tell("retry", outcome)
            case "gone":
                self._write(
                    page, state=State.GONE, run=self._run, status=outcome.status, reason=outcome.reason, content=None,
                    alias=None, alias_kind=None, near=None, **_NO_BODY,
                )  # fmt: skip
                self._let_go(page)
                if page.kind is Kind.SITEMAP:  # most sites have none where one is looked for
                    self._tell("sitemap", outcome)
                    return
                self._count(**({"removed": 1} if page.holds is Holds.OWN else {"failed": 1}))
                self._tell("removed" if page.holds is Holds.OWN else "failed", outcome)
            case "failed" | "excluded":
                state = State.FAILED if outcome.kind == "failed" else State.EXCLUDED
                self._write(page, state=state, run=self._run, status=outcome.status, reason=outcome.reason)
                if page.holds is not Holds.OWN:  # a page that cannot be had today keeps the document it had
                    self._let_go(page)
                self._count(**{outcome.kind: 1})
                self._tell(outcome.kind, outcome)

    # ------------------------------------------------------------ content

    def _content(self, page: Page, outcome: Outcome) -> None:
        reading = outcome.reading
        assert reading is not None
        document, alias, kind = reading.document, None, None
        if document is not None and reading.canonical and self._yields(page, reading.canonical):
            alias, kind = reading.canonical, "canonical"
        elif document is not None:
            if page.holds is not Holds.OWN:  # those that name it as canonical had nothing to yield to, until now
                self._read_again(f"canonical = ? AND alias IS NULL AND state <> {State.WAITING:d}", page.url)
            if document.content_hash and (alias := self._earlier_twin(page, document.content_hash)):
                kind = "duplicate"
        own = document if alias is None else None
        values = self._archived(outcome)
        self._write(
            page, state=State.DONE, run=self._run, status=outcome.status, reason=reading.reason, attempts=0,
            canonical=reading.canonical, alias=alias, alias_kind=kind, near=None,
            content=document.content_hash if document is not None else None,
            document=Holds.OWN if own is not None else Holds.NOTHING, **values,
        )  # fmt: skip
        self._sign(page, reading.signature if own is not None else None, outcome)
        if own is not None:
            self._documents[own.id] = own
            self._count(documents=1)
            self._tell("page", outcome)
            if page.content and page.content != own.content_hash:
                self._release(page, "duplicate")
        else:
            self._let_go(page, into=alias)
            if kind == "canonical" and alias is not None and document is not None:
                self._stand_in(page, alias, document)
            if document is None:
                self._count(skipped=1)
                self._tell("skipped", outcome, reason=reading.reason)
            else:
                self._count(duplicates=1)
                self._tell("alias" if kind == "canonical" else "duplicate", outcome, other=alias or "")
        self._discoverer.follow(page, reading.links)

    def _archived(self, outcome: Outcome) -> dict[str, object]:
        """Columns of a body that was fetched just now; none for one read again from the archive."""
        if outcome.kind == "unread":
            return _NO_BODY
        position = outcome.position
        if position is None:
            return {}
        return {
            "etag": outcome.etag, "modified": outcome.modified, "payload": outcome.payload, "archived": outcome.at,
            "warc": position.file, "offset": position.offset,
        }  # fmt: skip

    def _yields(self, page: Page, canonical: str) -> bool:
        """Whether `page` may leave its document to the page it names: that page is still to be read, or has one."""
        target = self._frontier.page(canonical)
        for _ in range(_CHAIN):
            if target is None:
                return page.hops < self._settings.max_redirects
            if target.url == page.url:
                return False
            if target.alias is None or target.state is State.REPLAY:
                break
            target = self._frontier.page(target.alias)
        else:
            return False
        if target.kind is not Kind.PAGE or target.state in (State.FAILED, State.EXCLUDED, State.GONE):
            return False
        # One that had nothing the last time must show first that it has something now.
        unknown = target.state is State.REPLAY or (target.state is State.WAITING and target.run == 0)
        return target.holds is not Holds.NOTHING or unknown

    def _stand_in(self, page: Page, canonical: str, document: Document) -> None:
        """The canonical page holds this document until it is read itself."""
        if self._frontier.add(canonical, address=None, depth=page.depth, hops=page.hops + 1):
            self._effects.hosts.add(urls.host(canonical))
        target = self._frontier.page(canonical)
        if target is None or target.holds is Holds.OWN or target.alias is not None:
            return
        self._documents[urls.document_id(canonical)] = replace(
            document, id=urls.document_id(canonical), url=canonical, site=urls.host(canonical)
        )
        self._write(target, document=Holds.STAND_IN, content=document.content_hash)

    def _earlier_twin(self, page: Page, content: str) -> str | None:
        """An earlier page that stores this very content. A later one that does hands over to `page`: whatever the
        order in which pages happen to be read, the one discovered first keeps the document."""
        query = (
            "SELECT url FROM pages WHERE content = ? AND document > 0 AND id <> ? AND (state <> ? OR document = ?)"
            " ORDER BY id LIMIT 1"
        )
        row = self._database.execute(query, (content, page.id, State.REPLAY, Holds.STAND_IN)).fetchone()
        twin = None if row is None else self._frontier.page(row[0])
        if twin is None or twin.id < page.id or twin.holds is Holds.STAND_IN:
            return None if twin is None else twin.url
        self._documents[urls.document_id(twin.url)] = None
        self._forget_signature(twin)
        self._database.execute(
            "UPDATE pages SET alias = ? WHERE alias = ? AND alias_kind = 'duplicate'", (page.url, twin.url)
        )
        self._write(twin, document=Holds.NOTHING, alias=page.url, alias_kind="duplicate")
        self._count(documents=-1, duplicates=1)
        self._effects.told.append(Effect("duplicate", twin.url, twin.status, other=page.url))
        return None

    def _let_go(self, page: Page, into: str | None = None) -> None:
        """Takes away the document stored under the page's id, if any, and frees those who relied on it.

        `into`: the page that speaks for this one now, and so for its canonical aliases too, itself excepted.
        """
        if page.holds is not Holds.NOTHING:
            self._documents[urls.document_id(page.url)] = None
            self._write(page, document=Holds.NOTHING)
        self._release(page, "duplicate")
        self._release(page, "canonical", only=into)

    def _release(self, page: Page, kind: str, only: str | None = None) -> None:
        """Pages that were aliases of this one, also by way of a redirect (or the one named), are read again."""
        ways = self._database.execute(
            "WITH RECURSIVE way (url) AS (VALUES (?) UNION SELECT pages.url FROM pages, way"
            " WHERE pages.alias = way.url AND pages.alias_kind = 'redirect') SELECT url FROM way",
            (page.url,),
        ).fetchall()
        for (way,) in ways:
            self._read_again("alias = ? AND alias_kind = ? AND url = coalesce(?, url)", way, kind, only)

    def _read_again(self, whose: str, *values: object) -> None:
        """Pages that match are decided anew: from the archive, or fetched whole where it has nothing of them."""
        freed, settled = "UPDATE pages SET alias = NULL, alias_kind = NULL", f"{State.DONE:d}, {State.PARKED:d}"
        replayed = self._database.execute(
            f"{freed}, state = {State.REPLAY:d} WHERE {whose} AND state IN ({settled}) AND warc IS NOT NULL", values
        )
        self._effects.replays |= replayed.rowcount > 0
        fetched = self._database.execute(
            f"{freed}, state = {State.WAITING:d}, etag = NULL, modified = NULL, payload = NULL"
            f" WHERE {whose} AND state IN ({State.WAITING:d}, {settled}) RETURNING host",
            values,
        )
        self._effects.hosts.update(row[0] for row in fetched)

    def _sign(self, page: Page, sketch: bytes | None, outcome: Outcome) -> None:
        """Keeps the signature and tells of the nearest earlier page, if one is near enough."""
        self._forget_signature(page)
        if sketch is None:
            return
        self._write(page, signature=sketch)
        keys_new = band_keys(sketch)
        marks = ",".join("?" * len(keys_new))
        near, best = "", 0.0
        query = f"SELECT url, signature FROM pages WHERE id IN (SELECT page FROM bands WHERE key IN ({marks}) LIMIT 64)"
        for url, other in self._database.execute(query, keys_new):
            if other is not None and url != page.url and (alike := similarity(sketch, other)) > best:
                near, best = url, alike
        self._database.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", [(key, page.id) for key in keys_new])
        if best >= self._settings.near_duplicate:
            self._database.execute("UPDATE pages SET near = ? WHERE id = ?", (near, page.id))
            self._count(near_duplicates=1)
            self._tell("near_duplicate", outcome, other=near, reason=f"similarity {best:.2f}")

    def _forget_signature(self, page: Page) -> None:
        old = self._database.execute("SELECT signature FROM pages WHERE id = ?", (page.id,)).fetchone()[0]
        if old is not None:
            keys = [(key, page.id) for key in band_keys(old)]
            self._database.executemany("DELETE FROM bands WHERE key = ? AND page = ?", keys)
            self._write(page, signature=None)

    # ------------------------------------------------------------ other outcomes

    def _unchanged(self, page: Page, outcome: Outcome) -> None:
        orphan = page.content is not None and page.holds is Holds.NOTHING
        undecided = page.alias is None and (
            orphan or (page.canonical is not None and self._yields(page, page.canonical))
        )
        again = (self._relink or undecided) and page.position is not None and page.kind is Kind.PAGE
        values: dict[str, object] = {"etag": outcome.etag or page.etag, "modified": outcome.modified or page.modified}
        self._write(page, state=State.REPLAY if again else State.DONE, run=self._run, attempts=0, **values)
        self._effects.replays |= again
        self._count(unchanged=1)
        self._tell("unchanged", outcome)

    def _redirect(self, page: Page, outcome: Outcome) -> None:
        reason = outcome.reason
        if not reason and outcome.target:
            reason = self._loops(page, outcome.target)
        if reason or not outcome.target:
            self._settle_failure(page, replace(outcome, reason=reason or "redirects out of the crawl's hosts"))
            return
        if self._frontier.add(
            outcome.target,
            address=outcome.target_address,
            depth=page.depth,
            hops=page.hops + 1,
            seed=page.seed,
            kind=page.kind,
        ):
            self._effects.hosts.add(urls.host(outcome.target))
        self._write(page, state=State.DONE, run=self._run, status=outcome.status, reason="", attempts=0, content=None,
                    alias=outcome.target, alias_kind="redirect", **_NO_BODY)  # fmt: skip
        self._let_go(page, into=outcome.target)
        self._count(redirects=1)
        self._tell("redirect", outcome, other=outcome.target)

    def _settle_failure(self, page: Page, outcome: Outcome) -> None:
        outside = not outcome.target
        self._settle(replace(outcome, kind="excluded" if outside else "failed", size=0))
        if outside and page.holds is Holds.OWN:
            self._let_go(page)  # what was here has moved away

    def _loops(self, page: Page, target: str) -> str:
        if page.hops >= self._settings.max_redirects:
            return f"more than {self._settings.max_redirects} redirects in a row"
        following: str | None = target
        for _ in range(_CHAIN):
            if following == page.url:
                return "redirects in a circle"
            step = self._frontier.page(following) if following is not None else None
            if step is None or step.alias_kind != "redirect":
                return ""
            following = step.alias
        return "redirects in a circle"

    def _sitemap(self, page: Page, outcome: Outcome) -> None:
        reading = outcome.reading
        assert reading is not None
        self._write(
            page, kind=Kind.SITEMAP, state=State.DONE, run=self._run, status=outcome.status, reason=reading.reason,
            attempts=0, etag=outcome.etag, modified=outcome.modified, payload=outcome.payload,
            content=None, canonical=None, alias=None, alias_kind=None,
        )  # fmt: skip
        self._let_go(page)  # a seed may have been a page before
        self._tell("sitemap", outcome, reason=reading.reason or f"{len(reading.links)} pages")
        self._discoverer.follow(page, reading.links)
        if page.hops < _SITEMAP_NESTING:
            for found in reading.sitemaps:
                self._discoverer.add_sitemap(found.url, page.hops + 1)

    # ------------------------------------------------------------ small change

    def _write(self, page: Page, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(f"UPDATE pages SET {names} WHERE id = ?", (*values.values(), page.id))

    def _count(self, **more: int) -> None:
        now = self._counts
        self._counts = replace(now, **{name: getattr(now, name) + number for name, number in more.items()})

    def _tell(self, kind: EventKind, outcome: Outcome, *, reason: str = "", other: str = "") -> None:
        self._effects.told.append(
            Effect(kind, outcome.page.url, outcome.status, outcome.size, reason or outcome.reason, other)
        )
