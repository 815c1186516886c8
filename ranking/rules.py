"""Rules of a request: given what `rules` holds, returns what every document must satisfy, what to ask of the candidates
and, from the answers, what happens to their scores and places.

A match compiles to a condition of types.py, so an index decides on it as on any filter. Drops go into the condition of
the plan, before any retriever's top k. Not for moving anything: `effects` says what each rule adds to a score and which
places are pinned; the pipeline adds and places (`with_pins`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ranking.constants import MAX_PIN_PLACE, MAX_RULE_VALUES, MAX_RULED_SCORE, MAX_RULES, RULE_FACTOR
from ranking.errors import ParamsError
from ranking.goggles import read_goggle
from ranking.rule_matches import count_of, described, keys_of, node_of
from ranking.rule_models import Rule as Rule
from ranking.rule_models import RuleMatch as RuleMatch
from ranking.types import Doubles, Mask, Node, Not
from ranking.units import conjunction, disjunction

# ---------------------------------------------------------------- the rules of a request


def normalise(rules: Sequence[Rule | str]) -> tuple[Rule, ...]:
    """The rules as `resolved` shows them, `rule:0` being the first: Goggles read, defaults filled in, all checked.

    Normal rules are their own normal form. Raises as compile_rules does.
    """
    return compile_rules(rules).rules


def _read(rules: Sequence[Rule | str]) -> Iterator[tuple[Rule, str]]:
    """Each rule with its defaults and its path in `rules` as given."""
    named = {rule.group for rule in rules if isinstance(rule, Rule)}
    for place, rule in enumerate(rules):
        path = f"$.rules[{place}]"
        if isinstance(rule, str):
            for read in read_goggle(rule, _unused(f"goggles.{place}", named), path):
                yield read, path
        else:
            yield _filled(rule, path), path


def _refuse_too_many(rules: Sequence[Rule]) -> None:
    if len(rules) > MAX_RULES:
        raise ParamsError(
            f"{len(rules):,} rules are too many, at most {MAX_RULES:,} can be",
            path="$.rules",
            hint="one key of a match may hold a list of values",
        )
    if (many := sum(map(count_of, rules))) > MAX_RULE_VALUES:
        raise ParamsError(
            f"{many:,} values in all rules are too many, at most {MAX_RULE_VALUES:,} can be", path="$.rules"
        )


def _unused(name: str, named: set[str | None]) -> str:
    """A group that no rule of the request names."""
    return next(one for one in (name, *(f"{name}.{count}" for count in range(2, len(named) + 3))) if one not in named)


def _filled(rule: Rule, path: str) -> Rule:
    """With defaults. ParamsError for a field that means nothing beside this action."""
    scales = rule.do in ("boost", "bury")
    for name, means, where in (
        ("by", scales, "boost and bury"),
        ("at", rule.do == "pin", "pin"),
        ("group", rule.do != "pin", "boost, bury and drop"),
    ):
        if getattr(rule, name) is not None and not means:
            raise ParamsError(
                f"`{name}` means nothing to {rule.do}", path=f"{path}.{name}", hint=f"`{name}` is for {where}"
            )
    if rule.by == 1 and rule.group is None:
        raise ParamsError("a factor of 1 changes nothing", path=f"{path}.by", hint="write a number above 1")
    if scales and rule.by is None:
        return rule.model_copy(update={"by": RULE_FACTOR})
    if rule.do == "pin" and rule.at is None:
        return rule.model_copy(update={"at": 1})
    return rule


def _is_rest(rule: Rule) -> bool:
    """Whether it drops what no boost or bury of its group fits."""
    return (
        rule.do == "drop" and rule.group is not None and isinstance(rule.match, RuleMatch) and not keys_of(rule.match)
    )


def _refuse_lonely(rest: Rule, kept: frozenset[str | None], path: str) -> None:
    if rest.group not in kept:
        raise ParamsError(
            f"it drops all that no boost or bury of the group {rest.group!r} fits, and there is none",
            path=f"{path}.match",
            hint="add a boost of that group, or say what to drop",
        )


# ---------------------------------------------------------------- all rules together


@dataclass(frozen=True, slots=True)
class Scaling:
    """A boost or bury: rule number, row of `matches`, factor, and what it says of itself."""

    rule: int
    probe: int
    up: bool
    by: float
    note: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Rule number, row of `matches`, the place of the best page that it fits, and what it says of itself."""

    rule: int
    probe: int
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """`drops`: by rule number what it demands of every document. `probes`: the conditions to be answered for every
    candidate, each once. `contests`: scalings (by index) of which only the first that fits acts on a page."""

    rules: tuple[Rule, ...]
    drops: tuple[tuple[int, Node], ...]
    probes: tuple[Node, ...]
    scalings: tuple[Scaling, ...]
    contests: tuple[tuple[int, ...], ...]
    pins: tuple[Pin, ...]

    @property
    def condition(self) -> Node | None:
        """What the drops demand together."""
        return conjunction([node for _, node in self.drops])

    @property
    def pinned(self) -> Node | None:
        """What the pins fit: documents that must be candidates, whatever the query, in order to be placed."""
        return disjunction(dict.fromkeys(self.probes[pin.probe] for pin in self.pins))


