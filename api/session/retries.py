"""One answer for one request id: given a store and the id, returns the claim to answer it, or the answer it had.

Every door of sessions that writes goes through here, so that a retry means the same at each. Not for how stores keep
claims (sessions/idempotency.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.errors import ConflictingRetryError, InvalidRequestError, OverloadedError
from sessions.errors import BranchNotFound, InvalidName, RequestConflict
from sessions.idempotency import Claim, Conflict, Replay, Running
from sessions.store import SessionStore


def claim_or_replay(store: SessionStore, tenant: str, request_id: str | None, body: str) -> Claim | Replay | None:
    """None: the request has no id. Raises ConflictingRetryError, OverloadedError, InvalidRequestError."""
    if request_id is None:
        return None
    try:
        begun = store.begin(tenant, request_id, body)
    except InvalidName as error:
        raise InvalidRequestError(error.message, path=f"$.{error.path}", hint=error.hint) from None
    if isinstance(begun, Replay):
        return begun
    if isinstance(begun, Conflict):
        raise conflict(request_id)
    if isinstance(begun, Running):
        raise OverloadedError(
            f"the request {request_id!r} is still being answered", path="$.request_id", hint="retry with the same body"
        )
    return begun.claim


@contextmanager
def held(store: SessionStore, claim: Claim | None) -> Iterator[None]:
    """A call that leaves the block by an error gives its claim back; what is wrong is named as a field of its body."""
    try:
        yield
    except BaseException as error:
        if claim is not None:
            store.abandon(claim)
        if isinstance(error, InvalidName):
            raise InvalidRequestError(error.message, path=f"$.{error.path}", hint=error.hint) from None
        if isinstance(error, BranchNotFound) and error.path is not None and not error.path.startswith("$"):
            error.path = f"$.{error.path}"
        if isinstance(error, RequestConflict):
            raise conflict(claim.request_id if claim else None) from None
        raise


def conflict(request_id: str | None) -> ConflictingRetryError:
    """The same wherever it is noticed."""
    return ConflictingRetryError(
        f"request_id {request_id!r} was used with another body",
        path="$.request_id",
        hint="a retry sends the same body; a new request needs a new request_id",
    )
