"""Measures: given a run and judgements, returns each measure per topic and its mean.

ir_measures computes them (trec_eval's definitions; nDCG with linear gains). Not for tests (compare.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ir_measures
import numpy as np
from ir_measures import AP, RR, Judged, P, R, nDCG
from ir_measures.measures import Measure, registry

from eval.errors import MeasureError
from ranking.nearest import nearest

MEASURES: Final = (nDCG @ 10, R @ 100, RR, P @ 5, AP, Judged @ 10)
"""The first decides; the others explain, and the last says how far all of them can be trusted: the share of the first
ten that anybody judged. RR and AP look at the whole of a run: 100 documents a topic where Forage searched."""
PROVIDERS: Final[Any] = ir_measures.providers.FallbackProvider(  # type: ignore[no-untyped-call]
    [ir_measures.providers.registry[name] for name in ("pytrec_eval", "judged", "msmarco", "compat", "accuracy")]
)
"""Of ir_measures' programs those that run in this process: the others ask Perl, or packages that are not installed."""
LARGEST: Final = 1_000_000
"""Cutoff or grade of a measure."""
BOOTSTRAP_SAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95
SEED: Final = 20_261_123
"""Of the bootstrap: the same run gives the same interval."""

Run = Mapping[str, Sequence[tuple[str, float]]]
"""topic id -> (document, score), best first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`per_topic[measure][topic]`; a judged topic that the run does not answer counts 0."""

    per_topic: dict[str, dict[str, float]]

    def mean(self, measure: str) -> float:
        values = list(self.per_topic[measure].values())
        return float(np.mean(values)) if values else 0.0

    def interval(self, measure: str) -> tuple[float, float]:
        """Of the mean."""
        return bootstrap_interval(list(self.per_topic[measure].values()))


def bootstrap_interval(given: Sequence[float]) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean of one value a topic (Efron 1979)."""
    values = np.array(given)
    if not len(values):
        return (0.0, 0.0)
    draws = np.random.default_rng(SEED).integers(0, len(values), (BOOTSTRAP_SAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def parse_measures(text: str) -> tuple[Measure, ...]:
    """Measures as ir_measures names them, with blanks between them: 'nDCG@20 R@50 Judged@10'. MeasureError names the
    one that is unknown or cannot be computed here, and what exists."""
    found: dict[str, Measure] = {}
    for name in text.split():
        measure_ = _parsed(name)
        found.setdefault(str(measure_), measure_)
    if not found:
        raise MeasureError("no measure was named", hint=f"for example {' '.join(map(str, MEASURES))!r}")
    return tuple(found.values())


def _parsed(name: str) -> Measure:
    plain = name.partition("@")[0].partition("(")[0]
    known = measure_names()
    if plain not in known:
        meant = nearest(plain, known)
        corrected = meant and meant + name[len(plain) :]
        raise MeasureError(
            f"there is no measure {name!r}",
            hint=f"{f'did you mean {corrected}? ' if corrected else ''}measures: {', '.join(known.values())}",
            did_you_mean=corrected,
        )
    try:
        made: Measure = ir_measures.parse_measure(name)
    except (NameError, ValueError, AssertionError) as error:
        raise _not_computed(name, str(error), known[plain]) from None
    for param, value in made.params.items():
        if isinstance(value, int) and not 1 <= value <= LARGEST:  # trec_eval's code dies of a cutoff of 0
            raise _not_computed(name, f"{param} is not from 1 to {LARGEST:,}", known[plain])
    if not _supported(made):
        raise _not_computed(name, "not with these parameters", known[plain])
    return made


def _not_computed(name: str, reason: str, written: str) -> MeasureError:
    return MeasureError(f"the measure {name!r} cannot be computed: {reason}", hint=f"it is written {written}")


def measure_names() -> dict[str, str]:
    """Name -> how it is written, for every measure that can be computed here; k is any cutoff."""
    found = {}
    for name, each in sorted(registry.items()):
        written = [name] if _supported(each) else []
        if "cutoff" in each.SUPPORTED_PARAMS and _supported(each @ 10):
            written.append(f"{name}@k")
        if written:
            found[name] = " or ".join(written)
    return found


def _supported(measure_: Measure) -> bool:
    try:
        return bool(PROVIDERS.supports(measure_))
    except AssertionError:  # how ir_measures says that a parameter is wrong, or missing
        return False


def measure(
    run: Run, qrels: Mapping[str, Mapping[str, int]], topics: Sequence[str], measures: Sequence[Measure] = MEASURES
) -> Measured:
    """Every one of `measures` over `topics`."""
    judged = [ir_measures.Qrel(topic, document, grade) for topic in topics for document, grade in qrels[topic].items()]
    # Rank order is the answer's own: scores are only carried along, and ties must not be reshuffled.
    ranked = [
        ir_measures.ScoredDoc(topic, document, float(-rank))
        for topic in topics
        for rank, (document, _) in enumerate(run.get(topic, ()))
    ]
    per_topic: dict[str, dict[str, float]] = {str(each): dict.fromkeys(topics, 0.0) for each in measures}
    for metric in PROVIDERS.iter_calc(measures, judged, ranked):
        per_topic[str(metric.measure)][metric.query_id] = float(metric.value)
    return Measured(per_topic)
