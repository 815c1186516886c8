"""What a report consists of: text, tables, figures in sections, whatever it is written as.

A report is made once and written three times (page.py, markdown.py, data.py), so all three carry the same numbers. Not
for where the numbers come from (runs.py, sessions.py, tuning.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eval.reporting.figures import Figure

NOTHING: Final = "-"
"""What stands where there is no number."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number and how it is written down; `shade`: from -1 to 1, how far below or above nothing it is, for heat
    tables; `mark` follows the number, as the star of a significant one does."""

    value: float | None
    form: str = ".4f"
    shade: float | None = None
    mark: str = ""

    @property
    def text(self) -> str:
        return NOTHING if self.value is None else f"{self.value:{self.form}}{self.mark}"


Cell = str | Number


def text_of(cell: Cell) -> str:
    """As people read it."""
    return cell if isinstance(cell, str) else cell.text


def value_of(cell: Cell) -> Any:
    """As programs read it: numbers in full."""
    return cell if isinstance(cell, str) else cell.value


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, plain."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`folded`: closed until somebody wants it, where a page can be."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure with what it shows in words, for those who cannot see it, and its numbers."""

    figure: Figure
    caption: str
    numbers: Table


Block = Text | Points | Table | Plot


@dataclass(frozen=True, slots=True)
class Section:
    """Headed; sections within come after its own blocks."""

    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    title: str
    sections: tuple[Section, ...]


def plots(sections: tuple[Section, ...]) -> tuple[Plot, ...]:
    """Every plot, in reading order."""
    found: list[Plot] = []
    for section in sections:
        found += [block for block in section.blocks if isinstance(block, Plot)]
        found += plots(section.sections)
    return tuple(found)
