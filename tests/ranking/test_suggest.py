"""Suggestions: a wrong request comes back corrected, ready to resend."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ranking.params import Params
from ranking.suggest import correct, field_names, field_paths, json_path, near, nearest, path_text

Payload = dict[str, Any]


class Request(Params):
    """A request with a required field, as the doors have it."""

    query: str
    session_id: str | None = None


def mended(payload: Payload) -> tuple[str | None, Payload | None]:
    with pytest.raises(ValidationError) as refused:
        Request.model_validate(payload)
    before = repr(payload)
    answer = correct(payload, Request, refused.value.errors(include_url=False))
    assert repr(payload) == before  # the sender's own object stays as it is
    return answer


@pytest.mark.parametrize(
    ("payload", "meant", "corrected"),
    [
        ({"querry": "x"}, "query", {"query": "x"}),
        ({"query": "x", "max_result": 5}, "max_results", {"query": "x", "max_results": 5}),
        ({"query": "x", "maxResults": 5}, "max_results", {"query": "x", "max_results": 5}),
        ({"query": "x", "num_results": 5}, "max_results", {"query": "x", "max_results": 5}),
        ({"q": "x"}, "query", {"query": "x"}),
        (
            {"query": "x", "include_domains": ["a.org"]},
            "filters.include_sites",
            {"query": "x", "filters": {"include_sites": ["a.org"]}},
        ),
        ({"query": "x", "languages": ["en"]}, "filters.languages", {"query": "x", "filters": {"languages": ["en"]}}),
        ({"query": "x", "filters": {"max_results": 3}}, "max_results", {"query": "x", "filters": {}, "max_results": 3}),
        (
            {"query": "x", "filters": {"include_site": ["a"]}},
            "include_sites",
            {"query": "x", "filters": {"include_sites": ["a"]}},
        ),
        (
            {"query": "x", "filters": {"include_sites": "a.org, b.org"}},
            None,
            {"query": "x", "filters": {"include_sites": ["a.org", "b.org"]}},
        ),
        ({"query": "x", "max_results": 1_000}, "100", {"query": "x", "max_results": 100}),
        ({"query": "x", "max_results": 0}, "1", {"query": "x", "max_results": 1}),
        ({"query": "x", "max_results": 2.5}, None, {"query": "x", "max_results": 2}),
        ({"query": "x", "max_results": "ten"}, None, {"query": "x"}),
        ({"query": "x", "precision": "exakt"}, "exact", {"query": "x", "precision": "exact"}),
        (
            {"query": "x", "diversify": {"lamda": 0.3, "method": "mrr"}},
            "mmr",
            {"query": "x", "diversify": {"lambda": 0.3, "method": "mmr"}},
        ),
        ({"query": "x", "explain": "yes"}, None, {"query": "x", "explain": True}),
        ({"query": "x", "session": {"seen": "demoted"}}, "demote", {"query": "x", "session": {"seen": "demote"}}),
        (
            {"query": "x", "retrieve": [{"type": "bm52", "k": 5}]},
            "bm25",
            {"query": "x", "retrieve": [{"type": "bm25", "k": 5}]},
        ),
        ({"query": "x", "retrieve": [{"k1": 2}]}, "bm25", {"query": "x", "retrieve": [{"type": "bm25", "k1": 2}]}),
        (
            {"query": "x", "retrieve": [{"type": "vector"}]},
            "dense",
            {"query": "x", "retrieve": [{"type": "dense"}]},
        ),
        (
            {"query": "x", "retrieve": [{"type": "bm25", "feilds": {"title": 1}}]},
            "fields",
            {"query": "x", "retrieve": [{"type": "bm25", "fields": {"title": 1}}]},
        ),
        (
            {"query": "x", "retrieve": [{"type": "bm25", "fields": {"titel": 2}}]},
            "title",
            {"query": "x", "retrieve": [{"type": "bm25", "fields": {"title": 2}}]},
        ),
        (
            {"query": "x", "retrieve": [{"type": "bm25", "terms": {"max_df": 2}}, {"type": "dense", "k": 0}]},
            "1.0",
            {"query": "x", "retrieve": [{"type": "bm25", "terms": {"max_df": 1.0}}, {"type": "dense", "k": 1}]},
        ),
        ({"query": "x", "retrieve": []}, None, {"query": "x"}),
        ({"query": "x", "filters": None}, None, {"query": "x"}),
        ({"query": "x", "weights": {"bm25": math.nan}}, None, {"query": "x", "weights": {}}),
        ({"query": "x", "weights": {"bm25": 1e9}}, "1000.0", {"query": "x", "weights": {"bm25": 1_000.0}}),
        ({"query": 5}, None, {"query": "5"}),
        ({"query": ["two", "words"]}, None, {"query": "two words"}),
        (
            {"qurey": "x", "max_result": 500, "explian": "true"},
            "query",
            {"query": "x", "max_results": 100, "explain": True},
        ),
    ],
)
def test_request_is_corrected(payload: Payload, meant: str | None, corrected: Payload) -> None:
    """The nearest name or value is told, and the corrected request is what the sender meant."""
    assert mended(payload) == (meant, corrected)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"query": "x", "zzz": 1},
        {"query": "x", "max_results": 3, "limit": 4},
        {"query": {"text": "x"}},
        {"query": "x", "weights": [1, 2]},
        {"query": "x", "precision": "purple"},
        {"query": "x", "retrieve": [{"type": "graph"}]},
        {"query": "x", "retrieve": ["bm25"]},
        {"query": "x", "retrieve": [{"type": "dense", "name": "a"}, {"type": "bm25", "name": "a"}]},
        {"query": "x", "facets": ["site"] * 21},
        {"query": "x", "rules": [None]},
    ],
)
def test_nothing_is_dropped_that_is_not_understood(payload: Payload) -> None:
    """A request that cannot be mended without losing something has no corrected form."""
    assert mended(payload)[1] is None


def test_path_leaves_out_the_tags_of_unions() -> None:
    """pydantic's location becomes the sender's own JSON path."""
    payload = {"retrieve": [{"type": "bm25", "k": 0}]}
    assert path_text(json_path(payload, ("retrieve", 0, "bm25", "k"))) == "$.retrieve[0].k"
    assert path_text(json_path({}, ("query",))) == "$.query"
    assert (
        path_text(json_path({"retrieve": [{"type": "like"}]}, ("retrieve", 0, "like"), "value_error"))
        == "$.retrieve[0]"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bm52", "bm25"), ("recencey", "recency"), ("Dense", "dense"), ("urlDepth", "url_depth"),
        ("authorty", "authority"),         ("first-position", "first_position"), ("xyz", None), ("", None), ("q", None),
    ],
)  # fmt: skip
def test_nearest_name(name: str, meant: str | None) -> None:
    """Typing errors are forgiven, strangers are not."""
    known = ["bm25", "dense", "recency", "authority", "url_depth", "first_position"]
    assert nearest(name, known) == meant


def test_near_gives_several_best_first() -> None:
    """A 404 can name a few."""
    assert near("docs-pyton", ["docs-python", "docs-pytorch", "blog"], 2) == ("docs-python", "docs-pytorch")
    assert near("x", []) == ()


def test_long_names_mean_nothing_and_cost_nothing() -> None:
    """Comparing costs the product of two lengths: hundreds of letters are no typing error of one of ours."""
    began = time.monotonic()
    assert near("x" * 5_000_000, ["x" * 5_000_000, "bm25"]) == ()
    assert nearest("bm52", ["bm25", "b" * 5_000_000]) == "bm25"
    assert time.monotonic() - began < 0.5
    assert path_text(("filters", "y" * 5_000)) == "$.filters." + "y" * 80 + "..."


def test_more_errors_than_a_slip_makes_are_not_mended() -> None:
    """What the first one meant is still told; with twenty of them a request is mended whole."""
    wrong: Payload = {"query": "x", "precision": "exakt", "filters": {"languages": list(range(19))}}
    assert mended(wrong)[0] == "exact"
    assert mended(wrong)[1] is not None
    wrong["filters"]["languages"] = list(range(90))
    wrong |= {f"unknown {number}": 1 for number in range(20_000)}
    began = time.monotonic()
    assert mended(wrong) == ("exact", None)
    assert time.monotonic() - began < 2


def test_a_tag_that_was_meant_is_told_and_no_other_text() -> None:
    """A member's name is not its type."""
    payload = {"query": "x", "retrieve": [{"name": "mine", "type": "bm52"}]}
    assert mended(payload) == ("bm25", {"query": "x", "retrieve": [{"name": "mine", "type": "bm25"}]})


