"""Every field of a search with every odd value: answered, or refused by its path; what is offered as corrected is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel

from api.requests import SearchRequest
from tests.http.conftest import Client

ODD: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.5, -0.0, 1e308, 10**30, "", "NaN", "\x00", "x" * 10_000, [], [[]], [None], ["x"] * 1_001, {},
    {"a": {"b": 1}},
)  # fmt: skip
Place = tuple[str, ...]


def places(model: type[BaseModel], above: Place = ()) -> Iterator[Place]:
    """The path of every field, those of objects within objects too."""
    for name, field in model.model_fields.items():
        path = (*above, field.alias or name)
        yield path
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from places(inner, path)


def with_value(path: Place, value: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"query": "zip archives", "session": {"record": False}}
    holder = body
    for name in path[:-1]:
        holder = holder.setdefault(name, {})
    holder[path[-1]] = value
    return body


@pytest.mark.parametrize("path", tuple(places(SearchRequest)), ids=".".join)
def test_an_odd_value_is_answered_or_refused_by_its_path(client: Client, path: Place) -> None:
    """And its correction, where one is offered, is not refused again: whether what it names exists is another question."""
    for value in ODD:
        response = client("POST", "/v1/search", with_value(path, value))
        assert response.status_code in (200, 404, 422), (value, response.text)
        if response.status_code == 422:
            error = response.json()["error"]
            assert error["path"].startswith("$." + ".".join(path)), (value, error)
            if (corrected := error["corrected_request"]) is not None:
                again = client("POST", "/v1/search", corrected)
                assert again.status_code in (200, 404), (value, corrected, again.text)


def test_numbers_without_end_are_refused_wherever_a_number_stands(client: Client) -> None:
    """An answer could not repeat them."""
    for number in (10**30, -(10**30), 1e308):
        for body in (
            {"retrieve": [{"type": "bm25", "terms": {"max_postings": number}}]},
            {"budget": {"postings": number}},
            {"filters": {"metadata": {"year": number}}},
            {"filters": {"metadata": {"year": {"gte": number}}}},
            {"rules": [{"match": {"metadata": {"year": [number]}}, "do": "drop"}]},
            {"facets": ["year"], "filters": {"metadata": {"year": [number, 1]}}},
        ):
            for door in ("search", "plan"):
                response = client("POST", f"/v1/{door}", {"query": "zip", "session": {"record": False}, **body})
                assert response.status_code in (200, 422), (body, response.text)
