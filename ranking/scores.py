"""How a score comes about: given signals, weights and what the request asks for, returns a Sheet of named parts.

    score = the `score` expression, else the sum of weight x signal
          + rerank:i   what a second opinion changes among the best `depth`
          + rule:i     what a boost or bury changes
          + session:i  what the session's goal and feedback add, and what a rejection takes (profile.py)
          + seen       what the seen mode takes

in this order, each acting on the score that those before it left. Parts sum to the score, exactly: one addition after
the other, so no candidate's score depends on how many others there are. Not for places: pipeline.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ranking.errors import ForageError
from ranking.evaluate import evaluate
from ranking.expression import Expression
from ranking.profile import learned_parts
from ranking.rerank_params import RerankStage
from ranking.rules import CompiledRules, effects
from ranking.seen import demotion
from ranking.signals.catalogue import Signals, SignalSpec, compute_call
from ranking.signals.input import SignalInput, rows_by_id
from ranking.types import Doubles, Floats, Longs, Notice, SessionState
from ranking.weights import catalogue_of

Opinions = Callable[[RerankStage, Longs, Signals], Floats]
"""A second opinion on rows of the evidence, best first: [len(rows)] in [0, 1]."""

SEEN_ENTRY = "seen"
"""Key of the demotion in `contributions`; a weight on the signal `seen` is added to it."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rerank stage said of `rows`."""

    name: str
    rows: Longs
    values: Doubles


