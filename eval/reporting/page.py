"""A report as one page: given a report, returns HTML that needs nothing else: no script, no font, no address.

Every plot has a title for those who cannot see it and its numbers in a table below it. Not for what it says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Final

from eval.reporting.document import Block, Cell, Number, Points, Report, Section, Table, Text, plots, text_of
from eval.reporting.plots import draw, styles_of
from eval.reporting.svg import STYLE

CSS: Final = f"""{STYLE.strip()}
*{{box-sizing:border-box}}
body{{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:64rem;background:var(--ground);color:var(--ink);
font:1rem/1.55 system-ui,sans-serif}}
h1{{font-size:1.7rem;line-height:1.2;margin:.5rem 0 1rem}}
h2{{font-size:1.35rem;margin:3rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--soft)}}
h3{{font-size:1.1rem;margin:2rem 0 .5rem}}
p,li{{max-width:48rem}}
nav ul{{columns:16rem;list-style:none;padding:0;margin:0}}
nav li{{break-inside:avoid}}
a{{color:var(--c1)}}
figure{{margin:1.25rem 0}}
.wide{{overflow-x:auto}}
svg{{display:block;width:100%;min-width:34rem;height:auto}}
figcaption,caption{{text-align:left;font-size:.92rem}}
caption{{font-weight:600;padding:.25rem 0;white-space:nowrap}}
table{{border-collapse:collapse;font-size:.88rem;margin:.75rem 0;font-variant-numeric:tabular-nums}}
th,td{{padding:.2rem .6rem;border-bottom:1px solid var(--soft);text-align:left;vertical-align:top}}
th{{border-bottom-color:var(--rule);white-space:nowrap}}
.n{{text-align:right;white-space:nowrap}}
td{{white-space:nowrap}}
td.t{{white-space:normal;min-width:16rem;overflow-wrap:anywhere}}
.heat{{display:inline-block;vertical-align:top;max-width:100%;margin-right:2.5rem}}
@media(max-width:40rem){{caption{{white-space:normal;min-width:14rem}}}}
details{{margin:.5rem 0}}
summary{{cursor:pointer;font-size:.92rem}}
@media print{{details>*{{display:block}}}}
"""
UP: Final = "--c1"
DOWN: Final = "--c2"
MOST: Final = 55
"""Per cent of the colour in the darkest cell of a heat table: text on it stays legible."""

LONG: Final = 40
"""Characters of a cell that are never broken."""

_NUMBER: Final = re.compile(r"[-+]?[\d,]*\.?\d+[*?]*")

Ready = Callable[[int, int], None]


def page(report: Report, ready: Ready = lambda done, total: None) -> str:
    """`ready` hears how many of the plots are drawn."""
    wanted = plots(report.sections)
    styles = styles_of([plot.figure for plot in wanted])
    drawn: list[str] = []
    for number, plot in enumerate(wanted, start=1):
        drawn.append(draw(plot.figure, styles, number))
        ready(number, len(wanted))
    title = html.escape(report.title)
    links = "".join(f'<li><a href="#{anchor(each)}">{html.escape(each.title)}</a></li>' for each in report.sections)
    left = iter(drawn)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{title}</title><style>{CSS}</style></head><body>",
        f"<h1>{title}</h1>",
        f"<nav><ul>{links}</ul></nav>" if len(report.sections) > 1 else "",
        *(line for section in report.sections for line in _section(section, 2, left)),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def anchor(section: Section) -> str:
    """Of a section on the page."""
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _section(section: Section, level: int, drawn: Iterator[str]) -> Iterator[str]:
    name = f' id="{anchor(section)}"' if level == 2 else ""
    yield f"<section{name}><h{level}>{html.escape(section.title)}</h{level}>"
    for block in section.blocks:
        yield _block(block, drawn)
    for each in section.sections:
        yield from _section(each, min(level + 1, 6), drawn)
    yield "</section>"


def _block(block: Block, drawn: Iterator[str]) -> str:
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Points):
        return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in block.items) + "</ul>"
    if isinstance(block, Table):
        if block.folded:
            return f"<details><summary>{html.escape(block.caption)}</summary>{_table(block, '')}</details>"
        return _table(block, block.caption)
    caption = f"<strong>{html.escape(block.figure.title)}.</strong> {html.escape(block.caption)}"
    numbers = f"<details><summary>Its numbers</summary>{_table(block.numbers, '')}</details>"
    return f'<figure><figcaption>{caption}</figcaption><div class="wide">{next(drawn)}</div>{numbers}</figure>'


def _table(table: Table, caption: str) -> str:
    numeric = [any(_is_number(row[place]) for row in table.rows) for place in range(len(table.head))]
    head = "".join(
        f'<th scope="col"{_class(number)}>{html.escape(name)}</th>'
        for name, number in zip(table.head, numeric, strict=True)
    )
    rows = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in table.rows)
    named = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    heat = any(isinstance(cell, Number) and cell.shade is not None for row in table.rows for cell in row)
    body = f"<table>{named}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide{" heat" if heat else ""}">{body}</div>'


def _is_number(cell: Cell) -> bool:
    """Also one that results have as text."""
    return isinstance(cell, Number) or bool(_NUMBER.fullmatch(cell))


def _class(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _cell(cell: Cell) -> str:
    if isinstance(cell, str) and not _is_number(cell):
        long = ' class="t"' if len(cell) > LONG else ""
        return f"<td{long}>{html.escape(cell)}</td>"
    shade = ""
    if isinstance(cell, Number) and cell.shade:
        share = round(MOST * min(1.0, abs(cell.shade)))
        colour = f"var({UP if cell.shade > 0 else DOWN})"
        shade = f' style="background:color-mix(in srgb,{colour} {share}%,transparent)"'
    return f'<td class="n"{shade}>{html.escape(text_of(cell))}</td>'
