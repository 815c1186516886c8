"""How good sessions are: given the data folder, runs simulated and recorded sessions, writes docs/quality.md's tables.

    python -m bench.session_quality --data DIR [--work DIR] [--topics N] [--write]

What was run before is taken from the work folder. Modes and profiles on the multi-hop questions of two sets with two
agents over the whole grid of readers; recorded sessions of real agents and people. Not for tuning one set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.engine import Engine
from api.settings import Settings
from bench.tables import markdown, replace_table
from eval.sessions.grid import run_sessions
from eval.sessions.plan import Plan
from eval.sessions.replay import RECORDED, run_replay
from eval.sessions.report import points
from eval.sessions.systems import GRIDS, systems_of

QUALITY: Final = Path(__file__).parent.parent / "docs" / "quality.md"
SETS: Final = ("musique-200", "hotpot-react-dev")
AGENTS: Final = ("keyword", "loop")
NOTICING: Final = ("1/1", "0.95/0.8", "0.95/0.4", "0.7/0.7")
FOLLOWING: Final = ("1", "0.5", "0")
PROFILES: Final = (
    "stateless",
    *(f"session:named=0,feedback_weight=0,goal_weight={weight}" for weight in (0.1, 0.2, 0.3)),
    "session:objective=true,named=0,feedback_weight=0,goal_weight=0.2",
)
FEEDBACK: Final = (
    *("stateless", "session:named=0,feedback_weight=0", "session:named=0,cite=true,cited=1"),
    "session:named=0,cite=true",
)
FEEDBACK_TOPICS: Final = 60
"""A sample: who cites needs a run for each of twelve readers."""
OTHER_AGENTS: Final = ("clauses", "evidence", "long")
HEEDING_AGENTS: Final = ("decomposition", "fan-out")
"""They need a run for each reader, too, and the first one sub-questions, which only the first set has."""
SESSION: Final = "session"
HARDER: Final = tuple(f"{SESSION}:demote={factor}" for factor in (0.6, 0.5))
LOGS: Final = {"hotpot-react-dev": 5, "trec-session-2013": 10, "conv-cast-mtrag": 10}
"""Recorded sessions -> results a call."""
RECALL: Final = "recall"
EMBEDDINGS: Final = 100_000
"""Query vectors that are remembered: every agent's, so that a system costs searches alone."""

Bodies = dict[str, dict[str, Any]]


class Told:
    """A line of progress now and then."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, done: int, total: int, note: str) -> None:
        if note != self._last:
            self._last = note
            print(f"{done} of {total}: {note}", file=sys.stderr, flush=True)


def simulated(
    engine: Engine,
    data: Path,
    work: Path,
    name: str,
    systems: Sequence[str],
    topics: int | None,
    agents: Sequence[str] = AGENTS,
    sets: Sequence[str] = SETS,
) -> Bodies:
    """set -> measures.json's body."""
    plan = Plan(tuple(agents), systems_of(systems), topics=topics, threads=os.cpu_count() or 1)
    return {
        each: run_sessions(engine, data / each, work / f"{name}-{each}", plan, collection=None, progress=Told())
        for each in sets
    }


def recorded(engine: Engine, data: Path, work: Path, topics: int | None) -> Bodies:
    """set -> measures.json's body: stateless, the default, and the default without one of its two halves."""
    found = {}
    for each, k in LOGS.items():
        options = ("", ",use_profile=false", ",seen=off", ",objective=true", ",seen=off,objective=true")
        systems = (f"stateless:k={k}", *(f"session:k={k}{option}" for option in options))
        plan = Plan((RECORDED,), systems_of(systems), topics=topics, threads=os.cpu_count() or 1)
        found[each] = run_replay(engine, data / each, work / f"replay-{each}", plan, collection=None, progress=Told())
    return found


def short(system: str) -> str:
    """A system as the tables call it: its options without those that all of a table share."""
    parts = system.partition(":")[2].split(",")
    options = [each for each in parts if each and each != "named=0" and not each.startswith("use_profile=")]
    named = [each for each in options if each != "seen=demote"] or [system.partition(":")[0]]
    return ", ".join(each.replace("=", " ").replace("seen ", "") for each in named)


def systems_table(bodies: Bodies, told: bool = False) -> str:
    """One row a system, for each set: difference, p, worst cell, redundancy, and what it costs in tokens. `told`: with
    all of its options."""
    columns = ("recall", "p (Holm)", "worst cell", "all evidence", "redundancy", "tokens")
    rows = [["system", *(f"{name}: {column}" for name in bodies for column in columns)]]
    for system in next(iter(bodies.values()))["systems"]:
        row = [system if told else short(system)]
        for body in bodies.values():
            own, test = body["systems"][system], body["tests"][RECALL].get(system)
            means = own["measures"]
            if test is None:
                row += [f"{means[RECALL]:.3f}", "-", "-", f"{means['all evidence']:.3f}"]
            else:
                low, every = own["worst"], body["tests"]["all evidence"][system]["difference"]
                row += [points(test["difference"]), f"{test['p_holm']:.4f}", points(low["difference"]), points(every)]
            row += [f"{means['redundancy']:.2f}", f"{means['tokens']:,.0f}"]
        rows.append(row)
    return markdown(rows)


