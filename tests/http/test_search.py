"""The main door, as an agent uses it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.conftest import DOCUMENTS, Client

STATELESS = {"session": {"record": False}}


def ids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


def test_a_query_alone_finds_the_page(client: Client) -> None:
    """Only `query` is required."""
    answer = client.search("wait for several coroutines at once")
    assert answer["results"][0]["id"] in {"python-0", "blog-1"}
    assert answer["results"][0]["passages"][0]["text"]
    assert answer["session_id"]


def test_every_field_of_the_contract_is_there(client: Client) -> None:
    """Names are promises."""
    answer = client.search("zip archives", explain=True)
    assert set(answer) >= {
        "request_id", "session_id", "generation", "results", "stubs", "resolved", "query", "session",
        "follow_ups", "facets", "trace", "notices",
    }  # fmt: skip
    assert set(answer["results"][0]) >= {
        "rank", "id", "url", "title", "site", "language", "author", "published_at", "modified_at", "fetched_at",
        "score", "passages", "found_by", "stateless_rank", "terms_missing", "seen", "moves", "signals",
        "signals_missing", "contributions",
    }  # fmt: skip
    assert set(answer["results"][0]["passages"][0]) >= {"id", "text", "heading", "start", "end", "score", "seen"}
    assert set(answer["session"]) >= {
        "seq", "snapshot_seq", "exhausted", "low_yield", "shown_before", "new", "served_from", "profile_terms", "stop",
    }  # fmt: skip
    assert {stage["name"] for stage in answer["trace"]["stages"]} >= {"parse", "plan", "recall", "rank", "fetch"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"session": {"seen": "demote"}},
        {"weights": {"recency": 0.5, "authority": -0.3}},
        {"fuse": {"method": "rrf"}},
    ],
)
def test_contributions_sum_to_the_score(client: Client, fields: dict[str, object]) -> None:
    """In a session, after a first call has been shown, under any weights."""
    session = client.search("archives")["session_id"]
    answer = client.search("tar archives compression", session_id=session, explain=True, **fields)
    for hit in answer["results"]:
        assert sum(hit["contributions"].values()) == pytest.approx(hit["score"], abs=1e-9)


def test_resolved_can_be_sent_again(client: Client) -> None:
    """The resolved request of a stateless call gives the same results, byte for byte."""
    first = client.search("file system paths", weights={"recency": 0.2}, max_results=4, **STATELESS)
    again = client("POST", "/v1/search", first["resolved"]).json()
    assert orjson.dumps(again["results"]) == orjson.dumps(first["results"])
    assert again["resolved"] == first["resolved"]


def test_a_changed_weight_in_resolved_takes_effect(client: Client) -> None:
    """score and fuse.weights stay null, so weights decide."""
    first = client.search("compressed members", **STATELESS)
    assert first["resolved"]["score"] is None
    assert first["resolved"]["fuse"]["weights"] is None
    changed = {**first["resolved"], "weights": {"*": 0, "recency": 1}, "explain": True}
    again = client("POST", "/v1/search", changed).json()
    assert [hit["score"] for hit in again["results"]] != [hit["score"] for hit in first["results"]]
    assert set(again["results"][0]["contributions"]) >= {"recency"}


def test_the_numbers_that_weigh_meaning_are_told_and_can_be_set(client: Client) -> None:
    """A floor above what the rule gives is the weight, in the sums too; sent again, the answer is the same."""
    first = client.search("tar archives compression", **STATELESS)
    assert first["resolved"]["fuse"]["balance"] == {"ceiling": 13.0, "decay": 1.5, "floor": 0.25}
    asked = {"fuse": {"balance": {"floor": 50.0}}, "explain": True}
    other = client.search("tar archives compression", **asked, **STATELESS)
    assert other["resolved"]["fuse"]["balance"] == {"ceiling": 13.0, "decay": 1.5, "floor": 50.0}
    assert other["resolved"]["weights"]["dense"] == 50.0 != first["resolved"]["weights"]["dense"]
    for hit in other["results"]:
        assert hit["contributions"]["dense"] == pytest.approx(50.0 * hit["signals"]["dense"])
    again = client("POST", "/v1/search", other["resolved"]).json()
    assert orjson.dumps(again["results"]) == orjson.dumps(other["results"])
    assert again["resolved"] == other["resolved"]


def test_a_resolved_request_can_change_its_fusion(client: Client) -> None:
    """Changing only fuse.method in resolved fuses by rank."""
    first = client.search("compressed members", **STATELESS)
    again = client("POST", "/v1/search", {**first["resolved"], "fuse": {"method": "rrf"}, "explain": True}).json()
    assert again["results"][0]["contributions"]["fused"] > 0
    assert again["results"][0]["contributions"]["bm25"] == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from("asyncio archives gather tar zip coroutines the of locks".split()), min_size=1, max_size=5),
    st.sampled_from(["", "site:docs.example.org", "-site:blog.example.com", "lang:fr", "after:2014", "before:2013",
                     "+archives", "-asyncio", '"event loop"', "intitle:module", "(tar OR zip)"]),
)  # fmt: skip
def test_a_filter_never_lets_through_what_it_excludes(client: Client, words: list[str], operator: str) -> None:
    """Checked on the documents themselves, whatever the other words."""
    answer = client.search(" ".join([*words, operator]), **STATELESS)
    allowed = {document["id"] for document in DOCUMENTS if holds(document, operator)}
    assert set(ids(answer)) <= allowed
    assert len(answer["results"]) == min(len(allowed), 10)


def holds(document: dict[str, str], operator: str) -> bool:
    """The operator's meaning, spelled out on the source documents."""
    text = f"{document['title']} {document['text']} {document['url']}".lower()  # words are looked for in every field
    host = document["url"].split("/")[2]
    return {
        "": True,
        "site:docs.example.org": host == "docs.example.org",
        "-site:blog.example.com": host != "blog.example.com",
        "lang:fr": document["language"] == "fr",
        "after:2014": document["published_at"] >= "2014",
        "before:2013": document["published_at"] < "2013",
        "+archives": "archive" in text,
        "-asyncio": "asyncio" not in text,
        '"event loop"': "event loop" in text,
        "intitle:module": "module" in document["title"],
        "(tar OR zip)": any(word in text.replace("/", " ").split() for word in ("tar", "zip")),
    }[operator]


