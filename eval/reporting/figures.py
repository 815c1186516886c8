"""Figures as data: what a plot shows, before anything is drawn.

Plain values that JSON can carry; plots.py draws them. Series keep their place in `systems`, the names that share a
colour over the whole report. Not for how a figure looks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A mean with its 95 % interval, or a value without one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """Bars that stand together, of a set of topics."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars from 0, in groups. `plain`: names stand for themselves and share one colour."""

    title: str
    unit: str
    groups: tuple[BarGroup, ...]
    plain: bool = False
    kind: str = "bars"


@dataclass(frozen=True, slots=True)
class Differences:
    """One panel of per-topic differences of `name` to `against`, largest first."""

    name: str
    against: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SortedDifferences:
    """Who wins where: a panel for each system, topics from its largest win to its largest loss."""

    title: str
    unit: str
    panels: tuple[Differences, ...]
    kind: str = "sorted differences"


@dataclass(frozen=True, slots=True)
class Line:
    """y over x; `low`, `high`: the 95 % interval at each x, where there is one. `at`: an x to mark."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one pair of axes."""

    name: str
    lines: tuple[Line, ...]
    x_unit: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Panels that share the scale of y; `ticks`: the x that are named, all of them on a doubling scale."""

    title: str
    x_unit: str
    y_unit: str
    panels: tuple[Panel, ...]
    ticks: tuple[float, ...] = ()
    doubling: bool = False
    kind: str = "lines"


@dataclass(frozen=True, slots=True)
class Place:
    """A system's quality with its interval, against the median and the 95th percentile of its times."""

    name: str
    value: float
    low: float
    high: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Field:
    """The places of one set of topics."""

    name: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """Quality against latency, a panel for each set."""

    title: str
    unit: str
    fields: tuple[Field, ...]
    kind: str = "frontier"


Figure = Bars | SortedDifferences | Lines | Frontier


def best_first(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The frontier: places that no other one beats in the median time and in quality, fastest first."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda each: (each.p50, -each.value, each.name)):
        if not kept or place.value > kept[-1].value:
            kept.append(place)
    return tuple(kept)


def names_of(figure: Figure) -> tuple[str, ...]:
    """Of what has a colour in it, in order, each once."""
    if isinstance(figure, Bars):
        found = [] if figure.plain else [bar.name for group in figure.groups for bar in group.bars]
    elif isinstance(figure, SortedDifferences):
        found = [panel.name for panel in figure.panels]
    elif isinstance(figure, Lines):
        found = [line.name for panel in figure.panels for line in panel.lines]
    else:
        found = [place.name for field in figure.fields for place in field.places]
    return tuple(dict.fromkeys(found))
