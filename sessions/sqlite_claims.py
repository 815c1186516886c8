"""Who answers a request, in SQLite: given a claim and a connection, says what the file knows of it, takes or frees it.

Not for waiting (sqlite.py), nor for what a claim is (idempotency.py).
"""

from __future__ import annotations

import sqlite3

from sessions.idempotency import Claim, Conflict, Fresh, Replay, Running
from sessions.packing import opened


def known(connection: sqlite3.Connection, claim: Claim, now: float) -> Replay | Conflict | Running | None:
    """What the file says of this request, None if nothing."""
    done = answered(connection, claim, now)
    if done:
        return done
    claimed = connection.execute(
        "SELECT body FROM claims WHERE tenant = ? AND request_id = ? AND until > ?",
        (claim.tenant, claim.request_id, now),
    ).fetchone()
    if claimed:
        return Running() if claimed[0] == claim.body else Conflict()
    return None


def answered(connection: sqlite3.Connection, claim: Claim, now: float) -> Replay | Conflict | None:
    """The answer that a call with this request id stored, None if there is none."""
    found = connection.execute(
        "SELECT body, response FROM answers WHERE tenant = ? AND request_id = ? AND expires > ?",
        (claim.tenant, claim.request_id, now),
    ).fetchone()
    if found is None:
        return None
    return Replay(opened(found[1])) if found[0] == claim.body else Conflict()


def take(connection: sqlite3.Connection, claim: Claim, until: float) -> Fresh:
    """In the write transaction in which `known` gave None."""
    connection.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
        (claim.tenant, claim.request_id, claim.body, claim.owner, until),
    )
    return Fresh(claim)


def release(connection: sqlite3.Connection, claim: Claim) -> None:
    connection.execute(
        "DELETE FROM claims WHERE tenant = ? AND request_id = ? AND owner = ?",
        (claim.tenant, claim.request_id, claim.owner),
    )
