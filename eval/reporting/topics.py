"""Topics won and lost: given pairs with their topics' texts, returns sorted differences and the largest of them.

A mean hides that a system may help some topics and hurt others; these are the topics to look at. Not for means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eval.reporting.document import Block, Cell, Number, Plot, Section, Table
from eval.reporting.figures import Differences, SortedDifferences
from eval.reporting.pairs import Pair, extremes, sorted_differences

QUANTILES: Final = (1.0, 0.75, 0.5, 0.25, 0.0)
LONGEST: Final = 200
"""Characters of a topic's text that are shown."""


@dataclass(frozen=True, slots=True)
class Contest:
    """A pair with its topics: `texts[topic]`, where known, and what each system had."""

    pair: Pair
    texts: Mapping[str, str]
    before: Mapping[str, float]
    after: Mapping[str, float]


def topic_section(measure: str, contests: Sequence[Contest]) -> Section:
    """A plot for each set, a table for each pair."""
    blocks: list[Block] = []
    for set_ in dict.fromkeys(contest.pair.set for contest in contests):
        own = [contest for contest in contests if contest.pair.set == set_]
        blocks.append(differences_plot(measure, [contest.pair for contest in own]))
        blocks += [extremes_table(measure, contest) for contest in own]
    return Section("Topic by topic", tuple(blocks))


def differences_plot(measure: str, pairs: Sequence[Pair]) -> Plot:
    """All pairs of one set."""
    panels = tuple(Differences(each.name, each.baseline, sorted_differences(each)) for each in pairs)
    title = f"{pairs[0].set}: difference in {measure}, topic by topic"
    rows: list[tuple[Cell, ...]] = []
    for panel in panels:
        signs = np.sign(panel.values)
        counts = [Number(int((signs == sign).sum()), "d") for sign in (1, 0, -1)]
        spread = [Number(float(value), "+.4f") for value in np.quantile(panel.values, QUANTILES)]
        rows.append((f"{panel.name} against {panel.against}", *counts, *spread))
    head = ("pair", "wins", "ties", "losses", "largest", "upper quarter", "median", "lower quarter", "smallest")
    caption = "Each topic is a bar, from the largest win to the largest loss; a wide flat middle is topics that tie."
    return Plot(SortedDifferences(title, f"difference in {measure}", panels), caption, Table(title, head, tuple(rows)))


def extremes_table(measure: str, contest: Contest) -> Table:
    """The ten largest wins, then the ten largest losses."""
    wins, losses = extremes(contest.pair)
    rows = tuple(
        (
            "win" if difference > 0 else "loss",
            topic,
            shortened(contest.texts.get(topic, "")),
            Number(contest.before[topic]),
            Number(contest.after[topic]),
            Number(difference, "+.4f"),
        )
        for topic, difference in (*wins, *losses)
    )
    found = contest.pair
    caption = f"{found.set}: largest wins and losses of {found.name} against {found.baseline}, {measure}"
    return Table(caption, ("", "topic", "text", found.baseline, found.name, "difference"), rows, folded=True)


def shortened(text: str) -> str:
    """On one line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
