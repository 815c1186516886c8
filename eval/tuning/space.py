"""What is searched: given names and ranges, returns the space of params that a tuning looks through.

Params are numbers by the path that they have in a request: `weights.<signal>`, `fuse.balance.<number>`. One that is not
named has its default. bm25 weighs 1 unless it is named: only ratios of weights order anything. Not for what changes the
signals themselves (k1, b, fields, expansion): candidates are frozen with those.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eval.errors import TuneError
from eval.tuning.weighing import BALANCE, DENSE, RULE, WEIGHTS, Weighing
from ranking.nearest import nearest

Params = Mapping[str, float]

STANDARD: Final = "default"
"""Stands for every row of the table below."""

TABLE: Final[Mapping[str, tuple[float, float, str]]] = {
    "fuse.balance.ceiling": (0.0, 32.0, "weight of dense where the query says just enough to single out a document"),
    "fuse.balance.decay": (0.0, 4.0, "how fast it falls with what the query says beyond that"),
    "fuse.balance.floor": (0.0, 4.0, "its least"),
    "weights.dense_mean": (0.0, 8.0, "pages of which several passages are about it; as dense, which weighs 0.5 to 13"),
    "weights.bm25.title": (0.0, 1.0, "the words in the title alone; up to as much as all fields together"),
    "weights.bm25.bigram": (0.0, 1.0, "neighbouring words of the query side by side"),
    "weights.bm25.passage": (0.0, 1.0, "the words in one window of a long page"),
    "weights.proximity": (0.0, 1.0, "the words near each other"),
    "weights.coverage_idf": (0.0, 1.0, "how much of the query is there at all, however often"),
    "weights.rrf": (0.0, 2.0, "places in the lists, whatever the scores; it has few values, so it may weigh more"),
}
"""Every range that is searched by default, with what it is about. Defaults are those of the request that is tuned."""

USUAL_RANGE: Final = (0.0, 1.0)
"""Of a weight that is named without one: no signal but dense has a larger spread than bm25."""
LARGEST: Final = 1_000.0

_RANGE: Final = re.compile(r"\s*(\S+?)\s*(?:=\s*(\S+?)\s*\.\.\s*(\S+?)\s*)?")


@dataclass(frozen=True, slots=True)
class Parameter:
    """From `low` to `high`. `default` is None for a weight of dense: then the rule of ranking/balance.py holds."""

    name: str
    low: float
    high: float
    default: float | None
    reason: str = ""

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2 if self.default is None else self.default


@dataclass(frozen=True, slots=True)
class Space:
    """The parameters in the order in which they were named."""

    parameters: tuple[Parameter, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.parameters)

    @property
    def signals(self) -> tuple[str, ...]:
        """Those whose weights are searched."""
        return tuple(name.removeprefix(WEIGHTS) for name in self.names if name.startswith(WEIGHTS))

    def defaults(self) -> dict[str, float]:
        """Of those that have a number for one."""
        return {each.name: each.default for each in self.parameters if each.default is not None}

    def changed(self, params: Params) -> dict[str, float]:
        """Those that are not the defaults."""
        defaults = self.defaults()
        return {name: params[name] for name in self.names if name in params and params[name] != defaults.get(name)}


def space_of(asked: Sequence[str], signals: Sequence[str], base: Weighing) -> Space:
    """`asked`: each `name`, `name=low..high` or `default`; none for `default`. `signals`: those of the frozen sets.

    Raises TuneError for a range that is none, a name that is unknown or there twice, and for a weight of dense beside
    the numbers of the rule that it replaces.
    """
    rows: dict[str, Parameter] = {}
    for text in asked or (STANDARD,):
        for parameter in _read(text, signals, base):
            if parameter.name in rows and text != STANDARD:
                raise TuneError(f"{parameter.name} is named twice", path="--params", hint="name it once, or leave it")
            rows.setdefault(parameter.name, parameter)
    ruled = [name for name in rows if name.startswith(BALANCE)]
    if ruled and (DENSE in rows or base.dense is not None):
        what = DENSE if DENSE in rows else "the weight of dense in the request that is tuned"
        raise TuneError(
            f"{what} replaces the rule of {', '.join(ruled)}, which would change nothing",
            path="--params",
            hint="search one or the other",
        )
    return Space(tuple(rows.values()))


def _read(text: str, signals: Sequence[str], base: Weighing) -> Iterable[Parameter]:
    if text.strip() == STANDARD:
        wanted = (name for name in TABLE if base.dense is None or not name.startswith(BALANCE))
        return [_parameter(name, *TABLE[name], signals, base) for name in wanted]
    found = _RANGE.fullmatch(text)
    if not found:
        raise TuneError(
            f"{text!r} is no parameter with a range", path="--params", hint="write 'weights.bm25.bigram=0..1'"
        )
    name, low, high = found.groups()
    table_low, table_high, reason = TABLE.get(name, (*USUAL_RANGE, ""))
    bounds = (table_low, table_high) if low is None else (_number(low, text), _number(high, text))
    return [_parameter(name, *bounds, reason, signals, base)]


def _parameter(name: str, low: float, high: float, reason: str, signals: Sequence[str], base: Weighing) -> Parameter:
    known = [*(f"{WEIGHTS}{signal}" for signal in signals), *(f"{BALANCE}{number}" for number in RULE)]
    if name not in known:
        raise TuneError(
            f"there is no parameter named {name!r} to tune",
            path="--params",
            hint="weights.<signal> of GET /v1/signals, and " + ", ".join(f"{BALANCE}{number}" for number in RULE),
            did_you_mean=nearest(name, known),
        )
    least = 0.0 if name.startswith(BALANCE) else -LARGEST
    if not least <= low < high <= LARGEST:
        raise TuneError(
            f"{low:g}..{high:g} is no range for {name}",
            path="--params",
            hint=f"the lower bound first, between {least:g} and {LARGEST:g}",
        )
    return Parameter(name, low, high, base.default(name), reason)


def _number(word: str | None, text: str) -> float:
    try:
        number = float(word or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TuneError(f"{word!r} in {text!r} is no number", path="--params", hint="write 'weights.bm25.bigram=0..1'")
    return number
