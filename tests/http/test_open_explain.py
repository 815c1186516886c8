"""An explanation is about the search: the same order, the same account, the same request; and what names an emptied
answer, a likeness and a saved profile is held to the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from indexer.rerankers.registry import Rerankers
from tests.http.conftest import STATELESS, Client, ids, ok

QUERY = {"query": "zip archives", "diversify": {"max_per_site": None}}
FEEDBACK = {"feedback": {"docs": 2, "terms": 5, "weight": 0.6, "dense": 2.0}}


def explained(client: Client, document: str, body: dict[str, Any]) -> dict[str, Any]:
    return ok(client, "/v1/explain", {**body, "document": document})


# ---------------------------------------------------------------- the same order


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"expand": FEEDBACK},
        {"expand": FEEDBACK, "rules": [{"match": {"path": "/library/tar*"}, "do": "boost", "by": 3}]},
        {"expand": {"fuzzy": 1, "prefix": True}, "precision": "exact"},
        {"score": "bm25 + 0.5*dense", "expand": FEEDBACK},
    ],
)
def test_an_explanation_agrees_with_the_search(client: Client, fields: dict[str, Any]) -> None:
    """Rank, score, and every part of it, for all documents."""
    body = {**QUERY, **fields}
    answer = client.search(**body, explain=True, **STATELESS)
    assert len(answer["results"]) == 8
    for hit in answer["results"]:
        told = explained(client, hit["id"], body)
        assert told["rank"] == told["page_rank"] == hit["rank"]
        assert {name: told[name] for name in ("score", "signals", "contributions")} == {
            name: hit[name] for name in ("score", "signals", "contributions")
        }
        assert told["query"] == answer["query"]


def test_feedback_changes_what_is_explained(client: Client) -> None:
    """Or agreeing with the search would mean nothing."""
    plain, moved = explained(client, "python-2", QUERY), explained(client, "python-2", {**QUERY, "expand": FEEDBACK})
    assert plain["score"] != moved["score"]
    assert plain["signals"]["dense"] != moved["signals"]["dense"]
    assert [term["from"] for term in moved["query"]["terms"]].count("feedback") > 0


@pytest.mark.parametrize("fields", [{}, {"weights": {"recency": 0.5}}, {"fuse": {"method": "rrf"}}])
def test_what_was_explained_can_be_sent_again(client: Client, fields: dict[str, Any]) -> None:
    """`resolved` is that of the search: the same weights, the same results, whichever door it goes through."""
    told = explained(client, "python-2", {**QUERY, **fields})
    answer = client.search(**QUERY, **fields, **STATELESS)
    assert told["resolved"]["weights"] == answer["resolved"]["weights"]
    again = client.search(**told["resolved"] | STATELESS)
    assert again["resolved"]["weights"] == answer["resolved"]["weights"]
    assert ids(again) == ids(answer)
    assert explained(client, "python-2", told["resolved"])["score"] == told["score"]


# ---------------------------------------------------------------- second opinions


class Counting:
    """A model that likes long texts and counts what it was asked about."""

    id = "counting/one/1"
    reads = "length"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def score(self, query: str, texts: list[str]) -> Any:
        self.texts += texts
        return np.array([min(len(text) / 1_000, 1.0) for text in texts], np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    monkeypatch.setattr(Rerankers, "get", lambda self, kind, name=None: made)
    return made


@pytest.mark.parametrize("kind", ["cross_encoder", "late_interaction"])
def test_a_model_reads_each_text_once_for_an_explanation(client: Client, model: Counting, kind: str) -> None:
    """However many counterfactual weights are tried: what it says of a document does not depend on them."""
    body = {**QUERY, "rerank": [{"type": kind, "depth": 8, "blend": 0.1}]}
    tried = 0
    for document in ids(client.search(**body, **STATELESS)):
        model.texts.clear()
        tried += len(explained(client, document, body)["counterfactuals"])
        assert len(model.texts) == len(set(model.texts)) >= 8
    assert tried


# ---------------------------------------------------------------- what emptied an answer


def test_a_rule_that_emptied_an_answer_is_named_by_its_number(client: Client) -> None:
    """The number that `resolved` and contributions have for it, counting rules that drop nothing; in a search and in
    an explanation."""
    rules: list[dict[str, Any]] = [
        {"match": {"path": "/library/*"}, "do": "boost"},
        {"match": {"site": "nowhere.example"}, "do": "pin"},
        {"match": {"site": ["docs.example.org", "blog.example.com"]}, "do": "drop"},
    ]
    answer = client.search("zip archives", rules=rules, **STATELESS)
    notice = next(one["message"] for one in answer["notices"] if one["code"] == "no_matches")
    assert "nothing satisfies rule:2 drop;" in notice
    assert "without rule:2 drop: 8" in notice
    told = explained(client, "python-1", {"query": "zip archives", "rules": rules})
    assert (told["rank"], told["lost_at"]) == (None, "filter")
    assert told["failed"] == [{"text": "rule:2 drop", "kind": "rule"}]


# ---------------------------------------------------------------- saved profiles


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"diversify": {"relevance": "bm52"}}, "$.diversify.relevance"),
        ({"fuse": {"weights": {"nobody": 1}}}, "$.fuse.weights.nobody"),
        ({"score": "bm25 +"}, "$.score"),
        ({"filters": {"after": "never"}}, "$.filters.after"),
        ({"rules": [{"match": {}, "do": "drop"}]}, "$.rules[0].match"),
    ],
)
def test_a_profile_that_no_search_could_use_is_refused(client: Client, params: dict[str, Any], path: str) -> None:
    """When it is saved, not when somebody searches with it."""
    response = client("PUT", "/v1/profiles/unusable", params)
    assert response.status_code == 422, response.text
    assert response.json()["error"]["path"] == path
    assert client("GET", "/v1/profiles/unusable").status_code == 404


# ---------------------------------------------------------------- likeness


@pytest.mark.parametrize(
    "reference", [{"id": "python-1"}, {"url": "https://blog.example.com/fr"}, {"text": "tar archives with gzip"}]
)
@pytest.mark.parametrize("by", ["both", "words", "meaning"])
def test_similar_is_the_equivalent_search(client: Client, reference: dict[str, str], by: str) -> None:
    """The likeness that comes along gives, to the byte, what the search makes anew from `resolved`."""
    answer = ok(client, "/v1/similar", {**reference, "by": by, "max_results": 5, "explain": True})
    again = client.search(**answer["resolved"])
    assert again["results"] == answer["results"]
    assert again["query"] == answer["query"]
