"""Groups: given results, returns those that can be compared with each other, the baseline of each first.

Runs belong together when they have the same set, topics, judgements and corpus; sessions when set, topics, agents,
calls, seed and the searched collection are the same. Names are made unlike within a group. Not for reading folders
(results.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.errors import RunError
from eval.reporting.results import AdHoc, Result, Sessions
from ranking.nearest import nearest


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs on the same topics; the first is the baseline."""

    name: str
    runs: tuple[AdHoc, ...]

    @property
    def baseline(self) -> AdHoc:
        return self.runs[0]


@dataclass(frozen=True, slots=True)
class SessionGroup:
    """Rows of one or more folders, by system, the baseline first; `body`: of the first folder."""

    name: str
    systems: tuple[str, ...]
    rows: Mapping[str, tuple[Mapping[str, Any], ...]]
    latency: Mapping[str, Mapping[str, Any]]
    body: Mapping[str, Any]

    @property
    def baseline(self) -> str:
        return self.systems[0]


def run_groups(results: Iterable[Result], baseline: str | None) -> tuple[RunGroup, ...]:
    """In the order in which their first runs were given."""
    found: dict[tuple[Any, ...], list[AdHoc]] = {}
    for result in results:
        if isinstance(result, AdHoc):
            told = [result.body.get(each) for each in ("judgements", "corpus")]
            found.setdefault((result.set, frozenset(result.queries), *told), []).append(result)
    sets = [key[0] for key in found]
    made = []
    for key, own in found.items():
        name = key[0] if sets.count(key[0]) == 1 else f"{key[0]} ({len(key[1])} topics, {own[0].folder.name})"
        made.append(RunGroup(name, tuple(_first(_unlike(own), baseline))))
    return tuple(made)


def _unlike(runs: Sequence[AdHoc]) -> list[AdHoc]:
    """Runs that were asked the same are told apart by their folders."""
    names = [run.name for run in runs]
    made = [replace(run, name=run.folder.name) if names.count(run.name) > 1 else run for run in runs]
    if len({run.name for run in made}) < len(made):
        made = [replace(run, name=str(run.folder)) if names.count(run.name) > 1 else run for run in runs]
    if len({run.name for run in made}) < len(made):
        raise RunError("the same folder is given twice", hint="give each once, or name them: NAME=FOLDER")
    return made


def _first(runs: Sequence[AdHoc], baseline: str | None) -> list[AdHoc]:
    chosen = [run for run in runs if _is(run, baseline)]
    return [*chosen[:1], *(run for run in runs if run not in chosen[:1])]


def _is(run: AdHoc, baseline: str | None) -> bool:
    return baseline is not None and baseline in (run.name, run.folder.name, str(run.folder))


def session_groups(results: Iterable[Result], baseline: str | None) -> tuple[SessionGroup, ...]:
    """In the order in which their first folders were given. A system that two folders have is told apart by folder."""
    found: dict[tuple[Any, ...], list[Sessions]] = {}
    for result in results:
        if isinstance(result, Sessions):
            plan = result.body.get("plan", {})
            topics = frozenset(row["topic"] for row in result.rows)
            agents = frozenset(row["agent"] for row in result.rows)
            searched = (result.body.get("searched") or {}).get("collection")
            key = (result.set, topics, agents, plan.get("calls"), plan.get("seed"), searched)
            found.setdefault(key, []).append(result)
    sets = [key[0] for key in found]
    made = []
    for key, own in found.items():
        name = key[0] if sets.count(key[0]) == 1 else f"{key[0]} ({', '.join(result.name for result in own)})"
        made.append(_merged(name, own, baseline))
    return tuple(made)


def _merged(name: str, results: Sequence[Sessions], baseline: str | None) -> SessionGroup:
    rows: dict[str, tuple[Mapping[str, Any], ...]] = {}
    latency: dict[str, Mapping[str, Any]] = {}
    for result in results:
        for system in sorted(result.body["systems"], key=lambda each: each != result.body["baseline"]):
            label = system if system not in rows else f"{system} [{result.name}]"
            if label in rows:
                raise RunError("the same folder is given twice", hint="give each once, or name them: NAME=FOLDER")
            rows[label] = tuple({**row, "system": label} for row in result.rows if row["system"] == system)
            if system in result.body.get("latency", {}):
                latency[label] = result.body["latency"][system]
    first = baseline if baseline in rows else next(iter(rows))
    systems = (first, *(system for system in rows if system != first))
    return SessionGroup(name, systems, rows, latency, results[0].body)


def check_baseline(baseline: str | None, runs: Sequence[RunGroup], sessions: Sequence[SessionGroup]) -> None:
    """RunError when it is in none of the groups."""
    known = [run.name for group in runs for run in group.runs] + [name for group in sessions for name in group.systems]
    if baseline is None or baseline in known:
        return
    if not any(_is(run, baseline) for group in runs for run in group.runs):
        raise RunError(
            f"there is no {baseline!r} among the results",
            hint=f"one of {', '.join(dict.fromkeys(known)) or 'the names of systems'}",
            did_you_mean=nearest(baseline, known),
        )
