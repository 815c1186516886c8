"""What a session knows of what was read, through the door: novelty, copies, mirrors, deletion in mid-search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.settings import Settings
from tests.http.conftest import DOCUMENTS, Client

Serve = Callable[..., Client]

COOKING = {
    "id": "soup",
    "url": "https://kitchen.example.net/soup",
    "title": "Leek and potato soup",
    "text": "Slice two leeks, soften them in butter, add potatoes and stock, simmer until tender, and serve with cream.",
}
MIRRORED = " ".join(f"alpha{number} beta{number} gamma{number}" for number in range(60))
OTHER = " ".join(f"other{number} words{number}" for number in range(300))
SOURCE = {"id": "source", "url": "https://one.example.net/", "title": "One", "text": MIRRORED}
MIRROR = {
    "id": "mirror",
    "url": "https://two.example.net/",
    "title": "Two",
    "text": f"{MIRRORED}\n\n## More\n\n{OTHER}",
}
WHOLE = {"content": {"max_chars_per_result": None}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """DOCUMENTS with a page about something else entirely, a page of its own words, and one that holds them too."""
    made = Client(Settings(data=tmp_path_factory.mktemp("data")))
    add(made, *DOCUMENTS, COOKING, SOURCE, MIRROR)
    yield made
    made.close()


def add(client: Client, *documents: dict[str, Any]) -> None:
    response = client("POST", "/v1/collections/default/documents", list(documents))
    assert response.status_code == 200, response.text


def by_id(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {hit["id"]: hit for hit in answer["results"]}


# ---------------------------------------------------------------- novelty


def test_novelty_is_0_for_what_was_shown_and_near_1_for_what_is_unlike_it(client: Client) -> None:
    """Its nearest kin lies between; without a session, or before anything was shown, it is missing."""
    first = client.search("zip archives", max_results=1, explain=True)
    assert first["results"][0]["id"] == "python-1"
    assert "novelty" in first["results"][0]["signals_missing"]
    answer = client.search("archives", session_id=first["session_id"], max_results=11, explain=True)
    novelty = {name: hit["signals"]["novelty"] for name, hit in by_id(answer).items()}
    assert novelty["python-1"] == pytest.approx(0.0, abs=1e-5)
    assert novelty["python-1"] < novelty["python-2"] < novelty["soup"]
    assert novelty["soup"] > 0.85
    assert not any("novelty" in hit["signals_missing"] for hit in answer["results"])
    other = client.search("archives", session_id=first["session_id"], reader="other", max_results=11, explain=True)
    assert all("novelty" in hit["signals_missing"] for hit in other["results"])


def test_a_weight_on_novelty_reorders(client: Client) -> None:
    """What is like the pages shown goes down, and the order says why; with seen: off nothing was shown."""
    session = client.search("zip archives", max_results=1)["session_id"]
    alone = {"*": 0, "novelty": 1}
    novel = client.search("archives", session_id=session, max_results=11, weights=alone)
    order = list(by_id(novel))
    assert order.index("soup") < order.index("python-2") < order.index("python-1")
    session = client.search("zip archives", max_results=1)["session_id"]
    plain = client.search("tar archives", max_results=11, session={"record": False})
    level = {"demote": 1.0}
    moved = client.search("tar archives", session_id=session, max_results=11, weights={"novelty": 1}, session=level)
    assert list(by_id(moved)) != list(by_id(plain))
    for hit in moved["results"]:
        assert hit["stateless_rank"] == list(by_id(plain)).index(hit["id"]) + 1
    off = client.search(
        "tar archives", session_id=session, max_results=11, weights={"novelty": 1}, session={"seen": "off"}
    )
    assert list(by_id(off)) == list(by_id(plain))


def test_novelty_outlives_the_pages_that_were_shown(tmp_path: Path, serve: Serve) -> None:
    """One is edited, one goes, the session goes on: what is left of the reading counts."""
    client = serve(tmp_path, documents=True)
    session = client.search("zip archives", max_results=2)["session_id"]
    add(client, {**DOCUMENTS[1], "text": COOKING["text"]})
    edited = client.search("simmer", session_id=session, explain=True)
    assert by_id(edited)["python-1"]["updated"]
    assert by_id(edited)["python-1"]["signals"]["novelty"] > 0.5
    assert client("DELETE", "/v1/collections/default").status_code == 204
    add(client, COOKING)
    gone = client.search("soup", session_id=session, explain=True)
    assert "novelty" in gone["results"][0]["signals_missing"]


# ---------------------------------------------------------------- texts read elsewhere


def test_a_mirrored_passage_gives_way_to_one_that_was_not_read(client: Client) -> None:
    """Its document was not shown, its text was: to this reader alone."""
    first = client.search("+alpha7", max_results=1, filters={"include_sites": ["one.example.net"]}, **WHOLE)
    assert [hit["id"] for hit in first["results"]] == ["source"]
    asked = {"filters": {"include_sites": ["two.example.net"]}, **WHOLE}
    second = client.search("+alpha8", session_id=first["session_id"], **asked)
    (mirror,) = second["results"]
    assert mirror["seen"] is None
    assert all(not one["seen"] and "alpha" not in one["text"] for one in mirror["passages"])
    other = client.search("+alpha8", session_id=first["session_id"], reader="other", **asked)
    assert all("alpha" in one["text"] for one in other["results"][0]["passages"])
    every = client.search(
        "+alpha9", session_id=first["session_id"], **{**asked, "content": {"passages": 50, **WHOLE["content"]}}
    )
    marks = {one["seen"] for one in every["results"][0]["passages"] if "alpha" in one["text"]}
    assert marks == {True}


def test_a_copy_that_is_ingested_in_mid_session_counts_as_seen(tmp_path: Path, serve: Serve) -> None:
    """A near-duplicate of a shown page, whichever of them the cluster is named after; its text is marked as seen."""
    client = serve(tmp_path, documents=True)
    add(client, SOURCE)
    session = client.search("alpha7", max_results=1)["session_id"]
    add(client, {**SOURCE, "id": "a-copy", "url": "https://three.example.net/"})
    answer = client.search("alpha8", session_id=session, max_results=10)
    copy = by_id(answer)["a-copy"]
    assert copy["seen"]["seq"] == 1
    assert [one["seen"] for one in copy["passages"]] == [True] * len(copy["passages"])
    assert answer["session"]["shown_before"] == 2