def test_every_field_is_reachable_by_name() -> None:
    """Aliases count: the JSON key is `lambda`."""
    assert ("diversify", "lambda") in field_paths(Request)
    assert "query" in field_names(Request)


FIELDS = sorted({str(path[-1]) for path in field_paths(Request) if len(path) == 1})


@given(st.sampled_from(FIELDS), st.data())
def test_one_typing_error_in_a_top_level_name_is_understood(name: str, data: st.DataObject) -> None:
    """Two letters exchanged, one lost or one doubled: the name is still found, or a nearer one is."""
    place = data.draw(st.integers(0, len(name) - 2))
    wrong = data.draw(
        st.sampled_from(
            [
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
                name[:place] + name[place + 1 :],
                name[:place] + name[place] + name[place:],
            ]
        )
    )
    meant = nearest(wrong, FIELDS)
    assert meant == name or len(name) <= 4 or meant is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "x"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "q", "zzz", "max_result"]), json_values, max_size=5))
def test_a_corrected_request_always_validates(payload: Payload) -> None:
    """Whatever was sent: no crash, and what comes back can be resent."""
    try:
        Request.model_validate(payload)
    except ValidationError as refused:
        _, corrected = correct(payload, Request, refused.errors(include_url=False))
        if corrected is not None:
            Request.model_validate(corrected)
