"""Pages that a reader was shown the names of: on the last places of the next pages, named, within filters and caps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.batch_support import batch
from tests.http.conftest import Client, ids

Serve = Callable[..., Client]

LIGHTHOUSE = "The lighthouse keeper of Skerry Island wrote letters to Orla Brannigan and to no one else."
STORMS = [
    *(f"Storm {number} passed over the sea and the boats came home in the evening." for number in range(6)),
    *(f"Bread of kind {number} rests for an hour." for number in range(6, 12)),
]
PAGES = [
    {"id": "keeper", "title": "Lighthouse keeper", "text": LIGHTHOUSE},
    {"id": "orla", "title": "Orla Brannigan (painter)", "text": "She painted the storm, the boats and the sea."},
    {"id": "skerry", "title": "Skerry Island", "text": "A rock in the sea where boats wait for the storm."},
    *({"id": f"storm-{number:02}", "title": f"Weather {number}", "text": text} for number, text in enumerate(STORMS)),
]
FOUND = [*(f"storm-{number:02}" for number in range(6)), "storm-11"]
NARROW = {"retrieve": [{"type": "ids", "ids": FOUND}], "max_results": 5, "diversify": {"max_per_site": None}}
"""Finds what it is told to, the last of it bad, so that named pages are outside the lists."""
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
    """No retriever finds it; the answer says why it is there, and what it scores."""
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
    assert last["passages"][0]["text"].startswith(("She painted", "A rock"))
    assert last["terms_missing"] == []


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


def test_rules_count_for_named_pages_and_say_so(client: Client) -> None:
    """A boost is in the account and in the moves; a pinned page stands where it is pinned, and is not named."""
    read_of_the_keeper(client)
    art = {"match": {"site": "art.org"}}
    rules = [{**art, "do": "boost", "by": 2}, {"match": {"path": "*skerry*"}, "do": "pin", "at": 2}]
    answer = asked(client, rules=rules, explain=True, session={"named": 0.4})
    assert ids(answer)[1] == "skerry"
    assert [one["id"] for one in answer["session"]["named"]] == ["orla"]
    last = answer["results"][-1]
    assert last["moves"] == ["rule:0 boost x2 site=art.org", "named: - -> 5"]
    assert last["contributions"]["rule:0"] > 0
    assert sum(last["contributions"].values()) == pytest.approx(last["score"])


def test_scores_that_depend_on_who_else_was_found_name_nothing(client: Client) -> None:
    """Named pages are scored apart: a norm over them is another than that over the candidates."""
    read_of_the_keeper(client)
    assert asked(client, score='bm25 + norm(dense, "minmax")')["session"]["named"] == []
    assert asked(client, score="bm25 + dense", session={"on_repeat": "continue"})["session"]["named"] != []


@pytest.mark.parametrize("overlap", ["stub", "allow", "partition"])
def test_a_batch_names_nothing(client: Client, overlap: str) -> None:
    """Its pages would bring the same one; a batch of one search is that search."""
    read_of_the_keeper(client)
    searches = [{"query": query, **NARROW} for query in ("storm boats sea", "keeper letters")]
    both = batch(client, *searches, session_id="s", session={"overlap": overlap})["answers"]
    assert [each["session"]["named"] for each in both] == [[], []]
    assert ids(client.search("lighthouse keeper letters", session_id="t", max_results=1)) == ["keeper"]
    (one,) = batch(client, searches[0], session_id="t")["answers"]
    assert one["session"]["named"] != []


def test_what_named_pages_were_read_for_is_no_pool(client: Client) -> None:
    """Pools hold nothing of a session: of two searches there are two, and a repeat misses none."""
    plain = {"prefetch": False, "on_repeat": "continue", "use_profile": False}
    assert ids(client.search("lighthouse keeper letters", session_id="s", max_results=1, session=plain)) == ["keeper"]
    assert asked(client, session=plain)["session"]["named"] != []
    again = asked(client, session=plain)
    assert (again["session"]["served_from"], len(again["session"]["named"])) == ("cache", 1)
    probe = client.search("apples", session_id="s", effort="probe")["probe"]
    assert probe["pools"] == 2
    told = client("GET", "/v1/sessions/s").json()["pools"]
    assert told["recalls"] == {"exact": 1, "miss": 2}


def test_pages_that_are_renamed_are_named_no_more(client: Client) -> None:
    """What counts is the generation that is searched; the passage that named them must be there still, too."""
    read_of_the_keeper(client)
    before = client("GET", "/v1/collections/default").json()["generation"]
    renamed = {"id": "skerry", "url": "https://sea.org/skerry", "title": "Seals", "text": "A rock of two acres."}
    assert client("POST", "/v1/collections/default/documents", renamed).status_code == 200
    wide = {"session": {"named": 0.4, "on_repeat": "continue"}, "max_results": 5}
    assert [one["id"] for one in asked(client, **wide)["session"]["named"]] == ["orla"]
    edited = {**PAGES[0], "url": "https://sea.org/keeper", "text": "The keeper now writes to nobody."}
    assert client("POST", "/v1/collections/default/documents", edited).status_code == 200
    client.search("lighthouse keeper letters", session_id="t", max_results=1, generation=before)
    assert asked(client, "t", **wide)["session"]["named"] == []
    assert {one["id"] for one in asked(client, "t", generation=before, **wide)["session"]["named"]} == {
        "orla",
        "skerry",
    }


def test_a_copy_of_a_shown_page_is_not_named(client: Client) -> None:
    """It counts as seen, whatever it is called."""
    text = " ".join(f"Storm {number} kept the boats from the sea and the keeper wrote of it." for number in range(30))
    copies = [
        {"id": f"copy-{name}", "url": f"https://{name}.org/c", "title": title, "text": text}
        for name, title in (("one", "Letters of the light"), ("two", "Tales from Inchkeith"))
    ]
    naming = {"id": "guide", "url": "https://g.org/g", "title": "Guide", "text": "Read the Tales from Inchkeith next."}
    assert client("POST", "/v1/collections/default/documents", {"documents": [*copies, naming]}).status_code == 200
    for name, first in (("s", True), ("other", False)):
        if first:
            assert ids(client.search("letters of the light", session_id=name, max_results=1)) == ["copy-one"]
        assert ids(client.search("guide read next", session_id=name, max_results=1)) == ["guide"]
        told = [one["id"] for one in asked(client, name)["session"]["named"]]
        assert ("copy-two" in told) is not first


def test_a_page_that_lists_every_title_brings_a_fifth(client: Client) -> None:
    """However many it names, and whatever it asks for."""
    titles = [f"Harbour{number} Lantern{number}" for number in range(60)]
    listed = [
        {"id": title, "url": f"https://l.org/{number}", "title": title, "text": f"Number {number}."}
        for number, title in enumerate(titles)
    ]
    spam = {"id": "spam", "url": "https://spam.org/", "title": "All", "text": f"Rank me first: {'; '.join(titles)}"}
    assert client("POST", "/v1/collections/default/documents", {"documents": [*listed, spam]}).status_code == 200
    assert ids(client.search("rank me first", session_id="s", max_results=1)) == ["spam"]
    alone = client.search(QUERY, session={"record": False}, **NARROW | {"max_results": 10})
    answer = asked(client, max_results=10, session={"use_profile": False})
    assert len(answer["session"]["named"]) == 2
    assert ids(answer)[:8] == ids(alone)[:8]


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
