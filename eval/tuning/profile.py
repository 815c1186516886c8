"""From params to a profile and back to the engine: given what was chosen, saves it as a version and searches with it.

The check is the point: a frozen figure is worth something because a search with the saved profile gives the same one,
topic by topic. Not for merging layers (ranking/profiles.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import ir_measures
import numpy as np

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, run_topics
from eval.collections import TestCollection
from eval.errors import TuneError
from eval.tuning.graded import Graded
from eval.tuning.space import Params
from eval.tuning.weighing import BALANCE, WEIGHTS
from ranking.profiles import PROFILES, merge
from ranking.shown import shown
from ranking.types import Doubles

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,55}")
"""What profiles and models may be called, with room for a suffix."""

BUILT_IN: Final = "default"
"""The profile of who sets nothing."""

SAME: Final = 1e-9
"""Of a measure: less is rounding."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The first topics of one set, by the engine and from the frozen candidates."""

    name: str
    topics: int
    frozen: float
    engine: float
    differing: tuple[str, ...]  # topics

    def told(self) -> dict[str, Any]:
        return {
            "set": self.name,
            "topics": self.topics,
            "frozen": self.frozen,
            "engine": self.engine,
            "differing": list(self.differing),
        }


def check_profile_name(name: str) -> None:
    """TuneError for one that the engine would refuse after an hour of searching."""
    if name in PROFILES or not _NAME.fullmatch(name):
        raise TuneError(
            f"{shown(name)} cannot be a profile's name" + (": it is built in" if name in PROFILES else ""),
            path="--profile-name",
            hint="1 to 56 ASCII letters, digits, hyphens, underscores and dots, no dot in front",
        )


def request_of(params: Params) -> dict[str, Any]:
    """The params as a request has them."""
    weights = {name.removeprefix(WEIGHTS): value for name, value in params.items() if name.startswith(WEIGHTS)}
    rule = {name.removeprefix(BALANCE): value for name, value in params.items() if name.startswith(BALANCE)}
    return ({"weights": weights} if weights else {}) | ({"fuse": {"balance": rule}} if rule else {})


def over(base: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """The request that was tuned with the params set."""
    return merge(base, request_of(params))


def save_profile(engine: Engine, name: str, request: Mapping[str, Any]) -> str:
    """`name@version`; what sets nothing is the built-in default, and is not saved. Raises what the engine refuses."""
    if not request:
        return BUILT_IN
    saved = engine.put_profile(name, dict(request), TENANT)
    return f"{saved['name']}@{saved['version']}"


def searched_again(
    engine: Engine,
    test: TestCollection,
    collection: str,
    request: Mapping[str, Any],
    frozen: Doubles,
    measure: Graded,
    *,
    topics: int,
    threads: int,
    progress: Progress,
) -> Checked:
    """The first `topics` of the set with `request`, against their frozen values. ir_measures measures the answers."""
    part = replace(test, topics=test.topics[:topics])
    run = run_topics(engine, collection, part, request, threads, progress)
    names = [topic.id for topic in part.topics]
    judged = [ir_measures.Qrel(name, page, grade) for name in names for page, grade in test.qrels[name].items()]
    ranked = [
        ir_measures.ScoredDoc(name, page, float(-place))
        for name in names
        for place, (page, _) in enumerate(run[name].documents)
    ]
    found = dict.fromkeys(names, 0.0)
    for metric in ir_measures.iter_calc([ir_measures.parse_measure(str(measure))], judged, ranked):
        found[metric.query_id] = float(metric.value)
    differing = tuple(
        name for name, value in zip(names, frozen[: len(names)], strict=True) if abs(found[name] - value) > SAME
    )
    mean = float(np.mean(list(found.values()))) if found else 0.0
    return Checked(test.name, len(names), float(frozen[: len(names)].mean()) if names else 0.0, mean, differing)
