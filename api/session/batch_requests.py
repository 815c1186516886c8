"""A batch as it was meant: given the body of `/v1/search/batch`, returns its searches with what counts for all of them.

What stands at the top counts where a search says nothing else; who reads, where and under which id is one for the whole
batch, so a search that says another is refused. Not for running them (batch.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from api.corrections import correcting
from api.errors import InvalidRequestError
from api.requests import SearchRequest, read_request
from api.session.requests import BatchRequest
from ranking.errors import ForageError
from ranking.params import BudgetParams
from ranking.profiles import merge
from ranking.shown import shown

Overlap = Literal["stub", "allow", "partition"]

_SEARCHES: Final = "$.searches"
_FIRST_NAME: Final = re.compile(r"\$\.(\w+)")

SHARED: Final = ("session_id", "branch", "reader", "objective")
"""One for all searches: at the top, or in those searches that say it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The searches, each whole, which agree in what counts for all of them. `payload` is the body as sent."""

    payload: Mapping[str, Any]
    searches: tuple[SearchRequest, ...]
    request_id: str | None = None

    @property
    def first(self) -> SearchRequest:
        """Any of them: for what they share."""
        return self.searches[0]

    @property
    def overlap(self) -> Overlap:
        return self.first.session.overlap

    @property
    def record(self) -> bool:
        return self.first.session.record

    @property
    def replay(self) -> bool:
        """Whether the same batch within 120 s is a retry."""
        return all(search.session.on_repeat == "replay" for search in self.searches)


@contextmanager
def naming(payload: Any, number: int) -> Iterator[None]:
    """Errors that leave the block say in which search of the batch the fault is, with the whole batch corrected."""
    raw = payload["searches"][number]
    try:
        with correcting(raw):
            yield
    except ForageError as error:
        path = error.path or "$"
        name = _FIRST_NAME.match(path)
        if name is not None and name[1] not in raw and name[1] in payload:
            error.corrected_request = None
        elif path.startswith("$") and not path.startswith(_SEARCHES):
            error.path = f"{_SEARCHES}[{number}]{path[1:]}"
            if error.corrected_request is not None:
                searches = [*payload["searches"]]
                searches[number] = error.corrected_request
                error.corrected_request = {**payload, "searches": searches}
        raise


def read_batch(payload: Any, with_profile: Callable[[Any], Any], parallel: int) -> Asked:
    """`with_profile` lays a search over the profile that it names; `parallel` searches run at once, among which a
    budget of time is shared. Raises InvalidRequestError."""
    batch = read_request(BatchRequest, _merged(payload, with_profile))
    raw = payload["searches"]
    shared = {name: _one(name, payload, raw, batch) for name in SHARED}
    shared["request_id"] = batch.request_id
    for number, search in enumerate(raw):
        if search.get("request_id") not in (None, batch.request_id):
            raise _contradiction(number, "request_id", search["request_id"], "a batch has one request_id, at the top")
        if batch.budget is not None and "budget" in search:
            raise _contradiction(number, "budget", search["budget"], "the batch has one budget, at the top")
    overlap = _agreed("overlap", batch.searches)
    budget = _shares(batch.budget, len(raw), parallel)
    more = {**shared, **({"budget": budget} if budget else {})}
    searches = tuple(
        search.model_copy(update={**more, "session": search.session.model_copy(update={"overlap": overlap})})
        for search in batch.searches
    )
    _agreed("record", searches, strict=True)
    return Asked(payload, searches, batch.request_id)


def together(searches: Sequence[SearchRequest]) -> Asked:
    """Searches that a batch, or a single call, was resolved to once."""
    payload = {"searches": [search.model_dump(mode="json", by_alias=True) for search in searches]}
    return Asked(payload, tuple(searches))


def _merged(payload: Any, with_profile: Callable[[Any], Any]) -> Any:
    """The body with every search over what stands at the top; anything odd is left for the model to refuse."""
    if not isinstance(payload, Mapping) or not isinstance(payload.get("searches"), list):
        return payload
    above = {name: payload[name] for name in ("collection", "session") if isinstance(payload.get(name), str | Mapping)}
    searches = []
    for number, search in enumerate(payload["searches"]):
        with naming(payload, number):
            searches.append(merge(above, with_profile(search)) if isinstance(search, Mapping) else search)
    return {**payload, "searches": searches}


def _one(name: str, payload: Mapping[str, Any], raw: Sequence[Mapping[str, Any]], batch: BatchRequest) -> Any:
    """What the batch and its searches say of `name`, if they say one thing."""
    if payload.get(name) is not None:
        said, where = payload[name], "the batch"
    else:
        number = next((number for number, search in enumerate(raw) if search.get(name) is not None), None)
        if number is None:
            return getattr(batch, name)
        said, where = raw[number][name], f"$.searches[{number}]"
    for number, search in enumerate(raw):
        if search.get(name) not in (None, said):
            raise _contradiction(number, name, search[name], f"{where} says {shown(said)}; a batch has one {name}")
    return said


def _agreed(name: str, searches: Sequence[SearchRequest], strict: bool = False) -> Any:
    """What the searches say of `session.name`, if they say one thing; with `strict`, a default that is not said counts
    too. Raises InvalidRequestError."""
    said = [
        (number, getattr(search.session, name))
        for number, search in enumerate(searches)
        if strict or name in search.session.model_fields_set
    ]
    if not said:
        return getattr(searches[0].session, name)
    first, value = said[0]
    for number, other in said[1:]:
        if other != value:
            hint = f"$.searches[{first}] says {shown(value)}; it counts for the whole batch"
            raise _contradiction(number, f"session.{name}", other, hint)
    return value


def _contradiction(number: int, name: str, given: Any, hint: str) -> InvalidRequestError:
    path = f"$.searches[{number}].{name}"
    return InvalidRequestError(f"{path} contradicts the rest of the batch (given {shown(given)})", path=path, hint=hint)


def _shares(budget: BudgetParams | None, searches: int, parallel: int) -> BudgetParams | None:
    """What each search may spend. Time passes for all that run at once; postings add up."""
    if budget is None:
        return None
    rounds = math.ceil(searches / parallel)
    return budget.model_copy(
        update={
            "ms": None if budget.ms is None else budget.ms / rounds,
            "postings": None if budget.postings is None else max(1, budget.postings // searches),
        }
    )
