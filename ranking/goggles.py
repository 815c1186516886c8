"""Brave's Goggles: given a Goggle's text as it is, returns rules that do the same.

One instruction a line, `pattern$option,option`; empty lines and lines that begin with ! (comments and metadata) say
nothing. Source: github.com/brave/goggles-quickstart, quickstart.goggle and getting-started.md (2025-08), which say:

- A pattern fits a URL that holds it anywhere; `*` is any run, `^` a separator or the end, `|` at an end anchors it
  there, and `||` in front, from ad-block lists, anchors it to the host (globs.py). No case is told from another.
- `site=host` limits it to a host with its subdomains. `intitle`, `indescription`, `incontent` look elsewhere than the
  URL (`inurl`): there its words must stand in a row, whole and as written. Description and content both are the text;
  of several such options any will do.
- `boost` and `downrank` have a strength of 1 to 10; no action is a boost. Strength n is the factor n, so that 1 leaves
  a page as it is and 2 makes it twice as important (Goggles paper, section 5; issue 16, where a boost without a number
  is shown as 2).
- Of the instructions that fit a page one acts: discard > boost > downrank, the stronger boost before the weaker one,
  the weaker downrank before the stronger. That is what a rule's `group` means.
- A bare `$discard` drops what no boost or downrank fits.

Instructions with the same effect become one rule, so a Goggle is at most 22 of them. Not for fetching a Goggle by its
URL: the text is in the request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from ranking.constants import (
    GOGGLES_FACTOR_PER_STRENGTH,
    GOGGLES_STRENGTH,
    MAX_GOGGLES_BYTES,
    MAX_GOGGLES_CHARACTERS,
    MAX_GOGGLES_INSTRUCTIONS,
    MAX_GOGGLES_STRENGTH,
    MAX_GOGGLES_WILDCARDS,
)
from ranking.errors import ParamsError
from ranking.globs import HOST_ANCHOR, url_glob
from ranking.nearest import nearest
from ranking.rule_models import Rule
from ranking.shown import shown
from ranking.text import tokenize
from ranking.values import site

_ACTIONS: Final = ("boost", "downrank", "discard")
_TARGETS: Final = {"inurl": "url", "intitle": "title", "indescription": "body", "incontent": "body"}
_OPTIONS: Final = (*_ACTIONS, *_TARGETS, "site")
_STRENGTH: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_EVERY_PAGE: Final = "it fits every page"
Key = tuple[str, tuple[str, ...]]
"""The key of a match, and the sites that limit it."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line. `strength` of a discard is 0; without pattern and sites it is the bare $discard."""

    action: str
    strength: int
    pattern: str
    sites: tuple[str, ...]
    targets: tuple[str, ...]  # keys of a match

    @property
    def bare(self) -> bool:
        return not self.pattern and not self.sites


def read_goggle(text: str, group: str, path: str) -> tuple[Rule, ...]:
    """The rules of a Goggle: drops, boosts, buries, each from the strongest on, and the bare $discard last.

    `group` names them, `path` is where the text stands in the request. Raises ParamsError for a Goggle that Brave
    would refuse, with the number and the text of the line.
    """
    if len(text.encode("utf-8", "ignore")) > MAX_GOGGLES_BYTES:
        raise ParamsError(
            f"a Goggle has at most {MAX_GOGGLES_BYTES:,} bytes, this one has more", path=path, hint="split it in two"
        )
    kept: dict[tuple[str, int], dict[Key, dict[str, None]]] = {}
    bare, count = False, 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        written = line.strip()
        if not written or written.startswith("!"):
            continue
        count += 1
        if count > MAX_GOGGLES_INSTRUCTIONS:
            limit = f"a Goggle has at most {MAX_GOGGLES_INSTRUCTIONS:,} instructions, line {number} is one too many"
            raise ParamsError(limit, path=path, hint="split it in two")
        try:
            instruction = read_instruction(written)
            bare = bare or instruction.bare
            if not instruction.bare:
                matches = kept.setdefault((instruction.action, instruction.strength), {})
                for key, value in _values(instruction):
                    matches.setdefault(key, {})[value] = None
        except ParamsError as error:
            raise ParamsError(
                f"line {number} of the Goggle, {shown(written)}, cannot be read: {error.message}",
                path=path,
                hint=error.hint,
                did_you_mean=error.did_you_mean,
            ) from None
    if bare and not any(action != "discard" for action, _ in kept):
        raise ParamsError(
            "a bare $discard leaves only what a boost or downrank fits, and the Goggle has none",
            path=path,
            hint="add an instruction such as $boost,site=example.org, or limit the $discard by site= or a pattern",
        )
    rules = [_rule(*key, kept[key], group) for key in sorted(kept, key=_precedence)]
    return (*rules, Rule.model_validate({"match": {}, "do": "drop", "group": group})) if bare else tuple(rules)


