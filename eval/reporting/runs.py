"""The sections of ad-hoc runs: given groups of runs, returns means, tests, topics won and lost, quality against time.

The deciding measure is tested, every system against the baseline of its set, with Holm's correction over all rows of
the table. Not for sessions (sessions.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.compare import untested
from eval.errors import RunError
from eval.measures import bootstrap_interval
from eval.reporting.document import Block, Cell, Number, Plot, Section, Table
from eval.reporting.figures import Bar, BarGroup, Bars, Field, Place
from eval.reporting.groups import RunGroup
from eval.reporting.pairs import Pair, corrected, pair
from eval.reporting.results import AdHoc
from eval.reporting.tables import paired_tables
from eval.reporting.topics import Contest, topic_section
from ranking.nearest import nearest


def deciding(groups: Sequence[RunGroup], wanted: str | None) -> str:
    """The measure that is tested and drawn: `wanted`, else the first that all runs have. RunError without one."""
    runs = [run for group in groups for run in group.runs]
    common = [name for name in runs[0].values if all(name in run.values for run in runs)]
    if wanted is None and common:
        return common[0]
    if wanted in common:
        if untested(str(wanted)):
            raise RunError(f"{wanted} says nothing of quality: more of it is not better", hint="draw another measure")
        return str(wanted)
    if not common:
        raise RunError("these runs have no measure in common", hint="measure them with the same --measures")
    raise RunError(
        f"not every run has the measure {wanted!r}",
        hint=f"all have {', '.join(common)}",
        did_you_mean=nearest(str(wanted), common),
    )


def tested(groups: Sequence[RunGroup], measure: str) -> tuple[Pair, ...]:
    """Every run against its baseline."""
    return corrected(
        [
            pair(
                group.name, run.name, group.baseline.name, measure, group.baseline.values[measure], run.values[measure]
            )
            for group in groups
            for run in group.runs[1:]
        ]
    )


def run_section(groups: Sequence[RunGroup], measure: str, pairs: Sequence[Pair]) -> Section:
    """Everything about ad-hoc runs but the frontier (latency.py)."""
    blocks: list[Block] = [means_plot(groups, measure)]
    if pairs:
        blocks += paired_tables(f"{measure} against the baseline of each set", pairs)
    blocks.append(measure_table(groups))
    against = [(group, run) for group in groups for run in group.runs[1:]]
    contests = [
        Contest(found, run.queries, group.baseline.values[measure], run.values[measure])
        for found, (group, run) in zip(pairs, against, strict=True)
    ]
    sections = (topic_section(measure, contests),) if contests else ()
    return Section("Ad-hoc runs", tuple(blocks), sections)


def means_plot(groups: Sequence[RunGroup], measure: str) -> Plot:
    """Bars for each set, and for all of them together where every set has the same systems."""
    bars = [
        BarGroup(f"{group.name}, {_count(group)} topics", tuple(bar(run, measure) for run in group.runs))
        for group in groups
    ]
    shared = [name for name in (run.name for run in groups[0].runs) if all(name in _names(group) for group in groups)]
    if len(groups) > 1 and shared:
        every = [
            Bar(name, float(np.mean([found.value for each in bars for found in each.bars if found.name == name])))
            for name in shared
        ]
        bars.append(BarGroup(f"mean over {len(groups)} sets", tuple(every)))
    return bars_plot(f"{measure} by set", measure, bars, "Mean over topics; the line is its 95 % bootstrap interval.")


def bars_plot(title: str, unit: str, groups: Sequence[BarGroup], caption: str, form: str = ".4f") -> Plot:
    """Bars, and the same as a table."""
    rows = tuple(
        (group.name, each.name, Number(each.value, form), Number(each.low, form), Number(each.high, form))
        for group in groups
        for each in group.bars
    )
    numbers = Table(title, ("set", "system", unit, "low", "high"), rows)
    return Plot(Bars(title, unit, tuple(groups)), caption, numbers)


def bar(run: AdHoc, measure: str) -> Bar:
    """A run's mean with its interval."""
    return mean_bar(run.name, list(run.values[measure].values()))


def mean_bar(name: str, values: Sequence[float]) -> Bar:
    """The mean of one value a topic, with its interval."""
    return Bar(name, float(np.mean(values)), *bootstrap_interval(values))


def _names(group: RunGroup) -> set[str]:
    return {run.name for run in group.runs}


def _count(group: RunGroup) -> int:
    return len(group.baseline.queries)


def measure_table(groups: Sequence[RunGroup]) -> Table:
    """Means of all measures."""
    measures = list(dict.fromkeys(name for group in groups for run in group.runs for name in run.values))
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        for run in group.runs:
            means = [
                float(np.mean(list(run.values[name].values()))) if name in run.values else None for name in measures
            ]
            rows.append((group.name, run.name, *map(Number, means)))
    return Table("All measures, means over topics", ("set", "system", *measures), tuple(rows))


def fields(groups: Sequence[RunGroup], measure: str) -> tuple[Field, ...]:
    """Quality and times of the runs that have both."""
    found = []
    for group in groups:
        places = tuple(place(run, measure) for run in group.runs if run.ms)
        if places:
            found.append(Field(group.name, places))
    return tuple(found)


def place(run: AdHoc, measure: str) -> Place:
    """A run on the frontier."""
    own = bar(run, measure)
    p50, p95 = np.quantile(list(run.ms.values()), [0.5, 0.95])
    return Place(run.name, own.value, own.low or 0.0, own.high or 0.0, float(p50), float(p95))
