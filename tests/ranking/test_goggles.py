"""Goggles as Brave documents them, line by line and as a whole, and what is no Goggle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import MAX_GOGGLES_STRENGTH
from ranking.errors import ParamsError
from ranking.globs import compile_glob, url_glob
from ranking.goggles import Instruction, pattern_glob, read_goggle, read_instruction
from ranking.rules import compile_rules, normalise
from ranking.shown import shown


def read(text: str) -> list[dict[str, Any]]:
    return [rule.model_dump(mode="json") for rule in read_goggle(text, "g", "$.rules[0]")]


def refused(text: str) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        read_goggle(text, "g", "$.rules[4]")
    assert caught.value.path == "$.rules[4]"
    return caught.value


EVERY_FORM = """! name: Every form
! description: one line of each kind
! public: false
!author: nobody

! without an action
/this/is/a/pattern
/this/is/*/pattern
/this/is/a/pattern^
|https://en.
/some/path.html|
|https://brave.com|
$site=brave.com
/blog/$site=brave.com
web3$inurl
web3$intitle
web3 wallet$indescription
"web*3"$incontent
/r/brave_browser/$boost=3
/r/google/$downrank
/r/google/$downrank=3
$discard,site=idontwanttobepartoftheresults.com
/this/is/spam/$discard
"""


def test_every_form_of_the_quickstart_guide() -> None:
    """One rule for each effect, the strongest first; values are what a `match` of ours would say."""
    drop, strong, boost, bury, weaker = read(EVERY_FORM)
    assert drop == {
        "match": [{"site": "idontwanttobepartoftheresults.com"}, {"url": "*/this/is/spam/*"}],
        "do": "drop",
        "group": "g",
    }
    assert strong == {"match": {"url": "*/r/brave_browser/*"}, "do": "boost", "by": 3.0, "group": "g"}
    assert boost == {
        "match": [
            {
                "url": [
                    "*/this/is/a/pattern*",
                    "*/this/is/*/pattern*",
                    "*/this/is/a/pattern^*",
                    "https://en.*",
                    "*/some/path.html",
                    "https://brave.com",
                    "*web3*",
                ]
            },
            {"site": "brave.com"},
            {"url": "*/blog/*", "site": "brave.com"},
            {"title": '"web3"'},
            {"body": ['"web3 wallet"', '"web" "3"']},
        ],
        "do": "boost",
        "by": 2.0,
        "group": "g",
    }
    assert bury == {"match": {"url": "*/r/google/*"}, "do": "bury", "by": 2.0, "group": "g"}
    assert weaker == {"match": {"url": "*/r/google/*"}, "do": "bury", "by": 3.0, "group": "g"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/a/", Instruction("boost", 2, "/a/", (), ("url",))),
        ("/a/$boost", Instruction("boost", 2, "/a/", (), ("url",))),
        ("$boost=1,site=github.io", Instruction("boost", 1, "", ("github.io",), ("url",))),
        ("$site=GitHub.io,downrank=10", Instruction("downrank", 10, "", ("github.io",), ("url",))),
        ("*rust*$boost=1,site=rs", Instruction("boost", 1, "*rust*", ("rs",), ("url",))),
        ("$discard", Instruction("discard", 0, "", (), ("url",))),
        ("a b$intitle,incontent,indescription", Instruction("boost", 2, "a b", (), ("title", "body"))),
        ("/price$usd/$boost", Instruction("boost", 2, "/price$usd/", (), ("url",))),
        ("$discard,site=a.org,site=*.b.org/x/", Instruction("discard", 0, "", ("a.org", "b.org/x"), ("url",))),
        ("/x$ Boost = 4 , Site = a.org", Instruction("boost", 4, "/x", ("a.org",), ("url",))),
    ],
)
def test_an_instruction(line: str, expected: Instruction) -> None:
    """Pattern, then options behind the last $; no action is a boost and no strength is 2."""
    assert read_instruction(line) == expected


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        ("/a", "*/a*"),
        ("*a**b*", "*a*b*"),
        ("|https://a", "https://a*"),
        ("a|", "*a"),
        ("|https://a.org/|", "https://a.org/"),
        ("||a.org^", "||a.org^*"),
        ("||a.org|", "||a.org"),
        ("a|b", "*a|b*"),
    ],
)
def test_a_pattern_becomes_a_glob(pattern: str, glob: str) -> None:
    """Anchors are where there is no * at an end."""
    assert pattern_glob(pattern) == glob


@given(
    part=st.text("ab/.-^", min_size=1, max_size=5),
    before=st.text("ab/.-", max_size=4),
    after=st.text("ab/.-", max_size=4),
)
def test_a_plain_pattern_is_a_part_of_the_url(part: str, before: str, after: str) -> None:
    """As it is; with ^ a separator or the end."""
    url = f"https://x.org/{before}{part.replace('^', '/')}{after}"
    assert compile_glob(url_glob(pattern_glob(part))).matches(url)


def test_a_bare_discard_is_last_and_drops_the_rest() -> None:
    """It is a rule with an empty match, wherever it stands in the text."""
    assert read("$discard\n$boost,site=en.wikipedia.org\n")[-1] == {"match": {}, "do": "drop", "group": "g"}
    assert read("$boost,site=en.wikipedia.org\n$discard") == read("$discard\n$boost,site=en.wikipedia.org")
    error = refused("$discard\n$discard,site=a.org")
    assert "leaves only what a boost or downrank fits" in error.message


