"""Budgets and what is computed: a budget is kept, or what it could not keep is said; nothing is embedded in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.embeddings import QueryVectors
from ranking.constants import MAX_EXPANDED_WORDS
from tests.http.conftest import STATELESS, Client, ids, ok

DOORS = ("/v1/search", "/v1/explain")


def answered(client: Client, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """(status, body) of a search or an explanation."""
    response = client("POST", path, {**body, **({"document": "python-1"} if path == "/v1/explain" else STATELESS)})
    return response.status_code, response.json()


@pytest.fixture
def embedded(client: Client) -> Iterator[list[str]]:
    """Every text that somebody wants a vector of from now on: none is remembered."""
    vectors: QueryVectors = client.app.state.engine._vectors
    model, size = vectors.embedder, vectors._size
    read: list[str] = []
    encode = model.encode

    class Watched:
        id, dimension = model.id, model.dimension

        def encode(self, texts: list[str]) -> Any:
            read.extend(texts)
            return encode(texts)

    vectors._embedder, vectors._size = Watched(), 0  # type: ignore[assignment]
    vectors.forget()
    yield read
    vectors._embedder, vectors._size = model, size


# ---------------------------------------------------------------- postings


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "fields",
    [
        {"query": "zip archives"},
        {"query": "+zip +module"},
        {"query": "zip", "retrieve": [{"type": "regex", "pattern": "[a-z]+"}]},
    ],
)
def test_a_plan_over_its_postings_fails_before_it_searches(client: Client, path: str, fields: dict[str, Any]) -> None:
    """408 with what was found until then, which is nothing, and both numbers."""
    status, body = answered(client, path, {**fields, "budget": {"postings": 1, "on_exceed": "fail"}})
    assert status == 408
    assert (body["error"]["code"], body["error"]["path"]) == ("deadline_exceeded", "$.budget.postings")
    assert "its budget is 1" in body["error"]["message"]
    assert "degrade" in body["error"]["hint"]
    assert body["results"] == []
    status, _ = answered(client, path, {**fields, "budget": {"postings": 10_000, "on_exceed": "fail"}})
    assert status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"query": "zip archives"},
        {"query": "+zip +module"},
        {"query": "zip", "retrieve": [{"type": "regex", "pattern": "[a-z]+"}]},
    ],
)
def test_a_degraded_budget_of_postings_is_named(client: Client, fields: dict[str, Any]) -> None:
    """Also where nothing could be left out: then a notice says how far over it went."""
    body = {**fields, "budget": {"postings": 1}}
    answer = client.search(**body, **STATELESS)
    assert answer["trace"]["degraded"] == ["budget.postings"]
    assert answer["results"]
    over = answer["trace"]["postings"] > 1
    assert [one["code"] for one in answer["notices"]].count("budget_exceeded") == over
    assert ok(client, "/v1/plan", body)["degraded"] == ["budget.postings"]
    assert answered(client, "/v1/explain", body)[1]["degraded"] == ["budget.postings"]


@pytest.mark.parametrize("budget", [{}, {"postings": 1_000}, {"postings": 1_000, "on_exceed": "fail"}])
def test_a_retriever_s_own_cap_is_no_budget(client: Client, budget: dict[str, Any]) -> None:
    """Its terms say why they were left out; nothing was given up that the request did not give up itself."""
    retrieve = [{"type": "bm25", "terms": {"max_postings": 1, "min_keep": 1}}]
    answer = client.search("zip archives module", retrieve=retrieve, budget=budget, **STATELESS)
    assert [term["kept"] for term in answer["query"]["terms"]] == [True, False, False]
    assert answer["trace"]["degraded"] == []


# ---------------------------------------------------------------- expansion

MANY = [f"word{number:04}x" for number in range(MAX_EXPANDED_WORDS + 6)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expand": {"fuzzy": 1}}, "of 70 words the 64 rarest are expanded by expand.fuzzy"),
        ({"expand": {"prefix": True}}, "of 70 words the 64 rarest are expanded by expand.prefix"),
        (
            {"retrieve": [{"type": "fuzzy"}, {"type": "fuzzy", "name": "two", "text": " ".join(MANY[:40])}]},
            "of 70 words the 32 rarest are expanded by the retriever fuzzy; "
            "of 40 words the 32 rarest are expanded by the retriever two",
        ),
        (
            {
                "expand": {
                    "synonyms": {MANY[0]: [f"one{n}x" for n in range(200)], MANY[1]: [f"two{n}x" for n in range(200)]}
                }
            },
            "256 words were added, as many as can be",
        ),
        ({}, None),
        ({"query": " ".join(MANY[:MAX_EXPANDED_WORDS]), "expand": {"fuzzy": 2, "prefix": True}}, None),
    ],
)
def test_what_expansion_leaves_out_is_said(client: Client, fields: dict[str, Any], said: str | None) -> None:
    """By a search, a plan and an explanation alike."""
    body = {"query": " ".join(MANY), **fields}
    for path in ("/v1/plan", *DOORS):
        status, answer = (200, ok(client, path, body)) if path == "/v1/plan" else answered(client, path, body)
        assert status == 200
        told = [notice["message"] for notice in answer["notices"] if notice["code"] == "expansion_cut"]
        assert told == ([] if said is None else [said])


# ---------------------------------------------------------------- what is embedded


def test_a_search_embeds_its_query_once(client: Client, embedded: list[str]) -> None:
    """The measure of the others."""
    client.search("zip archives of old", **STATELESS)
    assert embedded == ["zip archives of old"]


@pytest.mark.parametrize("path", DOORS)
def test_without_time_for_vectors_nothing_is_embedded(client: Client, embedded: list[str], path: str) -> None:
    """The budget decides first; what it leaves is a search of words alone."""
    status, body = answered(client, path, {"query": "zip archives of yore", "budget": {"ms": 3.5}})
    assert status == 200
    degraded = body["degraded"] if path == "/v1/explain" else body["trace"]["degraded"]
    assert "budget.ms:dense" in degraded
    assert embedded == []


def test_a_budget_that_keeps_the_vectors_embeds_once(client: Client, embedded: list[str]) -> None:
    """However many plans were tried."""
    body = {"rerank": [{"type": "late_interaction"}], "budget": {"ms": 6}}
    answer = client.search("zip archives of late", **body, **STATELESS)
    assert answer["trace"]["degraded"] == ["budget.ms:rerank"]
    assert embedded == ["zip archives of late"]


def test_a_plan_embeds_nothing(client: Client, embedded: list[str]) -> None:
    """Not even the text of a `like` retriever, whose words it looks up."""
    retrieve = [{"type": "dense"}, {"type": "like", "text": "tar archives with gzip compression"}]
    plan = ok(client, "/v1/plan", {"query": "zip archives in a plan", "retrieve": retrieve})
    assert [stage["name"] for stage in plan["stages"]] == ["recall.sem", "recall.like"]
    assert plan["stages"][1]["postings"] > 0
    assert embedded == []


def test_similar_embeds_its_text_once(client: Client, embedded: list[str]) -> None:
    """The likeness that was made comes along."""
    text = "tar archives with bzip2 compression"
    ok(client, "/v1/similar", {"text": text})
    assert embedded.count(text) == 1


# ---------------------------------------------------------------- vectors that were sent


def cosines(client: Client, **body: Any) -> dict[str, float]:
    answer = client.search("zip", explain=True, diversify={"max_per_site": None}, **body, **STATELESS)
    return {hit["id"]: hit["signals"]["dense"] for hit in answer["results"]}


def test_feedback_moves_a_vector_that_was_sent(client: Client, embedded: list[str]) -> None:
    """As it moves the one of the query's text: the same vector, sent or computed, gives the same signal."""
    engine = client.app.state.engine
    sent = [float(number) for number in engine.encode("zip")]
    embedded.clear()
    expand = {"feedback": {"docs": 2, "dense": 2.0}}
    retrieve = [{"type": "bm25"}, {"type": "dense", "vector": sent}]
    still, moved = cosines(client, retrieve=retrieve), cosines(client, retrieve=retrieve, expand=expand)
    assert embedded == []
    assert still.keys() == moved.keys()
    assert any(abs(moved[name] - still[name]) > 0.01 for name in still)
    assert moved == pytest.approx(cosines(client, expand=expand), abs=1e-6)


