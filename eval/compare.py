"""Paired tests: given two runs' values on the same topics, returns how likely chance made the difference.

Randomisation test on the mean (Fisher; Smucker, Allan, Carterette 2007), two-sided, with Holm's correction over
the measures. Not for runs over different topics: RunError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from eval.errors import RunError
from eval.folders import how_to_get, settle

PERMUTATIONS: Final = 10_000
"""Smallest p that can be seen: 1e-4."""
SEED: Final = 20_261_123
SIGNIFICANCE: Final = 0.05
UNTESTED: Final = ("Judged", "Num")
"""How the names of measures begin that say nothing of quality."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of B against A."""

    measure: str
    topics: int
    mean_a: float
    mean_b: float
    wins: int
    losses: int
    p: float
    p_holm: float

    @property
    def difference(self) -> float:
        return self.mean_b - self.mean_a

    @property
    def significant(self) -> bool:
        return self.p_holm < SIGNIFICANCE


def randomisation_p(
    a: np.ndarray[tuple[int], np.dtype[np.float64]], b: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    """Two-sided p of mean(b - a) under random swaps of each pair."""
    difference = b - a
    observed = abs(difference.mean())
    if not observed:
        return 1.0
    signs = np.random.default_rng(SEED).choice(np.array([-1.0, 1.0]), (PERMUTATIONS, len(difference)))
    as_extreme = np.abs((signs * difference).mean(axis=1)) >= observed - 1e-12
    return float((as_extreme.sum() + 1) / (PERMUTATIONS + 1))


@dataclass(frozen=True, slots=True)
class Compared:
    """B against A: tests, and (measure, mean of A, mean of B) of measures that say nothing of quality."""

    tests: tuple[Comparison, ...]
    untested: tuple[tuple[str, float, float], ...]


def compare_folders(a: Path, b: Path) -> Compared:
    """Of two folders that `forage eval run` or `measure` wrote. RunError when they cannot be read, or are of unlike
    collections."""
    values = read_per_query(a), read_per_query(b)
    check_alike(a, b)
    tests = compare(*({name: row for name, row in each.items() if not untested(name)} for each in values))
    common = [name for name in values[0] if name in values[1] and untested(name)]
    one, other = ({name: float(np.mean(list(each[name].values()))) for name in common} for each in values)
    return Compared(tests, tuple((name, one[name], other[name]) for name in common))


def untested(measure: str) -> bool:
    """Whether more of it is not better: how much was judged says how far the others can be trusted."""
    return measure.startswith(UNTESTED)


def check_alike(a: Path, b: Path) -> None:
    """RunError when measures.json of the two name other judgements, or other documents."""
    bodies = [_body(folder) for folder in (a, b)]
    for key, what in (("judgements", "topics or judgements"), ("corpus", "documents")):
        one, other = (body.get(key) for body in bodies)
        if one and other and one != other:
            names = " and ".join(f"{body.get('collection')} ({body.get('topics')} topics)" for body in bodies)
            raise RunError(
                f"{a} and {b} were measured on other {what}: {names}", hint="run both on the same test collection"
            )


def told(found: Compared) -> dict[str, Any]:
    """JSON-ready."""
    tests = [{**asdict(row), "difference": row.difference, "significant": row.significant} for row in found.tests]
    return {"tests": tests, "untested": [{"measure": name, "mean_a": a, "mean_b": b} for name, a, b in found.untested]}


def _body(folder: Path) -> dict[str, Any]:
    path = folder / "measures.json"
    if not path.is_file():
        raise RunError(f"{folder} holds no measures.json", hint="make it with forage eval run --out FOLDER")
    try:
        body = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RunError(f"{path} line {error.lineno}: not JSON ({error.msg})", hint="run it again") from None
    if not isinstance(body, dict):
        raise RunError(f"{path}: not an object", hint="run it again")
    return body


def compare(a: Mapping[str, Mapping[str, float]], b: Mapping[str, Mapping[str, float]]) -> tuple[Comparison, ...]:
    """Every measure that both have; `a[measure][topic]`."""
    measures = [name for name in a if name in b]
    if not measures:
        raise RunError("the two runs have no measure in common", hint="give both runs the same --measures")
    rows = []
    for name in measures:
        topics = sorted(a[name])
        if topics != sorted(b[name]):
            missing = sorted(set(a[name]) ^ set(b[name]))
            raise RunError(
                f"the runs answer different topics ({len(a[name])} and {len(b[name])}; e.g. {missing[0]})",
                hint="run both on the same test collection",
            )
        left = np.array([a[name][topic] for topic in topics])
        right = np.array([b[name][topic] for topic in topics])
        wins, losses = int((right > left).sum()), int((right < left).sum())
        rows.append((name, len(topics), left.mean(), right.mean(), wins, losses, randomisation_p(left, right)))
    corrected = holm([row[-1] for row in rows])
    return tuple(
        Comparison(name, count, float(mean_a), float(mean_b), wins, losses, p, p_holm)
        for (name, count, mean_a, mean_b, wins, losses, p), p_holm in zip(rows, corrected, strict=True)
    )


def holm(ps: list[float]) -> list[float]:
    """Holm-Bonferroni (1979), step-down, monotone."""
    order = sorted(range(len(ps)), key=lambda index: ps[index])
    corrected = [0.0] * len(ps)
    running = 0.0
    for step, index in enumerate(order):
        running = max(running, min(1.0, (len(ps) - step) * ps[index]))
        corrected[index] = running
    return corrected


def read_per_query(folder: Path) -> dict[str, dict[str, float]]:
    """The values that `forage eval run` wrote, as [measure][topic]."""
    settle(folder)
    path = folder / "per_query.jsonl"
    if not path.is_file():
        raise RunError(
            f"{folder} holds no per_query.jsonl", hint=how_to_get(folder, "make it with forage eval run --out FOLDER")
        )
    values: dict[str, dict[str, float]] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            row = orjson.loads(line)
            for name, value in row["measures"].items():
                values.setdefault(name, {})[str(row["query_id"])] = float(value)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{path} line {number} cannot be read: {error}") from None
    return values