def compile_rules(rules: Sequence[Rule | str]) -> CompiledRules:
    """The rules of a request in their normal form, their conditions and actions.

    Raises ParamsError, with the path in `rules` as given, for a value that no document could match, for `by`, `at` and
    `group` where they mean nothing, and for too many rules or values.
    """
    read = tuple(_read(rules))
    normal = tuple(rule for rule, _ in read)
    _refuse_too_many(normal)
    drops: list[tuple[int, Node]] = []
    probes: dict[Node, int] = {}
    scalings: list[Scaling] = []
    pins: list[Pin] = []
    groups: dict[str, list[int]] = {}
    rests: dict[str, int] = {}
    kept = frozenset(rule.group for rule in normal if rule.do in ("boost", "bury"))
    for number, (rule, path) in enumerate(read):
        if _is_rest(rule):
            _refuse_lonely(rule, kept, path)
            rests.setdefault(rule.group or "", number)
            continue
        node = node_of(rule, path)
        if rule.do == "drop":
            drops.append((number, Not(node)))
            continue
        probe = probes.setdefault(node, len(probes))
        if rule.do == "pin":
            at = rule.at or 1
            pins.append(Pin(number, probe, at, f"rule:{number} pin at {at} {described(rule)}"))
            continue
        if rule.group is not None:
            groups.setdefault(rule.group, []).append(len(scalings))
        up, by = rule.do == "boost", rule.by or RULE_FACTOR
        note = f"rule:{number} {rule.do} {'x' if up else '/'}{by:g} {described(rule)}"
        scalings.append(Scaling(number, probe, up, by, note))
    listed = tuple(probes)
    for group, number in rests.items():
        kept_by = disjunction(listed[scalings[index].probe] for index in groups[group])
        if kept_by is not None:
            drops.append((number, kept_by))
    return CompiledRules(
        rules=normal,
        drops=tuple(drops),
        probes=listed,
        scalings=tuple(scalings),
        contests=tuple(tuple(sorted(one, key=lambda index: _strength(scalings[index]))) for one in groups.values()),
        pins=tuple(pins),
    )


def _strength(scaling: Scaling) -> float:
    """Sorts the strongest first: boosts before buries, great boosts and small buries first. Equals keep their order."""
    return -scaling.by if scaling.up else scaling.by


# ---------------------------------------------------------------- what they do to candidates


