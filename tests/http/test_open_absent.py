"""What a request names that is not there, or not any more: said, never passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from api.opened.profiles import FOLDER
from tests.http.conftest import Client
from tests.http.test_bad_input import refused

STATELESS: dict[str, Any] = {"session": {"record": False}}


def notices(answer: dict[str, Any]) -> dict[str, str]:
    return {notice["code"]: notice["message"] for notice in answer["notices"]}


def test_documents_to_rank_that_are_not_there_are_named(client: Client) -> None:
    """In a search and in its plan; none are when all are there."""
    body = {"query": "zip", "retrieve": [{"type": "ids", "ids": ["python-1", "nowhere", "elsewhere"]}], **STATELESS}
    said = "ids: 2 of 3 documents are not in the collection: nowhere, elsewhere"
    answer = client.search(**body)
    assert (notices(answer)["documents_missing"], answer["trace"]["degraded"]) == (said, [])
    assert notices(client("POST", "/v1/plan", body).json())["documents_missing"] == said
    assert not notices(client.search("zip", retrieve=[{"type": "ids", "ids": ["python-1"]}], **STATELESS))


def test_a_metadata_field_without_numbers_is_named(client: Client) -> None:
    """As a weight and in an expression; a field that some documents have is not."""
    answer = client.search("zip", weights={"meta.yaer": 2}, **STATELESS)
    assert "meta.yaer" in notices(answer)["signals_empty"]
    assert answer["trace"]["degraded"] == []
    assert "meta.yaer" in notices(client.search("zip", score="bm25 + meta.yaer", **STATELESS))["signals_empty"]
    assert not notices(client.search("zip", weights={"meta.year": 2}, **STATELESS))


def test_a_signal_that_a_profile_sets_and_that_is_gone(tmp_path: Path, serve: Callable[..., Client]) -> None:
    """The error says that it was the profile; what the request sets itself is its own fault."""
    client = serve(tmp_path, documents=True)
    place = tmp_path / FOLDER / "default" / "old"
    place.mkdir(parents=True)
    params = {"weights": {"pagerank": 1}, "max_results": 1_000}
    for version, sets in enumerate((params, {"weights": {"pagerank": 1}}), start=1):
        body = {"name": "old", "version": version, "created": "2020-01-01T00:00:00+00:00", "params": sets}
        (place / f"{version}.json").write_bytes(orjson.dumps(body))
    for door in ("search", "plan"):
        error = refused(client("POST", f"/v1/{door}", {"query": "zip", "profile": "old"}), 422)
        assert error["path"] == "$.weights.pagerank"
        assert error["message"].endswith("the profile 'old' sets it")
    error = refused(client("POST", "/v1/search", {"query": "zip", "profile": "old@1"}), 422)
    assert (error["path"], error["corrected_request"]) == ("$.max_results", None)
    assert "the profile 'old@1' sets it" in error["message"]
    assert client("POST", "/v1/search", {"query": "zip", "profile": "old", "weights": {"bm25": 1}}).status_code == 422
    own = refused(client("POST", "/v1/search", {"query": "zip", "profile": "old", "max_results": 0}), 422)
    assert "profile" not in own["message"]


def test_no_weight_is_offered_for_what_a_condition_keeps_out(client: Client) -> None:
    """But the rank without the condition, which is the rank that it has then."""
    body = {"query": "zip archives", "document": "python-1"}
    for keeps_out in (
        {"filters": {"include_sites": ["blog.example.com"]}},
        {"rules": [{"match": {"site": "docs.example.org"}, "do": "drop"}]},
    ):
        told = client("POST", "/v1/explain", {**body, **keeps_out}).json()
        assert (told["lost_at"], told["rank"], told["page_rank"]) == ("filter", None, None)
        (change,) = told["counterfactuals"]
        assert change["change"] == {"without": [one["text"] for one in told["failed"]]}
        assert change["rank"] == client("POST", "/v1/explain", body).json()["rank"]


def test_words_that_are_left_out_anyway_are_not_given_up_to_a_budget(client: Client) -> None:
    """`module` is in most documents: it is too common with a budget of postings and without."""
    query = "module zip tar asyncio gather coroutines"
    free = client.search(query, retrieve=[{"type": "bm25"}], **STATELESS)
    held = client.search(
        query, retrieve=[{"type": "bm25"}], budget={"postings": free["trace"]["postings"]}, **STATELESS
    )
    assert "module" in {term["term"] for term in held["query"]["terms"] if not term["kept"]}
    assert held["query"]["terms"] == free["query"]["terms"]
    assert held["trace"]["degraded"] == []
