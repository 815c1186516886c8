"""Equal tokens: given recall within budgets of displayed tokens, compares sessions with baselines tuned for each.

A client without our sessions may choose how many results it asks for, and may leave out what it was shown: the honest
competitor is the best such baseline at the same budget. For each budget and reader it is chosen by the mean over topics
and agents (one choice for all agents, as our session has one default), in two ways: `best` in hindsight on all topics,
which favours it by the luck of the draw, and `crossed`: for each fold of topics on the others. A session is compared
with both; so is `tuned`, the sessions chosen among by crossing in the same way. Not for equal calls
(report.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eval.compare import holm, randomisation_p
from eval.measures import bootstrap_interval
from eval.sessions.readers import Reader
from ranking.types import Doubles

FOLDS: Final = 5
SEED: Final = 20_261_123
PERFECT: Final = Reader(1.0, 1.0, 0.0).name
"""Notices everything at once, so it opens no stub."""
EVERY: Final = "all readers"
TUNED: Final = "tuned"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Recall of one budget: [agent, topic] for each (reader, system); nan where an agent could not run a topic."""

    topics: tuple[str, ...]
    agents: tuple[str, ...]
    recall: Mapping[tuple[str, str], Doubles]

    @property
    def readers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reader for reader, _ in self.recall))

    def means(self, reader: str, system: str) -> Doubles:
        """[topic] over agents."""
        return np.asarray(np.nanmean(self.recall[reader, system], axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which system stands for several: the one of each topic."""

    systems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The most frequent."""
        return Counter(self.systems).most_common(1)[0][0]

    def of(self, table: Table, reader: str) -> Doubles:
        """[agent, topic]."""
        columns = [table.recall[reader, system][:, place] for place, system in enumerate(self.systems)]
        return np.stack(columns, axis=1)


def equal_tokens(
    rows: Sequence[Row], baselines: Sequence[str], sessions: Sequence[str], budgets: Sequence[int]
) -> dict[str, Any]:
    """`rows`: one for each budget, reader (and EVERY) and session system (and TUNED)."""
    found: list[dict[str, Any]] = []
    for budget in budgets:
        table = table_of(rows, f"recall@{budget}t")
        choices = {reader: _choices(table, reader, baselines, sessions) for reader in table.readers}
        for system in (*sessions, *([TUNED] if len(sessions) > 1 else [])):
            found += _compared(table, budget, system, choices)
    for reader in {each["reader"] for each in found}:
        for against in ("best", "crossed"):
            family = [each[against] for each in found if each["reader"] == reader]
            for test, p in zip(family, holm([test["p"] for test in family]), strict=True):
                test["p_holm"] = p
    return {"budgets": list(budgets), "baselines": list(baselines), "rows": found}


def table_of(rows: Sequence[Row], measure: str) -> Table:
    """The values of one measure."""
    topics = tuple(dict.fromkeys(row["topic"] for row in rows))
    agents = tuple(dict.fromkeys(row["agent"] for row in rows))
    places = {topic: place for place, topic in enumerate(topics)}
    recall: dict[tuple[str, str], Doubles] = defaultdict(lambda: np.full((len(agents), len(topics)), np.nan))
    for row in rows:
        recall[row["reader"], row["system"]][agents.index(row["agent"]), places[row["topic"]]] = row["measures"][
            measure
        ]
    return Table(topics, agents, dict(recall))


def best(table: Table, reader: str, systems: Sequence[str]) -> Choice:
    """The highest mean; of equal ones the first."""
    means = [table.means(reader, system).mean() for system in systems]
    return Choice((systems[int(np.argmax(means))],) * len(table.topics))


def crossed(table: Table, reader: str, systems: Sequence[str]) -> Choice:
    """For each of FOLDS parts of the topics, drawn with a seed, the highest mean on the other parts."""
    count = len(table.topics)
    folds = np.random.default_rng(SEED).permutation(count) % min(FOLDS, count)
    if count < 2:
        return best(table, reader, systems)
    values = np.stack([table.means(reader, system) for system in systems])
    picked = [int(np.argmax(values[:, folds != fold].mean(axis=1))) for fold in range(min(FOLDS, count))]
    return Choice(tuple(systems[picked[fold]] for fold in folds))


def _choices(table: Table, reader: str, baselines: Sequence[str], sessions: Sequence[str]) -> dict[str, Choice]:
    return {
        "best": best(table, reader, baselines),
        "crossed": crossed(table, reader, baselines),
        TUNED: crossed(table, reader, sessions),
    }


def _compared(
    table: Table, budget: int, system: str, choices: Mapping[str, Mapping[str, Choice]]
) -> list[dict[str, Any]]:
    """One row a reader and one for all of them."""
    own = {
        reader: each[TUNED].of(table, reader) if system == TUNED else table.recall[reader, system]
        for reader, each in choices.items()
    }
    against = {
        way: {reader: each[way].of(table, reader) for reader, each in choices.items()} for way in ("best", "crossed")
    }
    made = []
    for reader, each in choices.items():
        row: dict[str, Any] = {"budget": budget, "reader": reader, "system": system}
        row |= {"recall": _mean(own[reader]), "chosen": each[TUNED].name if system == TUNED else system}
        for way, values in against.items():
            row[way] = {"baseline": each[way].name, "recall": _mean(values[reader])}
            row[way] |= _tested(own[reader], values[reader])
        made.append(row)
    every: dict[str, Any] = {"budget": budget, "reader": EVERY, "system": system}
    every["recall"] = _mean(np.concatenate(list(own.values())))
    for way, values in against.items():
        gaps = {reader: own[reader] - values[reader] for reader in own}
        every[way] = {"recall": _mean(np.concatenate(list(values.values())))}
        every[way] |= _tested(np.concatenate(list(own.values())), np.concatenate(list(values.values())))
        every[way]["worst"] = _worst({(reader, ""): _mean(gap) for reader, gap in gaps.items()})
        every[way]["worst_cell"] = _worst(
            {
                (reader, agent): _mean(gap[place : place + 1])
                for reader, gap in gaps.items()
                for place, agent in enumerate(table.agents)
            }
        )
    return [*made, every]


def _mean(values: Doubles) -> float:
    """Of a topic over agents, then over the topics that any of them could run."""
    return float(np.nanmean(values[:, np.isfinite(values).any(axis=0)], axis=0).mean())


def _worst(gaps: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    (reader, agent), difference = min(gaps.items(), key=lambda item: item[1])
    return {"reader": reader, "agent": agent, "difference": difference}


def _tested(own: Doubles, other: Doubles) -> dict[str, float]:
    """Difference, interval over topics and p; both [any, topic]."""
    left, right = np.nanmean(other, axis=0), np.nanmean(own, axis=0)
    low, high = bootstrap_interval((right - left).tolist())
    return {"difference": float((right - left).mean()), "low": low, "high": high, "p": randomisation_p(left, right)}


def budget_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a budget and session system: the perfect reader, all readers, the worst of them."""
    rows = [
        [
            *("tokens", "system", f"reader {PERFECT}", "best baseline", "difference", "p (Holm)", "to crossed"),
            *("all readers: to best", "p (Holm)", "to crossed", "worst reader", "worst agent and reader"),
        ]
    ]
    found = {(each["budget"], each["system"], each["reader"]): each for each in body["rows"]}
    for budget, system in dict.fromkeys((budget, system) for budget, system, _ in found):
        one, every = found.get((budget, system, PERFECT)), found[budget, system, EVERY]
        row = [f"{budget:,}", system]
        if one is None:
            row += ["-"] * 5
        else:
            test = one["best"]
            row += [f"{one['recall']:.3f}", f"{test['baseline']} {test['recall']:.3f}", _points(test["difference"])]
            row += [f"{test['p_holm']:.4f}", _points(one["crossed"]["difference"])]
        test = every["best"]
        low, cell = test["worst"], test["worst_cell"]
        row += [_points(test["difference"]), f"{test['p_holm']:.4f}", _points(every["crossed"]["difference"])]
        row += [f"{_points(low['difference'])} ({low['reader']})"]
        row += [f"{_points(cell['difference'])} ({cell['agent']}, {cell['reader']})"]
        rows.append(row)
    return rows


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
