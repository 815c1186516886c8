"""report.md of a tuning: given tune.json's body, returns tables and sentences. Not for plots: `forage eval report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eval.adhoc.report import markdown_table
from eval.compare import SIGNIFICANCE

ALL_ROW: Final = "mean of sets"
WORTH_A_MODEL: Final = 0.01
"""Of the measure, out of sample: what trees have to gain on weights."""


def markdown(body: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [
        f"# Tuning {body['measure']} on {', '.join(row['set'] for row in body['sets'])}",
        _paragraph(body),
        *(part for method, told in body["methods"].items() for part in _method(method, told)),
        "## Parameters",
        markdown_table(parameter_rows(body)),
        "Importance: share in what parts the best tenth of the trials from the rest (PED-ANOVA). Lost without: what "
        "the objective loses when this one alone goes back to its default.",
    ]
    if body["gains"]:
        named = ", ".join(f"{name} {share:.0%}" for name, share in list(body["gains"].items())[:10])
        parts += ["## What trees gained most by", f"{named}. The model: `{body['model']}`, `model.txt`."]
        parts += [challenge(body)] if body["chosen"] else []
    parts += ["## The engine", *engine_lines(body)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def method_rows(told: Mapping[str, Any]) -> list[list[str]]:
    """A row for each set and one for their mean; a star marks p below 0.05, Holm-corrected over the sets."""
    head = ["set", "topics", "default", "in sample", "over queries", "p (Holm)", "set left out", "p (Holm)"]
    rows = [
        [
            row["set"],
            str(row["topics"]),
            f"{row['default']:.4f}",
            f"{row['in_sample']:.4f}",
            *_held(row["queries"]),
            *_held(row["left_out"]),
        ]
        for row in told["sets"]
    ]
    overall = told["objective"]
    topics = sum(row["topics"] for row in told["sets"])
    return [
        head,
        *rows,
        [
            ALL_ROW,
            str(topics),
            f"{overall['default']:.4f}",
            f"{overall['in_sample']:.4f}",
            *_held(overall["queries"]),
            *_held(overall["left_out"]),
        ],
    ]


def challenge(body: Mapping[str, Any]) -> str:
    """Whether trees are worth having: they cost a model and are read by nobody, so they have to win clearly."""
    (linear, trees), how = (
        [body["methods"][method]["objective"] for method in (body["chosen"], "trees")],
        "left_out" if len(body["sets"]) > 1 else "queries",
    )
    gain = trees[how]["mean"] - linear[how]["mean"]
    told = "worth having" if gain >= WORTH_A_MODEL else f"not worth having: they would have to gain {WORTH_A_MODEL:g}"
    return f"Against the weights, on what neither was tuned on, trees make {gain:+.4f} {body['measure']}: {told}."


def parameter_rows(body: Mapping[str, Any]) -> list[list[str]]:
    """Every parameter with its range, what was chosen and what it is worth."""
    head = ["parameter", "range", "default", "chosen", "importance", "lost without"]
    return [
        head,
        *(
            [
                row["name"],
                f"{row['low']:g} to {row['high']:g}",
                "rule" if row["default"] is None else f"{row['default']:g}",
                f"**{row['chosen']:g}**" if row["changed"] else "as it is",
                "" if row["importance"] is None else f"{row['importance']:.2f}",
                f"{row['lost_without']:+.4f}" if row["changed"] else "",
            ]
            for row in body["parameters"]
        ),
    ]


def engine_lines(body: Mapping[str, Any]) -> list[str]:
    """Whether searches give what the frozen candidates gave."""
    lines = []
    for what, rows in body["engine"].items():
        topics, differing = sum(row["topics"] for row in rows), [name for row in rows for name in row["differing"]]
        if not topics:
            continue
        told = f"{what}: {topics} topics were searched again; "
        if differing:
            told += f"{len(differing)} DIFFER from the frozen candidates ({', '.join(differing[:5])})."
        else:
            told += "every one has the value that the frozen candidates gave."
        lines.append(told)
    return lines or ["Nothing was searched again: the figures are those of the frozen candidates."]


def profile_line(body: Mapping[str, Any]) -> str:
    """What was saved."""
    search = f"{body['profile']}: forage search --profile {body['profile']}"
    if any(each["changed"] for each in body["parameters"]):
        return f"Saved as profile {search}"
    return f"The params it began with stay, as profile {search}"


def _method(method: str, told: Mapping[str, Any]) -> Sequence[str]:
    return (f"## {method}", told["verdict"], markdown_table(method_rows(told)))


def _paragraph(body: Mapping[str, Any]) -> str:
    chosen = body["chosen"]
    how = (
        f"{body['trials']} trials a search, {body['folds']} folds over the queries of each set, then each set left "
        f"out; seed {body['seed']}. "
    )
    rule = "Chosen: the simplest params within one standard error of the best. " if body["simplest"] else ""
    guard = f"What the worst set loses counts {body['guard']:g} times beside the mean. " if body["guard"] else ""
    told = f"Method: {chosen}, the best out of sample. " if chosen else ""
    figures = (
        "In sample is what was tuned on, and always flatters; over queries: chosen on the other folds; set left out: "
        "chosen on the other sets. Every set counts the same, whatever its size."
    )
    return f"{how}{rule}{guard}{told}{figures}\n\n{profile_line(body)}"


def _held(found: Mapping[str, float] | None) -> list[str]:
    if found is None:
        return ["", ""]
    star = "*" if found["p_holm"] < SIGNIFICANCE else ""
    return [f"{found['mean']:.4f} ({found['difference']:+.4f}{star})", f"{found['p_holm']:.4f}"]
