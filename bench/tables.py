"""Tables in Markdown files: given a file and a table's name, replaces what stands between its markers.

    <!-- table: NAME -->
    what a run wrote: the command, then the table
    <!-- end -->

A file without these markers is refused, so that no table is written where nobody looks. Not for measuring.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is the head; columns of numbers are right-aligned."""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    numeric = [bool(body) and all(_is_number(row[i]) for row in body) for i in range(len(head))]
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def replace_table(path: Path, name: str, command: str, table: str) -> None:
    """Write `table` and the command that made it between the markers `name` of the file.

    Raises ValueError when the file has no such markers, or has them twice.
    """
    text = path.read_text("utf-8")
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    found = pattern.findall(text)
    if len(found) != 1:
        raise ValueError(f"{path} has {len(found)} places for the table {name!r}; it needs exactly one")
    filled = f"`{command}`\n\n{table}\n"
    path.write_text(pattern.sub(lambda match: f"{match[1]}{filled}{match[2]}", text), "utf-8")


def _is_number(cell: str) -> bool:
    return bool(re.match(r"[<>≥≤~+-]?\s*\d", cell.strip())) or cell.strip() in ("", "-")
