"""A report as data: given a report, returns what JSON can carry: every number in full, every figure as what it shows.

Not for reading results back: those are in the folders that the report was made of.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from eval.reporting.document import Block, Plot, Points, Report, Section, Table, Text, value_of


def data(report: Report) -> dict[str, Any]:
    """report.json."""
    return {"title": report.title, "sections": [_section(each) for each in report.sections]}


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "blocks": [_block(block) for block in section.blocks],
        "sections": [_section(each) for each in section.sections],
    }


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"kind": "text", "text": block.text}
    if isinstance(block, Points):
        return {"kind": "list", "items": list(block.items)}
    if isinstance(block, Plot):
        figure = asdict(block.figure)
        return {"kind": "figure", "caption": block.caption, "figure": figure, "numbers": _table(block.numbers)}
    return {"kind": "table", **_table(block)}


def _table(table: Table) -> dict[str, Any]:
    rows = [[value_of(cell) for cell in row] for row in table.rows]
    return {"caption": table.caption, "head": list(table.head), "rows": rows}
