"""The requests of every door: given a JSON object, returns a validated request or InvalidRequestError.

A request is ranking's Params plus who asks, where and in which session. Not for HTTP.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from api.errors import InvalidRequestError
from indexer.collection import DEFAULT, NAME, check_name
from indexer.rows import clean_value
from ranking.checks import check_params
from ranking.errors import ForageError
from ranking.knobs import holds
from ranking.params import MAX_QUERY_CHARACTERS, Model, Params
from ranking.query import NOT_BLANK, parse
from ranking.shown import cut, shown
from ranking.suggest import correct, json_path, path_text

MAX_DEPTH: Final = 64
"""Levels of arrays and objects in a request: its deepest field has six, expressions and rules some more."""
MAX_VALUES: Final = 200_000
"""Entries of all arrays and objects of a request together: sixteen query vectors are 131,072 numbers."""
MAX_KEYS: Final = 1_000
"""Keys of one object in a request: no table of names that it may hold is longer."""
MAX_LINKS: Final = 1_000
"""Away from a seed: as far as a crawl goes that has a limit."""
LOST: Final = "\ufffd"
"""What stands for a character that is none."""
_REASON: Final = 300  # characters of a reason that may quote what was sent
_PARAMETER: Final = re.compile(r"[a-z_]+")

Identifier = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""Without the control characters that sessions/names.py refuses."""
DocumentId = Annotated[str, Field(min_length=1, max_length=512)]
"""As long as an ingest takes."""
Address = Annotated[str, Field(min_length=1, max_length=8_192)]
"""As long as common servers and browsers take."""
WebAddress = Annotated[Address, Field(json_schema_extra={"pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://"})]
Host = Annotated[str, Field(min_length=1, max_length=256)]


def _one_segment(id: str) -> str:
    if "/" in id or id in (".", ".."):
        raise ValueError("a session's id is one segment of a path: no '/' in it, and neither '.' nor '..'")
    return id


SESSION_ID: Final = r"^(?!\.{1,2}$)[^/\x00-\x1f\x7f-\x9f]+$"
SessionId = Annotated[
    Identifier,
    AfterValidator(_one_segment),
    Field(json_schema_extra={"pattern": SESSION_ID}),
]
"""Read, deleted and followed at /v1/sessions/{session_id}."""


_QUERY: Final[dict[str, Any]] = {"maxLength": MAX_QUERY_CHARACTERS, "pattern": NOT_BLANK}
"""What ranking/query.py takes, for the schema: it words the refusal."""


class SearchRequest(Params):
    """`POST /v1/search` and `/v1/plan`."""

    query: str = Field(description="up to 8,000 characters, operators allowed", json_schema_extra=dict(_QUERY))
    collection: Identifier = Field("default", description="which collection to search")
    generation: Identifier | None = Field(None, description="a generation that is still kept; null: the newest")
    session_id: SessionId | None = Field(None, description="null: a new session is made and its id returned")
    request_id: Identifier | None = Field(
        None, description="idempotency key: a retry gets the same bytes; the id of an answer without one is no key"
    )
    branch: Identifier = Field("main", description="the branch of the session")
    reader: Identifier | None = Field(None, description="the context window that reads; null: the branch")
    objective: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="what the session is for")
    why: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="why this query; encoded, never stored")
    profile: Identifier | None = Field(None, description="saved ranking params, name or name@version")


