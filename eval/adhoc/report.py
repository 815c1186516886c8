"""Reports: given measured runs, returns Markdown and JSON-ready tables.

Not for pages and plots (reporting/), nor for tables of docs/ (bench/).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.compare import Comparison
from eval.measures import Measured


def summary(name: str, measured: Measured, request: dict[str, Any], generation: str | None) -> dict[str, Any]:
    """measures.json: mean and 95 % interval of each measure, with what was asked."""
    rows: dict[str, Any] = {}
    for each in measured.per_topic:
        low, high = measured.interval(each)
        rows[each] = {"mean": measured.mean(each), "low": low, "high": high}
    topics = len(next(iter(measured.per_topic.values()), {}))
    return {"collection": name, "topics": topics, "generation": generation, "request": request, "measures": rows}


def rows_of_summary(body: dict[str, Any]) -> list[list[str]]:
    return [
        ["measure", "mean", "95 % interval"],
        *(
            [name, f"{row['mean']:.4f}", f"{row['low']:.4f} to {row['high']:.4f}"]
            for name, row in body["measures"].items()
        ),
    ]


def rows_of_comparison(rows: Sequence[Comparison]) -> list[list[str]]:
    """A table of B against A; a star marks p (Holm) below 0.05."""
    return [
        ["measure", "topics", "A", "B", "B - A", "wins", "losses", "p", "p (Holm)"],
        *(
            [
                row.measure,
                str(row.topics),
                f"{row.mean_a:.4f}",
                f"{row.mean_b:.4f}",
                f"{row.difference:+.4f}{'*' if row.significant else ''}",
                str(row.wins),
                str(row.losses),
                f"{row.p:.4f}",
                f"{row.p_holm:.4f}",
            ]
            for row in rows
        ),
    ]


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """GitHub table; the first row is the head."""
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"
