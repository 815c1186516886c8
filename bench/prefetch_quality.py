"""What prefetch is worth: recorded queries among 50,000 other passages; writes the tables of docs/quality.md.

    python -m bench.prefetch_quality WEB [--work DIR] [--topics N] [--repeats N] [--write]

A set whose measures.json is in the work folder is taken from there, unless --again. Not for other requests' latency
(bench/sessions.py).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from api.engine import Engine
from api.settings import Settings
from bench.haystack import COLLECTION, DONE, haystack
from bench.report import machine, options
from bench.session_quality import QUALITY, Told
from bench.tables import markdown, replace_table
from eval.prefetch.asked import PrefetchPlan
from eval.prefetch.report import ALL, UNBOUNDED, WITHOUT
from eval.prefetch.turns import run_prefetch

SETS: Final = ("musique-200", "hotpot-react-dev")
OBJECTIVES: Final = (True, False)
TAKEN: Final = 30
"""Sessions that are asked what was guessed, for times: it does not depend on the objective."""
ORIGINS: Final = ("previous", "goal", "guess", WITHOUT, ALL, UNBOUNDED)
COMMAND: Final = "python -m bench.prefetch_quality WEB --write"

Bodies = dict[tuple[str, bool], dict[str, Any]]


def measured(data: Path, cache: Path, work: Path, plan: PrefetchPlan, name: str) -> dict[str, Any]:
    """measures.json of one set."""
    out = work / f"{name}-{'objective' if plan.objective else 'plain'}"
    done = out / "measures.json"
    if done.is_file():
        found: dict[str, Any] = orjson.loads(done.read_bytes())
        return found
    folder = own_copy(haystack(data, cache, name), work / f"data-{name}")
    told = Told()
    return run_prefetch(
        lambda: Engine(Settings(data=folder)), data / name, out, plan, collection=COLLECTION, progress=told
    )


def own_copy(folder: Path, target: Path) -> Path:
    """A data folder has one writer, and others search the same haystack. Sessions of others are left out."""
    if not (target / DONE).is_file():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        shutil.copytree(folder / COLLECTION, target / COLLECTION)
        shutil.copy(folder / DONE, target / DONE)
    return target


def coverage_table(bodies: Bodies) -> str:
    """One row a set and whether the goal is sent: how many next pages are wholly warm, by what keeps them so."""
    head = ["set", "objective", "next queries", "repeats", *ORIGINS, "95 % of all", "share of all"]
    rows = [head]
    for (name, objective), body in bodies.items():
        found, low_high = body["coverage"], body["interval"]
        fresh = body["later"] - body["repeated"]
        shares = [f"{found[origin]['whole']:.3f}" if origin in found else "-" for origin in ORIGINS]
        interval = f"{low_high[0]:.3f} to {low_high[1]:.3f}"
        told = "sent" if objective else "not sent"
        rows.append([name, told, str(fresh), str(body["repeated"]), *shares, interval, f"{found[ALL]['share']:.3f}"])
    return markdown(rows)


def costs_table(bodies: Bodies) -> str:
    """One row a set: guesses, and waste by both clocks."""
    head = ["set", "objective", "guesses a call", "waste", "by the process's clock", "worst session"]
    rows = [[*head, "exactly predicted", "results that differ"]]
    for (name, objective), body in bodies.items():
        one = body["guesses"]
        costs = [f"{one['a_call']:.2f}", percent(one["waste"]), percent(one["waste_by_clock"])]
        exact = f"{body['saved']['predicted']['calls']} of {body['later']}"
        told = "sent" if objective else "not sent"
        rows.append([name, told, *costs, percent(one["worst_session"]), exact, str(body["unlike"])])
    return markdown(rows)


def saved_table(bodies: Bodies) -> str:
    """One row a set and kind of call: time saved, of waiting and of CPU, each with its interval."""
    kinds = {"predicted": "exactly predicted", "taken": "a guess that is asked", "others": "all others"}
    rows = [["set", "objective", "calls after the first", "calls", "pairs", "saved", "95 %", "CPU saved", "95 %"]]
    for (name, objective), body in bodies.items():
        for kind, what in kinds.items():
            one = body["saved"][kind]
            if one["calls"]:
                told = [name, "sent" if objective else "not sent", what, str(one["calls"]), str(one["pairs"])]
                waited, worked = spread(one["interval"]), spread(one["cpu_interval"])
                rows.append([*told, percent(one["saved"]), waited, percent(one["saved_cpu"]), worked])
    return markdown(rows)


def misses_table(bodies: Bodies) -> str:
    """Why pages were not warm, by the words of their queries."""
    kinds = list(dict.fromkeys(kind for body in bodies.values() for kind in body["misses"]))
    rows = [["set", "objective", "not warm", *kinds]]
    for (name, objective), body in bodies.items():
        counts = [str(body["misses"].get(kind, 0)) for kind in kinds]
        rows.append([name, "sent" if objective else "not sent", str(sum(body["misses"].values())), *counts])
    return markdown(rows)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def spread(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else " to ".join(percent(each) for each in interval)


def main() -> None:
    """Print the tables; with --write also put them into docs/quality.md."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/prefetch-quality"))
    parser.add_argument("--topics", type=int, default=None, help="a sample of the topics")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of a session whose guesses were used")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured before")
    chosen = parser.parse_args()
    bodies: Bodies = {}
    for name in SETS:
        for objective in OBJECTIVES:
            taken = TAKEN if objective else 0
            plan = PrefetchPlan(repeats=chosen.repeats, taken=taken, objective=objective, topics=chosen.topics)
            if chosen.again:
                shutil.rmtree(chosen.work / f"{name}-{'objective' if objective else 'plain'}", ignore_errors=True)
            bodies[name, objective] = measured(chosen.web, chosen.cache, chosen.work, plan, name)
    tables = {
        "prefetch-coverage": coverage_table(bodies),
        "prefetch-costs": costs_table(bodies),
        "prefetch-saved": saved_table(bodies) + f"\n\n{machine()}.",
        "prefetch-misses": misses_table(bodies),
    }
    for table, text in tables.items():
        print(f"\n{table}\n\n{text}", flush=True)
        if chosen.write:
            replace_table(QUALITY, table, COMMAND, text)


if __name__ == "__main__":
    main()
