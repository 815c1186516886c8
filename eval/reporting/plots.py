"""Plots: given a figure, returns it as SVG for inlining in a page; the same figure gives the same bytes.

Colours are variables of the page (svg.py), so that a plot is legible on light and dark ground; systems differ by marker
and dash as well as by colour. matplotlib draws, without a display. Not for what is drawn (figures.py).
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from eval.reporting.figures import Bars, Figure, Frontier, Lines, SortedDifferences, best_first, names_of
from eval.reporting.svg import INK, PALETTE, RULE, SOFT, inlined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

WIDTH: Final = 8.0
"""Inches, at 100 units each: the width that a page gives a plot."""
PANEL_HEIGHT: Final = 2.9
MARKERS: Final = "osD^vP*X"
DASHES: Final = ("-", "--", "-.", ":")
NAME_WIDTH: Final = 46
"""Characters of a name beside a plot before it is broken."""

Styles = Mapping[str, int]
"""name -> its place in the palette, the same over the whole report."""


def styles_of(figures: Sequence[Figure]) -> Styles:
    """Colours by first appearance, among names that share a figure, directly or by way of others: those of runs and of
    sessions never meet, and both begin with the first colour."""
    families: list[dict[str, None]] = []
    for figure in figures:
        own = dict.fromkeys(names_of(figure))
        met = [family for family in families if family.keys() & own.keys()]
        families = [family for family in families if family not in met]
        families.append({name: None for family in (*met, own) for name in family})
    return {name: place for family in families for place, name in enumerate(family)}


def draw(figure: Figure, styles: Styles, number: int) -> str:
    """The SVG of the report's figure `number`, whose ids are unlike those of every other number."""
    import matplotlib
    from matplotlib.figure import Figure as Drawing

    settings: Any = {
        "text.parse_math": False,
        "svg.hashsalt": f"forage {number}",
        "svg.fonttype": "none",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": RULE,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "xtick.color": INK,
        "ytick.color": INK,
        "text.color": INK,
        "grid.color": SOFT,
        "legend.frameon": False,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # what a person set for plots of their own
        matplotlib.rcParams.update(settings)
        drawing = Drawing(layout="constrained")
        _DRAWERS[type(figure)](drawing, figure, styles)
        out = io.StringIO()
        drawing.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return inlined(out.getvalue(), figure.title, number)


def _colour(styles: Styles, name: str) -> str:
    return PALETTE[styles[name] % len(PALETTE)]


def _marker(styles: Styles, name: str) -> str:
    return MARKERS[styles[name] % len(MARKERS)]


def _dash(styles: Styles, name: str) -> str:
    return DASHES[styles[name] // 2 % len(DASHES)]


def _broken(name: str) -> str:
    return "\n".join(textwrap.wrap(name, NAME_WIDTH, break_on_hyphens=False)) or name


def _grid(drawing: Drawing, count: int, height: float, columns: int, **shared: Any) -> list[Axes]:
    """`count` axes, row by row; those that are left over are not drawn."""
    columns = min(count, columns)
    rows = -(-count // columns)
    drawing.set_size_inches(WIDTH, rows * height)
    found = list(drawing.subplots(rows, columns, squeeze=False, **shared).flat)
    for extra in found[count:]:
        extra.remove()
    return found[:count]


def _legend(drawing: Drawing, axes: Axes) -> None:
    """Above everything, in as many columns as names allow."""
    handles, labels = axes.get_legend_handles_labels()
    widest = max(map(len, labels), default=1)
    columns = max(1, min(len(labels), 84 // (widest + 6)))
    drawing.legend(handles, [_broken(label) for label in labels], loc="outside upper left", ncols=columns)


# ---------------------------------------------------------------- one function a kind


def _bars(drawing: Drawing, figure: Bars, styles: Styles) -> None:
    count = sum(len(group.bars) + 1 for group in figure.groups)
    drawing.set_size_inches(WIDTH, 0.6 + 0.27 * count)
    axes = drawing.subplots()
    place, ticks, names = 0.0, [], []
    for group in figure.groups:
        if group.name:
            axes.text(0.0, place, group.name, fontweight="bold", va="center", clip_on=False)
            place += 1
        for bar in group.bars:
            axes.barh(place, bar.value, height=0.72, color=PALETTE[0] if figure.plain else _colour(styles, bar.name))
            end = bar.value
            if bar.low is not None and bar.high is not None:
                axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.2, solid_capstyle="butt")
                end = max(end, bar.high)
            axes.annotate(f"{bar.value:.3f}", (end, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
            ticks.append(place)
            names.append(_broken(bar.name))
            place += 1
    axes.set_yticks(ticks, names)
    axes.set_ylim(place - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=min(0.0, *(bar.value for group in figure.groups for bar in group.bars)))
    axes.margins(x=0.08)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(figure.unit)


def _sorted(drawing: Drawing, figure: SortedDifferences, styles: Styles) -> None:
    panels = _grid(drawing, len(figure.panels), PANEL_HEIGHT - 0.4, 2, sharey=True)
    for axes, panel in zip(panels, figure.panels, strict=True):
        places = list(range(1, len(panel.values) + 1))
        axes.bar(places, panel.values, width=1.0, color=_colour(styles, panel.name))
        axes.axhline(0, color=INK, linewidth=0.8)
        wins, losses = (sum(sign * value > 0 for value in panel.values) for sign in (1, -1))
        ties = len(panel.values) - wins - losses
        axes.set_title(f"{_broken(f'{panel.name} against {panel.against}')}\nwins {wins}, ties {ties}, losses {losses}")
        axes.set_xlabel("topics, largest win first")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
        axes.tick_params(labelleft=True)
    for axes in panels[::2]:
        axes.set_ylabel(figure.unit)


def _lines(drawing: Drawing, figure: Lines, styles: Styles) -> None:
    columns = 3 if len(figure.panels) == 3 or len(figure.panels) > 6 else 2
    panels = _grid(drawing, len(figure.panels), PANEL_HEIGHT - 0.3 * (columns > 2), columns, sharey=True)
    for axes, panel in zip(panels, figure.panels, strict=True):
        for line in panel.lines:
            colour = _colour(styles, line.name)
            if line.low:
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.14, linewidth=0)
            axes.plot(
                line.x, line.y, _dash(styles, line.name), color=colour, marker=_marker(styles, line.name),
                markersize=4.5, label=line.name,
            )  # fmt: skip
            if line.at is not None:
                axes.axvline(line.at, color=INK, linewidth=0.8, linestyle=":")
        if figure.doubling:
            axes.set_xscale("log", base=2)
        if figure.ticks:
            axes.set_xticks(figure.ticks, [f"{tick:g}" for tick in figure.ticks])
            axes.minorticks_off()
        axes.set_title(_broken(panel.name) if len(figure.panels) > 1 else "")
        axes.set_xlabel(panel.x_unit or figure.x_unit)
        axes.grid(axis="y")
        axes.tick_params(labelleft=True)
    for axes in panels[::columns]:
        axes.set_ylabel(figure.y_unit)
    if len(names_of(figure)) > 1:
        _legend(drawing, panels[0])


def _frontier(drawing: Drawing, figure: Frontier, styles: Styles) -> None:
    panels = _grid(drawing, len(figure.fields), PANEL_HEIGHT + 0.2, 2)
    for axes, field in zip(panels, figure.fields, strict=True):
        front = best_first(field.places)
        axes.plot([place.p50 for place in front], [place.value for place in front], ":", color=INK, linewidth=1)
        for place in field.places:
            colour = _colour(styles, place.name)
            axes.plot([place.p50, place.p95], [place.value] * 2, "-", color=colour, linewidth=1)
            axes.plot([place.p50] * 2, [place.low, place.high], "-", color=colour, linewidth=1)
            axes.plot([place.p95], [place.value], "|", color=colour, markersize=8)
            axes.plot(
                [place.p50], [place.value], _marker(styles, place.name), color=colour, markersize=7, label=place.name,
                linestyle="",
            )  # fmt: skip
        axes.set_xlim(0, 1.08 * max(place.p95 for place in field.places))
        axes.set_title(field.name)
        axes.set_xlabel("ms, median to 95th percentile")
        axes.grid()
        axes.set_axisbelow(True)
    for axes in panels[::2]:
        axes.set_ylabel(figure.unit)
    _legend(drawing, max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[1])))


_DRAWERS: Final[Mapping[type, Callable[[Any, Any, Styles], None]]] = {
    Bars: _bars,
    SortedDifferences: _sorted,
    Lines: _lines,
    Frontier: _frontier,
}
