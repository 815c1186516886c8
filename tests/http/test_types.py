"""A number is a number: what a request holds is of its own JSON type, in every field, at every door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from annotated_types import Ge
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.opened.requests import ExplainRequest, RecallRequest, SimilarRequest, TermsRequest
from api.requests import ContentsRequest, CrawlRequest, SearchRequest
from tests.http.conftest import Client
from tests.http.test_bad_input import refused


@pytest.mark.parametrize(
    ("body", "path", "corrected"),
    [
        ({"max_results": True}, "$.max_results", {}),
        ({"max_results": "3"}, "$.max_results", {"max_results": 3}),
        ({"max_results": 2.5}, "$.max_results", {"max_results": 2}),
        ({"weights": {"bm25": "2"}}, "$.weights.bm25", {"weights": {"bm25": 2.0}}),
        ({"weights": {"bm25": True}}, "$.weights.bm25", {"weights": {}}),
        ({"session": {"demote": "0.5"}}, "$.session.demote", {"session": {"demote": 0.5}}),
        ({"session": {"demote": False}}, "$.session.demote", {"session": {}}),
        ({"explain": "true"}, "$.explain", {"explain": True}),
        ({"explain": 1}, "$.explain", {"explain": True}),
        ({"retrieve": [{"type": "bm25", "k1": "1.2"}]}, "$.retrieve[0].k1", {"retrieve": [{"type": "bm25", "k1": 1.2}]}),
        ({"diversify": {"lambda": "0.5"}}, "$.diversify.lambda", {"diversify": {"lambda": 0.5}}),
        ({"diversify": {"max_per": {"site": "2"}}}, "$.diversify.max_per.site", {"diversify": {"max_per": {"site": 2}}}),
        ({"limit": "5"}, "$.limit", {"max_results": 5}),
    ],
)  # fmt: skip
def test_text_and_truth_values_are_no_numbers(
    client: Client, body: dict[str, Any], path: str, corrected: dict[str, Any]
) -> None:
    """422 with the path, and the request that was meant, ready to send."""
    error = refused(client("POST", "/v1/search", {"query": "zip", **body}), 422)
    assert error["path"] == path
    assert error["corrected_request"] == {"query": "zip", **corrected}
    assert client("POST", "/v1/search", error["corrected_request"]).status_code == 200


def test_a_number_may_be_written_either_way(client: Client) -> None:
    """JSON has one kind of them: 3.0 is 3, and 1 is 1.0. Lists stay lists."""
    answer = client.search(
        "zip",
        max_results=3.0,
        weights={"bm25": 1},
        session={"record": False, "demote": 1},
        retrieve=[{"type": "bm25", "k": 30.0, "fields": {"title": 2}}],
        facets=["site"],
        filters={"languages": ["en"], "metadata": {"year": {"gte": "2010", "lte": 2015.0}}},
    )
    assert len(answer["results"]) == 3
    assert (answer["resolved"]["max_results"], answer["resolved"]["retrieve"][0]["k"]) == (3, 30)


MODELS = (
    SearchRequest, ExplainRequest, SimilarRequest, TermsRequest, RecallRequest, ContentsRequest, CrawlRequest,
)  # fmt: skip


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field that is reached through objects alone."""
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, here)
        else:
            yield here, field


@pytest.mark.parametrize("model", MODELS)
def test_no_number_of_any_model_takes_text_or_truth_values(model: type[BaseModel]) -> None:
    """Also in a field that is added tomorrow."""
    numbers = 0
    for path, field in fields(model):
        kinds = {field.annotation, *get_args(field.annotation)}
        if not kinds & {int, float, bool}:
            continue
        numbers += 1
        least = next((str(each.ge) for each in field.metadata if isinstance(each, Ge)), "1")
        for wrong in (least, "true", *(() if bool in kinds else (True,)), *((1,) if bool in kinds else ())):
            body: Any = wrong
            for name in reversed(path):
                body = {name: body}
            with pytest.raises(ValueError, match=r"_type\b") as caught:
                model.model_validate(body)
            errors = caught.value.errors()  # type: ignore[attr-defined]
            assert [one for one in errors if one["loc"][: len(path)] == path], (path, wrong)
    assert numbers >= 2
