"""The report of a run with a real agent: given rows and records, returns measures.json's body and its Markdown.

The body is that of simulated sessions (eval/sessions/report.py) for what was displayed, with the same for what was
cited below `cited`, and how conversations ended below `endings`. Not for measuring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from eval.adhoc.report import markdown_table
from eval.live.readings import CITED, DISPLAYED
from eval.live.records import Record
from eval.sessions.plan import Plan
from eval.sessions.report import Row, summary, system_table, test_table

ENDINGS: Final = ("finished", "calls", "tokens", "requests", "silent", "context")
HABITS: Final = (
    *("calls", "opened", "finished", "precision of what it cited"),
    *("requests", "faults", "prompt tokens", "completion tokens"),
)


def body_of(
    name: str,
    topics: int,
    generation: str,
    plan: Plan,
    rows: Sequence[Row],
    records: Mapping[str, Sequence[Record]],
) -> dict[str, Any]:
    """measures.json."""
    of = {kind: [row for row in rows if row["reader"] == kind] for kind in (DISPLAYED, CITED)}
    return {
        **summary(name, topics, generation, plan, of[DISPLAYED]),
        CITED: summary(name, topics, generation, plan, of[CITED]),
        "endings": {system: dict(Counter(record.ending for record in found)) for system, found in records.items()},
    }


def markdown(body: Mapping[str, Any]) -> str:
    """report.md."""
    model, plan = body["model"], body["plan"]
    parts = [
        f"# {body['set']}: {body['topics']} questions, {plan['calls']} calls, the model {model['name']}\n\n"
        f"At {model['endpoint']}. Differences are to `{body['baseline']}`. One run of a model that draws its words: "
        "another run would differ, by how much the intervals do not say; they are over questions.\n",
        "\n## Evidence that was displayed\n\n",
        markdown_table(found_table(body)),
        "\n",
        markdown_table(test_table(body)),
        "\n## Evidence that the model cited\n\n",
        markdown_table(found_table(body[CITED])),
        "\n",
        markdown_table(test_table(body[CITED])),
        "\n## What the model did, means over questions\n\n",
        markdown_table(habit_table(body)),
        "\n## How conversations ended\n\n",
        markdown_table(ending_table(body)),
    ]
    return "".join(parts)


def found_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a system; without the worst cell, for there is one agent and one reader."""
    return [row[:-1] for row in system_table(body)]


def habit_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a system."""
    rows = [["system", *HABITS]]
    for name, system in body["systems"].items():
        rows.append([name, *(f"{system['measures'][habit]:.2f}" for habit in HABITS)])
    return rows


def ending_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a system, a number of questions in each column."""
    rows = [["system", *ENDINGS]]
    for name, counted in body["endings"].items():
        rows.append([name, *(str(counted.get(ending, 0)) for ending in ENDINGS)])
    return rows
