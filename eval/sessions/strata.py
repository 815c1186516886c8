"""Strata: given a row for each agent, system, reader and topic, returns what each system gains in each part of them.

A mean can hide a part that loses. The parts, within each agent and over all of them: the set's own types of topics, the
number of documents that have to be found, and topics that the baseline solves in its first call (with a reader who
notices everything: no session can gain there) apart from the others. A topic's value is its mean over readers. Not for
agents with readers (session_report.cell_rows).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np

from eval.compare import randomisation_p

FEW: Final = 20
"""Topics below which a part is marked: its mean says little."""
EVERY: Final = "all agents"
ALL: Final = "all topics"
SOLVED: Final = {True: "solved in call 1", False: "not solved in call 1"}

Row = Mapping[str, Any]
Part = tuple[str, str]
"""(agent, which topics)."""


def strata(rows: Sequence[Row], base: str, measure: str) -> list[dict[str, Any]]:
    """For each part and system but `base`: topics, mean of the baseline, difference, p (paired randomisation, not
    corrected: a part that loses is to be seen), and whether there are too `few` topics."""
    values: dict[tuple[Part, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    solved = solved_at_once(rows, base)
    kinds = {key for key in ("type", "hops") if len({row.get(key) for row in rows}) > 1}
    for row in rows:
        if measure in row["measures"]:
            for part in parts_of(row, kinds, solved):
                values[part, row["system"]][row["topic"]].append(row["measures"][measure])
    made = []
    for (part, system), topics in values.items():
        if system != base and (part, base) in values:
            made.append(_compared(part, system, _means(values[part, base]), _means(topics)))
    return sorted(made, key=lambda each: (each["agent"] != EVERY, each["agent"], each["stratum"] != ALL))


def parts_of(row: Row, kinds: Collection[str], solved: Mapping[tuple[str, str], bool]) -> list[Part]:
    """Those that the row's topic belongs to. `kinds`: of type and hops, those in which topics differ."""
    names = [ALL]
    if "type" in kinds and row.get("type"):
        names.append(f"type {row['type']}")
    if "hops" in kinds and row.get("hops"):
        names.append(f"{row['hops']} hops")
    found = [(agent, name) for agent in (EVERY, row["agent"]) for name in names]
    at_once = solved.get((row["agent"], row["topic"]))
    return found if at_once is None else [*found, *((agent, SOLVED[at_once]) for agent in (EVERY, row["agent"]))]


def solved_at_once(rows: Sequence[Row], base: str) -> dict[tuple[str, str], bool]:
    """(agent, topic) -> whether some reader noticed all evidence in the baseline's first call."""
    found: dict[tuple[str, str], bool] = {}
    for row in rows:
        recall = row["measures"].get("recall@1")
        if row["system"] == base and recall is not None:
            key = row["agent"], row["topic"]
            found[key] = found.get(key, False) or recall == 1.0
    return found


def losing(made: Sequence[Mapping[str, Any]], system: str, limit: float) -> list[Mapping[str, Any]]:
    """The parts with enough topics where the system loses more than `limit`, the worst first."""
    own = [each for each in made if each["system"] == system and not each["few"] and each["difference"] < -limit]
    return sorted(own, key=lambda each: float(each["difference"]))


def strata_table(made: Sequence[Mapping[str, Any]], base: str) -> list[list[str]]:
    """One row a part, one column a system, in points; ? marks few topics, * a p below 0.05."""
    systems = list(dict.fromkeys(each["system"] for each in made))
    parts: dict[Part, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for each in made:
        parts[each["agent"], each["stratum"]][each["system"]] = each
    rows = [["agent", "topics", "number", base, *systems]]
    for (agent, name), own in parts.items():
        one = next(iter(own.values()))
        cells = [_cell(own[system]) if system in own else "" for system in systems]
        rows.append([agent, name, str(one["topics"]), f"{one['base']:.3f}", *cells])
    return rows


def _cell(found: Mapping[str, Any]) -> str:
    marks = ("*" if found["p"] < 0.05 else "") + ("?" if found["few"] else "")
    return f"{100 * found['difference']:+.1f}{marks}"


def _means(topics: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {topic: float(np.mean(values)) for topic, values in topics.items()}


def _compared(part: Part, system: str, base: Mapping[str, float], own: Mapping[str, float]) -> dict[str, Any]:
    topics = sorted(base.keys() & own.keys())
    left, right = np.array([base[topic] for topic in topics]), np.array([own[topic] for topic in topics])
    return {
        "agent": part[0],
        "stratum": part[1],
        "system": system,
        "topics": len(topics),
        "base": float(left.mean()),
        "difference": float((right - left).mean()),
        "p": randomisation_p(left, right),
        "few": len(topics) < FEW,
    }