def test_strengths_are_factors_in_one_order() -> None:
    """1 leaves a page as it is, and every step up is a step up."""
    lines = "\n".join(f"/{strength}/$boost={strength}\n/{strength}/$downrank={strength}" for strength in range(1, 11))
    rules = read(lines)
    assert [rule["by"] for rule in rules if rule["do"] == "boost"] == [
        float(n) for n in range(MAX_GOGGLES_STRENGTH, 0, -1)
    ]
    assert [rule["by"] for rule in rules if rule["do"] == "bury"] == [
        float(n) for n in range(1, MAX_GOGGLES_STRENGTH + 1)
    ]


def test_lines_with_one_effect_are_one_rule() -> None:
    """A list of two thousand sites is one rule with two thousand values; the same line twice is one value."""
    text = "\r\n".join(f"$boost=3,site=site{number % 2_000}.example" for number in range(4_000))
    (rule,) = read(text)
    assert len(rule["match"]["site"]) == 2_000
    assert rule["match"]["site"][1_999] == "site1999.example"


def test_comments_alone_say_nothing() -> None:
    """So does an empty text, and a byte order mark is no instruction."""
    assert read("") == read("\ufeff! name: x\n\n   \n\t! y\n") == []


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("/a$boots=2", "'boots=2' is no option", "options are boost"),
        ("/a$", "'' is no option", "options are"),
        ("/a$boost=2,", "'' is no option", "options are"),
        ("/a$boost=11", "'11' is no strength", "from 1 to 10"),
        ("/a$boost=0", "'0' is no strength", "from 1 to 10"),
        ("/a$boost=-1", "'-1' is no strength", "from 1 to 10"),
        ("/a$boost=2.5", "'2.5' is no strength", "from 1 to 10"),
        ("/a$boost=", "'' is no strength", "from 1 to 10"),
        ("/a$downrank=٣", "is no strength", "from 1 to 10"),
        ("/a$discard=1", "a discard has no strength", "write $discard"),
        ("/a$boost,discard", "boost and discard are two actions", "one action"),
        ("/a$site=a|b.org", "'a|b.org' is no host", "write a host"),
        ("/a$site", "'' is no host", "write a host"),
        ("$boost=2", "fits every page", "pattern or site="),
        ("*$boost", "fits every page", "$discard alone"),
        ("||$boost", "fits every page", "$discard alone"),
        ("$boost,intitle,site=a.org", "needs a pattern", "before the $"),
        ("--^$intitle", "holds no word", "letters or digits"),
        ("/a b/$boost", "holds a space", "%20"),
        ("|/a$boost", "no URL begins with", "path"),
        ("*a*b*$boost", "more than 2 *", "shorten"),
        ("^a^b^", "more than 2 ^", "shorten"),
        ("/" + "a" * 500, "more than 500 characters", "shorten"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, message: str, hint: str) -> None:
    """With its number, its text, what is wrong and what would work."""
    error = refused(f"! name: x\n\n$boost,site=a.org\n  {line}\n/b/")
    assert error.message.startswith("line 4 of the Goggle, ")
    assert shown(line) in error.message
    assert message in error.message
    assert hint in str(error.hint)


def test_a_misspelt_option_has_a_nearest_name() -> None:
    """As any wrong name of a request has."""
    assert refused("/a$downrnk=2").did_you_mean == "downrank"
    assert refused("/a$intitel").did_you_mean == "intitle"


def test_a_goggle_has_bounds() -> None:
    """Brave's: bytes and instructions."""
    assert "2,000,000 bytes" in refused("! " + "é" * 1_000_000).message
    assert "line 100002 is one too many" in refused("! x\n" + "/a/\n" * 100_001).message
    assert len(read("/a/\n" * 100_000)) == 1


SITE = st.sampled_from(["a.org", "b.org", "docs.a.org"])
PATTERN = st.sampled_from(["/x/", "/y^", "|https://a", "x|", "||b.org^", "new", "*y*", "|https://a.org|"])
LINE = st.builds(
    lambda pattern, action, site, target: f"{pattern}${','.join(filter(None, [action, site, target]))}",
    PATTERN,
    st.sampled_from(["boost", "boost=1", "boost=4", "downrank", "downrank=5", "discard"]),
    st.one_of(st.just(""), SITE.map(lambda site: f"site={site}")),
    st.sampled_from(["", "", "", "inurl", "intitle", "incontent,inurl"]),
).filter(lambda line: not ("|https" in line and "in" in line.split("$")[1]))
GOGGLES = st.lists(
    st.one_of(LINE, SITE.map(lambda site: f"$site={site}"), st.just("! c"), st.just("")), max_size=8
).map("\n".join)


@given(texts=st.lists(GOGGLES, min_size=1, max_size=3))
def test_what_resolved_shows_is_a_request_that_does_the_same(texts: list[str]) -> None:
    """Rules made of Goggles go through JSON and come out as they are: conditions, groups and notes alike."""
    once = normalise(texts)
    assert normalise(once) == once
    model = type(once[0]) if once else None
    again = normalise([model.model_validate(rule.model_dump(mode="json")) for rule in once] if model else [])
    assert [rule.model_dump() for rule in again] == [rule.model_dump() for rule in once]
    first, second = compile_rules(once), compile_rules(again)
    assert (first.condition, first.probes, first.scalings, first.contests) == (
        second.condition,
        second.probes,
        second.scalings,
        second.contests,
    )


def test_goggles_of_one_request_do_not_share_a_group() -> None:
    """The strongest of each acts, and a group that a rule of the request names already is left to it."""
    text = "$boost,site=a.org"
    mine = normalise([*compiled_group("goggles.1"), text, text])
    assert [rule.group for rule in mine] == ["goggles.1", "goggles.1.2", "goggles.2"]


def compiled_group(name: str) -> tuple[Any, ...]:
    return read_goggle("$boost,site=b.org", name, "$")
