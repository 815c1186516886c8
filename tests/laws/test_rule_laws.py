"""Laws of rules over made-up pages and requests, and Goggles against a reading of their lines one by one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.goggles import read_goggle
from ranking.rules import CompiledRules, Rule, RuleEffects, compile_rules, effects, normalise, with_pins
from ranking.text import tokenize
from ranking.types import Node
from tests.ranking.rule_pages import Page, answers, satisfies
from tests.ranking.test_globs import regex_of

# ---------------------------------------------------------------- made-up pages and rules

HOSTS = ["a.org", "docs.a.org", "b.org", "ba.org", "c.net"]
WORD = st.sampled_from(["news", "release", "notes", "old", "Notes,"])
PAGE = st.builds(
    Page,
    url=st.builds("https://{}/{}{}".format, st.sampled_from(HOSTS), st.sampled_from(["", "x", "x/y", "tag/x", "New"]), st.sampled_from(["", "?q=x"])),
    title=st.lists(WORD, max_size=4).map(" ".join),
    body=st.lists(WORD, max_size=6).map(" ".join),
    language=st.sampled_from(["en", "de"]),
    filetype=st.sampled_from(["html", "pdf"]),
    metadata=st.dictionaries(st.sampled_from(["year"]), st.sampled_from([2019, 2021, 2024])),
)  # fmt: skip
PAGES = st.lists(PAGE, min_size=1, max_size=8)


def some(*values: str) -> st.SearchStrategy[str | list[str]]:
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=3))


MATCH = st.fixed_dictionaries(
    {},
    optional={
        "site": some("a.org", "docs.a.org", "b.org", "org", "a.org/x"),
        "domain": some("a.org", "b.org", "c.net"),
        "path": some("/x", "/x*", "/tag/*", "*y", "/"),
        "url": some("https://a.org/x", "*//b.org/*", "*x", "||a.org^*", "a.org"),
        "title": some("news", "release notes", '"old news"'),
        "body": some("notes", '"release notes"'),
        "language": some("en", "de"),
        "filetype": some("pdf", "html"),
        "metadata": st.sampled_from([{"year": 2021}, {"year": [2019, 2024]}, {"year": {"gte": 2020, "lt": 2024}}]),
    },
).filter(bool)
MATCHES = st.one_of(MATCH, MATCH, st.lists(MATCH, min_size=1, max_size=3))
BY = st.sampled_from([1.01, 1.5, 2.0, 7.0, 1000.0])
GROUP = st.sampled_from([None, None, "g", "h"])
SCALING = st.builds(
    lambda match, do, by, group: {"match": match, "do": do, "by": by, "group": group},
    MATCHES, st.sampled_from(["boost", "bury"]), BY, GROUP,
)  # fmt: skip
DROP = st.builds(lambda match, group: {"match": match, "do": "drop", "group": group}, MATCHES, GROUP)
PIN = st.builds(lambda match, at: {"match": match, "do": "pin", "at": at}, MATCHES, st.integers(1, 9))
SCORE = st.one_of(st.sampled_from([0.0, 0.5, 1.0, -0.5]), st.floats(-20, 20))


def compiled(given: list[Any]) -> CompiledRules:
    return compile_rules(normalise([one if isinstance(one, str) else Rule.model_validate(one) for one in given]))


def run(given: list[Any], pages: list[Page], scores: list[float]) -> RuleEffects:
    one = compiled(given)
    return effects(one, answers(one, pages), np.array(scores[: len(pages)]))


def scored(pages: list[Page], data: st.DataObject) -> list[float]:
    return data.draw(st.lists(SCORE, min_size=len(pages), max_size=len(pages)))


def scaled(score: float, do: str, by: float) -> float:
    return score * by if (score >= 0) == (do == "boost") else score / by


# ---------------------------------------------------------------- scores


@given(wanted=st.lists(st.one_of(SCALING, PIN), max_size=6), pages=PAGES, data=st.data())
def test_scores_are_what_one_rule_after_the_other_makes_of_them(
    wanted: list[Any], pages: list[Page], data: st.DataObject
) -> None:
    """Page by page and rule by rule; and contributions sum to the difference."""
    scores = scored(pages, data)
    done = run(wanted, pages, scores)
    conditions = [compiled([{**rule, "group": None}]).probes[0] for rule in wanted]
    for row, page in enumerate(pages):
        fits = [satisfies(page, node) for node in conditions]
        expected = scores[row]
        for number, rule in enumerate(wanted):
            rivals = [
                other
                for other, fit in zip(wanted, fits, strict=True)
                if fit and other.get("group") == rule.get("group")
            ]
            if fits[number] and rule["do"] != "pin" and (rule["group"] is None or _strongest(rivals) is rule):
                expected = scaled(expected, rule["do"], rule["by"])
        assert done.scores[row] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    total = np.array(scores) + sum(done.contributions.values(), np.zeros(len(pages)))
    assert total == pytest.approx(done.scores, rel=1e-9, abs=1e-9)


def _strongest(rivals: list[Any]) -> Any:
    boosts = [rule for rule in rivals if rule["do"] == "boost"]
    return max(boosts, key=lambda rule: rule["by"]) if boosts else min(rivals, key=lambda rule: rule["by"])


@given(match=MATCHES, by=BY, pages=PAGES, data=st.data())
def test_a_boost_lifts_and_a_bury_sinks(match: Any, by: float, pages: list[Page], data: st.DataObject) -> None:
    """So a boosted page never falls behind one that was its equal; on either side of zero."""
    scores = scored(pages, data)
    up = run([{"match": match, "do": "boost", "by": by}], pages, scores)
    down = run([{"match": match, "do": "bury", "by": by}], pages, scores)
    assert (up.scores >= np.array(scores)).all()
    assert (down.scores <= np.array(scores)).all()


@given(match=MATCHES, by=BY, boost_first=st.booleans(), pages=PAGES, data=st.data())
def test_boost_and_bury_by_the_same_factor_undo_each_other(
    match: Any, by: float, boost_first: bool, pages: list[Page], data: st.DataObject
) -> None:
    """In either order."""
    scores = scored(pages, data)
    pair = [{"match": match, "do": do, "by": by} for do in ("boost", "bury")]
    done = run(pair if boost_first else pair[::-1], pages, scores)
    assert done.scores == pytest.approx(np.array(scores), rel=1e-12, abs=1e-12)


@given(sites=st.permutations(["a.org", "b.org", "ba.org", "c.net"]), actions=st.lists(st.tuples(st.sampled_from(["boost", "bury"]), BY), min_size=4, max_size=4), pages=PAGES, data=st.data())  # fmt: skip
def test_rules_about_different_pages_commute(
    sites: list[str], actions: list[Any], pages: list[Page], data: st.DataObject
) -> None:
    """To the bit."""
    scores = scored(pages, data)
    of_site = dict(zip(sorted(sites), actions, strict=True))
    there = [{"match": {"site": site}, "do": of_site[site][0], "by": of_site[site][1]} for site in sites]
    assert run(there, pages, scores).scores.tolist() == run(there[::-1], pages, scores).scores.tolist()


@given(wanted=st.lists(st.one_of(SCALING, PIN), max_size=4), pages=PAGES, data=st.data())
def test_a_note_for_every_change_and_no_other(wanted: list[Any], pages: list[Page], data: st.DataObject) -> None:
    """Who reads the notes knows what moved."""
    done = run(wanted, pages, scored(pages, data))
    for row in range(len(pages)):
        noted = {note.split(" ")[0] for note in done.notes.get(row, [])}
        assert {name for name, change in done.contributions.items() if change[row]} <= noted
        assert noted <= {f"rule:{number}" for number in range(len(wanted))}


# ---------------------------------------------------------------- drops and places


@given(wanted=st.lists(DROP, min_size=1, max_size=4), page=PAGE)
def test_a_dropped_page_never_satisfies_the_condition(wanted: list[Any], page: Page) -> None:
    """And a page that no drop fits always does."""
    dropped = any(satisfies(page, compiled([{**rule, "do": "boost", "group": None}]).probes[0]) for rule in wanted)
    assert satisfies(page, compiled(wanted).condition) == (not dropped)


@given(match=MATCHES, page=PAGE)
def test_keys_hold_together_and_values_apart(match: Any, page: Page) -> None:
    """A match is the conjunction of its keys, a key the disjunction of its values, a list that of its matches."""

    def holds(part: Any) -> bool:
        return satisfies(page, compiled([{"match": part, "do": "pin"}]).probes[0])

    parts = match if isinstance(match, list) else [match]
    listed = [{key: value if isinstance(value, list) else [value] for key, value in part.items()} for part in parts]
    assert holds(match) == any(
        all(any(holds({key: value}) for value in values) for key, values in part.items()) for part in listed
    )


@given(wanted=st.lists(PIN, max_size=4), pages=PAGES, order=st.randoms(), data=st.data())
def test_pins_rearrange_and_lose_nobody(wanted: list[Any], pages: list[Page], order: Any, data: st.DataObject) -> None:
    """Each pinned row at its place where the list is long enough, the others in their order."""
    done = run(wanted, pages, scored(pages, data))
    rows = list(range(len(pages)))
    order.shuffle(rows)
    arranged = with_pins(rows, done.pins)
    assert sorted(arranged) == sorted(rows)
    pinned = dict(done.pins)
    assert len(pinned) == len(done.pins) == len(set(pinned.values()))
    assert [row for row in arranged if row not in pinned] == [row for row in rows if row not in pinned]
    free = len(rows) - len(pinned)
    for row, place in done.pins:
        if place <= free:
            assert arranged[place - 1] == row


# ---------------------------------------------------------------- Goggles


@dataclass(frozen=True)
class Line:
    """An instruction in parts; `text` is how Brave writes it."""

    pattern: str
    action: str
    strength: int | None
    sites: tuple[str, ...]
    target: str

    @property
    def text(self) -> str:
        action = self.action + (f"={self.strength}" if self.strength and self.action != "discard" else "")
        target = self.target if self.pattern else ""
        options = ",".join(filter(None, [action, *(f"site={site}" for site in self.sites), target]))
        return f"{self.pattern}${options}" if options else self.pattern

    @property
    def factor(self) -> int:
        return self.strength or 2

    def fits(self, page: Page) -> bool:
        host = page.site
        if self.sites and not any(host == site or host.endswith(f".{site}") for site in self.sites):
            return False
        if not self.pattern:
            return True
        if self.target in ("", "inurl"):
            return self._in_url(page.url)
        held = tokenize(page.title if self.target == "intitle" else page.body)
        wanted = tokenize(self.pattern)
        return any(held[at : at + len(wanted)] == wanted for at in range(len(held)))

    def _in_url(self, url: str) -> bool:
        body = self.pattern
        start, end = "", r"\Z" if body.endswith("|") else ""
        body = body.removesuffix("|")
        if body.startswith("||"):
            start, body = r"\A[a-z]+://(?:[^/?#]*\.)?", body[2:]
        elif body.startswith("|"):
            start, body = r"\A", body[1:]
        return re.search(start + regex_of(body) + end, url, re.IGNORECASE) is not None


LINES = st.lists(
    st.builds(
        Line,
        pattern=st.sampled_from(["", "/x", "x^", "/x|", "|https://a", "||a.org^", "*tag*x", "new", "notes", "|https://c.net/x|"]),
        action=st.sampled_from(["", "boost", "downrank", "discard"]),
        strength=st.sampled_from([None, 1, 2, 3, 10]),
        sites=st.lists(st.sampled_from(["a.org", "b.org", "net"]), max_size=2, unique=True).map(tuple),
        target=st.sampled_from(["", "", "inurl"]),
    )
    .map(lambda line: line if line.action else Line(line.pattern, "", None, line.sites, line.target))
    .filter(lambda line: line.pattern or line.sites)
    | st.builds(Line, st.sampled_from(["notes", "old news"]), st.just("boost"), st.sampled_from([3, 4]), st.just(()), st.sampled_from(["intitle", "incontent"])),
    max_size=7,
)  # fmt: skip


def action_of(lines: list[Line], bare: bool, page: Page) -> tuple[str, float]:
    """What Brave's rules of precedence say happens to a page."""
    fitting = [line for line in lines if line.fits(page)]
    if any(line.action == "discard" for line in fitting):
        return "discard", 0.0
    if boosts := [line.factor for line in fitting if line.action in ("boost", "")]:
        return "boost", float(max(boosts))
    if downranks := [line.factor for line in fitting if line.action == "downrank"]:
        return "downrank", 1.0 / min(downranks)
    return ("discard", 0.0) if bare else ("none", 1.0)