class ContentsRequest(Model):
    """`POST /v1/contents`: documents by id or URL."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [holds(ids={"minItems": 1}), holds(urls={"minItems": 1})]})

    ids: tuple[DocumentId, ...] = Field((), max_length=100)
    urls: tuple[Address, ...] = Field((), max_length=100)
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

    name: str = Field(
        description="lower-case letters, digits, - _ ., at most 64", json_schema_extra={"pattern": f"^{NAME}$"}
    )


class SessionRequest(Model):
    """`POST /v1/sessions`."""

    session_id: SessionId | None = None
    objective: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS)
    keep: bool = Field(False, description="it lives until it is deleted")
    budget: dict[Literal["calls", "results", "tokens"], Annotated[float, Field(gt=0, le=1e12)]] = Field(
        default_factory=dict, description="what its searches may take together; spent, it is advice to stop"
    )


class CrawlRequest(Model):
    """`POST /v1/crawls`."""

    urls: tuple[WebAddress, ...] = Field(min_length=1, max_length=1_000)
    collection: Identifier = "default"
    max_pages: int = Field(10_000, ge=1, le=10_000_000)
    depth: int | None = Field(None, ge=0, le=MAX_LINKS, description="links away from a seed; null: no limit")
    allow_hosts: tuple[Host, ...] = Field((), max_length=1_000, description="hosts beside the seeds' own")


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
    check_size(payload)
    body = _of_whole_characters(dict(payload))
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _refusal(model, body, error) from None


def _of_whole_characters(payload: dict[str, Any]) -> dict[str, Any]:
    """With U+FFFD for lone surrogates, which no answer could repeat."""
    try:
        orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # or an integer of more than 64 bits, which stays
        cleaned: dict[str, Any] = clean_value(payload)
        return cleaned
    return payload


@contextmanager
def in_body(**fields: str) -> Iterator[None]:
    """Errors that leave the block and name a parameter of the engine (`collection`) name it by its JSON path: it came
    in a body. `fields`: parameter -> field, where the two are called differently."""
    try:
        yield
    except ForageError as error:
        if error.path is not None and _PARAMETER.fullmatch(error.path):
            error.path = f"$.{fields.get(error.path, error.path)}"
        raise


@contextmanager
def located_at(path: str) -> Iterator[None]:
    """Errors that leave the block and say nowhere what was wrong say that it was there."""
    try:
        yield
    except ForageError as error:
        error.path = error.path or path
        raise


def lost_characters(request: SearchRequest) -> list[dict[str, str]]:
    """A notice where the query is not quite what somebody wrote."""
    if LOST not in request.query:
        return []
    message = "the query holds U+FFFD: half a surrogate pair was sent there, or the character was lost before"
    return [{"code": "lost_characters", "message": message}]


def mint_request_id() -> str:
    """An id to find a request by in the logs."""
    return f"req_{secrets.token_hex(12)}"


def check_size(payload: Any) -> None:
    """Whatever comes after may cost its size squared, or a call for each level. Raises InvalidRequestError when the
    payload is nested deeper than MAX_DEPTH, holds more than MAX_VALUES, or has an object of more than MAX_KEYS."""
    layer, depth, values = [payload], 0, 0
    while layer:
        depth += 1
        values += sum(map(len, layer))
        keys = max((len(each) for each in layer if isinstance(each, Mapping)), default=0)
        if depth > MAX_DEPTH:
            raise _too_much(f"is nested more than {MAX_DEPTH:,} levels deep")
        if keys > MAX_KEYS:
            raise _too_much(f"has an object with {keys:,} keys; at most {MAX_KEYS:,} are taken")
        if values > MAX_VALUES:
            raise _too_much(f"holds more than {MAX_VALUES:,} values")
        held = [inner for each in layer for inner in (each.values() if isinstance(each, Mapping) else each)]
        layer = [inner for inner in held if isinstance(inner, Mapping | list)]


def _too_much(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"the body {what}", path="$", hint="GET /openapi.json has every field with its range")


def _is_meant(model: type[BaseModel], corrected: Mapping[str, Any]) -> bool:
    """Whether a request that validates would not be refused at the next step: a number as text is no host."""
    request = model.model_validate(corrected)
    try:
        check_name(getattr(request, "collection", DEFAULT))
        if isinstance(request, SearchRequest):
            parse(request.query)
            check_params(request)
    except ForageError:
        return False
    return True


def _refusal(model: type[BaseModel], payload: dict[str, Any], error: ValidationError) -> InvalidRequestError:
    errors = error.errors(include_url=False)
    first = errors[0]
    path = path_text(json_path(payload, first["loc"], first["type"]))
    did_you_mean, corrected = correct(payload, model, errors)
    corrected = corrected if corrected is not None and _is_meant(model, corrected) else None
    message = f"{path}{_reason(first)}"
    if first["type"] not in ("extra_forbidden", "missing"):
        message += f" (given {shown(first.get('input'))})"
    hint = f"did you mean {did_you_mean!r}?" if did_you_mean else "GET /openapi.json has every field with its range"
    return InvalidRequestError(message, path=path, hint=hint, did_you_mean=did_you_mean, corrected_request=corrected)


def _reason(error: ErrorDetails) -> str:
    """What is wrong with the value at a path, in the words of JSON: a client knows of lists and objects, not of what
    they become here."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return " is not a field"
    if kind == "missing":
        return " is required"
    if kind == "union_tag_not_found":
        return " needs a type that says what it is"
    if kind in ("list_type", "tuple_type"):
        return " must be a list"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return " must be an object"
    if kind == "too_short":
        return f" needs at least {_entries(context['min_length'])}, not {context['actual_length']}"
    if kind == "too_long":
        return f" takes at most {_entries(context['max_length'])}, not {context['actual_length']}"
    return f": {cut(error['msg'].removeprefix('Value error, '), _REASON)}"


def _entries(count: int) -> str:
    return f"{count} entry" if count == 1 else f"{count} entries"
