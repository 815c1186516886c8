"""The door of sessions where a store decides late."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import ConflictingRetryError
from api.requests import SearchRequest
from api.search import Outcome, search
from api.session.door import SessionDoor
from indexer.memory import MemoryIndex
from ranking.types import Document, SessionState
from sessions.errors import RequestConflict
from sessions.idempotency import Fresh
from sessions.memory import MemorySessionStore
from sessions.store import Committed


class LostLease(MemorySessionStore):
    """Another worker answered another body under the same request id, when this one was taken for dead."""

    def commit(self, *arguments: Any, **more: Any) -> Committed:
        raise RequestConflict("request id 'r' was used with another body", path="request_id")


def test_a_conflict_that_only_the_commit_sees_is_the_same_conflict() -> None:
    """One code and one path, whenever it is noticed; the claim is given back."""
    index = MemoryIndex([Document(id="a", url="https://x.org/a", title="a", text="a word")])
    payload = {"query": "word", "request_id": "r"}

    def run(request: SearchRequest, state: SessionState) -> Outcome:
        return search(request, index, None, state, 0.0)

    store = LostLease()
    with pytest.raises(ConflictingRetryError) as caught:
        SessionDoor(store).search(payload, SearchRequest.model_validate(payload), "t", run)
    assert (caught.value.path, caught.value.status) == ("$.request_id", 409)
    assert isinstance(store.begin("t", "r", "body", wait=0), Fresh)
