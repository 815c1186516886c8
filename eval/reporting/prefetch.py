"""The section of a prefetch run: given measures.json, returns what was warm, what guesses cost and what they saved.

Not for calls one by one: they are in per_topic.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eval.prefetch.report import ALL
from eval.reporting.document import Block, Number, Plot, Section, Table, Text
from eval.reporting.figures import Bar, BarGroup, Bars
from eval.reporting.results import Prefetch

WHOLE: Final = "whole top five warm"
SAVED: Final = {
    "predicted": "a guess was the query",
    "others": "other later calls",
    "later calls": "all later calls",
    "taken": "a guess that was asked",
}
"""Key in measures.json and its name here."""


def sentences(result: Prefetch) -> list[str]:
    """What was found, in a line."""
    body = result.body
    found, (low, high) = body["coverage"].get(ALL), body.get("interval") or (None, None)
    warm = "no later call had a query of its own"
    if found:
        span = "" if low is None else f" ({low:.3f} to {high:.3f})"
        warm = f"of later calls {found['whole']:.3f}{span} had their whole top five in warm pools"
    wasted = f"guesses that nobody used took {body['guesses']['waste']:.1%} of the sessions' CPU time"
    return [f"{result.set}, prefetch: {warm}; {wasted}; {body['unlike']} calls had other results with it."]


def prefetch_section(result: Prefetch) -> Section:
    """Everything of one folder."""
    body, holds = result.body, result.body["collection"]
    told = "sent" if body["plan"]["objective"] else "not sent"
    head = Text(
        f"{body['sessions']} recorded sessions, {body['calls']} calls, {body['later']} of them after the first; "
        f"{holds['documents']:,} documents; the goal is {told} as objective."
    )
    blocks: list[Block] = [head]
    if body["coverage"]:
        blocks.append(_warm(result))
    blocks += [_cost(body), _times(body)]
    if body["misses"]:
        rows = tuple((why, Number(count, "d")) for why, count in body["misses"].items())
        blocks.append(Table("Why a page was not warm", ("by the words of its query", "calls"), rows, folded=True))
    return Section(f"Prefetch: {result.name}", tuple(blocks))


def _warm(result: Prefetch) -> Plot:
    covered, interval = result.body["coverage"], result.body.get("interval") or (None, None)
    bars = tuple(Bar(name, one["whole"], *(interval if name == ALL else (None, None))) for name, one in covered.items())
    title = f"{result.set}: {WHOLE}"
    rows = tuple(
        (each.name, Number(each.value), Number(covered[each.name]["share"]), Number(each.low), Number(each.high))
        for each in bars
    )
    numbers = Table(title, ("pools", WHOLE, "share of it", "low", "high"), rows)
    caption = (
        "Share of later queries, not asked before, whose stateless top five is warm: in the pools of each kind alone, "
        "and in all. The line is a 95 % bootstrap interval over topics."
    )
    return Plot(Bars(title, "share of later calls", (BarGroup("", bars),), plain=True), caption, numbers)


def _cost(body: Mapping[str, Any]) -> Table:
    one = body["guesses"]
    head = ("guesses", "a call", "used", "waste", "waste by the process's clock", "sessions above 25 %")
    row = (
        Number(one["issued"], "d"),
        Number(one["a_call"], ".2f"),
        Number(one["used"], "d"),
        Number(one["waste"]),
        Number(one["waste_by_clock"]),
        Number(one["sessions_above"]),
    )
    return Table("What guesses cost: share of the sessions' CPU time", head, (row,))


def _times(body: Mapping[str, Any]) -> Table:
    head = ("calls that", "calls", "pairs", "ms with", "ms without", "time saved", "low", "high", "CPU saved")
    rows = tuple(
        (
            SAVED.get(name, name),
            Number(one["calls"], "d"),
            Number(one["pairs"], "d"),
            Number(one["with_ms"], ".1f"),
            Number(one["without_ms"], ".1f"),
            Number(one["saved"], ".1%"),
            *(Number(each, ".1%") for each in one["interval"] or (None, None)),
            Number(one["saved_cpu"], ".1%"),
        )
        for name, one in body["saved"].items()
    )
    return Table("What was saved: medians over calls", head, rows)
