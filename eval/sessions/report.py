"""Reports of simulated sessions: given a row for each agent, system, reader and topic, returns measures.json's body and
its Markdown.

A system is compared with the first one, topic by topic, on the mean over agents and readers: paired randomisation and
bootstrap intervals over topics, Holm over systems. The worst cell is the smallest mean difference of one agent with one
reader. Parts of the topics are in strata.py, comparisons within a budget of tokens in equal_tokens.py. Not for
measuring.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from eval.adhoc.report import markdown_table
from eval.compare import holm, randomisation_p
from eval.measures import bootstrap_interval
from eval.sessions.equal_tokens import budget_table, equal_tokens
from eval.sessions.measures import TOKEN_BUDGETS
from eval.sessions.plan import Plan
from eval.sessions.strata import strata, strata_table
from eval.sessions.systems import BASELINES

TESTED: Final = (
    *("recall", "all evidence", "recall@4", "recall@2000t", "recall@4000t", "U", "regret"),
    *("nDCG@10", "nDCG@10 once", "nDCG@10 with stubs", "nsDCG", "redundancy"),
)
"""Measures with a paired test, where every system has them; the first of them decides."""
SHOWN: Final = (
    *("recall", "recall mean", "all evidence", "new per call", "calls to all"),
    *("nDCG@10", "nDCG@10 once", "nDCG@10 with stubs"),
    *("redundancy", "overlap", "repeated queries", "tokens", "nsDCG", "U", "regret", "lost"),
    *("productive calls", "redundant calls", "unproductive calls"),
)

TOKENS_NOTE: Final = (
    "Recall within so many displayed tokens, in points against the best of the baselines, chosen for each budget and "
    "reader in hindsight (best) or on other topics (crossed); `tuned` is the session chosen on other topics.\n\n"
)

Row = Mapping[str, Any]
Values = dict[str, dict[str, float]]
"""[measure][topic]."""


def summary(name: str, topics: int, generation: str, plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """measures.json."""
    systems = [system.name for system in plan.systems]
    base = systems[0]
    by_system = {system: topic_means([row for row in rows if row["system"] == system]) for system in systems}
    tested = [measure for measure in TESTED if all(measure in values for values in by_system.values())]
    cells = cell_rows(rows, base, tested[0])
    return equal_budgets(plan, rows) | {
        "set": name,
        "topics": topics,
        "generation": generation,
        "plan": {"agents": list(plan.agents), "systems": systems, "calls": plan.calls, "seed": plan.seed},
        "baseline": base,
        "deciding": tested[0],
        "systems": {
            system: {
                "measures": {measure: float(np.mean(list(each.values()))) for measure, each in values.items()},
                "worst": worst(cells, system),
            }
            for system, values in by_system.items()
        },
        "tests": {measure: tests(by_system, base, measure) for measure in tested},
        "cells": cells,
        "strata": strata(rows, base, tested[0]),
    }


def equal_budgets(plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """Sessions against tuned baselines within budgets of tokens, of a plan that had one and both kinds of systems."""
    baselines = [system.name for system in plan.systems if system.kind in BASELINES]
    sessions = [system.name for system in plan.systems if system.kind == "session"]
    budgets = [size for size in TOKEN_BUDGETS if plan.tokens and size <= plan.tokens]
    if not (baselines and sessions and budgets):
        return {}
    return {"tokens": {"per_call": plan.call_tokens, **equal_tokens(rows, baselines, sessions, budgets)}}


def topic_means(rows: Sequence[Row]) -> Values:
    """Means over agents and readers; a topic that an agent could not run has the mean of the others."""
    gathered: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for measure, value in row["measures"].items():
            gathered[measure][row["topic"]].append(value)
    return {
        measure: {topic: float(np.mean(values)) for topic, values in topics.items()}
        for measure, topics in gathered.items()
    }


def tests(by_system: Mapping[str, Values], base: str, measure: str) -> dict[str, dict[str, float]]:
    """system -> difference to the baseline with interval, p and p (Holm)."""
    found: dict[str, dict[str, float]] = {}
    for system, values in by_system.items():
        if system != base:
            found[system] = paired(by_system[base][measure], values[measure])
    for each, p in zip(found.values(), holm([each["p"] for each in found.values()]), strict=True):
        each["p_holm"] = p
    return found


def paired(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    """Of b against a, on their common topics."""
    topics = sorted(a.keys() & b.keys())
    left, right = np.array([a[topic] for topic in topics]), np.array([b[topic] for topic in topics])
    low, high = bootstrap_interval((right - left).tolist())
    return {
        "difference": float((right - left).mean()),
        "low": low,
        "high": high,
        "p": randomisation_p(left, right),
    }


def cell_rows(rows: Sequence[Row], base: str, deciding: str) -> list[dict[str, Any]]:
    """Each agent, system and reader: means, and the difference to the baseline in the deciding measure with its p."""
    gathered: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        gathered[row["agent"], row["system"], row["reader"]].append(row)
    made = []
    for (agent, system, reader), own in gathered.items():
        values = topic_means(own)
        means = {name: float(np.mean(list(each.values()))) for name, each in values.items()}
        cell: dict[str, Any] = {"agent": agent, "system": system, "reader": reader, "measures": means}
        if system != base:
            cell |= paired(topic_means(gathered[agent, base, reader])[deciding], values[deciding])
        made.append(cell)
    return made


def worst(cells: Sequence[Mapping[str, Any]], system: str) -> dict[str, Any] | None:
    """The cell of the system with the smallest difference."""
    own = [cell for cell in cells if cell["system"] == system and "difference" in cell]
    if not own:
        return None
    cell = min(own, key=lambda each: each["difference"])
    return {key: cell[key] for key in ("agent", "reader", "difference", "p")}


# ---------------------------------------------------------------- Markdown


def markdown(body: Mapping[str, Any]) -> str:
    """report.md."""
    plan = body["plan"]
    head = (
        f"# {body['set']}: {body['topics']} questions, {plan['calls']} calls\n\n"
        f"Agents: {', '.join(plan['agents'])}. Seed {plan['seed']}. Differences are to `{body['baseline']}`, "
        "means over agents and readers.\n\n"
    )
    if "searched" in body:
        found = body["searched"]
        head += f"Searched: {found['documents']:,} documents with {found['passages']:,} passages.\n\n"
    parts = [
        head,
        "## Systems\n\n",
        markdown_table(system_table(body)),
        "\n## Tests\n\n",
        markdown_table(test_table(body)),
    ]
    parts += [f"\n## Cells: difference in {body['deciding']}\n\n", markdown_table(cell_table(body))]
    if body["strata"]:
        note = "In points; * p < 0.05, not corrected; ? fewer than 20 topics.\n\n"
        parts += [f"\n## Strata: difference in {body['deciding']}\n\n", note]
        parts.append(markdown_table(strata_table(body["strata"], body["baseline"])))
    if "tokens" in body:
        parts += ["\n## At equal displayed tokens, against tuned baselines\n\n", TOKENS_NOTE]
        if body["tokens"]["per_call"]:
            parts.append(f"Each call costs {body['tokens']['per_call']} tokens besides.\n\n")
        parts.append(markdown_table(budget_table(body["tokens"])))
    return "".join(parts)


def system_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a system: means, difference, worst cell."""
    shown = [name for name in SHOWN if name in body["systems"][body["baseline"]]["measures"]]
    rows = [["system", *shown, "difference", "95 % interval", "p (Holm)", "worst cell"]]
    for name, system in body["systems"].items():
        test = body["tests"][body["deciding"]].get(name)
        low, means = system["worst"], system["measures"]
        rows.append(
            [
                name,
                *(f"{means[measure]:.3f}" if measure in means else "-" for measure in shown),
                points(test["difference"]) if test else "",
                f"{points(test['low'])} to {points(test['high'])}" if test else "",
                f"{test['p_holm']:.4f}" if test else "",
                f"{points(low['difference'])} ({low['agent']}, {low['reader']})" if low else "",
            ]
        )
    return rows


def test_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row a system, one column a tested measure."""
    rows = [["system", *body["tests"]]]
    for name in body["tests"][body["deciding"]]:
        found = [each[name] for each in body["tests"].values()]
        rows.append([name, *(f"{points(each['difference'])} (p {each['p_holm']:.4f})" for each in found)])
    return rows


def cell_table(body: Mapping[str, Any]) -> list[list[str]]:
    """One row an agent and reader, one column a system."""
    systems = [name for name in body["systems"] if name != body["baseline"]]
    by_place: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for cell in body["cells"]:
        by_place[cell["agent"], cell["reader"]][cell["system"]] = cell
    rows = [["agent", "reader", body["baseline"], *systems]]
    for (agent, reader), found in by_place.items():
        base = found[body["baseline"]]["measures"][body["deciding"]]
        rows.append([agent, reader, f"{base:.3f}", *(_cell(found.get(system)) for system in systems)])
    return rows


def _cell(cell: Mapping[str, Any] | None) -> str:
    return f"{points(cell['difference'])}{'*' if cell['p'] < 0.05 else ''}" if cell else ""


def points(value: float) -> str:
    """In hundredths, with a sign."""
    return f"{100 * value:+.1f}"
