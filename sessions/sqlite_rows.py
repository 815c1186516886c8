"""The rows of sessions in SQLite: reads and writes them over a connection that the caller opened.

Given a connection (and, for a write, its transaction), each function runs one statement or a few on the tables of
sqlite_file.py, with what codec.py makes of the bodies. Not for when to read or write: that is the store (sqlite.py).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from sessions.bounds import Folded, Item
from sessions.codec import decode_event, decode_summary, encode_digest, encode_entry
from sessions.events import Event
from sessions.idempotency import Claim
from sessions.ledger import EMPTY, Ledger, TrailKey
from sessions.packing import opened, pack
from sessions.sqlite_claims import release

SEQ_BITS: Final = 24
"""Events of one session that a key can tell apart: 16.7 million, 190 a second for a day."""

ERASED: Final = -1
"""Revision of a session of which only the id is left."""


class Row(NamedTuple):
    number: int
    seq: int
    revision: int
    expires: float
    head: bytes


def key_of(number: int, seq: int) -> int:
    return number << SEQ_BITS | seq


def row_of(connection: sqlite3.Connection, tenant: str, session_id: str) -> Row | None:
    found = connection.execute(
        "SELECT number, seq, revision, expires, head FROM sessions WHERE tenant = ? AND id = ?", (tenant, session_id)
    ).fetchone()
    return Row(*found) if found else None


@contextlib.contextmanager
def consistent(connection: sqlite3.Connection) -> Iterator[None]:
    """Several SELECTs that see one state of the file."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def events_between(connection: sqlite3.Connection, number: int, after: int, upto: int) -> list[Event]:
    rows = connection.execute(
        "SELECT body FROM events WHERE key > ? AND key <= ? ORDER BY key", (key_of(number, after), key_of(number, upto))
    )
    return [decode_event(body) for (body,) in rows]


def folded_at(connection: sqlite3.Connection, number: int, seq: int) -> int:
    """The last seq that is folded into the summary, of a session whose last is `seq`."""
    span = (key_of(number, 0), key_of(number, seq))
    first = connection.execute("SELECT MIN(key) FROM events WHERE key > ? AND key <= ?", span).fetchone()[0]
    return seq if first is None else int(first) - key_of(number, 1)


def answer_at(connection: sqlite3.Connection, key: int, now: float) -> bytes | None:
    found = connection.execute("SELECT response FROM answers WHERE key = ? AND expires > ?", (key, now)).fetchone()
    return opened(found[0]) if found else None


def write_answer(connection: sqlite3.Connection, key: int, body: bytes, claim: Claim | None, expires: float) -> None:
    """Under the claim's request id, when the call had one; that claim is then done with."""
    packed = pack(body)
    if claim is None:
        connection.execute("INSERT INTO answers VALUES (?, ?, NULL, NULL, NULL, ?)", (key, expires, packed))
        return
    # One that is past its time may not have been swept yet.
    connection.execute("DELETE FROM answers WHERE tenant = ? AND request_id = ?", (claim.tenant, claim.request_id))
    connection.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)",
        (key, expires, claim.tenant, claim.request_id, claim.body, packed),
    )
    release(connection, claim)


def summary_of(connection: sqlite3.Connection, number: int) -> Ledger:
    digest = connection.execute("SELECT body FROM digests WHERE number = ?", (number,)).fetchone()
    if digest is None:
        return EMPTY
    rows = connection.execute(
        "SELECT branch, reader, era, shelf, document, body FROM entries WHERE number = ?", (number,)
    )
    return decode_summary(digest[0], ((Item(TrailKey(*key), shelf, name), body) for *key, shelf, name, body in rows))


def write_summary(connection: sqlite3.Connection, number: int, folded: Folded) -> None:
    summary = folded.summary
    connection.execute("INSERT OR REPLACE INTO digests VALUES (?, ?)", (number, encode_digest(summary)))
    connection.executemany(
        "DELETE FROM entries WHERE number = ? AND branch = ? AND reader = ? AND era = ?",
        [(number, *key) for key in folded.dropped],
    )
    connection.executemany(
        "DELETE FROM entries WHERE number = ? AND branch = ? AND reader = ? AND era = ? AND shelf = ? AND document = ?",
        [(number, *item.key, item.shelf, item.document) for item in folded.removed],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(number, *item.key, item.shelf, item.document, encode_entry(summary, item)) for item in folded.written],
    )


def erase_log(connection: sqlite3.Connection, number: int) -> int:
    """All but the row of the session itself; returns how many rows."""
    span = (key_of(number, 0), key_of(number + 1, 0))
    erased = connection.execute("DELETE FROM answers WHERE key > ? AND key < ?", span).rowcount
    erased += connection.execute("DELETE FROM events WHERE key > ? AND key < ?", span).rowcount
    erased += connection.execute("DELETE FROM entries WHERE number = ?", (number,)).rowcount
    return erased + connection.execute("DELETE FROM digests WHERE number = ?", (number,)).rowcount


def erase(connection: sqlite3.Connection, number: int) -> int:
    return (
        erase_log(connection, number) + connection.execute("DELETE FROM sessions WHERE number = ?", (number,)).rowcount
    )


def erase_expired(
    connection: sqlite3.Connection, now: float, start: int, limit: int, tombstone_seconds: float
) -> tuple[int, int]:
    """About `limit` rows of answers, claims and sessions past their time, of sessions after number `start`; returns how
    many, and the number to start from the next time. Of a session the id stays for `tombstone_seconds`."""
    erased = connection.execute(
        "DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE expires <= ? LIMIT ?)", (now, limit)
    ).rowcount
    erased += connection.execute("DELETE FROM claims WHERE until <= ?", (now,)).rowcount
    rows = connection.execute(
        "SELECT number, revision, expires FROM sessions WHERE number > ? ORDER BY number LIMIT ?", (start, limit)
    ).fetchall()
    for number, revision, expires in rows:
        if expires + tombstone_seconds <= now:
            erased += erase(connection, number)
        elif expires <= now and revision != ERASED:
            erased += erase_log(connection, number)
            connection.execute("UPDATE sessions SET revision = ?, head = x'' WHERE number = ?", (ERASED, number))
        if erased >= limit:
            return erased, number
    return erased, rows[-1][0] if len(rows) == limit else 0