@given(lines=LINES, bare=st.booleans(), page=PAGE, place=st.integers(0, 7))
def test_a_goggle_does_what_its_lines_say(lines: list[Line], bare: bool, page: Page, place: int) -> None:
    """discard > boost > downrank, the stronger boost, the weaker downrank, and a bare $discard for the rest."""
    bare = bare and any(line.action != "discard" for line in lines)
    written = [line.text for line in lines]
    if bare:
        written.insert(place, "$discard")
    one = compiled(["\n".join(["! name: x", *written])])
    action, factor = action_of(lines, bare, page)
    assert satisfies(page, one.condition) == (action != "discard")
    if action != "discard":
        done = effects(one, answers(one, [page]), np.array([1.0]))
        assert done.scores[0] == pytest.approx(factor)


@given(texts=st.lists(LINES.map(lambda lines: "\n".join(line.text for line in lines)), max_size=3), wanted=st.lists(st.one_of(SCALING, DROP, PIN), max_size=3), page=PAGE)  # fmt: skip
def test_normal_rules_are_their_own_normal_form_and_a_request(texts: list[str], wanted: list[Any], page: Page) -> None:
    """`resolved.rules` as JSON, sent again, is the same and does the same."""
    once = normalise([*texts, *(Rule.model_validate(rule) for rule in wanted)])
    assert normalise(once) == once
    again = tuple(Rule.model_validate_json(rule.model_dump_json()) for rule in once)
    assert normalise(again) == again
    first, second = compile_rules(once), compile_rules(again)
    assert satisfies(page, first.condition) == satisfies(page, second.condition)
    scores = [effects(one, answers(one, [page]), np.array([1.0])) for one in (first, second)]
    assert scores[0].scores.tolist() == scores[1].scores.tolist()
    assert (scores[0].pins, scores[0].notes) == (scores[1].pins, scores[1].notes)


