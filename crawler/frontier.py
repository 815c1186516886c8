"""Which pages are known and what is to be done with each: a SQLite file that survives kill -9 at any instant.

A page is a row under its canonical URL. A row that is being fetched still says WAITING: whatever was in flight
when the process died is simply taken again. Rows are taken host by host in order of depth, then discovery.
Settling a page (its documents, duplicates, links) is settle.py's; both write in one transaction. One thread only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from crawler import urls
from crawler.errors import CrawlerError
from crawler.robots import Known
from crawler.warc import Position

FILE: Final = "frontier.sqlite"
_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    id INTEGER PRIMARY KEY,          -- order of discovery
    url TEXT NOT NULL UNIQUE,        -- canonical
    address TEXT,                    -- as found, when that differs
    host TEXT NOT NULL,              -- the lane
    kind INTEGER NOT NULL DEFAULT 0, -- Kind
    depth INTEGER NOT NULL,          -- links from a seed
    hops INTEGER NOT NULL DEFAULT 0, -- redirects that led here
    seed INTEGER NOT NULL DEFAULT 0, -- a seed, or where one redirects to
    state INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,     -- epoch seconds: not before
    attempts INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 0,  -- the run that settled it last
    status INTEGER, reason TEXT NOT NULL DEFAULT '',
    etag TEXT, modified TEXT, payload BLOB,
    content TEXT,                    -- Document.content_hash
    document INTEGER NOT NULL DEFAULT 0, -- Holds
    alias TEXT, alias_kind TEXT,     -- redirect | canonical | duplicate, and of which page
    canonical TEXT,                  -- the page of this crawl that it names as its own address, heeded or not
    near TEXT, signature BLOB,
    archived REAL, warc TEXT, offset INTEGER -- the record of its latest body
);
CREATE INDEX pages_next ON pages (host, state, depth, id);
CREATE INDEX pages_state ON pages (state, id);
CREATE INDEX pages_alias ON pages (alias) WHERE alias IS NOT NULL;
CREATE INDEX pages_content ON pages (content) WHERE content IS NOT NULL;
CREATE INDEX pages_canonical ON pages (canonical) WHERE canonical IS NOT NULL;
CREATE TABLE bands (key INTEGER, page INTEGER, PRIMARY KEY (key, page)) WITHOUT ROWID;
CREATE TABLE families (key INTEGER PRIMARY KEY, members INTEGER NOT NULL);
CREATE TABLE shapes (key INTEGER PRIMARY KEY);
CREATE TABLE robots (origin TEXT PRIMARY KEY, body BLOB, at REAL NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;
"""
_UPGRADE: Final = (  # from layout 1, which kept no canonical address: reading again those that name one finds it
    "UPDATE pages SET state = 1 WHERE standalone = 1 AND state = 2 AND warc IS NOT NULL",
    "ALTER TABLE pages DROP COLUMN standalone",
    "ALTER TABLE pages ADD COLUMN canonical TEXT",
    "CREATE INDEX pages_canonical ON pages (canonical) WHERE canonical IS NOT NULL",
)


class State(IntEnum):
    """What is to be done with a page."""

    WAITING = 0  # fetch it
    REPLAY = 1  # read it again from the archive
    DONE = 2
    FAILED = 3  # given up in this run
    EXCLUDED = 4  # robots.txt or scope
    GONE = 5  # 404 or 410
    PARKED = 6  # to be fetched, by a call whose scope and depth it lies within


class Kind(IntEnum):
    PAGE = 0
    SITEMAP = 1


class Holds(IntEnum):
    """Whether a document is stored under the page's id."""

    NOTHING = 0
    OWN = 1
    STAND_IN = 2  # of a page that names this one as canonical, until this one is read


# What a sitemap lists is one link away, so it is of no use to a call that follows none, unless it is the seed.
_INSIDE: Final = f"depth + (kind = {Kind.SITEMAP:d} AND NOT seed) <= :limit AND allows(url)"