def test_a_page_is_full_whatever_the_words(client: Client) -> None:
    """Words that stand nowhere do not empty the page."""
    assert len(client.search("qwertyuiop zxcvbnm", max_results=8, **STATELESS)["results"]) == 8


def test_bm25_alone_is_bm25(client: Client) -> None:
    """`*` sets every signal not named."""
    answer = client.search("zip archives", weights={"*": 0, "bm25": 1}, explain=True, **STATELESS)
    for hit in answer["results"]:
        assert hit["score"] == pytest.approx(hit["signals"]["bm25"])


def test_the_response_budget_is_kept(client: Client) -> None:
    """max_chars_total caps the text of all passages together."""
    content = {"max_chars_total": 150, "passages": 3}
    answer = client.search("module of the standard library", content=content, **STATELESS)
    assert 0 < sum(len(passage["text"]) for hit in answer["results"] for passage in hit["passages"]) <= 150


def test_passage_offsets_point_into_the_text(client: Client) -> None:
    """[start, end) of the document's Markdown is the passage's text."""
    answer = client.search("sqlite transactions", **STATELESS)
    texts = {document["id"]: document["text"] for document in DOCUMENTS}
    for hit in answer["results"]:
        for passage in hit["passages"]:
            assert texts[hit["id"]][passage["start"] : passage["end"]] == passage["text"]


def test_an_impossible_filter_says_so(client: Client) -> None:
    """Zero results and the operator that emptied them; never a silent relaxation."""
    answer = client.search("asyncio site:nowhere.invalid")
    assert answer["results"] == []
    assert any("site:nowhere.invalid" in notice["message"] for notice in answer["notices"])


def test_one_site_still_fills_its_page(client: Client) -> None:
    """The per-site cap reorders, it does not shorten."""
    answer = client.search("module site:docs.example.org", max_results=6, **STATELESS)
    assert len(answer["results"]) == 6


def test_plan_touches_no_session_and_counts_matches(client: Client) -> None:
    """The dry run says what would match."""
    session = client.search("archives")["session_id"]
    before = client("GET", f"/v1/sessions/{session}").json()["session"]["seq"]
    plan = client("POST", "/v1/plan", {"query": "archives site:docs.example.org", "session_id": session}).json()
    assert plan["matches"]["estimate"] == 6
    assert plan["query"]["operators"][0]["matched"] == 6
    assert client("GET", f"/v1/sessions/{session}").json()["session"]["seq"] == before


def test_a_client_vector_is_used(client: Client) -> None:
    """A vector replaces the query's own embedding; one of another size is refused."""
    vector = [1.0] + [0.0] * 383
    retrieve = [{"type": "dense", "name": "mine", "vector": vector}]
    answer = client.search("anything", retrieve=retrieve, **STATELESS)
    assert answer["results"][0]["found_by"] == {"mine": 1}
    refused = client("POST", "/v1/search", {"query": "x", "retrieve": [{"type": "dense", "vector": [1.0, 2.0]}]})
    assert refused.status_code == 422


def test_contents_come_by_id_and_by_url(client: Client) -> None:
    """Either names the document; what is missing is listed with its nearest."""
    body = {
        "ids": ["python-1", "python-99"],
        "urls": ["https://blog.example.com/asyncio-gather"],
        "query": "zip members",
    }
    answer = client("POST", "/v1/contents", body).json()
    assert [document["id"] for document in answer["documents"]] == ["python-1", "blog-1"]
    assert answer["documents"][0]["text"].startswith("# zipfile")
    assert answer["errors"][0]["reference"] == "python-99"
    assert answer["errors"][0]["nearest"]


def test_contents_keep_to_their_cap(client: Client) -> None:
    """max_chars cuts the text and says so."""
    answer = client("POST", "/v1/contents", {"ids": ["python-1"], "max_chars": 20}).json()
    assert len(answer["documents"][0]["text"]) <= 20
    assert answer["documents"][0]["truncated"]


def test_describe_tells_what_is_there(client: Client) -> None:
    """Sites, languages and sizes are counted."""
    answer = client("GET", "/v1/describe").json()
    assert answer["documents"] == len(DOCUMENTS)
    assert answer["sites"]["docs.example.org"] == 6
    assert answer["languages"]["fr"] == 1
