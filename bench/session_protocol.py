"""Sessions against their strongest competitors: given the data folder, runs the protocol and writes docs/quality.md's
tables.

    python -m bench.session_protocol --data DIR [--work DIR] [--cache DIR] [--topics N] [--only TABLE] [--write]

At equal displayed tokens against baselines tuned for each budget; in parts of the questions; on recorded sessions
against simple rules of history on the same engine; among 50,000 other passages. What was run before is taken from the
work folder. Not for choosing a default (session_quality.py compares modes).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from api.engine import Engine
from api.settings import Settings
from bench.haystack import COLLECTION, haystack
from bench.report import default_cache
from bench.session_quality import AGENTS, EMBEDDINGS, OTHER_AGENTS, QUALITY, SETS, Told
from bench.tables import markdown, replace_table
from eval.compare import holm
from eval.sessions.equal_tokens import EVERY, PERFECT, TUNED
from eval.sessions.grid import run_sessions
from eval.sessions.plan import Plan
from eval.sessions.replay import RECORDED, run_replay
from eval.sessions.report import paired, points, topic_means
from eval.sessions.strata import EVERY as EVERY_AGENT
from eval.sessions.strata import FEW
from eval.sessions.systems import GRIDS, LEAN, system_of, systems_of

TOKENS: Final = 8_000
CALL_TOKENS: Final = 50
"""A query of ten words and the frame of a call to a tool, about."""
SESSION: Final = "session"
TOLD: Final = (
    *(SESSION, "session:k=10", "session:named=0", "session:seen=drop"),
    *(f"{LEAN},k=3", f"{LEAN},named=0,k=3", f"{LEAN},fill=false,k=3", TUNED),
)
"""Sessions at equal tokens, a row each: the default first, then hiding what was seen, at last without naming it."""
HISTORY_SETS: Final = ("trec-session-2013", "conv-cast-mtrag")
HISTORIES: Final = (*GRIDS["histories"], "session:k=10,seen=off", "session:k=10,seen=off,previous_weight=0.5")
HISTORY_MEASURES: Final = ("nDCG@10", "nDCG@10 once", "nDCG@10 with stubs", "nsDCG")
LOGS: Final = tuple(each.replace("k=10", "k=5") for each in HISTORIES)
"""On logs of agents, whose pages had fewer results."""
LOG_SETS: Final = ("hotpot-react-dev",)
LOG_MEASURES: Final = ("recall", "all evidence", "nsDCG")
AMONG_OTHERS: Final = ("stateless", "dedupe", "dedupe:k=10", "session", "session:k=10")

Bodies = dict[str, dict[str, Any]]
Rows = Sequence[Mapping[str, Any]]
COMMAND: Final = "python -m bench.session_protocol --data DATA{sample} --write"


def threads() -> int:
    return os.cpu_count() or 1


# ---------------------------------------------------------------- runs


def within_tokens(engine: Engine, data: Path, work: Path, topics: int | None, call_tokens: int = 0) -> Bodies:
    """Every agent that any reader can be read for, on every set. What a call costs besides changes what is measured,
    not what is asked: the trajectories are those of the first time."""
    agents, systems = (*AGENTS, *OTHER_AGENTS), systems_of(["tokens"])
    plan = Plan(agents, systems, topics=topics, threads=threads(), tokens=TOKENS, call_tokens=call_tokens)
    return {
        name: run_sessions(engine, data / name, work / f"tokens-{name}", plan, collection=None, progress=Told())
        for name in SETS
    }


def among_others(data: Path, work: Path, cache: Path, topics: int | None) -> Bodies:
    """Two agents in the haystack of each set."""
    plan = Plan(AGENTS, systems_of(AMONG_OTHERS), topics=topics, threads=threads(), tokens=TOKENS)
    found = {}
    for name in SETS:
        engine = Engine(Settings(data=haystack(data, cache, name), embedding_cache=EMBEDDINGS))
        try:
            out = work / f"haystack-{name}"
            found[name] = run_sessions(engine, data / name, out, plan, collection=COLLECTION, progress=Told())
        finally:
            engine.close()
    return found


def replayed(
    engine: Engine, data: Path, work: Path, topics: int | None, sets: Sequence[str], systems: Sequence[str]
) -> dict[str, Rows]:
    """set -> its rows: a set of several sources is taken apart, each named after its source."""
    plan = Plan((RECORDED,), systems_of(systems), topics=topics, threads=threads())
    found: dict[str, Rows] = {}
    for name in sets:
        out = work / f"history-{name}"
        run_replay(engine, data / name, out, plan, collection=None, progress=Told())
        rows = [orjson.loads(line) for line in (out / "per_topic.jsonl").read_bytes().splitlines()]
        types = sorted({row["type"] for row in rows})
        for kind in types:
            own = [row for row in rows if row["type"] == kind]
            if any("nDCG@10" in row["measures"] or "recall" in row["measures"] for row in own):
                found[f"{name}: {kind}" if len(types) > 1 else name] = own
    return found


# ---------------------------------------------------------------- tables


def tokens_table(bodies: Bodies, systems: Sequence[str] = TOLD) -> str:
    """One row a set, budget and system: the perfect reader against the best tuned baseline, then all readers."""
    rows = [
        [
            *("set", "tokens", "system", "perfect reader", "best baseline", "difference", "p (Holm)", "to crossed"),
            *("all readers", "p (Holm)", "to crossed", "worst reader", "worst agent and reader", "calls"),
        ]
    ]
    for name, body in bodies.items():
        found = {(each["budget"], each["system"], each["reader"]): each for each in body["tokens"]["rows"]}
        for budget in body["tokens"]["budgets"]:
            for system in systems:
                if (budget, system, EVERY) not in found:
                    continue
                one, every = found[budget, system, PERFECT], found[budget, system, EVERY]
                own, all_of = one["best"], every["best"]
                chosen = system if system == one["chosen"] else f"{system} ({one['chosen']})"
                row = [name, f"{budget:,}", chosen, f"{one['recall']:.3f}", f"{own['baseline']} {own['recall']:.3f}"]
                row += [points(own["difference"]), f"{own['p_holm']:.4f}", points(one["crossed"]["difference"])]
                row += [points(all_of["difference"]), f"{all_of['p_holm']:.4f}", points(every["crossed"]["difference"])]
                row += [points(all_of["worst"]["difference"]), _place(all_of["worst_cell"])]
                calls = [_calls(body, each, budget) for each in (one["chosen"], own["baseline"])]
                row.append(" against ".join(calls))
                rows.append(row)
    return markdown(rows)


def _calls(body: Mapping[str, Any], system: str, budget: int) -> str:
    """Begun within the budget, mean over agents and readers."""
    return f"{body['systems'][system]['measures'][f'calls@{budget}t']:.1f}"


def _place(cell: Mapping[str, Any]) -> str:
    return f"{points(cell['difference'])} ({cell['agent']}, {cell['reader']})"


def strata_table(bodies: Bodies, system: str = SESSION) -> str:
    """One row a set and part of its questions, one column an agent: difference in points, number of questions; ? for
    few, * for p < 0.05."""
    agents = (EVERY_AGENT, *next(iter(bodies.values()))["plan"]["agents"])
    rows = [["set", "questions", *agents]]
    for name, body in bodies.items():
        own = {(each["agent"], each["stratum"]): each for each in body["strata"] if each["system"] == system}
        for part in dict.fromkeys(part for _, part in own):
            cells = [own.get((agent, part)) for agent in agents]
            rows.append([name, part, *(_part(cell) for cell in cells)])
    return markdown(rows)


def _part(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "-"
    marks = ("*" if cell["p"] < 0.05 else "") + ("?" if cell["topics"] < FEW else "")
    return f"{points(cell['difference'])}{marks} ({cell['topics']})"


def history_tables(found: Mapping[str, Rows], measures: Sequence[str]) -> tuple[str, str]:
    """Every system's means, and the default session against the best rule of each measure (in hindsight, the current
    query alone among them), Holm over sets and measures."""
    means = [["set", "topics", "system", *measures]]
    against: list[tuple[list[str], dict[str, float]]] = []
    for name, rows in found.items():
        systems = list(dict.fromkeys(row["system"] for row in rows))
        values = {system: topic_means([row for row in rows if row["system"] == system]) for system in systems}
        for system in systems:
            own = values[system]
            count = len(own[measures[0]])
            cells = [f"{np.mean(list(own[each].values())):.3f}" if each in own else "-" for each in measures]
            means.append([name, str(count), system, *cells])
        rules = [each for each in systems if system_of(each).kind != SESSION]
        default = next(each for each in systems if system_of(each).kind == SESSION)
        for each in measures:
            best = max(rules, key=lambda rule: float(np.mean(list(values[rule][each].values()))))
            base, own_values = values[best][each], values[default][each]
            test = paired(base, own_values)
            common = len(base.keys() & own_values.keys())
            cells = [f"{np.mean(list(one.values())):.3f}" for one in (base, own_values)]
            against.append(([name, each, str(common), best, *cells], test))
    corrected = holm([test["p"] for _, test in against])
    head = ["set", "measure", "topics", "best rule", "its mean", "session", "difference", "95 % interval", "p (Holm)"]
    tested = [
        [*cells, points(test["difference"]), f"{points(test['low'])} to {points(test['high'])}", f"{p:.4f}"]
        for (cells, test), p in zip(against, corrected, strict=True)
    ]
    return markdown(means), markdown([head, *tested])


def distractors_table(bodies: Bodies, small: Bodies) -> str:
    """One row a set, corpus and system, at equal calls; and at equal tokens against the best of the baselines here."""
    rows = [
        [
            *("set", "passages", "system", "recall", "difference", "p (Holm)", "worst cell", "all evidence"),
            *("redundancy", "regret", "at 2,000 tokens, perfect", "at 8,000 tokens, perfect"),
        ]
    ]
    for name in bodies:
        for body in (small[name], bodies[name]):
            passages = f"{body['searched']['passages']:,}"
            rows += [[name, passages, system, *_equal_calls(body, system)] for system in AMONG_OTHERS]
    return markdown(rows)


def _equal_calls(body: Mapping[str, Any], system: str) -> list[str]:
    own, test = body["systems"][system], body["tests"]["recall"].get(system)
    means = own["measures"]
    row = [f"{means['recall']:.3f}"]
    row += [points(test["difference"]), f"{test['p_holm']:.4f}", _place(own["worst"])] if test else ["-"] * 3
    row += [f"{means['all evidence']:.3f}", f"{means['redundancy']:.2f}", f"{means['regret']:.3f}"]
    for budget in (2_000, 8_000):
        found = [
            each["best"]
            for each in body["tokens"]["rows"]
            if (each["budget"], each["system"], each["reader"]) == (budget, system, PERFECT)
        ]
        row.append(f"{points(found[0]['difference'])} ({found[0]['baseline']})" if found else "-")
    return row


# ---------------------------------------------------------------- command


def small_of(engine: Engine, data: Path, work: Path, topics: int | None) -> Bodies:
    """As among_others, without the others."""
    plan = Plan(AGENTS, systems_of(AMONG_OTHERS), topics=topics, threads=threads(), tokens=TOKENS)
    return {
        name: run_sessions(engine, data / name, work / f"alone-{name}", plan, collection=None, progress=Told())
        for name in SETS
    }


def main() -> None:
    """Print the tables; with --write also put them into docs/quality.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORAGE_TEST_DATA"))
    parser.add_argument("--work", type=Path, default=Path("build/session-protocol"))
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the other passages are kept")
    parser.add_argument("--topics", type=int, default=None, help="a sample of the questions")
    parser.add_argument("--only", choices=("tokens", "history", "distractors"), default=None)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("name the data folder with --data or FORAGE_TEST_DATA")
    data, work, topics = Path(chosen.data), chosen.work, chosen.topics

    def tell(name: str, table: str) -> None:
        print(f"\n{name}\n\n{table}", flush=True)
        if chosen.write:
            sample = "" if topics is None else f" --topics {topics}"
            replace_table(QUALITY, name, COMMAND.format(sample=sample), table)

    engine = Engine(Settings(data=work / "data", embedding_cache=EMBEDDINGS))
    parts: dict[str, Callable[[], dict[str, str]]] = {
        "history": partial(_history, engine, data, work, topics),
        "tokens": partial(_tokens, engine, data, work, topics),
        "distractors": partial(_distractors, engine, data, work, chosen.cache, topics),
    }
    try:
        for name in parts if chosen.only is None else (chosen.only,):
            for table, text in parts[name]().items():
                tell(table, text)
    finally:
        engine.close()


