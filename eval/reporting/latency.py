"""The section on time: given fields of quality and times, returns the frontier and its table. Not for measuring."""

from __future__ import annotations

from collections.abc import Sequence

from eval.reporting.document import Plot, Section, Text
from eval.reporting.figures import Field, Frontier
from eval.reporting.tables import place_table


def latency_section(title: str, unit: str, fields: Sequence[Field], of: str) -> Section:
    """`of`: what was timed, in the plural: searches or calls."""
    table = place_table(f"{unit} and time of {of}", unit, fields)
    caption = (
        f"Filled: half of the {of} were faster; the thin line ends where 95 in 100 were. Systems on the dotted line "
        "are the frontier: no other one is both faster in the median and better."
    )
    said = (
        f"Wall time of {of} in the process that measured, as the agent felt it, without a network. Times of runs that "
        "were made on another machine, or beside other work, cannot be compared."
    )
    return Section(title, (Text(said), Plot(Frontier(f"{unit} against time", unit, tuple(fields)), caption, table)))
