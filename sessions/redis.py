"""Sessions in Redis: many server processes, on many machines, share them.

`SessionStore` over the keys of redis_keys.py. A load is one round trip, and moves nothing when nothing changed; a
commit is one script, which does everything or nothing. What a commit is to write is made here, from the newest state
that this process knows; when another was faster the script says what is new, and it is made again. What is acknowledged
is kept as far as Redis' own persistence goes; what Redis lost is gone whole, as if it had been deleted. Not for Redis
Cluster.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from ranking.ports import Clock
from sessions.branching import forked, merged, splits
from sessions.clock import SystemClock
from sessions.codec import decode_session, encode_session
from sessions.commits import check_branches, grown, placed, repeated, started, touched
from sessions.errors import BranchNotFound, LogFormatError, SessionStoreError
from sessions.events import MAIN, TRUNK, Branch, Draft, Event, Session
from sessions.idempotency import Claim, Flights, Outcome, Replay, other_body, poll
from sessions.ledger import EMPTY, advance, cuts_of
from sessions.names import checked, new_session_id
from sessions.packing import pack
from sessions.redis_claims import RedisClaims, replayed
from sessions.redis_keys import SessionKeys, answer_key, listing_key, request_key, session_keys
from sessions.redis_link import RedisLink, Value
from sessions.redis_rows import (
    UNKNOWN,
    Marked,
    end,
    fields,
    history_of,
    lives,
    new_number,
    sample_in,
    session_rows,
    written,
)
from sessions.redis_scripts import BRANCH, COMMIT, CREATE, ERASE, EVENT, LOAD, MARK_LENGTH
from sessions.redis_values import (
    pack_answer,
    pack_events,
    pack_summary,
    sample_of,
    unpack_answer,
    unpack_events,
)
from sessions.settings import DEFAULTS, SessionSettings
from sessions.snapshots import Snapshots, until
from sessions.store import Committed, History, Snapshot, check_drafts, in_use, no_session

ATTEMPTS: Final = 200
"""To write what is based on the newest state: one of those who try at once succeeds each time."""

TURNS: Final = 64
"""Locks that the sessions of this process share, so that its own threads do not race each other to Redis."""


class RedisSessionStore:
    """Raises SessionStoreError for a URL that cannot be one; connects when it is first asked."""

    def __init__(self, url: str, settings: SessionSettings = DEFAULTS, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._link = RedisLink(url, settings)
        self._claims = RedisClaims(self._link, settings)
        self._scripts = {source: self._link.script(source) for source in (LOAD, CREATE, BRANCH, COMMIT, ERASE, EVENT)}
        self._kept = Snapshots(settings.cached_exposures)
        self._turns = [threading.Lock() for _ in range(TURNS)]
        self._flights = Flights(settings)

    def _run(self, source: str, keys: Sequence[str], arguments: Sequence[Value]) -> list[Any]:
        return self._link.run(self._scripts[source], keys, arguments)

    # ------------------------------------------------------------ reading

    def load(self, tenant: str, session_id: str) -> Snapshot | None:
        keys = session_keys(tenant, checked("session_id", session_id))
        return self._current(keys, tenant, session_id)

    def _current(self, keys: SessionKeys, tenant: str, session_id: str) -> Marked | None:
        kept = self._known(tenant, session_id)
        reply = self._run(LOAD, keys, [self._clock.now(), *(kept.known if kept else UNKNOWN)])
        return self._read(tenant, session_id, kept, reply)

    def _known(self, tenant: str, session_id: str) -> Marked | None:
        kept = self._kept.get((tenant, session_id))
        return kept if isinstance(kept, Marked) else None

    def _read(self, tenant: str, session_id: str, kept: Marked | None, reply: list[Any]) -> Marked | None:
        """What a script said of a session, on top of what was known."""
        word = reply[0]
        if word == b"none":
            self._kept.drop((tenant, session_id))
            return None
        number, revision, _, expires, mark = fields(reply[1])
        if word == b"all":
            history = history_of(tenant, session_id, expires, reply)
            session, branches, summary, sample = history.session, history.branches, history.summary, sample_in(reply[5])
            snapshot = Marked(session, branches, history.ledger(), summary, number, revision, mark, sample)
            self._kept.drop((tenant, session_id))  # what was known may be of a state that Redis has lost
        else:
            assert kept is not None  # only then does a script say less than all
            snapshot = kept
            if word == b"more":
                events = unpack_events(reply[2], kept.sample)
                ledger = advance(kept.ledger, events, cuts_of(kept.branches))
                snapshot = replace(kept, ledger=ledger, mark=mark)
            snapshot = until(snapshot, expires)
        self._kept.put((tenant, session_id), snapshot)
        return snapshot

    def expired(self, tenant: str, session_id: str) -> bool:
        keys = session_keys(tenant, checked("session_id", session_id))
        expires = self._link.ask(lambda client: client.hget(keys.session, "expires"))
        now = self._clock.now()
        return expires is not None and float(expires) <= now < float(expires) + self._settings.tombstone_seconds

    def history(self, tenant: str, session_id: str) -> History | None:
        keys = session_keys(tenant, checked("session_id", session_id))
        reply = self._run(LOAD, keys, [self._clock.now(), *UNKNOWN])
        if reply[0] == b"none":
            return None
        return history_of(tenant, session_id, fields(reply[1])[3], reply)

    def sessions(self, tenant: str, limit: int = 100) -> tuple[Session, ...]:
        listing, now, start = listing_key(tenant), self._clock.now(), 0
        found: list[Session] = []
        while len(found) < limit:
            rows = self._link.ask(partial(session_rows, listing=listing, start=start, limit=limit))
            for name, expires, head in rows:
                if head is not None and float(expires) > now:
                    session_id, ends = name.decode("utf-8"), end(float(expires))
                    found.append(decode_session(head, tenant=tenant, id=session_id, expires=ends)[0])
            if len(rows) < limit:
                break
            start += limit
        return tuple(found[:limit])

    def answer(self, tenant: str, session_id: str, seq: int) -> bytes | None:
        keys, now = session_keys(tenant, checked("session_id", session_id)), self._clock.now()
        reply = self._run(EVENT, keys, [now, seq])
        if reply[0] == b"none":
            return None
        (event,) = unpack_events([reply[2]], sample_in(reply[3]))
        kept_at = answer_key(tenant, session_id, int(reply[1]), event.answer)
        return unpack_answer(self._link.ask(lambda client: client.get(kept_at)), now)

    # ------------------------------------------------------------ retries

    def begin(self, tenant: str, request_id: str, body: str, *, wait: float | None = None) -> Outcome:
        checked("request_id", request_id)
        wait = self._settings.join_seconds if wait is None else wait
        return self._flights.begin(tenant, request_id, body, wait, self._look)

    def _look(self, claim: Claim, deadline: float) -> Outcome:
        return poll(lambda: self._claims.take(claim, self._clock.now()), deadline)

    def abandon(self, claim: Claim) -> None:
        try:
            self._claims.free(claim)
        finally:
            self._flights.leave(claim)

    def repeat(self, snapshot: Snapshot, body: str, *, reader: str | None = None, branch: str = MAIN) -> Replay | None:
        now = self._clock.now()
        touch = repeated(snapshot, body, reader, branch, now, self._settings)
        if touch is None:
            return None
        session = snapshot.session
        kept_at = answer_key(session.tenant, session.id, snapshot.incarnation, touch.answer)
        answer = unpack_answer(self._link.ask(lambda client: client.get(kept_at)), now)
        return None if answer is None else Replay(answer)

    # ------------------------------------------------------------ writing

    def create(
        self,
        tenant: str,
        session_id: str | None = None,
        *,
        objective: str | None = None,
        budget: Mapping[str, float] | None = None,
        keep: bool = False,
    ) -> Session:
        session_id = new_session_id() if session_id is None else checked("session_id", session_id)
        now = self._clock.now()
        session = started(tenant, session_id, now, self._settings, objective, budget, keep)
        head = encode_session(session, (TRUNK,))
        arguments: list[Value] = [now, new_number(), session_id, written(session.expires), head]
        arguments += lives(session, now, self._settings)
        if self._run(CREATE, session_keys(tenant, session_id), arguments)[0] == b"exists":
            raise in_use(session_id)
        self._kept.drop((tenant, session_id))
        return session

    def commit(
        self,
        tenant: str,
        session_id: str,
        drafts: Sequence[Draft],
        answer: Callable[[int], bytes],
        *,
        snapshot: Snapshot | None = None,
        claim: Claim | None = None,
        objective: str | None = None,
    ) -> Committed:
        keys = session_keys(tenant, checked("session_id", session_id))
        check_drafts(drafts)
        call = _Call(tenant, session_id, keys, drafts, answer, snapshot, claim, objective)
        with self._turn(tenant, session_id):
            done = self._committed(call)
        if claim:
            self._flights.leave(claim, done.answer)
        return done

    def _committed(self, call: _Call) -> Committed:
        based_on = call.based_on
        before = self._known(call.tenant, call.session_id)
        if isinstance(based_on, Marked) and (before is None or before.incarnation != based_on.incarnation):
            before = based_on
        fresh = late = False
        for _ in range(ATTEMPTS):
            try:
                check_branches(call.drafts, before.branches if before else (TRUNK,))
                reply, after, body = self._tried(call, before)
            except (BranchNotFound, LogFormatError) as error:  # of a session that may be another one by now
                if fresh and isinstance(error, BranchNotFound):
                    raise
                before, fresh = self._current(call.keys, call.tenant, call.session_id), True
                continue
            word = reply[0]
            if word == b"ok":
                self._kept.put((call.tenant, call.session_id), after)
                return Committed(after.seq, body)
            if word == b"answered":
                return Committed(0, replayed(reply[1]), replayed=True)
            if word == b"conflict" and call.claim:
                raise other_body(call.claim)
            if word == b"gone":
                self._kept.drop((call.tenant, call.session_id))
                return Committed(0, call.answer(0))
            if word == b"late":
                if late:
                    raise SessionStoreError("Redis came to the commit too late", hint="it is tried again by itself")
                late = True
                self._link.forget_time()
                continue
            before, fresh = self._read(call.tenant, call.session_id, before, reply), True
        raise SessionStoreError("the session is changed faster than it can be written to", hint="retry")

    def _tried(self, call: _Call, known: Marked | None) -> tuple[list[Any], Marked, bytes]:
        """One attempt, on what is known of the session (None: there is none): the script's reply, and what has become
        of the session if that is "ok"."""
        settings, now, claim, based_on = self._settings, self._clock.now(), call.claim, call.based_on
        before = known
        if before is None:
            session = started(call.tenant, call.session_id, now, settings, call.objective)
            before = Marked(session, (TRUNK,), EMPTY, EMPTY, new_number())
        events = placed(call.drafts, before.seq, based_on.seq if based_on else 0, now)
        growth = grown(
            before, events, call.objective, now, settings, lambda upto: self._stored(call.keys, before, upto)
        )
        mark = secrets.token_hex(MARK_LENGTH // 2)
        sample = before.sample if before.seq else sample_of(events[0])
        after = replace(growth.of(before), mark=mark, sample=sample)
        packed = pack_events(events, mark, after.sample)
        removed, entries = pack_summary(before.summary, growth.folded) if growth.folded else ([], [])
        head = encode_session(after.session, after.branches) if growth.asked or known is None else b""
        body = call.answer(after.seq)
        ends = now + settings.answer_seconds
        keys = [*call.keys, answer_key(call.tenant, call.session_id, after.incarnation, after.seq)]
        if claim:
            keys.append(request_key(claim.tenant, claim.request_id))
        arguments: list[Value] = [now, self._link.deadline(), mark, str(based_on.incarnation) if based_on else ""]
        arguments += known.known if known else UNKNOWN
        arguments += [
            claim.body if claim else "",
            claim.owner if claim else "",
            ends,
            int(settings.answer_seconds * 1e3),
        ]
        arguments += [call.session_id, str(before.incarnation), head]
        arguments += [after.revision, after.seq, written(after.session.expires), after.summary.seq]
        arguments += [*lives(after.session, now, settings), pack_answer(body, ends), settings.redis_answers]
        arguments.append(b"" if before.seq else pack(sample))
        for many in (packed, removed, entries):
            arguments += [len(many), *many]
        return self._run(COMMIT, keys, arguments), after, body

    def _stored(self, keys: SessionKeys, before: Marked, upto: int) -> list[Event]:
        """The events that are folded next. Should they be others by now, the script will not take the commit, and those
        of another session cannot even be read: LogFormatError."""
        last = min(upto, before.seq) - before.summary.seq - 1
        rows = self._link.ask(lambda client: client.lrange(keys.events, 0, last)) if last >= 0 else []
        return unpack_events(rows, before.sample)

    def _turn(self, tenant: str, session_id: str) -> threading.Lock:
        return self._turns[hash((tenant, session_id)) % TURNS]

    # ------------------------------------------------------------ branches

    def fork(
        self, tenant: str, session_id: str, *, source: str = MAIN, at: int | None = None, branch: str | None = None
    ) -> Branch:
        keys = session_keys(tenant, checked("session_id", session_id))
        for _ in range(ATTEMPTS):
            row = self._link.ask(
                lambda client: client.hmget(
                    keys.session, ["number", "revision", "seq", "expires", "folded", "mark", "head"]
                )
            )
            if row[0] is None or float(row[3]) <= self._clock.now():
                raise no_session(session_id)
            number, revision, seq, expires, mark = fields(row)
            session, branches = decode_session(row[6], tenant=tenant, id=session_id, expires=expires)
            branches, new = forked(
                branches, source=source, at=at, name=branch, seq=seq, folded=int(row[4]), limits=self._settings
            )
            known = (str(number), str(revision), str(seq), mark)
            if self._branched(keys, known, session, branches):
                kept = self._known(tenant, session_id)
                if kept and kept.known == known and not splits(kept.ledger, new.parent or MAIN, new.parent_seq):
                    self._kept.put((tenant, session_id), replace(kept, branches=branches, revision=revision + 1))
                return new
        raise SessionStoreError("the session is changed faster than it can be forked", hint="retry")

    def merge(self, tenant: str, session_id: str, *, source: str, into: str) -> Branch:
        keys = session_keys(tenant, checked("session_id", session_id))
        for _ in range(ATTEMPTS):
            before = self._current(keys, tenant, session_id)
            if before is None:
                raise no_session(session_id)
            branches, taker = merged(
                before.branches,
                before.ledger,
                source=source,
                into=into,
                folded=before.summary.seq,
                limits=self._settings,
            )
            if branches is before.branches:
                return taker
            if self._branched(keys, before.known, before.session, branches):
                # A cut at the end of the log goes through no trail: the fold stays as it is.
                after = replace(before, branches=branches, revision=before.revision + 1)
                self._kept.put((tenant, session_id), after)
                return taker
        raise SessionStoreError("the session is changed faster than it can be merged", hint="retry")

    def _branched(
        self, keys: SessionKeys, known: Sequence[str], session: Session, branches: tuple[Branch, ...]
    ) -> bool:
        """Whether the session was still what it is known as, and has these branches now."""
        now = self._clock.now()
        session = touched(session, now, self._settings)
        arguments: list[Value] = [*known[:3], encode_session(session, branches), written(session.expires)]
        arguments += [*lives(session, now, self._settings), self._link.deadline()]
        word = self._run(BRANCH, keys, arguments)[0]
        if word == b"late":
            self._link.forget_time()
            arguments[-1] = self._link.deadline()
            word = self._run(BRANCH, keys, arguments)[0]
        return bool(word == b"ok")

    # ------------------------------------------------------------ erasing

    def delete(self, tenant: str, session_id: str) -> bool:
        keys = session_keys(tenant, checked("session_id", session_id))
        word = self._run(ERASE, keys, [self._clock.now()])[0]
        self._kept.drop((tenant, session_id))
        return bool(word == b"live")

    def sweep(self) -> int:
        """Redis does it by itself."""
        return 0

    def close(self) -> None:
        self._link.close()


@dataclass(frozen=True, slots=True)
class _Call:
    """What `commit` was asked for."""

    tenant: str
    session_id: str
    keys: SessionKeys
    drafts: Sequence[Draft]
    answer: Callable[[int], bytes]
    based_on: Snapshot | None
    claim: Claim | None
    objective: str | None
