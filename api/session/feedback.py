"""What an agent made of documents: given feedback on a session, records it and returns the bytes of the answer.

Only explicit feedback moves what a session learns (ranking/profile.py), so nothing here is guessed: a document counts
when the session showed it, or when a collection that the session searched has it, which a notice then says. What nobody
knows is named and not recorded; when that is all, the call is refused. Not for what feedback does to a ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from api.collections import OpenIndex
from api.errors import InvalidRequestError, NotFoundError
from api.requests import read_request
from api.session.door import Reply
from api.session.requests import ALIASES, FeedbackEvent, FeedbackRequest
from api.session.retries import claim_or_replay, held
from indexer.collection import DEFAULT
from indexer.errors import CollectionNotFoundError
from ranking.ports import SearchIndex
from ranking.shown import cut, several, shown
from sessions.events import Draft
from sessions.idempotency import Claim, Replay, body_hash
from sessions.store import SessionStore, Snapshot, no_session

NAMED: Final = 10
"""Documents that a notice names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An event of the request with the document that it means; None: nobody knows it. `near`: those like it."""

    event: FeedbackEvent
    document: str | None
    was_shown: bool = False
    near: tuple[str, ...] = ()


def record(store: SessionStore, open_index: OpenIndex, session_id: str, payload: Any, tenant: str) -> Reply:
    """{session_id, seq, accepted, notices}. NotFoundError for sessions that are not there, and when every document is
    unknown; a branch that is not there is BranchNotFound."""
    request = read_request(FeedbackRequest, payload)
    _check_passages(request)
    body = body_hash(["feedback", session_id, payload])
    claim = claim_or_replay(store, tenant, request.request_id, body)
    if isinstance(claim, Replay):
        return Reply(claim.answer, replayed=True)
    with held(store, claim):
        snapshot = store.load(tenant, session_id)
        if snapshot is None:
            raise no_session(session_id)
        if claim is None:
            repeated = store.repeat(snapshot, body, reader=request.reader, branch=request.branch)
            if repeated is not None:
                return Reply(repeated.answer, replayed=True)
        told = _looked_up(request, snapshot, store, open_index)
        return _committed(store, request, snapshot, told, claim, body)


def _committed(
    store: SessionStore,
    request: FeedbackRequest,
    snapshot: Snapshot,
    told: list[_Told],
    claim: Claim | None,
    body: str,
) -> Reply:
    tenant, session_id = snapshot.session.tenant, snapshot.session.id
    drafts = [
        Draft(
            kind=ALIASES[each.event.kind],
            branch=request.branch,
            reader=request.reader,
            document=each.document,
            passage=each.event.ordinal,
            note=each.event.note,
            body=body,
        )
        for each in told
        if each.document is not None
    ]
    if not drafts:
        first = told[0]
        raise NotFoundError(
            f"no document {shown(first.event.reference)} was shown in this session or is in what it searched",
            path="$.events[0].document",
            hint=_hint(first),
            did_you_mean=next(iter(first.near), None),
        )
    notices = _notices(told)

    def answer(seq: int) -> bytes:
        if not seq:
            raise no_session(session_id)
        return orjson.dumps({"session_id": session_id, "seq": seq, "accepted": len(drafts), "notices": notices})

    committed = store.commit(tenant, session_id, drafts, answer, snapshot=snapshot, claim=claim)
    return Reply(committed.answer, committed.replayed)


def _hint(told: _Told) -> str:
    document, place = told.event.document or "", told.event.reference.rpartition("#")[2]
    if "#" in document and place.isdecimal():
        return f'the id of a passage goes into `passage`: {{"passage": "{cut(document)}"}}'
    return f"nearest: {', '.join(told.near)}" if told.near else "ids come from search results"


def _check_passages(request: FeedbackRequest) -> None:
    for number, event in enumerate(request.events):
        if isinstance(event.passage, str) and event.document not in (None, event.passage.rpartition("#")[0]):
            raise InvalidRequestError(
                f"passage {shown(event.passage)} is none of document {shown(event.document)}",
                path=f"$.events[{number}].passage",
                hint="send the passage alone, or its place in the document as a number",
            )


def _looked_up(request: FeedbackRequest, snapshot: Snapshot, store: SessionStore, open_index: OpenIndex) -> list[_Told]:
    told = [
        _Told(event, event.reference, was_shown=True)
        if _was_shown(snapshot, event.reference)
        else _Told(event, document=None)
        for event in request.events
    ]
    missing = [number for number, each in enumerate(told) if each.document is None]
    if not missing:
        return told
    for collection in _searched(store, snapshot):
        try:
            with open_index(snapshot.session.tenant, collection, None) as index:
                for number in missing:
                    told[number] = _found(told[number], index, snapshot)
        except CollectionNotFoundError:  # deleted since
            continue
        missing = [number for number in missing if told[number].document is None]
        if not missing:
            break
    return told


def _found(told: _Told, index: SearchIndex, snapshot: Snapshot) -> _Told:
    reference = told.event.reference
    document = index.resolve(reference)
    if document is None:
        return _Told(told.event, None, near=told.near or index.near_ids(reference))
    return _Told(told.event, document, was_shown=_was_shown(snapshot, document))


def _was_shown(snapshot: Snapshot, document: str) -> bool:
    return any(document in trail.documents for trail in snapshot.ledger.trails.values())


def _searched(store: SessionStore, snapshot: Snapshot) -> list[str]:
    """The collections of the searches that are kept, latest first."""
    history = store.history(snapshot.session.tenant, snapshot.session.id)
    events = history.events if history else ()
    named = [event.request.get("collection", DEFAULT) for event in events if event.kind == "search"]
    return list(dict.fromkeys(reversed(named))) or [DEFAULT]


def _notices(told: list[_Told]) -> list[dict[str, Any]]:
    notices = []
    strange = list(dict.fromkeys(each.document for each in told if each.document is not None and not each.was_shown))
    if strange:
        message = f"never shown in this session, recorded all the same: {_named(strange)}"
        notices.append({"code": "never_shown", "message": message})
    unknown = list(dict.fromkeys(each.event.reference for each in told if each.document is None))
    if unknown:
        message = f"not recorded, for no such document was shown or is in what was searched: {_named(unknown)}"
        near = list(dict.fromkeys(name for each in told if each.document is None for name in each.near))
        hint = f"; nearest: {_named(near)}" if near else ""
        notices.append({"code": "unknown_document", "message": message + hint})
    return notices


def _named(names: list[str]) -> str:
    return several([shown(name) for name in names], NAMED)
