"""Tables of settings from source: given a module's file, returns its constants and the fields of its dataclasses.

The reason of a setting is its `limit(...)`/`row(...)` text, else the comment on its line, else the docstring below it,
else the heading of its group ("# ---- traps"). Read from the source, because comments are where most reasons are. Not
for request knobs: those have a table of their own (ranking/tables.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IDENTITIES: Final = frozenset({"DEFAULTS", "VERSION", "KIB", "MIB", "DAY_S"})
"""Names that are no settings."""
_HEADING: Final = re.compile(r"^\s*# ---- (.+?)\s*$")


@dataclass(frozen=True, slots=True)
class Setting:
    """`group`: the dataclass it belongs to, "" for a constant of the module. `unit` may be in the name instead."""

    group: str
    name: str
    default: str
    unit: str
    reason: str


def settings_of(path: Path) -> tuple[Setting, ...]:
    """In the order of the file. ValueError names a setting without any reason."""
    source = path.read_text("utf-8")
    lines = source.splitlines()
    return tuple(_of_body(ast.parse(source).body, "", source, lines))


def _of_body(body: Sequence[ast.stmt], group: str, source: str, lines: Sequence[str]) -> Iterator[Setting]:
    for place, node in enumerate(body):
        if isinstance(node, ast.ClassDef):
            yield from _of_body(node.body, node.name, source, lines)
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name) or node.value is None:
            continue
        name = node.target.id
        if name.startswith("_") or name in IDENTITIES:
            continue
        call = node.value if isinstance(node.value, ast.Call) else None
        if call and isinstance(call.func, ast.Name) and call.func.id in ("limit", "row"):
            default, unit, reason = (_text(argument, source) for argument in call.args[:3])
        else:
            default, unit = _default(node.value, source), ""
            reason = _comment(node, lines) or _below(body, place) or _heading(node, lines)
        if not reason:
            raise ValueError(f"{name} in line {node.lineno} has no reason: write a comment on its line")
        yield Setting(group, name, default, unit, reason)


def _text(node: ast.expr, source: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return " ".join((ast.get_source_segment(source, node) or "").split())


def _default(value: ast.expr, source: str) -> str:
    """As written; of `field(default_factory=...)`, what makes it."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        made = next((each.value for each in value.keywords if each.arg == "default_factory"), value)
        value = made.body if isinstance(made, ast.Lambda) else made
    return " ".join((ast.get_source_segment(source, value) or "").split())


def _comment(node: ast.AnnAssign, lines: Sequence[str]) -> str:
    """What follows the value on its last line."""
    rest = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode()
    return rest.strip().removeprefix("#").strip() if rest.strip().startswith("#") else ""


def _below(body: Sequence[ast.stmt], place: int) -> str:
    """The docstring under a constant."""
    after = body[place + 1] if place + 1 < len(body) else None
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        return " ".join(after.value.value.split())
    return ""


def _heading(node: ast.AnnAssign, lines: Sequence[str]) -> str:
    """The nearest heading above."""
    for line in reversed(lines[: node.lineno - 1]):
        if found := _HEADING.match(line):
            return found[1]
    return ""
