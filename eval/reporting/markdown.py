"""A report as Markdown: given a report, returns the same text and tables as the page; of a plot, its numbers.

Not for the plots (page.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from eval.adhoc.report import markdown_table
from eval.reporting.document import Block, Plot, Points, Report, Section, Table, Text, text_of


def markdown(report: Report) -> str:
    """GitHub's kind."""
    parts = [f"# {report.title}"]
    for section in report.sections:
        parts += _section(section, 2)
    return "\n\n".join(parts) + "\n"


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {section.title}"
    for block in section.blocks:
        yield from _block(block)
    for each in section.sections:
        yield from _section(each, min(level + 1, 6))


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        yield block.text
    elif isinstance(block, Points):
        yield "\n".join(f"- {item}" for item in block.items)
    elif isinstance(block, Plot):
        yield f"**{block.figure.title}.** {block.caption}"
        yield _rows(block.numbers)
    else:
        yield f"**{block.caption}**"
        yield _rows(block)


def _rows(table: Table) -> str:
    rows = [table.head, *([text_of(cell) for cell in row] for row in table.rows)]
    return markdown_table([[escaped(cell) for cell in row] for row in rows]).rstrip("\n")


def escaped(cell: str) -> str:
    """A cell that is one cell, and is read as it stands."""
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
