"""Rules: what a match demands, what a request may not say, and what happens to scores and places, by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ranking.constants import MAX_PIN_PLACE, MAX_RULED_SCORE
from ranking.errors import ParamsError
from ranking.rules import CompiledRules, Rule, RuleEffects, compile_rules, effects, normalise, with_pins
from ranking.text import tokenize
from ranking.types import All, Any_, Filter, Mask, Node, Not, Phrase, Term
from tests.ranking.test_globs import fits

SITE, GLOB = "site", "url_glob"


@dataclass(frozen=True)
class Page:
    """A document as these tests write it; its site is the host of its URL."""

    url: str
    title: str = ""
    body: str = ""
    language: str = "en"
    filetype: str = "html"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def site(self) -> str:
        return self.url.split("://")[1].split("/")[0]


def satisfies(page: Page, node: Node | None) -> bool:
    """A condition on one page, read off its definition: no index, no stems."""
    match node:
        case None:
            return True
        case All(children):
            return all(satisfies(page, child) for child in children)
        case Any_(children):
            return any(satisfies(page, child) for child in children)
        case Not(child):
            return not satisfies(page, child)
        case Term(token, name):
            return token in tokenize(getattr(page, str(name)))
        case Phrase(tokens, name):
            words = tokenize(getattr(page, str(name)))
            return any(tuple(words[at : at + len(tokens)]) == tokens for at in range(len(words)))
        case Filter("site", value):
            host, _, path = value.partition("/")
            below = page.url.split("://")[1].partition("/")[2]
            inside = page.site == host or page.site.endswith("." + host)
            return inside and (not path or below == path or below.startswith((path + "/", path + "?")))
        case Filter("domain", value):
            return ".".join(page.site.split(".")[-2:]) == value
        case Filter("lang", value):
            return page.language == value
        case Filter("filetype", value):
            return page.filetype == value
        case Filter("metadata", value, name, bound):
            held, wanted = page.metadata.get(name), json.loads(value)
            if bound == "in":
                return held in wanted
            return held is not None and {"eq": held == wanted, "gte": held >= wanted, "lt": held < wanted}[bound]
        case Filter(kind, value) if kind == GLOB:
            return fits(value, page.url)
    raise AssertionError(f"{node} is no condition of a rule")


def rules(*given: dict[str, Any] | str) -> tuple[Rule, ...]:
    return normalise([one if isinstance(one, str) else Rule.model_validate(one) for one in given])


def compiled(*given: dict[str, Any] | str) -> CompiledRules:
    return compile_rules(rules(*given))


def answers(all_rules: CompiledRules, pages: Sequence[Page]) -> Mask:
    """[probes, n] what an index would report."""
    truth = [[satisfies(page, probe) for page in pages] for probe in all_rules.probes]
    return np.array(truth, np.bool_).reshape(len(all_rules.probes), len(pages))


def applied(pages: Sequence[Page], scores: Sequence[float], *given: dict[str, Any] | str) -> RuleEffects:
    all_rules = compiled(*given)
    return effects(all_rules, answers(all_rules, pages), np.array(scores, np.float64))


def node(match: dict[str, Any] | list[dict[str, Any]]) -> Node:
    (probe,) = compiled({"match": match, "do": "boost"}).probes
    return probe


def refused(*given: dict[str, Any] | str) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        rules(*given)
    return caught.value


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


# ---------------------------------------------------------------- what happens to scores

PAGES = [
    Page("https://a.org/x", "first page"),
    Page("https://b.org/x", "second page"),
    Page("https://a.org/y", "third thing", language="de"),
]


def test_boost_and_bury_multiply_and_divide_in_order() -> None:
    """a.org x 4, then pages / 2: 0.5 -> 2 -> 1; each rule has its entry, and they sum."""
    done = applied(
        PAGES,
        [0.5, 0.8, 0.1],
        {"match": {"site": "a.org"}, "do": "boost", "by": 4},
        {"match": {"title": "page"}, "do": "bury"},
        {"match": {"site": "nowhere.org"}, "do": "bury"},
    )
    assert done.scores == pytest.approx([1.0, 0.4, 0.4])
    assert {name: change.tolist() for name, change in done.contributions.items()} == {
        "rule:0": pytest.approx([1.5, 0.0, 0.3]),
        "rule:1": pytest.approx([-1.0, -0.4, 0.0]),
    }
    assert done.notes == {
        0: ["rule:0 boost x4 site=a.org", "rule:1 bury /2 title=page"],
        1: ["rule:1 bury /2 title=page"],
        2: ["rule:0 boost x4 site=a.org"],
    }
    assert done.pins == ()


def test_below_0_a_boost_still_lifts() -> None:
    """-0.6 boosted by 2 is -0.3, buried by 2 is -1.2; 0 stays."""
    pages = [PAGES[0], PAGES[1], Page("https://a.org/z")]
    done = applied(
        pages,
        [-0.6, -0.6, 0.0],
        {"match": {"site": "a.org"}, "do": "boost"},
        {"match": {"site": "b.org"}, "do": "bury"},
    )
    assert done.scores == pytest.approx([-0.3, -1.2, 0.0])


def test_a_thousand_factors_stay_finite() -> None:
    """1,000 boosts by 1,000 are no infinity, and nothing is not-a-number on the way back."""
    up = [{"match": {"site": "a.org"}, "do": "boost", "by": 1_000}] * 500
    down = [{"match": {"site": "b.org"}, "do": "bury", "by": 1_000}] * 500
    done = applied(PAGES, [1.0, -1.0, 1e200], *up, *down)
    assert done.scores[0] == pytest.approx(MAX_RULED_SCORE)
    assert done.scores[1] == pytest.approx(-MAX_RULED_SCORE)
    assert done.scores[2] == 1e200
    assert all(np.isfinite(change).all() for change in done.contributions.values())


def test_of_a_group_the_strongest_alone_acts() -> None:
    """Boost before bury, the greater boost and the lesser bury first, however the rules stand; other rules go on."""
    group = {"group": "g"}
    done = applied(
        [*PAGES, Page("https://c.org/x", "page")],
        [1.0, 1.0, 1.0, 1.0],
        {"match": {"title": "page"}, "do": "bury", "by": 8, **group},
        {"match": {"site": "a.org"}, "do": "boost", "by": 2, **group},
        {"match": {"site": "b.org"}, "do": "bury", "by": 4, **group},
        {"match": {"title": "first"}, "do": "boost", "by": 3, **group},
        {"match": {"site": "a.org"}, "do": "boost", "by": 10},
    )
    assert done.scores == pytest.approx([30.0, 0.25, 20.0, 0.125])
    assert list(done.contributions) == ["rule:0", "rule:1", "rule:2", "rule:3", "rule:4"]


def test_a_factor_of_1_in_a_group_shields_from_weaker_rules() -> None:
    """It changes no score and says so."""
    text = "$boost=1,site=a.org\n$downrank=4,site=org"
    done = applied(PAGES, [1.0, 1.0, 1.0], text)
    assert done.scores == pytest.approx([1.0, 0.25, 1.0])
    assert list(done.contributions) == ["rule:1"]
    assert done.notes[0] == ["rule:0 boost x1 site=a.org"]


def test_notes_are_short() -> None:
    """Of many values the first, and how many others."""
    done = applied(
        PAGES,
        [1.0, 1.0, 1.0],
        {"match": {"site": ["a.org", "b.org", "c.org"], "path": "/x"}, "do": "boost"},
        {"match": [{"title": "third"}, {"metadata": {"a": 1}}], "do": "bury", "by": 1.25},
        {"match": {"url": ["https://a.org/y", "*" + "y" * 99]}, "do": "pin", "at": 3},
    )
    assert done.notes == {
        0: ["rule:0 boost x2 site=a.org (or 2 more) path=/x"],
        1: ["rule:0 boost x2 site=a.org (or 2 more) path=/x"],
        2: ["rule:1 bury /1.25 title=third, or 1 more", "rule:2 pin at 3 url=https://a.org/y (or 1 more)"],
    }
    cut = compiled({"match": {"metadata": {"{name}": "x" * 99}}, "do": "pin"}).pins[0].note
    assert cut == 'rule:0 pin at 1 metadata={"{name}":"' + "x" * 48 + "…"


# ---------------------------------------------------------------- what happens to places


def test_pins_take_pages_by_score_to_the_next_free_places() -> None:
    """The first rule has the first word; a page is pinned once; scores are those that boosts left."""
    done = applied(
        PAGES,
        [0.5, 0.9, 0.4],
        {"match": {"site": "a.org"}, "do": "pin", "at": 2},
        {"match": {"language": "en"}, "do": "pin", "at": 2},
        {"match": {"title": "thing"}, "do": "boost"},
    )
    assert done.pins == ((2, 2), (0, 3), (1, 4))
    assert done.notes[1] == ["rule:1 pin at 2 language=en"]


def test_pins_of_equal_score_go_by_id() -> None:
    """Whatever the order of candidates."""
    one = compiled({"match": {"site": "org"}, "do": "pin"})
    matches = np.ones((1, 3), np.bool_)
    scores = np.array([0.5, 0.5, 0.5])
    assert effects(one, matches, scores, ("c", "a", "b")).pins == ((1, 1), (2, 2), (0, 3))
    assert effects(one, matches, scores).pins == ((0, 1), (1, 2), (2, 3))


def test_no_pin_is_below_the_longest_page() -> None:
    """A pin that fits everything pins what can be shown."""
    one = compiled({"match": {"site": "org"}, "do": "pin", "at": 99}, {"match": {"site": "org"}, "do": "pin", "at": 99})
    done = effects(one, np.ones((1, 5), np.bool_), np.zeros(5))
    assert done.pins == ((0, 99), (1, MAX_PIN_PLACE))
    assert set(done.notes) == {0, 1}


@pytest.mark.parametrize(
    ("order", "pins", "expected"),
    [
        ([0, 1, 2, 3], [(3, 1)], [3, 0, 1, 2]),
        ([0, 1, 2, 3], [(0, 3)], [1, 2, 0, 3]),
        ([0, 1, 2, 3], [(2, 2), (0, 4)], [1, 2, 3, 0]),
        ([0, 1, 2], [(0, 90), (1, 50)], [2, 1, 0]),
        ([0, 1, 2], [(7, 1), (2, 2)], [0, 2, 1]),
        ([], [(0, 1)], []),
    ],
)
def test_pinned_rows_stand_at_their_places(order: list[int], pins: list[tuple[int, int]], expected: list[int]) -> None:
    """Nobody is lost or made up; others keep their order; a place beyond the end is the end."""
    assert with_pins(order, pins) == expected


def test_no_rules_do_nothing() -> None:
    """The identity, also on no candidates at all."""
    done = effects(compile_rules(()), np.zeros((0, 2), np.bool_), np.array([0.25, -1.0]))
    assert (done.scores.tolist(), dict(done.contributions), done.pins, dict(done.notes)) == ([0.25, -1.0], {}, (), {})
    assert (
        applied([], [], {"match": {"site": "a.org"}, "do": "boost"}, {"match": {"site": "a.org"}, "do": "pin"}).pins
        == ()
    )