@given(lines=LINES)
def test_the_lines_of_a_goggle_may_stand_in_any_order(lines: list[Line]) -> None:
    """Precedence is by strength, not by place: the same rules but for the order of values."""

    def parts(texts: list[str]) -> list[tuple[Any, ...]]:
        return [(rule.do, rule.by, rule.group) for rule in read_goggle("\n".join(texts), "g", "$")]

    texts = [line.text for line in lines]
    assert parts(texts) == parts(texts[::-1])


@given(first=SCORE, second=SCORE, match=MATCH, page=PAGE)
def test_a_scaling_keeps_the_order_of_the_pages_it_fits(first: float, second: float, match: Any, page: Page) -> None:
    """One factor for all of them: nobody overtakes anybody."""
    done = run([{"match": match, "do": "boost", "by": 3.0}], [page, page], [first, second])
    assert math.copysign(1, done.scores[0] - done.scores[1]) == math.copysign(1, first - second) or first == second


def test_the_evaluator_knows_every_node() -> None:
    """Each key of a match is decided on by the oracle above, both ways."""
    page = Page("https://docs.a.org/x", "release notes", "old news", "en", "pdf", {"year": 2021})
    keys: dict[str, tuple[Any, Any]] = {
        "site": ("a.org", "b.org"), "domain": ("a.org", "docs.a.org"), "path": ("/x", "/y"), "url": ("*/x", "*/y"),
        "title": ("notes", "news"), "body": ('"old news"', '"news old"'), "language": ("en", "de"),
        "filetype": ("pdf", "html"), "metadata": ({"year": {"gte": 2020}}, {"year": {"lt": 2020}}),
    }  # fmt: skip

    def condition(key: str, value: Any) -> Node:
        return compiled([{"match": {key: value}, "do": "pin"}]).probes[0]

    for key, (right, wrong) in keys.items():
        assert satisfies(page, condition(key, right)), key
        assert not satisfies(page, condition(key, wrong)), key