@dataclass(frozen=True, slots=True)
class Sheet:
    """Of n candidates. `parts` in the order in which they add up; `stateless` is the score without anything a session
    did, the same array as `score` when it did nothing."""

    parts: Mapping[str, Doubles]
    score: Doubles
    stateless: Doubles
    opinions: tuple[Opinion, ...] = ()
    pins: tuple[tuple[int, int], ...] = ()
    notes: Mapping[int, list[str]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    stateless_pins: tuple[tuple[int, int], ...] = ()  # who is pinned may depend on scores


def total(parts: Iterable[Doubles], size: int) -> Doubles:
    """The sum, one addition after the other."""
    score = np.zeros(size)
    for part in parts:
        score = score + part
    return score


def score(
    given: SignalInput,
    signals: Signals,
    weights: Mapping[str, float],
    expression: Expression | None,
    rules: CompiledRules,
    opinions: Opinions | None,
) -> Sheet:
    """`weights` count where there is no expression."""
    parts, bare, notices = _base(given, signals, weights, expression)
    plain = total(parts.values(), given.size)
    stateless = plain if bare is None else bare
    said: list[Opinion] = []
    for number, stage in enumerate(given.params.rerank if opinions is not None and given.size else ()):
        assert opinions is not None
        rows = by_score(plain, given.evidence.ids)[: stage.depth]
        opinion = Opinion(f"rerank:{number}", rows, _asked(opinions, number, stage, rows, signals))
        said.append(opinion)
        parts[opinion.name] = _blended(plain, opinion, stage.blend)
        same = stateless is plain
        plain = plain + parts[opinion.name]
        stateless = plain if same else stateless + _blended(stateless, opinion, stage.blend)
    pins: tuple[tuple[int, int], ...] = ()
    stateless_pins = pins
    notes: Mapping[int, list[str]] = {}
    if rules.rules and given.evidence.probes is not None:
        ruled = effects(rules, given.evidence.probes, plain, given.evidence.ids)
        same = stateless is plain
        parts |= ruled.contributions
        bare_ruled = ruled if same else effects(rules, given.evidence.probes, stateless, given.evidence.ids)
        plain, pins, notes = ruled.scores, ruled.pins, ruled.notes
        stateless, stateless_pins = plain if same else bare_ruled.scores, bare_ruled.pins
    learned = learned_parts(plain, given) if given.size else {}
    parts |= learned
    plain = total((plain, *learned.values()), given.size) if learned else plain
    settings, marks = given.params.session, given.session.marks
    change = demotion(plain, given.exposure, given.evidence, settings, marks) if given.size else None
    if change is not None:
        weighed = parts.pop(SEEN_ENTRY, None)  # it adds up last, whether the signal was computed for its sake or not
        parts[SEEN_ENTRY] = change if weighed is None else weighed + change
    final = total(parts.values(), given.size)
    untouched = change is None and stateless is plain
    alone = final if untouched else stateless
    return Sheet(parts, final, alone, tuple(said), pins, notes, notices, stateless_pins)


# ---------------------------------------------------------------- the first sum


def _base(
    given: SignalInput, signals: Signals, weights: Mapping[str, float], expression: Expression | None
) -> tuple[dict[str, Doubles], Doubles | None, tuple[Notice, ...]]:
    """(parts, the sum without a session's doing or None where that is the same, notices)."""
    specs = catalogue_of(given.params)
    if expression is None:
        parts = {name: values * weights[name] for name, values in zip(signals.names, signals.values, strict=True)}
        sessional = {name for name in parts if specs[name].of_session and weights[name]}
        bare = total((part for name, part in parts.items() if name not in sessional), given.size)
        return parts, bare if sessional else None, ()
    columns = _columns(given, signals, specs, expression)
    made = evaluate(expression, columns, given.size)
    sessional = {call.key for call in expression.reads if specs[call.name].of_session}
    bare_score = None
    if sessional:
        alone = replace(given, session=SessionState())
        without = {
            call.key: compute_call(alone, specs, call)[0] if call.key in sessional else columns[call.key]
            for call in expression.reads
        }
        bare_score = evaluate(expression, without, given.size).score
    return dict(made.contributions), bare_score, _undefined(made.undefined)


def _columns(
    given: SignalInput, signals: Signals, specs: Mapping[str, SignalSpec], expression: Expression
) -> dict[str, Doubles]:
    """What the expression reads, by the text that it reads it with; bare names are computed already."""
    columns = {}
    for call in expression.reads:
        known = None if call.arguments else signals.column(call.name)
        columns[call.key] = compute_call(given, specs, call)[0] if known is None else known
    return columns


def _undefined(counts: Mapping[str, int]) -> tuple[Notice, ...]:
    return tuple(
        Notice("expression_undefined", f"{text} has no value for {count} candidates: it counted 0 for them")
        for text, count in counts.items()
    )


# ---------------------------------------------------------------- second opinions


def _asked(opinions: Opinions, number: int, stage: RerankStage, rows: Longs, signals: Signals) -> Doubles:
    """What a stage says of these rows. An error that says nowhere what was wrong says that it was the stage's model."""
    try:
        return np.asarray(opinions(stage, rows, signals), np.float64)
    except ForageError as error:
        error.path = error.path or f"$.rerank[{number}].model"
        raise


def by_score(scores: Doubles, ids: Sequence[str]) -> Longs:
    """[n] rows by (-score, id)."""
    by_id = rows_by_id(ids)
    ordered: Longs = by_id[np.argsort(-scores[by_id], kind="stable")]
    return ordered


def _blended(scores: Doubles, opinion: Opinion, blend: float) -> Doubles:
    """[n] what the stage adds. Within the rows that it read: the score as a share of their range, and the opinion as a
    share of its own, mixed by `blend` and stretched over the range of the scores again; so whoever was not read keeps
    score and place. Where all scores are equal the range is 1, so that the opinion decides."""
    change = np.zeros(len(scores))
    rows = opinion.rows
    if not len(rows):
        return change
    held, said = scores[rows], opinion.values
    low, high = float(held.min()), float(held.max())
    span, spread = high - low, float(said.max() - said.min())
    share = (held - low) / span if span > 0 else np.zeros(len(rows))
    opined = (said - said.min()) / spread if spread > 0 else share
    mixed = blend * opined + (1.0 - blend) * share
    change[rows] = low + (span if span > 0 else 1.0) * mixed - held
    return change


def signals_of(opinions: Sequence[Opinion], row: int) -> dict[str, float]:
    """What each stage said of a candidate, for those that it read."""
    found = {}
    for opinion in opinions:
        place = np.flatnonzero(opinion.rows == row)
        if len(place):
            found[opinion.name] = float(opinion.values[place[0]])
    return found
