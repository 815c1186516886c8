"""The report of one run: given a run, returns its measures with intervals, its hardest topics and its times.

Not for comparisons (build.py).
"""

from __future__ import annotations

from typing import Final

from eval.reporting.document import Block, Number, Plot, Report, Section, Table
from eval.reporting.figures import BarGroup, Bars
from eval.reporting.notes import limits_section, ran_section, reading_section
from eval.reporting.results import AdHoc
from eval.reporting.runs import mean_bar
from eval.reporting.topics import shortened

HARDEST: Final = 10
"""Topics with the lowest values that are listed."""


def run_report(run: AdHoc) -> Report:
    """What `forage eval run` writes as report.html and report.md."""
    bars = tuple(mean_bar(measure, list(values.values())) for measure, values in run.values.items())
    rows = tuple((bar.name, Number(bar.value), Number(bar.low), Number(bar.high)) for bar in bars)
    numbers = Table("Measures", ("measure", "mean", "low", "high"), rows)
    caption = "Mean over topics; the line is its 95 % bootstrap interval."
    figure = Bars("Measures", "mean over topics", (BarGroup("", bars),), plain=True)
    first = next(iter(run.values))
    blocks: list[Block] = [Plot(figure, caption, numbers), hardest(run, first)]
    if times := run.body.get("latency"):
        blocks.append(
            Table(
                "Time of a search, ms",
                ("searches", "at once", "p50", "p95", "mean"),
                (
                    (
                        Number(times["calls"], "d"),
                        Number(times["threads"], "d"),
                        *(Number(times[each], ".1f") for each in ("p50", "p95", "mean")),
                    ),
                ),
            )
        )
    sections = (
        Section("Measures", tuple(blocks)),
        ran_section([run]),
        reading_section([run], compared=False),
        limits_section([run], (), ()),
    )
    return Report(f"{run.set}: {len(run.queries)} topics", sections)


def hardest(run: AdHoc, measure: str) -> Table:
    """The topics with the lowest values: the ones to look at."""
    ranked = sorted(run.values[measure].items(), key=lambda each: (each[1], each[0]))[:HARDEST]
    rows = tuple((topic, shortened(run.queries.get(topic, "")), Number(value)) for topic, value in ranked)
    return Table(f"Topics with the lowest {measure}", ("topic", "text", measure), rows, folded=True)