def cells_table(bodies: Bodies) -> str:
    """The table of the pilot: one row a mode and share of stubs followed, one column an agent and reader."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for body in bodies.values():
        for cell in body["cells"]:
            found.setdefault((cell["system"], cell["agent"], cell["reader"]), []).append(cell)
    base = next(iter(bodies.values()))["baseline"]
    places = [(agent, noticing) for agent in AGENTS for noticing in NOTICING]
    rows = [["", "stubs followed", *(f"{agent} {noticing}" for agent, noticing in places)]]
    absolute = [found[base, agent, f"{noticing}/stubs 0"] for agent, noticing in places]
    rows.append(
        ["stateless", "-", *(f"{np.mean([cell['measures'][RECALL] for cell in each]):.3f}" for each in absolute)]
    )
    for system in next(iter(bodies.values()))["systems"]:
        if system == base:
            continue
        for follows in FOLLOWING:
            own = [found[system, agent, f"{noticing}/stubs {follows}"] for agent, noticing in places]
            means = [points(float(np.mean([cell["difference"] for cell in each]))) for each in own]
            rows.append([short(system), follows, *means])
    return markdown(rows)


def agents_table(runs: Sequence[Bodies], system: str = SESSION) -> str:
    """One row a set and agent: this system, whatever others ran, against stateless."""
    rows = [["set", "questions", "agent", "stateless", "difference", "worst cell", "its reader", "redundancy"]]
    for bodies in runs:
        for name, body in bodies.items():
            for agent in body["plan"]["agents"]:
                cells = [cell for cell in body["cells"] if cell["agent"] == agent]
                alone = [cell["measures"] for cell in cells if cell["system"] == body["baseline"]]
                inside = [cell for cell in cells if cell["system"] == system]
                low = min(inside, key=lambda cell: cell["difference"])
                again = float(np.mean([cell["measures"]["redundancy"] for cell in inside]))
                gained = float(np.mean([cell["difference"] for cell in inside]))
                base = float(np.mean([each[RECALL] for each in alone]))
                worst = [points(low["difference"]), low["reader"]]
                before = float(np.mean([each["redundancy"] for each in alone]))
                row = [f"{base:.3f}", points(gained), *worst, f"{before:.2f} to {again:.2f}"]
                rows.append([name, str(body["topics"]), agent, *row])
    return markdown(rows)


def replay_table(bodies: Bodies) -> str:
    """One row a set and system."""
    rows = [["set", "topics", "system", "measure", "mean", "difference", "p (Holm)", "redundancy"]]
    for name, body in bodies.items():
        for system, own in body["systems"].items():
            test = body["tests"][body["deciding"]].get(system)
            difference = [points(test["difference"]), f"{test['p_holm']:.4f}"] if test else ["-", "-"]
            means = own["measures"]
            mean, again = f"{means[body['deciding']]:.3f}", f"{means['redundancy']:.2f}"
            rows.append([name, str(body["topics"]), system, body["deciding"], mean, *difference, again])
    return markdown(rows)


def main() -> None:
    """Print the tables; with --write also put them into docs/quality.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORAGE_TEST_DATA"))
    parser.add_argument("--work", type=Path, default=Path("build/session-quality"))
    parser.add_argument("--topics", type=int, default=None, help="a sample of the questions")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("name the data folder with --data or FORAGE_TEST_DATA")
    data, work, topics = Path(chosen.data), chosen.work, chosen.topics
    sample = "" if topics is None else f" --topics {topics}"
    engine = Engine(Settings(data=work / "data", embedding_cache=EMBEDDINGS))
    try:
        modes = simulated(engine, data, work, "modes", GRIDS["modes"], topics)
        tables = {"session-modes": systems_table(modes), "session-cells": cells_table(modes)}
        tables["session-profiles"] = systems_table(simulated(engine, data, work, "profiles", PROFILES, topics))
        named = simulated(engine, data, work, "named", GRIDS["named"], topics, (*AGENTS, OTHER_AGENTS[0]))
        tables["session-named"] = systems_table(named, told=True)
        few = min(topics or FEEDBACK_TOPICS, FEEDBACK_TOPICS)
        tables["session-feedback"] = systems_table(simulated(engine, data, work, "feedback", FEEDBACK, few))
        default = ("stateless", SESSION)
        others = simulated(engine, data, work, "agents", (*default, *HARDER), topics, (*AGENTS, *OTHER_AGENTS))
        tables["session-demotion"] = systems_table(others, told=True)
        heeding = simulated(engine, data, work, "heeding", default, few, HEEDING_AGENTS, SETS[:1])
        tables["session-agents"] = agents_table([others, heeding])
        tables["session-replay"] = replay_table(recorded(engine, data, work, topics))
    finally:
        engine.close()
    for name, table in tables.items():
        print(f"\n{name}\n\n{table}", flush=True)
        if chosen.write:
            replace_table(QUALITY, name, f"python -m bench.session_quality --data DATA{sample} --write", table)


if __name__ == "__main__":
    main()