def test_the_retriever_searches_with_the_moved_vector(client: Client) -> None:
    """Its vector is the query's, so it does not stay where it was sent."""
    sent = [float(number) for number in client.app.state.engine.encode("boucle d'événements")]
    body = {"retrieve": [{"type": "bm25", "k": 1}, {"type": "dense", "vector": sent, "k": 1}]}

    def nearest(**expand: Any) -> list[str]:
        answer = client.search("zip", weights={"*": 0, "bm25": 1}, expand=expand, **body, **STATELESS)
        return [hit["id"] for hit in answer["results"] if "sem" in hit["found_by"]]

    assert nearest() == ["blog-2"]
    assert nearest(feedback={"docs": 1, "dense": 10.0}) == ["python-1"]


def test_feedback_leaves_a_second_vector_alone(client: Client) -> None:
    """The first stands for the query and moves; another is its retriever's own, and finds what it found."""
    engine = client.app.state.engine
    first, second = ([float(number) for number in engine.encode(text)] for text in ("zip", "boucle d'événements"))
    retrieve = [
        {"name": "query", "type": "dense", "vector": first, "k": 1},
        {"name": "other", "type": "dense", "vector": second, "k": 1},
    ]
    body = {"retrieve": retrieve, "expand": {"feedback": {"docs": 2, "dense": 10.0}}}
    answer = client.search("zip", **body, **STATELESS)
    found = {name: hit["id"] for hit in answer["results"] for name in hit["found_by"]}
    assert found["other"] == "blog-2"
    assert "blog-2" in ids(answer)


def test_a_resolved_request_may_be_sent_again_with_less_time(client: Client) -> None:
    """It names the rank of each retriever, with a weight; what is given up is not weighed."""
    whole = client.search("zip archives of yore", fuse={"weights": {"lex": 1.0, "sem": 0.5}})["resolved"]
    assert "rank.sem" in whole["weights"]
    hasty = {**whole, "session_id": None, "budget": {"ms": 0.001}}
    status, body = answered(client, "/v1/search", hasty)
    assert status == 200, body
    assert "budget.ms:dense" in body["trace"]["degraded"]
    again, _ = answered(client, "/v1/search", {**body["resolved"], "session_id": None})
    assert again == 200


@pytest.mark.parametrize(
    "order", [{"score": "bm25 + rank.sem"}, {"diversify": {"method": "mmr", "relevance": "rank.sem"}}]
)
def test_an_order_that_reads_the_rank_of_a_retriever_keeps_it(client: Client, order: dict[str, Any]) -> None:
    """Whatever the time: without it the order would mean nothing."""
    status, body = answered(client, "/v1/search", {"query": "zip archives of yore", "budget": {"ms": 0.001}, **order})
    assert status == 200, body
    assert "budget.ms:dense" not in body["trace"]["degraded"]
    assert "budget.ms:depth" in body["trace"]["degraded"]
