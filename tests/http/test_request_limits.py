"""How much one request may hold: a list, a text or a depth beyond its limit is refused with its path, and one that is
just within it is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ranking.constants import (
    MAX_FIELD_CHARACTERS,
    MAX_METADATA_FIELDS,
    MAX_READ_AGAIN,
    MAX_RULE_VALUES,
    MAX_RULES,
    MAX_SYNONYM_CHARACTERS,
    MAX_SYNONYMS,
    MAX_VALUE_CHARACTERS,
)
from ranking.params import MAX_QUERY_CHARACTERS
from tests.http.conftest import STATELESS, Client, ok, refused

Body = dict[str, Any]
LIMITS: dict[str, tuple[int, str, Callable[[int], Body]]] = {
    "a metadata value": (MAX_VALUE_CHARACTERS, "$.filters.metadata.f", lambda n: _metadata({"f": "x" * n})),
    "one of several": (MAX_VALUE_CHARACTERS, "$.filters.metadata.f[1]", lambda n: _metadata({"f": ["y", "x" * n]})),
    "a bound": (MAX_VALUE_CHARACTERS, "$.filters.metadata.f.gte", lambda n: _metadata({"f": {"gte": "x" * n}})),
    "metadata values": (MAX_RULE_VALUES, "$.filters.metadata.f", lambda n: _metadata({"f": list(range(n))})),
    "metadata fields": (
        MAX_METADATA_FIELDS,
        "$.filters.metadata",
        lambda n: _metadata({f"f{number}": 1 for number in range(n)}),
    ),
    "a URL prefix": (
        MAX_VALUE_CHARACTERS,
        "$.filters.url_prefixes[0]",
        lambda n: {"filters": {"url_prefixes": ["https://a.org/".ljust(n, "x")]}},
    ),
    "URL prefixes": (500, "$.filters.url_prefixes", lambda n: {"filters": {"url_prefixes": ["https://a.org/"] * n}}),
    "a rule's metadata value": (
        MAX_VALUE_CHARACTERS,
        "$.rules[0].match.metadata.f",
        lambda n: _rule({"metadata": {"f": "x" * n}}),
    ),
    "a rule's metadata fields": (
        MAX_METADATA_FIELDS,
        "$.rules[0].match.metadata",
        lambda n: _rule({"metadata": {f"f{number}": 1 for number in range(n)}}),
    ),
    "rules": (MAX_RULES, "$.rules", lambda n: {"rules": [{"match": {"site": "a.org"}, "do": "boost"}] * n}),
    "a synonym": (MAX_SYNONYM_CHARACTERS, "$.expand.synonyms.zip[0]", lambda n: _synonyms({"zip": ["x" * n]})),
    "synonyms of a word": (
        MAX_SYNONYMS,
        "$.expand.synonyms.zip",
        lambda n: _synonyms({"zip": [f"w{number}" for number in range(n)]}),
    ),
    "depth of models together": (
        MAX_READ_AGAIN,
        "$.rerank",
        lambda n: {
            "rerank": [
                {"type": "late_interaction", "depth": n // 2},
                {"type": "late_interaction", "depth": n - n // 2},
            ]
        },
    ),
}  # fmt: skip


def _metadata(wanted: Body) -> Body:
    return {"filters": {"metadata": wanted}}


def _rule(match: Body) -> Body:
    return {"rules": [{"match": match, "do": "boost"}]}


def _synonyms(words: Body) -> Body:
    return {"expand": {"synonyms": words}}


@pytest.mark.parametrize("what", LIMITS)
def test_what_is_beyond_a_limit_is_refused_and_what_is_within_is_not(client: Client, what: str) -> None:
    """422 with the path, a short message and the limit in it."""
    limit, path, made = LIMITS[what]
    ok(client, "/v1/search", {"query": "zip", **made(limit), **STATELESS})
    error = refused(client, {"query": "zip", **made(limit + 1), **STATELESS})
    assert error["path"] == path
    assert str(limit) in error["message"].replace(",", "")
    assert len(error["message"]) < 500


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (_metadata({"x" * (MAX_FIELD_CHARACTERS + 1): 1}), "$.filters.metadata"),
        (_rule({"metadata": {"x" * (MAX_FIELD_CHARACTERS + 1): 1}}), "$.rules[0].match.metadata"),
        (_synonyms({"x" * (MAX_SYNONYM_CHARACTERS + 1): ["y"]}), "$.expand.synonyms"),
    ],
)
def test_a_key_beyond_its_limit_is_refused(client: Client, body: Body, path: str) -> None:
    """By where it is; the key itself is cut."""
    error = refused(client, {"query": "zip", **body})
    assert error["path"].startswith(path)
    assert len(error["message"]) < 500


def test_trees_are_no_models_that_read(client: Client) -> None:
    """Their depth costs microseconds: only the model is missing."""
    stages = [{"type": "trees", "model": "none", "depth": 10_000}, {"type": "trees", "model": "none", "depth": 10_000}]
    assert refused(client, {"query": "zip", "rerank": stages})["code"] == "model_missing"


@pytest.mark.parametrize(
    ("door", "body", "path"),
    [
        ("/v1/terms", {"terms": ["x" * (MAX_QUERY_CHARACTERS + 1)]}, "$.terms[0]"),
        ("/v1/recall", {"queries": ["zip", "x" * (MAX_QUERY_CHARACTERS + 1)]}, "$.queries[1]"),
        (
            "/v1/similar",
            {"id": "python-1", **_metadata({"f": "x" * (MAX_VALUE_CHARACTERS + 1)})},
            "$.filters.metadata.f",
        ),
    ],
)
def test_other_doors_have_limits_too(client: Client, door: str, body: Body, path: str) -> None:
    """The same ones."""
    assert refused(client, body, door)["path"] == path