@dataclass(frozen=True, slots=True)
class Page:
    """A row, as the loop needs it. `position`: the record of its latest body, archived at epoch seconds `archived`."""

    id: int
    url: str
    address: str
    host: str
    kind: Kind
    depth: int
    hops: int
    seed: bool
    state: State
    attempts: int
    run: int
    status: int | None
    etag: str | None
    modified: str | None
    payload: bytes | None
    content: str | None
    holds: Holds
    alias: str | None
    alias_kind: str | None
    canonical: str | None
    archived: float | None
    position: Position | None


_COLUMNS: Final = (
    "id, url, address, host, kind, depth, hops, seed, state, attempts, run, status, etag, modified, payload, content, "
    "document, alias, alias_kind, canonical, archived, warc, offset"
)


def _page(row: Any) -> Page:
    position = Position(row[21], row[22]) if row[21] is not None else None
    return Page(
        row[0], row[1], row[2] or row[1], row[3], Kind(row[4]), row[5], row[6], bool(row[7]), State(row[8]), row[9],
        row[10], row[11], row[12], row[13], row[14], row[15], Holds(row[16]), row[17], row[18], row[19], row[20],
        position,
    )  # fmt: skip


class Frontier:
    """The open file. Raises CrawlerError for a file that is not a frontier of this version."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=NORMAL")
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
            if version < _VERSION:
                with self.transaction():
                    for statement in _UPGRADE if version else _SCHEMA.split(";\n"):
                        self.connection.execute(statement)
                    self.connection.execute(f"PRAGMA user_version={_VERSION}")
            elif version != _VERSION:
                raise CrawlerError(
                    f"{path} has layout {version}, this Forage reads {_VERSION}", hint="crawl into a new folder"
                )
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise CrawlerError(
                f"{path} is no frontier: {error}", hint="move it away: it is built anew from the WARC folder"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()

    # ------------------------------------------------------------ notes

    def note(self, key: str, default: Any = None) -> Any:
        """The value kept under `key`."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])

    def write_note(self, key: str, value: Any) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    # ------------------------------------------------------------ pages

    def page(self, url: str) -> Page | None:
        row = self.connection.execute(f"SELECT {_COLUMNS} FROM pages WHERE url = ?", (url,)).fetchone()
        return None if row is None else _page(row)

    def add(
        self, url: str, *, address: str | None, depth: int, hops: int = 0, seed: bool = False, kind: Kind = Kind.PAGE
    ) -> bool:
        """Makes the page known; False when it was."""
        cursor = self.connection.execute(
            "INSERT OR IGNORE INTO pages (url, address, host, kind, depth, hops, seed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (url, address if address != url else None, urls.host(url), kind, depth, hops, seed),
        )
        return cursor.rowcount > 0

    def take(self, host: str, now: float, limit: int, exclude: Collection[str]) -> list[Page]:
        """The next pages of a host that are due, without those in `exclude` (in flight)."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM pages WHERE host = ? AND state = ? AND due <= ? ORDER BY depth, id LIMIT ?",
            (host, State.WAITING, now, limit + len(exclude)),
        )
        return [_page(row) for row in rows if row[1] not in exclude][:limit]

    def take_replays(self, limit: int, exclude: Collection[str]) -> list[Page]:
        """Pages to read again from the archive, in the order in which they were archived."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM pages WHERE state = ? ORDER BY warc, offset LIMIT ?",
            (State.REPLAY, limit + len(exclude)),
        )
        return [_page(row) for row in rows if row[1] not in exclude][:limit]

    def next_due(self, host: str, now: float) -> float | None:
        """When the earliest postponed page of a host is due (epoch seconds)."""
        query = "SELECT min(due) FROM pages WHERE host = ? AND state = ? AND due > ?"
        found: float | None = self.connection.execute(query, (host, State.WAITING, now)).fetchone()[0]
        return found

    def waiting_hosts(self) -> list[str]:
        """Hosts with pages to fetch, those with the earliest pages first."""
        query = "SELECT host FROM pages WHERE state = ? GROUP BY host ORDER BY min(depth), min(id)"
        return [row[0] for row in self.connection.execute(query, (State.WAITING,))]

    def count(self, state: State) -> int:
        total: int = self.connection.execute("SELECT count(*) FROM pages WHERE state = ?", (state,)).fetchone()[0]
        return total

    def reach(self, depth: int | None, allows: Callable[[str], bool]) -> None:
        """From here on only pages that `allows` and `depth` let in wait; the others are parked."""
        self.connection.create_function("allows", 1, allows, deterministic=True)
        for old, new, whose in (
            (State.PARKED, State.WAITING, _INSIDE),
            (State.WAITING, State.PARKED, f"NOT ({_INSIDE})"),
        ):
            query = f"UPDATE pages SET state = {new:d} WHERE state = {old:d} AND {whose}"
            self.connection.execute(query, {"limit": _limit(depth)})

    def begin_again(self, depth: int | None, allows: Callable[[str], bool]) -> None:
        """Every settled page that `allows` and `depth` let in waits again (a recrawl)."""
        self.connection.create_function("allows", 1, allows, deterministic=True)
        self.connection.execute(
            f"UPDATE pages SET state = {State.WAITING:d}, due = 0, attempts = 0"
            f" WHERE state >= {State.DONE:d} AND {_INSIDE}",
            {"limit": _limit(depth)},
        )

    def forget_sitemaps(self) -> None:
        """Sitemaps will be fetched whole: they are in no archive from which what they list could be read again."""
        self.connection.execute(
            "UPDATE pages SET etag = NULL, modified = NULL, payload = NULL WHERE kind = ?", (Kind.SITEMAP,)
        )

    def replay_all(self) -> None:
        """Every page that has a body in the archive is to be read again."""
        states = (State.REPLAY, State.DONE, Kind.PAGE)
        self.connection.execute("UPDATE pages SET state = ? WHERE state = ? AND kind = ? AND warc IS NOT NULL", states)
        self.connection.execute("DELETE FROM bands")

    def forget_archived(self, end: Position) -> int:
        """Records at or behind `end` are lost: their pages will be fetched whole again. How many there were."""
        cursor = self.connection.execute(
            "UPDATE pages SET warc = NULL, offset = NULL, etag = NULL, modified = NULL, payload = NULL,"
            " archived = NULL, state = CASE WHEN state = ? THEN ? ELSE state END"
            " WHERE warc > ? OR (warc = ? AND offset >= ?)",
            (State.REPLAY, State.WAITING, end.file, end.file, end.offset),
        )
        return cursor.rowcount

    # ------------------------------------------------------------ robots.txt

    def robots(self, origin: str) -> Known | None:
        row = self.connection.execute("SELECT body, at, attempts FROM robots WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else Known(row[0], row[1], row[2])

    def keep_robots(self, origin: str, known: Known) -> None:
        values = (origin, known.body, known.at, known.attempts)
        self.connection.execute("INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?)", values)

    def forgive_robots(self) -> None:
        """A new run asks again where robots.txt could not be had."""
        self.connection.execute("DELETE FROM robots WHERE body IS NULL")


def _limit(depth: int | None) -> int:
    return 1 << 30 if depth is None else min(depth, 1 << 30)


def aliases(folder: Path) -> dict[str, str]:
    """URL -> URL under which its content is stored, for every redirect, canonical alias and exact duplicate.

    `folder` is the collection's; chains are followed to their end. Empty when nothing was crawled.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    frontier = Frontier(path)
    try:
        direct = dict(frontier.connection.execute("SELECT url, alias FROM pages WHERE alias IS NOT NULL"))
    finally:
        frontier.close()
    resolved: dict[str, str] = {}
    for url in direct:
        target, passed = direct[url], {url}
        while target in direct and target not in passed:
            passed.add(target)
            target = direct[target]
        if target != url:
            resolved[url] = target
    return resolved
