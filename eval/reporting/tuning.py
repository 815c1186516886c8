"""The sections of a tuning: given tune.json, returns what was gained out of sample and what each parameter is worth.

A part that is not in the file is left out. Not for trials one by one: they are in trials.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eval.compare import SIGNIFICANCE
from eval.reporting.document import Block, Cell, Number, Plot, Section, Table, Text
from eval.reporting.figures import Bar, BarGroup, Bars, Line, Lines, Panel
from eval.reporting.results import Tuning
from eval.reporting.runs import bars_plot
from eval.reporting.tables import STAR

HELD_OUT: Final = (("queries", "by other queries"), ("left_out", "by other sets"))
"""Key in tune.json and its name here."""
MEAN: Final = "mean of sets"
DEFAULT: Final = "default params"
MOST_GAINS: Final = 15
"""Signals that trees gained most by."""


def sentences(tuning: Tuning) -> list[str]:
    """What it says of itself, method by method."""
    methods = tuning.body.get("methods") or {}
    return [f"{tuning.name}, {name}: {told['verdict']}" for name, told in methods.items() if told.get("verdict")]


def tuning_section(tuning: Tuning) -> Section:
    """Everything of one folder."""
    body, measure = tuning.body, str(tuning.body.get("measure", "objective"))
    sections = [_method(measure, name, told) for name, told in (body.get("methods") or {}).items()]
    if rows := list(body.get("parameters") or ()):
        sections.append(_parameters(measure, rows))
    if gains := body.get("gains"):
        sections.append(_gains(gains))
    said = [each for each in (body.get("profile") and f"What to search with: profile {body['profile']}.",) if each]
    if body.get("chosen"):
        said.insert(0, f"Of the methods, {body['chosen']} is the best out of sample.")
    return Section(f"Tuning: {tuning.name}", tuple(Text(each) for each in said), tuple(sections))


def _method(measure: str, name: str, told: Mapping[str, Any]) -> Section:
    """Default, in sample and out of sample, for each set and all of them."""
    rows = [*(told.get("sets") or ()), {"set": MEAN, "topics": None, **(told.get("objective") or {})}]
    held = [(key, label) for key, label in HELD_OUT if any(row.get(key) for row in rows)]
    groups = [
        BarGroup(
            str(row["set"]),
            (
                Bar(DEFAULT, row["default"]),
                Bar("in sample", row["in_sample"]),
                *(Bar(label, row[key]["mean"]) for key, label in held if row.get(key)),
            ),
        )
        for row in rows
        if "default" in row
    ]
    head = ["set", "topics", DEFAULT, "in sample"]
    for _, label in held:
        head += [label, "difference", "p (Holm)"]
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        if "default" in row:
            fixed = (str(row["set"]), Number(row["topics"], "d"), Number(row["default"]), Number(row["in_sample"]))
            cells.append((*fixed, *(cell for key, _ in held for cell in _tested(row.get(key)))))
    caption = "In sample: chosen on these topics, which flatters. By other queries, by other sets: chosen without them."
    plot = bars_plot(f"{name}: {measure} of the default and of what was tuned", measure, groups, caption)
    table = Table(f"{name}: {measure}, tuned against default", tuple(head), tuple(cells))
    verdict = [Text(told["verdict"])] if told.get("verdict") else []
    blocks: list[Block] = [*verdict, plot, table]
    return Section(f"Method {name}", tuple(blocks))


def _tested(found: Mapping[str, float] | None) -> tuple[Cell, ...]:
    if found is None:
        return (Number(None), Number(None), Number(None))
    star = STAR if found["p_holm"] < SIGNIFICANCE else ""
    return Number(found["mean"]), Number(found["difference"], "+.4f", mark=star), Number(found["p_holm"])


def _parameters(measure: str, rows: Sequence[Mapping[str, Any]]) -> Section:
    """What was chosen, importances, and the curve of each."""
    cells: list[tuple[Cell, ...]] = [
        (
            row["name"],
            Number(row["low"], "g"),
            Number(row["high"], "g"),
            Number(row["default"], ".4g"),
            Number(row["chosen"], ".4g"),
            "yes" if row.get("changed") else "no",
            Number(row.get("importance"), ".3f"),
            Number(row.get("lost_without"), "+.4f"),
        )
        for row in rows
    ]
    head = ("parameter", "from", "to", "default", "chosen", "changed", "importance", "lost without")
    blocks: list[Block] = [
        Text(
            "Importance is the share of a parameter in what parts the best trials from the rest (PED-ANOVA); lost "
            f"without is what {measure} loses when it alone goes back to its default. A parameter whose default is a "
            "rule has no number there."
        ),
        Table("Parameters", head, tuple(cells)),
    ]
    for key, title, unit, form in (
        ("importance", "Importance of each parameter", "share", ".3f"),
        ("lost_without", "What is lost without each change", measure, "+.4f"),
    ):
        ranked = sorted((row for row in rows if row.get(key)), key=lambda row: -abs(row[key]))
        if ranked:
            blocks.append(_ranked(title, unit, [Bar(row["name"], row[key]) for row in ranked], form))
    drawn = [row for row in rows if row.get("curve")]
    if drawn:
        blocks.append(_curves(measure, drawn))
    return Section("Parameters", tuple(blocks))


def _ranked(title: str, unit: str, bars: Sequence[Bar], form: str) -> Plot:
    rows = tuple((bar.name, Number(bar.value, form)) for bar in bars)
    figure = Bars(title, unit, (BarGroup("", tuple(bars)),), plain=True)
    return Plot(figure, "Largest first.", Table(title, ("parameter", unit), rows))


def _curves(measure: str, rows: Sequence[Mapping[str, Any]]) -> Plot:
    """A panel a parameter: how the mean and each set change with it, the others as chosen."""
    panels, numbers = [], []
    for row in rows:
        values = [float(value) for value in row["curve"]["values"]]
        at = row["chosen"] if row["chosen"] is not None else row["default"]
        place = min(range(len(values)), key=lambda each: abs(values[each] - at)) if at is not None else 0
        named = {MEAN: row["curve"]["objective"], **(row["curve"].get("sets") or {})}
        lines = []
        for name, found in named.items():
            changes = tuple(float(value) - float(found[place]) for value in found)
            lines.append(Line(name, tuple(values), changes, at=at if name == MEAN else None))
            numbers += [
                (row["name"], name, Number(x, ".4g"), Number(float(y)), Number(change, "+.4f"))
                for x, y, change in zip(values, found, changes, strict=True)
            ]
        panels.append(Panel(row["name"], tuple(lines)))
    title = "Sensitivity: each parameter over its range, the others as chosen"
    caption = (
        f"Change of {measure} against what was chosen, which the dotted line marks. Flat: it hardly matters. Sets that "
        "part: no value is right for all of them."
    )
    table = Table(title, ("parameter", "set", "value", measure, "change"), tuple(numbers))
    return Plot(Lines(title, "value", f"change of {measure}", tuple(panels)), caption, table)


def _gains(gains: Mapping[str, float]) -> Section:
    ranked = sorted(gains.items(), key=lambda each: (-each[1], each[0]))[:MOST_GAINS]
    plot = _ranked("What the trees gained by, signal by signal", "share", [Bar(*each) for each in ranked], ".3f")
    return Section("Trees", (plot,))
