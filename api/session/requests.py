"""The requests of what can be done with a session beside searching in it: feedback, fork, merge, and a batch.

Not for what they do (api/session/feedback.py, branches.py, batch_door.py), nor for a single search (requests.py).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from api.requests import DocumentId, Identifier, SearchRequest, SessionId
from ranking.knobs import Model, holds
from ranking.params import MAX_QUERY_CHARACTERS, BudgetParams, SessionParams
from sessions.events import Kind

MAX_EVENTS: Final = 100
"""Feedback events of one call: more than an agent opens between two searches."""
MAX_SEARCHES: Final = 32
"""Searches of one batch (contract)."""
MAX_PASSAGES: Final = 1_000_000_000
"""Of one document: more than any has, and what a log can hold."""
MAX_NOTE: Final = 2_000
"""Characters of a note: some sentences, kept with its event for as long as the session lives."""

ALIASES: Final[dict[str, Kind]] = {
    "open": "open",
    "cite": "cite",
    "reject": "reject",
    "opened": "open",
    "useful": "cite",
    "cited": "cite",
    "useless": "reject",
}
"""What a client may call a kind of feedback -> the kind of event."""

Said = Literal["open", "cite", "reject", "opened", "useful", "cited", "useless"]
PassageId = Annotated[str, Field(min_length=1, max_length=600, pattern=r"#\d{1,9}$")]


class FeedbackEvent(Model):
    """What an agent made of one document."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [holds(document={"type": "string"}), holds(passage={"type": "string"})]}
    )

    kind: Said = Field(description="opened is open, useful and cited are cite, useless is reject")
    document: DocumentId | None = Field(None, description="its id or URL; may be left out beside the id of a passage")
    passage: Annotated[int, Field(ge=0, lt=MAX_PASSAGES)] | PassageId | None = Field(
        None, description="which passage of it: its place, or its id from a result (document#3)"
    )
    note: str = Field("", max_length=MAX_NOTE, description="kept with the event; moves nothing")

    @model_validator(mode="after")
    def names_a_document(self) -> FeedbackEvent:
        if self.document is None and not isinstance(self.passage, str):
            raise ValueError('name a document, or a passage by its id, for example {"document": "..."}')
        return self

    @property
    def reference(self) -> str:
        """The document as it was named."""
        if self.document is not None:
            return self.document
        return str(self.passage).rpartition("#")[0]

    @property
    def ordinal(self) -> int | None:
        """The place of the passage in its document."""
        return int(self.passage.rpartition("#")[2]) if isinstance(self.passage, str) else self.passage


class FeedbackRequest(Model):
    """`POST /v1/sessions/{session_id}/feedback`."""

    events: tuple[FeedbackEvent, ...] = Field(min_length=1, max_length=MAX_EVENTS)
    branch: Identifier = Field("main", description="the branch of the session")
    reader: Identifier | None = Field(None, description="the context window that says so; null: the branch")
    request_id: Identifier | None = Field(None, description="idempotency key: a retry gets the same bytes")


class ForkRequest(Model):
    """`POST /v1/sessions/{session_id}/fork`."""

    at: int | None = Field(None, ge=0, description="the last event that the fork knows of its parent; null: now")
    source: Identifier = Field("main", alias="from", description="the branch to fork")
    branch: Identifier | None = Field(None, description="the name of the new branch; null: one is made")


class MergeRequest(Model):
    """`POST /v1/sessions/{session_id}/merge`."""

    source: Identifier = Field(alias="from", description="the branch whose events are taken")
    into: Identifier = Field(description="the branch that knows them from now on")


class BatchRequest(Model):
    """`POST /v1/search/batch`: what is here counts for every search of it."""

    searches: tuple[SearchRequest, ...] = Field(min_length=1, max_length=MAX_SEARCHES)
    session_id: SessionId | None = Field(None, description="null: a new session is made and its id returned")
    request_id: Identifier | None = Field(None, description="idempotency key of the whole batch")
    branch: Identifier = Field("main", description="the branch of the session")
    reader: Identifier | None = Field(None, description="the context window that reads all of it; null: the branch")
    objective: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="what the session is for")
    collection: Identifier = Field("default", description="which collection to search, where a search names none")
    budget: BudgetParams | None = Field(None, description="of all searches together: each gets its share")
    session: SessionParams | None = Field(None, description="counts where a search says nothing else")
