"""The opened engine, as an agent drives it: retrievers, expressions, rules, explanations, terms, profiles, models."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.conftest import DOCUMENTS, STATELESS, Client, ids, ok, refused

# ---------------------------------------------------------------- retrievers


@pytest.mark.parametrize(
    ("retriever", "first"),
    [
        ({"type": "phrase", "text": "event loop"}, "python-0"),
        ({"type": "prefix", "text": "tarf"}, "python-2"),
        ({"type": "regex", "pattern": "sqlite[0-9]"}, "python-3"),
        ({"type": "fuzzy", "text": "asynico threding", "distance": 2}, "python-4"),
        ({"type": "like", "id": "python-1"}, "python-2"),
        ({"type": "like", "text": "tar archives with gzip compression"}, "python-2"),
        ({"type": "site_listing", "prefix": "https://blog.example.com/", "order": "url"}, "blog-1"),
        ({"type": "ids", "ids": ["python-5", "https://blog.example.com/fr"]}, "python-5"),
    ],
)
def test_every_retriever_finds_its_page(client: Client, retriever: dict[str, Any], first: str) -> None:
    """Alone, its order being the score; `found_by` says so."""
    body = {"retrieve": [{"name": "one", **retriever}], "fuse": {"method": "rrf"}, "weights": {"*": 0, "fused": 1}}
    answer = client.search("anything", **body, **STATELESS)
    assert answer["results"][0]["id"] == first
    assert answer["results"][0]["found_by"] == {"one": 1}


def test_a_filter_holds_in_every_retriever(client: Client) -> None:
    """Nothing outside of it comes back, whatever named it."""
    retrieve = [
        {"type": "bm25"}, {"type": "dense"}, {"type": "ids", "ids": ["python-0", "python-1"]},
        {"type": "like", "id": "python-0"}, {"type": "prefix", "text": "mod"},
        {"type": "site_listing", "prefix": "docs.example.org"},
    ]  # fmt: skip
    answer = client.search("module", retrieve=retrieve, filters={"include_sites": ["blog.example.com"]}, **STATELESS)
    assert set(ids(answer)) == {"blog-1", "blog-2"}


def test_earlier_results_are_a_retriever(client: Client) -> None:
    """Only what this session was shown."""
    session = client.search("zip archives", max_results=2)
    before = ids(session)
    answer = client.search(
        "python",
        session_id=session["session_id"],
        retrieve=[{"type": "session"}],
        max_results=2,
        session={"seen": "off"},
    )
    assert set(ids(answer)) == set(before)
    assert all(hit["found_by"].get("earlier") for hit in answer["results"])


def test_a_document_that_is_not_there_is_404_with_the_nearest(client: Client) -> None:
    """Not an empty list."""
    response = client("POST", "/v1/search", {"query": "x", "retrieve": [{"type": "like", "id": "python-11"}]})
    assert response.status_code == 404
    assert response.json()["error"]["path"] == "$.retrieve[0].id"


def test_a_regex_that_is_none_is_refused(client: Client) -> None:
    """With its path."""
    error = refused(client, {"query": "x", "retrieve": [{"type": "regex", "pattern": "a(b"}]})
    assert error["path"] == "$.retrieve[0].pattern"


# ---------------------------------------------------------------- scores


def test_a_score_expression_and_its_fault(client: Client) -> None:
    """Entries by addend; a misspelt name comes back corrected, ready to send."""
    answer = client.search("zip archives", score="bm25 + 0.3*recency(half_life_days=90)", explain=True, **STATELESS)
    hit = answer["results"][0]
    assert set(hit["contributions"]) >= {"bm25", "0.3*recency(half_life_days=90)"}
    assert sum(hit["contributions"].values()) == pytest.approx(hit["score"])
    error = refused(client, {"query": "x", "score": "bm25 + recenzy"})
    assert (error["path"], error["did_you_mean"]) == ("$.score", "recency")
    assert error["corrected_request"]["score"] == "bm25 + recency"


def test_rules_boost_bury_pin_and_drop(client: Client) -> None:
    """Also as a Goggle; `resolved` shows rules that do the same."""
    rules: list[Any] = [
        {"match": {"url": "https://blog.example.com/fr"}, "do": "pin", "at": 1},
        {"match": {"path": "/library/zip*"}, "do": "drop"},
        "! a goggle\n/library/tarfile$boost=5",
    ]
    answer = client.search("zip archives", rules=rules, explain=True, **STATELESS)
    assert ids(answer)[:2] == ["blog-2", "python-2"]
    assert "python-1" not in ids(answer)
    assert answer["results"][1]["contributions"]["rule:2"] > 0
    again = client.search(**answer["resolved"])
    assert again["results"] == answer["results"]


def test_metadata_is_a_signal_a_cap_and_a_facet(client: Client) -> None:
    """meta.year weighs, caps, counts and comes with the hit."""
    answer = client.search(
        "module",
        weights={"*": 0, "meta.year": 1},
        filters={"metadata": {"year": {"gte": 2011}}},
        facets=["site", "year", "language"],
        content={"fields": ["year"]},
        explain=True,
        **STATELESS,
    )
    years = [hit["metadata"]["year"] for hit in answer["results"]]
    assert years == sorted(years, reverse=True)
    assert answer["facets"]["site"] == [{"value": "docs.example.org", "count": 5}]
    assert {row["value"] for row in answer["facets"]["year"]} == {"2011", "2012", "2013", "2014", "2015"}
    capped = client.search("module", diversify={"max_per_site": None, "max_per": {"language": 1}}, **STATELESS)
    assert {capped["results"][0]["language"], capped["results"][1]["language"]} == {"en", "fr"}


def test_feedback_adds_words_that_say_where_they_come_from(client: Client) -> None:
    """RM3 and Rocchio; off unless asked for."""
    plain = client.search("zip", **STATELESS)
    assert {term["from"] for term in plain["query"]["terms"]} == {"query"}
    answer = client.search("zip", expand={"feedback": {"docs": 2, "terms": 3, "dense": 0.5}}, **STATELESS)
    assert [term["from"] for term in answer["query"]["terms"]].count("feedback") >= 1
    assert client.search(**answer["resolved"])["results"] == answer["results"]


def test_a_reranker_that_is_not_there_says_how_to_add_it(client: Client) -> None:
    """422, for every type."""
    for stage in ({"type": "cross_encoder"}, {"type": "trees", "model": "mine"}):
        error = refused(client, {"query": "zip", "rerank": [stage]})
        assert error["code"] == "model_missing"
        assert error["hint"]


def test_late_interaction_rereads_the_best(client: Client) -> None:
    """Real token vectors; the account adds up."""
    answer = client.search("zip archives", rerank=[{"type": "late_interaction", "depth": 3}], explain=True, **STATELESS)
    assert "rerank:0" in answer["results"][0]["signals"]
    for hit in answer["results"]:
        assert sum(hit["contributions"].values()) == pytest.approx(hit["score"])


# ---------------------------------------------------------------- explain, terms, similar, recall


def test_explain_says_what_lost_a_document(client: Client) -> None:
    """A filter by name; a rank and what would change it; the terms it lacks."""
    lost = ok(client, "/v1/explain", {"query": "zip archives -tar site:docs.example.org", "document": "blog-2"})
    assert (lost["rank"], lost["lost_at"]) == (None, "filter")
    assert [failed["text"] for failed in lost["failed"]] == ["site:docs.example.org"]
    told = ok(client, "/v1/explain", {"query": "zip archives", "document": DOCUMENTS[2]["url"], "target_rank": 1})
    assert told["rank"] == 2
    assert told["lost_at"] is None
    assert "zip" in told["terms_missing"] or "archives" in told["terms_missing"]
    assert sum(told["contributions"].values()) == pytest.approx(told["score"])
    assert len(told["signals"]) >= 35
    for counterfactual in told["counterfactuals"]:
        weights = counterfactual["change"]["weights"]
        answer = client.search("zip archives", weights=weights, **STATELESS)
        assert ids(answer).index("python-2") + 1 == counterfactual["rank"] == 1
    missing = client("POST", "/v1/explain", {"query": "x", "document": "nowhere"})
    assert missing.status_code == 404


def test_terms_tells_df_cost_and_company(client: Client) -> None:
    """Of words and of a query."""
    body = ok(client, "/v1/terms", {"terms": ["archives"], "query": "zipfile"})
    first, second = body["terms"]
    assert (first["term"], first["df"], second["term"]) == ("archives", 2, "zipfile")
    assert first["idf"] > 0
    assert first["cost"]["postings"] >= 2
    assert {row["term"] for row in first["related"]["occurs_with"]} & {"zip", "tar", "files", "compression"}
    assert refused(client, {}, "/v1/terms")["hint"]


def test_similar_is_a_search_that_can_be_sent_again(client: Client) -> None:
    """The document itself is not among them."""
    answer = ok(client, "/v1/similar", {"url": DOCUMENTS[1]["url"], "max_results": 3})
    assert ids(answer)[0] == "python-2"
    assert "python-1" not in ids(answer)
    assert ids(client.search(**answer["resolved"])) == ids(answer)


def test_recall_compares_with_the_exact_search(client: Client) -> None:
    """A small collection is searched exactly anyway."""
    body = ok(client, "/v1/recall", {"num": 5, "k": 3})
    assert body["dense"]["avg_recall"] == 1.0
    assert body["lexical"]["avg_recall"] == 1.0
    assert body["dense"]["queries"] == 5


# ---------------------------------------------------------------- plan and budget


def test_a_plan_embeds_nothing_and_predicts(client: Client) -> None:
    """Matches, postings, facets; the same words as the search."""
    plan = ok(client, "/v1/plan", {"query": "zip archives site:docs.example.org", "facets": ["language"]})
    assert plan["matches"]["estimate"] == 6
    assert plan["predicted_ms"] > 0
    assert plan["facets"]["language"] == [{"value": "en", "count": 6}]
    answer = client.search("zip archives site:docs.example.org", **STATELESS)
    assert plan["query"]["terms"] == answer["query"]["terms"]


def test_a_budget_of_time_is_kept_by_doing_less(client: Client) -> None:
    """Named in degraded and in a notice; `fail` is 408 with what was found."""
    answer = client.search("zip archives", budget={"ms": 3.5}, **STATELESS)
    assert any(name.startswith("budget.ms:") for name in answer["trace"]["degraded"])
    assert "budget_degraded" in {notice["code"] for notice in answer["notices"]}
    assert answer["results"]
    late = client("POST", "/v1/search", {"query": "zip archives", "budget": {"ms": 0.001, "on_exceed": "fail"}})
    assert late.status_code == 408
    assert late.json()["error"]["code"] == "deadline_exceeded"


def test_an_empty_answer_says_what_to_leave_out(client: Client) -> None:
    """And how much would come then."""
    answer = client.search("archives site:docs.example.org filetype:pdf", **STATELESS)
    notice = next(one for one in answer["notices"] if one["code"] == "no_matches")
    assert "filetype:pdf" in notice["message"]
    assert "without filetype:pdf: 6" in notice["message"]


# ---------------------------------------------------------------- profiles and models


def test_a_profile_is_saved_versioned_and_diffed(client: Client) -> None:
    """A resolved request can be saved as one, and searches by its name alone."""
    one = client("PUT", "/v1/profiles/fresh", {"weights": {"recency": 2}})
    assert (one.status_code, one.json()["version"]) == (201, 1)
    assert client("PUT", "/v1/profiles/fresh", {"weights": {"recency": 2}}).json()["version"] == 1
    resolved = client.search("module", weights={"recency": 3}, **STATELESS)["resolved"]
    two = client("PUT", "/v1/profiles/fresh", resolved).json()
    assert two["version"] == 2
    assert "query" in two["ignored"]
    by_name = client.search("module", profile="fresh@1", **STATELESS)
    assert by_name["resolved"]["weights"]["recency"] == 2
    changes = client("GET", "/v1/profiles/fresh@1/diff/fresh@2").json()["changes"]
    assert changes["$.weights.recency"] == [2, 3.0]
    assert client("GET", "/v1/profiles/fresh@9").status_code == 404
    assert client("PUT", "/v1/profiles/bm25", {"weights": {"bm25": 1}}).status_code == 409
    assert client("PUT", "/v1/profiles/bad", {"weights": {"bm52": 1}}).status_code == 422
    names = {row["name"] for row in client("GET", "/v1/profiles").json()["profiles"]}
    assert names == {"default", "bm25", "dense", "fresh"}


@pytest.mark.parametrize(
    ("retriever", "said"),
    [
        ({"type": "links", "of": "https://nowhere.example/"}, "links (links)"),
        ({"type": "session"}, "earlier (session)"),
        ({"type": "ids", "ids": ["no-such-id"], "name": "mine"}, "mine (ids)"),
        ({"type": "prefix", "text": "zzzz", "name": "zz"}, "zz (prefix)"),
    ],
)
def test_a_retriever_that_finds_nothing_says_so(client: Client, retriever: dict[str, Any], said: str) -> None:
    """The page is full all the same, so nobody would notice; one that finds something says nothing."""
    answer = client.search("archives", retrieve=[{"type": "bm25"}, retriever], **STATELESS)
    told = [notice["message"] for notice in answer["notices"] if notice["code"] == "retriever_empty"]
    assert told == [f"nothing was found by {said}"]
    found = client.search("archives", retrieve=[{"type": "prefix", "text": "arch"}], **STATELESS)
    assert "retriever_empty" not in {notice["code"] for notice in found["notices"]}


def test_recall_of_a_blank_query_is_refused(client: Client) -> None:
    """It would sample titles instead, and nobody would know."""
    error = refused(client, {"queries": ["archives", " "]}, "/v1/recall")
    assert error["path"] == "$.queries[1]"
