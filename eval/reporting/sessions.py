"""The sections of sessions: given groups of rows, returns means, curves, the grid of readers and topics won and lost.

A system is compared with the baseline topic by topic, on the mean over agents and readers, as in
eval/sessions/report.py, whose numbers these are. Not for ad-hoc runs (runs.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from eval.measures import bootstrap_interval
from eval.reporting.document import Block, Cell, Number, Plot, Section, Table, Text
from eval.reporting.figures import BarGroup, Field, Line, Lines, Panel, Place
from eval.reporting.groups import SessionGroup
from eval.reporting.pairs import Pair, corrected, pair
from eval.reporting.runs import bars_plot, mean_bar
from eval.reporting.tables import STAR, paired_tables
from eval.reporting.topics import Contest, topic_section
from eval.sessions.equal_tokens import budget_table
from eval.sessions.report import SHOWN, TESTED, TOKENS_NOTE, Values, cell_rows, tests, topic_means
from eval.sessions.strata import strata_table

POINTS: Final = 100.0
PERFECT: Final = "1/1/stubs 1"
"""The reader who notices everything and opens every stub: the hardest to help by showing less again."""
WHOLE: Final = ("tokens", "shown")
"""Measures that are counts."""
LEAST_SHADE: Final = 5.0
"""Points that have the full colour of a heat table where no cell has more."""
_CALLS: Final = re.compile(r"recall@(\d+)")
_TOKENS: Final = re.compile(r"recall@(\d+)t")

Row = Mapping[str, Any]


def deciding(group: SessionGroup) -> str:
    """The measure that is tested first: evidence recall, else the quality of judged pages."""
    held = group.rows[group.baseline][0]["measures"]
    return next((name for name in TESTED if name in held), next(iter(held)))


def values_of(group: SessionGroup) -> dict[str, Values]:
    """system -> [measure][topic]."""
    return {system: topic_means(list(group.rows[system])) for system in group.systems}


def tested_sessions(groups: Sequence[SessionGroup]) -> tuple[Pair, ...]:
    """Every system against the baseline of its set; Holm over all of them."""
    pairs = []
    for group in groups:
        measure, values = deciding(group), values_of(group)
        base = values[group.baseline][measure]
        pairs += [
            pair(group.name, system, group.baseline, measure, base, values[system][measure])
            for system in group.systems[1:]
        ]
    return corrected(pairs)


def session_section(group: SessionGroup, pairs: Sequence[Pair]) -> Section:
    """Everything about one set. `pairs`: those of this group."""
    measure, values = deciding(group), values_of(group)
    bars = [BarGroup("", tuple(mean_bar(system, list(values[system][measure].values())) for system in group.systems))]
    caption = "Mean over questions, agents and readers; the line is the 95 % bootstrap interval over questions."
    blocks: list[Block] = [bars_plot(f"{group.name}: {measure}", measure, bars, caption)]
    if pairs:
        caption = f"{measure} against the baseline, in points"
        blocks += paired_tables(caption, pairs, POINTS, ".1f")
    blocks.append(mean_table(group, values))
    if pairs:
        blocks.append(test_table(group, values))
    sections = [*curve_sections(group)]
    if tokens := group.body.get("tokens"):
        sections.append(
            _told("Equal displayed tokens", TOKENS_NOTE, "Sessions against tuned baselines", budget_table(tokens))
        )
    if pairs:
        sections.append(reader_section(group, measure))
        contests = [
            Contest(found, texts(group), values[group.baseline][measure], values[found.name][measure])
            for found in pairs
        ]
        sections.append(topic_section(measure, contests))
    if parts := group.body.get("strata"):
        base = group.body["baseline"]
        said = f"Differences in {measure} to {base}, in points; ?: few topics; *: p below 0.05, not corrected."
        sections.append(_told("Parts of the topics", said, f"{measure} by agent and part", strata_table(parts, base)))
    return Section(f"Sessions: {group.name}", tuple(blocks), tuple(sections))


def _told(title: str, said: str, caption: str, rows: Sequence[Sequence[str]]) -> Section:
    """A table that the results of the first folder have made."""
    head, *rest = rows
    return Section(title, (Text(said.strip()), Table(caption, tuple(head), tuple(map(tuple, rest)))))


def texts(group: SessionGroup) -> Mapping[str, str]:
    """topic -> the question, where the results say it."""
    found: Mapping[str, str] = group.body.get("questions", {})
    return found


def mean_table(group: SessionGroup, values: Mapping[str, Values]) -> Table:
    """What each system did."""
    shown = [name for name in SHOWN if name in values[group.baseline]]
    rows: list[tuple[Cell, ...]] = [
        (system, *[Number(_mean(values[system].get(name)), ",.0f" if name in WHOLE else ".3f") for name in shown])
        for system in group.systems
    ]
    return Table("Means over questions, agents and readers", ("system", *shown), tuple(rows))


def _mean(by_topic: Mapping[str, float] | None) -> float | None:
    return float(np.mean(list(by_topic.values()))) if by_topic else None


def test_table(group: SessionGroup, values: Mapping[str, Values]) -> Table:
    """Differences to the baseline in every tested measure."""
    measures = [name for name in TESTED if all(name in own for own in values.values())]
    found = {name: tests(values, group.baseline, name) for name in measures}
    rows: list[tuple[Cell, ...]] = []
    for system in group.systems[1:]:
        for name in measures:
            test = found[name][system]
            star = STAR if test["p_holm"] < 0.05 else ""
            numbers = [Number(POINTS * test[key], "+.1f") for key in ("low", "high")]
            difference = Number(POINTS * test["difference"], "+.1f", mark=star)
            rows.append((system, name, difference, *numbers, Number(test["p"]), Number(test["p_holm"])))
    caption = "Differences to the baseline, in points; Holm over the systems, measure by measure"
    return Table(caption, ("system", "measure", "difference", "low", "high", "p", "p (Holm)"), tuple(rows), folded=True)


# ---------------------------------------------------------------- curves


def curve_sections(group: SessionGroup) -> Iterable[Section]:
    """Recall after each call, and within each number of displayed tokens."""
    held = group.rows[group.baseline][0]["measures"]
    for pattern, title, unit, doubling in (
        (_CALLS, "Evidence recall by call", "calls made", False),
        (_TOKENS, "Evidence recall by displayed tokens", "displayed tokens", True),
    ):
        steps = sorted(int(match[1]) for name in held if (match := pattern.fullmatch(name)))
        if not steps:
            continue
        names = [f"recall@{step}{'t' if doubling else ''}" for step in steps]
        panels = [
            Panel(name, tuple(_line(system, topic_means(rows), names, steps) for system, rows in own.items()))
            for name, own in _panels(group)
        ]
        x = tuple(map(float, steps))
        figure = Lines(f"{group.name}: {title.lower()}", unit, "evidence recall", tuple(panels), x, doubling)
        numbers = [
            (panel.name, line.name, Number(at, "g"), Number(y), Number(low), Number(high))
            for panel in panels
            for line in panel.lines
            for at, y, low, high in zip(line.x, line.y, line.low, line.high, strict=True)
        ]
        table = Table(figure.title, ("panel", "system", unit, "recall", "low", "high"), tuple(numbers))
        caption = "Mean over questions; the band is the 95 % bootstrap interval over questions."
        yield Section(title, (Plot(figure, caption, table),))


def _panels(group: SessionGroup) -> Iterable[tuple[str, dict[str, list[Row]]]]:
    """All readers and agents; the perfect reader; each agent. Only what has rows of every system."""
    agents = list(dict.fromkeys(row["agent"] for row in group.rows[group.baseline]))
    chosen: list[tuple[str, Any]] = [
        ("mean over agents and readers", lambda row: True),
        ("reader who misses nothing", lambda row: row["reader"] == PERFECT),
    ]
    if len(agents) > 1:
        chosen += [(f"agent {agent}", lambda row, agent=agent: row["agent"] == agent) for agent in agents]
    for name, wanted in chosen:
        own = {system: [row for row in group.rows[system] if wanted(row)] for system in group.systems}
        if all(own.values()):
            yield name, own


def _line(system: str, values: Values, names: Sequence[str], steps: Sequence[int]) -> Line:
    by_step = [list(values[name].values()) for name in names]
    intervals = [bootstrap_interval(each) for each in by_step]
    return Line(
        system,
        tuple(map(float, steps)),
        tuple(float(np.mean(each)) for each in by_step),
        tuple(low for low, _ in intervals),
        tuple(high for _, high in intervals),
    )


# ---------------------------------------------------------------- the grid of readers


def reader_section(group: SessionGroup, measure: str) -> Section:
    """A heat table for each system: difference to the baseline for every agent and reader."""
    rows = [row for system in group.systems for row in group.rows[system]]
    cells = cell_rows(rows, group.baseline, measure)
    agents = list(dict.fromkeys(cell["agent"] for cell in cells))
    readers = list(dict.fromkeys(cell["reader"] for cell in cells))
    found = {(each["system"], each["agent"], each["reader"]): each for each in cells if "difference" in each}
    largest = max([LEAST_SHADE, *(abs(POINTS * each["difference"]) for each in found.values())])
    tables = [
        Table(
            f"{system}: difference in {measure} to {group.baseline}, points",
            ("reader", *agents, "mean"),
            tuple(
                (reader, *_heat([found.get((system, agent, reader)) for agent in agents], largest))
                for reader in readers
            ),
        )
        for system in group.systems[1:]
    ]
    said = (
        "A reader notices what it looks for with the first chance, other evidence with the second, and opens the named "
        f"share of stubs. {STAR}: p below 0.05, not corrected: of many cells some are starred by chance."
    )
    return Section("The grid of readers", (Text(said), *tables))


def _heat(cells: Sequence[Mapping[str, Any] | None], largest: float) -> list[Cell]:
    made: list[Cell] = []
    for cell in cells:
        if cell is None:
            made.append(Number(None))
            continue
        points = POINTS * cell["difference"]
        made.append(Number(points, "+.1f", points / largest, STAR if cell["p"] < 0.05 else ""))
    known = [POINTS * cell["difference"] for cell in cells if cell is not None]
    mean = float(np.mean(known)) if known else None
    return [*made, Number(mean, "+.1f", None if mean is None else mean / largest)]


def session_fields(groups: Sequence[SessionGroup]) -> tuple[Field, ...]:
    """Quality and times of a call, where times were kept."""
    found = []
    for group in groups:
        measure, values = deciding(group), values_of(group)
        places = []
        for system in group.systems:
            times = group.latency.get(system, {})
            if times.get("p50") is not None:
                own = mean_bar(system, list(values[system][measure].values()))
                places.append(Place(system, own.value, own.low or 0.0, own.high or 0.0, times["p50"], times["p95"]))
        if places:
            found.append(Field(group.name, tuple(places)))
    return tuple(found)
