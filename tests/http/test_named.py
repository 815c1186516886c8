"""Pages that a reader was shown the names of: on the last places of the next pages, named, within filters and caps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Client, ids

Serve = Callable[..., Client]

LIGHTHOUSE = "The lighthouse keeper of Skerry Island wrote letters to Orla Brannigan and to no one else."
STORMS = [f"Storm {number} passed over the sea and the boats came home in the evening." for number in range(12)]
PAGES = [
    {"id": "keeper", "title": "Lighthouse keeper", "text": LIGHTHOUSE},
    {"id": "orla", "title": "Orla Brannigan (painter)", "text": "She was born in a village and painted apples."},
    {"id": "skerry", "title": "Skerry Island", "text": "A rock of two acres with seals."},
    *({"id": f"storm-{number:02}", "title": f"Weather {number}", "text": text} for number, text in enumerate(STORMS)),
]
NARROW = {"retrieve": [{"type": "bm25", "k": 6}], "max_results": 5, "diversify": {"max_per_site": None}}
QUERY = "storm boats sea"


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    client = serve(tmp_path)
    pages = [
        {**page, "url": f"https://{'art' if page['id'] == 'orla' else 'sea'}.org/{page['id']}", "language": "en"}
        for page in PAGES
    ]
    assert client("POST", "/v1/collections/default/documents", {"documents": pages}).status_code == 200
    return client


def read_of_the_keeper(client: Client) -> None:
    first = client.search("lighthouse keeper letters", session_id="s", max_results=1)
    assert ids(first) == ["keeper"]


def asked(client: Client, name: str = "s", **fields: Any) -> dict[str, Any]:
    return client.search(QUERY, **{"session_id": name, **NARROW, **fields})


def test_a_page_whose_name_was_shown_takes_the_last_place(client: Client) -> None:
    """It has no word of the query and no retriever finds it; the answer says why it is there, and what it scores."""
    alone = client.search(QUERY, session={"record": False}, **NARROW)
    read_of_the_keeper(client)
    answer = asked(client, explain=True, session={"use_profile": False})
    assert ids(answer)[:4] == ids(alone)[:4]
    last = answer["results"][4]
    assert last["id"] in {"orla", "skerry"}
    assert last["id"] not in ids(alone)
    assert answer["session"]["named"] == [{"id": last["id"], "in": ["keeper"]}]
    assert last["moves"] == ["named: - -> 5"]
    assert last["stateless_rank"] > max(one["stateless_rank"] for one in answer["results"][:4])
    assert last["found_by"] == {}
    assert sum(last["contributions"].values()) == pytest.approx(last["score"])
    assert last["passages"][0]["text"].startswith(("She was born", "A rock"))
    assert last["terms_missing"][:2] == ["storm", "boats"]


def test_the_share_of_the_page_can_be_set(client: Client) -> None:
    """Two of five places; none with 0, and then the page is the one of before."""
    read_of_the_keeper(client)
    answer = asked(client, session={"named": 0.4})
    assert set(ids(answer)[3:]) == {"orla", "skerry"}
    assert [one["id"] for one in answer["session"]["named"]] == ids(answer)[3:]
    none = asked(client, session={"named": 0, "seen": "demote"})
    assert none["session"]["named"] == []
    assert not {"orla", "skerry"} & set(ids(none))


def test_what_was_named_and_shown_is_not_named_again(client: Client) -> None:
    """Both come, one call each; then there is no name left that leads to an unseen page."""
    read_of_the_keeper(client)
    first = asked(client)["session"]["named"]
    second = client.search("sea boats evening", session_id="s", **NARROW)["session"]["named"]
    third = client.search("boats storm home", session_id="s", **NARROW)["session"]["named"]
    brought = [one["id"] for told in (first, second, third) for one in told]
    assert sorted(brought) == ["orla", "skerry"]


def test_names_are_a_readers_own(client: Client) -> None:
    """What one reader was shown names nothing to another."""
    read_of_the_keeper(client)
    assert asked(client, reader="other")["session"]["named"] == []
    assert asked(client)["session"]["named"] != []


def test_a_filter_keeps_named_pages_out(client: Client) -> None:
    """As it keeps everyone out."""
    read_of_the_keeper(client)
    answer = asked(client, filters={"include_sites": ["art.org"]}, session={"named": 0.4})
    assert "skerry" not in ids(answer)
    without = asked(client, filters={"exclude_sites": ["art.org"]}, session={"named": 0.4})
    assert "orla" not in ids(without)
    assert "skerry" in ids(without)


def test_a_cap_holds_for_named_pages(client: Client) -> None:
    """Two of a site: the page has two of the one already, so only the page of the other site may come."""
    read_of_the_keeper(client)
    more = {"id": "opera", "url": "https://art.org/opera", "title": "Opera", "text": "Storm, boats and sea: an opera."}
    assert client("POST", "/v1/collections/default/documents", more).status_code == 200
    answer = asked(client, diversify={"max_per_site": 2}, session={"named": 0.4}, max_results=3)
    sites = [one["site"] for one in answer["results"]]
    assert sites.count("sea.org") <= 2


def test_nothing_is_named_without_a_session_or_in_the_stateless_order(client: Client) -> None:
    """`seen: off` is the stateless order; fused scores have no place for pages outside the lists."""
    read_of_the_keeper(client)
    off = asked(client, session={"seen": "off", "use_profile": False})
    assert ids(off) == ids(client.search(QUERY, session={"record": False}, **NARROW))
    assert asked(client, fuse={"method": "rrf"})["session"]["named"] == []


def test_a_shown_page_counts_as_shown_and_is_replayed(client: Client) -> None:
    """The log has it like every result, and the answer made anew has it too."""
    read_of_the_keeper(client)
    answer = asked(client)
    read = client("GET", "/v1/sessions/s").json()
    assert [one["document"] for one in read["events"][-1]["shown"]] == ids(answer)
    seq = answer["session"]["seq"]
    assert client("GET", f"/v1/sessions/s/replay?seq={seq}").json()["results"] == answer["results"]