@dataclass(frozen=True, slots=True)
class RuleEffects:
    """Of n candidates. `contributions`: "rule:0" -> [n] what it adds to each score, in order, for rules that add to
    any; scores + their sum is `scores` [n]. `pins`: (row, place from 1), every row and every place once, in order of
    precedence. `notes`: row -> what was done to it, in words."""

    scores: Doubles
    contributions: Mapping[str, Doubles]
    pins: tuple[tuple[int, int], ...]
    notes: Mapping[int, list[str]]


def effects(compiled: CompiledRules, matches: Mask, scores: Doubles, ids: Sequence[str] | None = None) -> RuleEffects:
    """What the rules do, each to the score that the one before left. `matches` [probes, n], `scores` [n], finite.

    A boost by f takes a score s to s f, or to s / f below 0; a bury does the opposite: so a boost never lowers, a bury
    never raises. A pin takes its pages by (-score, id) to its place and those after it, each the next one that is free,
    down to MAX_PIN_PLACE. Without `ids` equal scores go by row.
    """
    left = np.array(scores, np.float64)
    contributions: dict[str, Doubles] = {}
    notes: dict[int, list[str]] = {}
    for scaling, fits in zip(compiled.scalings, _contested(compiled, matches), strict=True):
        if not fits.any():
            continue
        for row in np.flatnonzero(fits).tolist():
            notes.setdefault(row, []).append(scaling.note)
        change = np.where(fits, _scaled(left, scaling) - left, 0.0)
        if change.any():
            contributions[f"rule:{scaling.rule}"] = change
            left = left + change
    pins: dict[int, int] = {}
    for pin in compiled.pins:
        for row in _placed(pin, np.flatnonzero(matches[pin.probe]).tolist(), left, ids, pins):
            notes.setdefault(row, []).append(pin.note)
    return RuleEffects(left, contributions, tuple(pins.items()), notes)


def _scaled(scores: Doubles, scaling: Scaling) -> Doubles:
    """Scores beyond MAX_RULED_SCORE stay, and none gets there: a thousand factors must not make infinity."""
    within = np.abs(scores) <= MAX_RULED_SCORE
    bounded = np.where(within, scores, 0.0)
    scaled = np.where((scores >= 0) == scaling.up, bounded * scaling.by, bounded / scaling.by)
    return np.where(within, np.clip(scaled, -MAX_RULED_SCORE, MAX_RULED_SCORE), scores)


def _contested(compiled: CompiledRules, matches: Mask) -> list[Mask]:
    """[n] for each scaling: what it fits, without what a stronger one of its group fits."""
    fits: list[Mask] = [matches[scaling.probe] for scaling in compiled.scalings]
    for contest in compiled.contests:
        taken = np.zeros(matches.shape[1], np.bool_)
        for index in contest:
            fits[index] = fits[index] & ~taken
            taken = taken | fits[index]
    return fits


def _placed(pin: Pin, rows: list[int], scores: Doubles, ids: Sequence[str] | None, pins: dict[int, int]) -> list[int]:
    """Give the rows their places in `pins`; return those that got one."""
    taken = set(pins.values())
    free = [place for place in range(pin.at, MAX_PIN_PLACE + 1) if place not in taken]
    if not free:
        return []
    rows = sorted((row for row in rows if row not in pins), key=lambda row: (-scores[row], ids[row] if ids else row))
    placed = dict(zip(rows, free, strict=False))
    pins.update(placed)
    return list(placed)


def with_pins(order: Sequence[int], pins: Sequence[tuple[int, int]]) -> list[int]:
    """The rows of `order` with the pinned ones among them at their places, the others in their order around them. A
    place beyond the end is the end."""
    among = set(order)
    waiting = {place: row for row, place in pins if row in among}
    pinned = set(waiting.values())
    others = iter([row for row in order if row not in pinned])
    arranged: list[int] = []
    for place in range(1, len(order) + 1):
        row = waiting.pop(place, None)
        if row is None:
            row = next(others, None)
        arranged.append(waiting.pop(min(waiting)) if row is None else row)
    return arranged
