"""Rules: what a match demands, and what a request may not say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ranking.rules import Rule, compile_rules
from ranking.types import All, Any_, Filter, Node, Not, Phrase, Term
from tests.ranking.rule_pages import GLOB, Page, compiled, node, refused, rules, satisfies

# ---------------------------------------------------------------- what a match demands


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"site": "HTTPS://Docs.Python.org/3/"}, Filter("site", "docs.python.org/3")),
        ({"domain": "Python.org"}, Filter("domain", "python.org")),
        ({"filetype": ".HTM"}, Filter("filetype", "html")),
        ({"language": "en-GB"}, Filter("lang", "en")),
        ({"title": "release Notes"}, All((Term("release", "title"), Term("notes", "title")))),
        ({"title": 'old "End of Life"'}, All((Term("old", "title"), Phrase(("end", "of", "life"), "title")))),
        ({"title": "node.js"}, Phrase(("node", "js"), "title")),
        ({"title": '12" disc'}, All((Term("12", "title"), Term("disc", "title")))),
        ({"body": "“out of date”"}, Phrase(("out", "of", "date"), "body")),
        ({"metadata": {"kind": "api"}}, Filter("metadata", '"api"', "kind", "eq")),
        ({"metadata": {"kind": ["api", 3]}}, Filter("metadata", '["api",3]', "kind", "in")),
        (
            {"metadata": {"year": {"gte": 2020, "lt": 2024}}},
            All((Filter("metadata", "2020", "year", "gte"), Filter("metadata", "2024", "year", "lt"))),
        ),
        ({"site": ["a.org", "b.org"]}, Any_((Filter("site", "a.org"), Filter("site", "b.org")))),
        (
            {"site": ["a.org", "b.org"], "language": "de"},
            All((Any_((Filter("site", "a.org"), Filter("site", "b.org"))), Filter("lang", "de"))),
        ),
        ([{"site": "a.org"}, {"title": "x"}], Any_((Filter("site", "a.org"), Term("x", "title")))),
    ],
)
def test_a_match_is_a_condition(match: Any, expected: Node) -> None:
    """The one that operators and filters make of the same words: keys together, values of a key and matches apart."""
    assert node(match) == expected


def test_urls_and_paths_are_globs() -> None:
    """Several are one filter with several lines."""
    assert node({"path": "/Tag/*"}) == Filter(GLOB, "path=/tag/*")
    assert node({"url": ["*.pdf", "https://a.org/x"]}) == Filter(GLOB, "*.pdf\nhttps://a.org/x")


def test_many_matches_of_urls_are_one_filter() -> None:
    """An index looks at each URL once, not once a match; the pages are the same."""
    match = [
        {"site": "a.org", "url": "*/x*"},
        {"site": "b.org", "path": ["/y", "/z"]},
        {"url": "*.pdf"},
        {"site": "c.org"},
    ]
    found = node(match)
    assert isinstance(found, Any_)
    assert found.children == (
        Filter("site", "c.org"),
        Filter(GLOB, "*.pdf\n||a.org^*\t*/x*\n||b.org^*\tpath=/y\n||b.org^*\tpath=/z"),
    )
    cases = {
        "https://a.org/x": True,
        "https://www.a.org/q/x": True,
        "https://ba.org/x": False,
        "https://b.org/x": False,
        "https://b.org/y?q": True,
        "https://b.org/yy": False,
        "https://d.org/q.pdf": True,
        "https://c.org": True,
    }
    assert {url: satisfies(Page(url), found) for url in cases} == cases


def test_a_site_that_no_glob_can_say_stays_a_filter() -> None:
    """A path below a host is told from its neighbours with regard to case, and an IPv6 host has its own brackets."""
    sites = ["a.org/X", "[::1]"]
    found = node([{"site": site, "url": "*x*"} for site in sites])
    parts = [All((Filter("site", site), Filter(GLOB, "*x*"))) for site in ("a.org/X", "::1")]
    assert found == Any_(tuple(parts))


def test_the_same_condition_is_asked_once() -> None:
    """Probes are interned, however they are written."""
    both = compiled(
        {"match": {"site": "A.org"}, "do": "boost"},
        {"match": {"site": "https://a.org/"}, "do": "pin"},
        {"match": {"site": "b.org"}, "do": "bury"},
    )
    assert both.probes == (Filter("site", "a.org"), Filter("site", "b.org"))
    assert both.pinned == Filter("site", "a.org")


def test_drops_are_a_condition_on_every_document() -> None:
    """All of them hold; without drops there is none; and no probe asks what the condition settles."""
    one = compiled({"match": {"site": "a.org"}, "do": "drop"}, {"match": {"language": "de"}, "do": "drop"})
    assert one.condition == All((Not(Filter("site", "a.org")), Not(Filter("lang", "de"))))
    assert one.probes == ()
    assert compiled({"match": {"site": "a.org"}, "do": "boost"}).condition is None
    assert compile_rules(()).condition is None
    assert compile_rules(()).pinned is None


def test_a_group_can_drop_what_it_does_not_name() -> None:
    """{} in a group is the rest: what no boost or bury of the group fits."""
    allowed = compiled(
        {"match": {}, "do": "drop", "group": "only"},
        {"match": {"site": "a.org"}, "do": "boost", "by": 1, "group": "only"},
        {"match": {"site": "b.org"}, "do": "bury", "group": "only"},
        {"match": {"site": "c.org"}, "do": "boost"},
    )
    assert allowed.condition == Any_((Filter("site", "a.org"), Filter("site", "b.org")))


# ---------------------------------------------------------------- what a request may not say


@pytest.mark.parametrize(
    ("match", "path", "message"),
    [
        ({"site": "not a host"}, ".site", "no host"),
        ({"site": ["a.org", "??"]}, ".site[1]", "no host"),
        ({"domain": "-"}, ".domain", "no host"),
        ({"filetype": "p/df"}, ".filetype", "no file type"),
        ({"language": "englisch!"}, ".language", "no language code"),
        ({"title": "... --"}, ".title", "no word"),
        ({"title": '""'}, ".title", "no word"),
        ({"body": ["x", "?"]}, ".body[1]", "no word"),
        ({"path": "tag"}, ".path", "no path begins"),
        ({"url": "*"}, ".url", "every page"),
        ({"metadata": {}}, ".metadata", "no metadata field"),
        ({"metadata": {"year": {"gt": True}}}, ".metadata.year.gt", "no order"),
        ({"metadata": {"year": {"ge": 3}}}, ".metadata.year.ge", "no bound"),
        ({"metadata": {"year": [1, None]}}, ".metadata.year[1]", "no value"),
        ({}, "", "fits every page"),
    ],
)
def test_a_value_that_no_page_could_have_is_refused(match: Any, path: str, message: str) -> None:
    """With its path, in a match and in a list of matches, before and after a Goggle."""
    error = refused("$site=a.org\n$boost=3,site=b.org", {"match": match, "do": "boost"})
    assert error.path == f"$.rules[1].match{path}"
    assert message in error.message
    assert refused({"match": [{"site": "a.org"}, match], "do": "drop"}).path == f"$.rules[0].match[1]{path}"


@pytest.mark.parametrize(
    ("rest", "path", "message"),
    [
        ({"do": "boost", "at": 1}, ".at", "`at` means nothing to boost"),
        ({"do": "drop", "by": 2}, ".by", "`by` means nothing to drop"),
        ({"do": "pin", "by": 2}, ".by", "`by` means nothing to pin"),
        ({"do": "pin", "group": "g"}, ".group", "`group` means nothing to pin"),
        ({"do": "boost", "by": 1}, ".by", "changes nothing"),
    ],
)
def test_a_field_that_means_nothing_is_refused(rest: Any, path: str, message: str) -> None:
    """It is there for a reason that would not come true."""
    error = refused({"match": {"site": "a.org"}, **rest})
    assert error.path == f"$.rules[0]{path}"
    assert message in error.message


def test_a_group_cannot_drop_everything() -> None:
    """The rest of nothing is every page; and it is the rule as given that is named."""
    error = refused(
        "$boost,site=a.org\n/x/$boost=5\n$discard",
        {"match": {"site": "a.org"}, "do": "drop", "group": "g"},
        {"match": {}, "do": "drop", "group": "g"},
    )
    assert error.path == "$.rules[2].match"
    assert refused({"match": {}, "do": "drop"}).path == "$.rules[0].match"


@pytest.mark.parametrize(
    "wrong",
    [
        {"match": {"sites": "a.org"}, "do": "boost"},
        {"match": {"site": ""}, "do": "boost"},
        {"match": {"site": []}, "do": "boost"},
        {"match": {"site": "a" * 2_001}, "do": "boost"},
        {"match": {"site": "a.org"}, "do": "promote"},
        {"match": {"site": "a.org"}, "do": "boost", "by": 0.5},
        {"match": {"site": "a.org"}, "do": "boost", "by": 1_001},
        {"match": {"site": "a.org"}, "do": "boost", "by": float("nan")},
        {"match": {"site": "a.org"}, "do": "pin", "at": 0},
        {"match": {"site": "a.org"}, "do": "pin", "at": 101},
        {"match": {"site": "a.org"}, "do": "boost", "group": "a b"},
        {"match": [], "do": "drop"},
        {"match": {"site": "a.org"}},
        {"do": "drop"},
    ],
)
def test_the_model_refuses(wrong: dict[str, Any]) -> None:
    """Shapes, unknown keys and ranges, at the door."""
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)


def test_there_is_an_end_to_rules() -> None:
    """A thousand rules, counting those that Goggles become, and a hundred thousand values."""
    one = {"match": {"site": "a.org"}, "do": "boost"}
    assert len(rules(*[one] * 999, "$site=a.org")) == 1_000
    assert "1,001 rules" in refused(*[one] * 999, "$site=a.org\n$boost=3,site=a.org").message
    many = {"match": [{"metadata": {"n": list(range(50_000))}}, {"title": ["x"] * 50_000}], "do": "boost"}
    assert len(rules(many)) == 1
    assert refused(many, one).path == "$.rules"


def test_resolved_has_defaults_and_no_nulls() -> None:
    """It is a request again, and short."""
    shown = [rule.model_dump(mode="json") for rule in rules(
        {"match": {"site": "a.org"}, "do": "boost"}, {"match": {"title": ["x"]}, "do": "pin"}, "/a$discard"
    )]  # fmt: skip
    assert shown == [
        {"match": {"site": "a.org"}, "do": "boost", "by": 2.0},
        {"match": {"title": ["x"]}, "do": "pin", "at": 1},
        {"match": {"url": "*/a*"}, "do": "drop", "group": "goggles.2"},
    ]
