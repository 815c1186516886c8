"""The requests of every door: given a JSON object, returns a validated request or InvalidRequestError.

A request is ranking's Params plus who asks, where and in which session. Not for HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from api.errors import InvalidRequestError
from ranking.params import MAX_QUERY_CHARACTERS, Model, Params
from ranking.suggest import correct, json_path, path_text

Identifier = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SearchRequest(Params):
    """`POST /v1/search` and `/v1/plan`."""

    query: str = Field(description="up to 8,000 characters, operators allowed")
    collection: Identifier = Field("default", description="which collection to search")
    generation: Identifier | None = Field(None, description="a generation that is still kept; null: the newest")
    session_id: Identifier | None = Field(None, description="null: a new session is made and its id returned")
    request_id: Identifier | None = Field(None, description="idempotency key: a retry gets the same bytes")
    branch: Identifier = Field("main", description="the branch of the session")
    reader: Identifier | None = Field(None, description="the context window that reads; null: the branch")
    objective: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="what the session is for")
    why: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="why this query; encoded, never stored")
    profile: Identifier | None = Field(None, description="saved ranking params, name or name@version")


class ContentsRequest(Model):
    """`POST /v1/contents`: documents by id or URL."""

    ids: tuple[str, ...] = Field((), max_length=100)
    urls: tuple[str, ...] = Field((), max_length=100)
    collection: Identifier = "default"
    generation: Identifier | None = None
    query: str | None = Field(None, description="picks the passages; null: from the start")
    passages: int = Field(5, ge=0, le=100, description="passages per document")
    text: bool = Field(True, description="the whole Markdown, within the caps")
    links: bool = True
    max_chars: int | None = Field(None, ge=1, le=10_000_000, description="cap on each document's text")
    max_tokens: int | None = Field(None, ge=1, le=2_500_000, description="as max_chars, 4 characters a token")

    @model_validator(mode="after")
    def names_something(self) -> ContentsRequest:
        if not self.ids and not self.urls:
            raise ValueError('give ids or urls, for example {"ids": ["..."]}')
        return self


class CollectionRequest(Model):
    """`POST /v1/collections`."""

    name: str = Field(description="lower-case letters, digits, - _ ., at most 64")


class SessionRequest(Model):
    """`POST /v1/sessions`."""

    session_id: Identifier | None = None
    objective: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS)


class CrawlRequest(Model):
    """`POST /v1/crawls`."""

    urls: tuple[str, ...] = Field(min_length=1, max_length=1_000)
    collection: Identifier = "default"
    max_pages: int = Field(10_000, ge=1, le=10_000_000)
    depth: int | None = Field(None, ge=0, le=1_000, description="links away from a seed; null: no limit")
    allow_hosts: tuple[str, ...] = Field((), max_length=1_000, description="hosts beside the seeds' own")


RequestT = TypeVar("RequestT", bound=BaseModel)


def read_request(model: type[RequestT], payload: Any) -> RequestT:
    """Validate; InvalidRequestError carries path, nearest valid name and, where one can be made, the
    corrected request ready to resend."""
    if not isinstance(payload, Mapping):
        raise InvalidRequestError(
            f"the body must be a JSON object, got {type(payload).__name__}",
            path="$",
            hint='for example {"query": "..."}',
        )
    try:
        return model.model_validate(dict(payload))
    except ValidationError as error:
        raise _refusal(model, dict(payload), error) from None


def _refusal(model: type[BaseModel], payload: dict[str, Any], error: ValidationError) -> InvalidRequestError:
    first = error.errors(include_url=False)[0]
    path = path_text(json_path(payload, first["loc"]))
    did_you_mean, corrected = correct(payload, model, error.errors(include_url=False))
    given = first.get("input")
    shown = repr(given)[:80]
    message = {
        "extra_forbidden": f"{path} is not a field",
        "missing": f"{path} is required",
    }.get(first["type"], f"{path}: {first['msg']} (given {shown})")
    hint = f"did you mean {did_you_mean!r}?" if did_you_mean else "GET /openapi.json has every field with its range"
    return InvalidRequestError(message, path=path, hint=hint, did_you_mean=did_you_mean, corrected_request=corrected)