def _history(engine: Engine, data: Path, work: Path, topics: int | None) -> dict[str, str]:
    people = replayed(engine, data, work, topics, HISTORY_SETS, HISTORIES)
    agents = replayed(engine, data, work, topics, LOG_SETS, LOGS)
    means, tests = history_tables(people, HISTORY_MEASURES)
    logs, log_tests = history_tables(agents, LOG_MEASURES)
    names = ("session-history", "session-history-tests", "session-history-logs", "session-history-logs-tests")
    return dict(zip(names, (means, tests, logs, log_tests), strict=True))


def _tokens(engine: Engine, data: Path, work: Path, topics: int | None) -> dict[str, str]:
    charged = within_tokens(engine, data, work, topics, CALL_TOKENS)
    bodies = within_tokens(engine, data, work, topics)  # last: the work folder is left with these
    return {
        "session-tokens": tokens_table(bodies),
        "session-tokens-calls": tokens_table(charged),
        "session-strata": strata_table(bodies),
    }


def _distractors(engine: Engine, data: Path, work: Path, cache: Path, topics: int | None) -> dict[str, str]:
    small = small_of(engine, data, work, topics)
    return {"session-distractors": distractors_table(among_others(data, work, cache, topics), small)}


if __name__ == "__main__":
    main()