def read_instruction(written: str) -> Instruction:
    """One line without the space around it. Raises ParamsError, which says why it is none."""
    if len(written) > MAX_GOGGLES_CHARACTERS:
        raise ParamsError(f"it has more than {MAX_GOGGLES_CHARACTERS} characters", hint="shorten the pattern")
    pattern, dollar, options = written.rpartition("$")
    if not dollar:
        pattern, options = written, ""
    action, strength, sites, targets = "", GOGGLES_STRENGTH, dict[str, None](), dict[str, None]()
    for option in options.split(",") if dollar else ():
        name, equals, value = (part.strip() for part in option.partition("="))
        name = name.lower()
        if name in _ACTIONS:
            if action:
                raise ParamsError(f"{action} and {name} are two actions", hint="one instruction has one action")
            action, strength = name, _strength(name, bool(equals), value)
        elif name == "site":
            sites[site(value)] = None
        elif name in _TARGETS and not equals:
            targets[_TARGETS[name]] = None
        else:
            raise ParamsError(
                f"{option.strip()!r} is no option",
                hint=f"options are {', '.join(_OPTIONS)}; after a pattern that holds a $, write $boost",
                did_you_mean=nearest(name, _OPTIONS),
            )
    for mark in "*^":
        if pattern.count(mark) > MAX_GOGGLES_WILDCARDS:
            raise ParamsError(f"it has more than {MAX_GOGGLES_WILDCARDS} {mark}", hint="shorten the pattern")
    if not pattern and targets:
        raise ParamsError(f"{options!r} needs a pattern to look for", hint="write it before the $")
    if not pattern and not sites and action != "discard":
        raise ParamsError(_EVERY_PAGE, hint="give it a pattern or site=")
    return Instruction(action or "boost", strength, pattern, tuple(sites), tuple(targets) or ("url",))


def _strength(action: str, given: bool, value: str) -> int:
    if action == "discard":
        if given:
            raise ParamsError("a discard has no strength", hint="write $discard")
        return 0
    if not given:
        return GOGGLES_STRENGTH
    if not _STRENGTH.fullmatch(value) or not 1 <= int(value) <= MAX_GOGGLES_STRENGTH:
        raise ParamsError(
            f"{value!r} is no strength", hint=f"write a whole number from 1 to {MAX_GOGGLES_STRENGTH}, or none"
        )
    return int(value)


def _values(instruction: Instruction) -> list[tuple[Key, str]]:
    """What it fits: each pair is a value of one key of a match, limited to sites; any of them will do."""
    if not instruction.pattern:
        return [(("site", ()), one) for one in instruction.sites]
    return [
        (
            (target, instruction.sites),
            pattern_glob(instruction.pattern) if target == "url" else _phrases(instruction.pattern),
        )
        for target in instruction.targets
    ]


def pattern_glob(pattern: str) -> str:
    """A pattern as a `url` of a match, which fits whole URLs. Raises ParamsError for what fits all of them or none."""
    host = pattern.startswith(HOST_ANCHOR)
    start = not host and pattern.startswith("|")
    body = pattern[len(HOST_ANCHOR) :] if host else pattern[1:] if start else pattern
    end = body.endswith("|")
    body = body[:-1] if end else body
    if not body.strip("*"):
        raise ParamsError(_EVERY_PAGE, hint="write $discard alone for what no other instruction fits")
    glob = (HOST_ANCHOR if host else "" if start else "*") + body + ("" if end else "*")
    url_glob(glob)
    return re.sub(r"\*+", "*", glob)


def _phrases(pattern: str) -> str:
    """The words of a pattern as a title or body of a match: the parts between its wildcards, each in a row."""
    parts = [part.replace('"', " ").strip() for part in re.split(r"[*^|]", pattern)]
    quoted = [f'"{part}"' for part in parts if tokenize(part)]
    if not quoted:
        raise ParamsError("it holds no word", hint="write letters or digits before the $")
    return " ".join(quoted)


def _precedence(key: tuple[str, int]) -> tuple[int, int]:
    action, strength = key
    return (("discard", "boost", "downrank").index(action), -strength if action == "boost" else strength)


def _rule(action: str, strength: int, matches: dict[Key, dict[str, None]], group: str) -> Rule:
    alternatives: list[dict[str, Any]] = [
        {key: _few(values), **({"site": _few(sites)} if sites else {})} for (key, sites), values in matches.items()
    ]
    match = alternatives[0] if len(alternatives) == 1 else alternatives
    if action == "discard":
        return Rule.model_validate({"match": match, "do": "drop", "group": group})
    factor = 1.0 + GOGGLES_FACTOR_PER_STRENGTH * (strength - 1)
    do = "boost" if action == "boost" else "bury"
    return Rule.model_validate({"match": match, "do": do, "by": factor, "group": group})


def _few(values: dict[str, None] | tuple[str, ...]) -> str | tuple[str, ...]:
    listed = tuple(values)
    return listed[0] if len(listed) == 1 else listed
