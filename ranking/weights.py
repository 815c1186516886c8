"""Weights of a request: given its params and plan, returns the weight of every signal.

Defaults (catalogue, balance) < the request's `weights`, key by key, profile already merged in (profiles.py).
`*` sets every signal that is not named. Where a request fuses (see `fuses`), `fused` stands in for bm25, its pairs of
words and dense: it weighs 1 and they weigh 0, whatever they were given, unless `fused` or `*` is named too; else it
weighs 0 unless named.
So a request sent again with another fusion means what it says. Not for the weights of retrievers inside a fusion
(`fuse.weights`), except that their names are checked here.

Which signals there are follows from the request too: `rank.<retriever>` for each of its retrievers, and `meta.<field>`
for each metadata field that it names in `weights`, `score` or `diversify.relevance`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ranking.balance import balance
from ranking.constants import MAX_META_SIGNALS
from ranking.errors import ParamsError
from ranking.expression import Expression, parse_expression
from ranking.params import Params
from ranking.signals.catalogue import META_PREFIX, SignalSpec, check_call, known_parameters, signals_for
from ranking.suggest import nearest
from ranking.types import Plan

EVERY_OTHER: Final = "*"
FUSED: Final = "fused"
FUSED_FROM: Final = ("bm25", "bm25.bigram", "dense")
_LISTED: Final = "GET /v1/signals lists them all"
_META_NAME: Final = re.compile(r"meta\.[A-Za-z0-9_.\-]{1,59}")
"""What knobs.Name allows, or `resolved` could not name it in `weights`."""
_META_IN_SCORE: Final = re.compile(r"(?<![\w.])meta(?:\.\w+)+")
"""A name as score expressions have it: there `-` is minus."""


def resolve_weights(params: Params, plan: Plan) -> Mapping[str, float]:
    """Every signal of this request with its weight, in catalogue order.

    Raises ParamsError for an unknown signal or an unknown retriever in `fuse.weights`, with the nearest name, and for
    too many metadata fields.
    """
    specs = catalogue_of(params)
    asked = params.weights
    check_names(params)
    weights = {name: spec.weight for name, spec in specs.items()}
    weights["dense"] = balance(plan, params.fuse.balance)
    if fuses(params):
        weights.update({FUSED: 1.0, **dict.fromkeys(FUSED_FROM, 0.0)})
    if EVERY_OTHER in asked:
        standing_aside = FUSED_FROM if fuses(params) else (FUSED,)
        weights.update((name, asked[EVERY_OTHER]) for name in specs if name not in standing_aside)
    set_aside = stood_in(params)
    weights.update((name, value) for name, value in asked.items() if name != EVERY_OTHER and name not in set_aside)
    return weights


def fuses(params: Params) -> bool:
    """Whether the retrievers are fused before their signals are weighed: by any method but linear, and by linear with a
    normaliser or weights of its own. Plain linear is what the weights of bm25 and dense do already."""
    fuse = params.fuse
    return fuse.method != "linear" or fuse.normalize != "theoretical" or fuse.weights is not None


def check_names(params: Params) -> None:
    """Raises ParamsError for a weight on something that is no signal or retriever of this request, and for too many
    metadata fields."""
    specs = catalogue_of(params)
    _refuse_unknown(params.weights, [*specs, EVERY_OTHER], "signal", "$.weights", _LISTED)
    retrievers = [retriever.name for retriever in params.retrieve]
    _refuse_unknown(
        params.fuse.weights or {}, retrievers, "retriever", "$.fuse.weights", f"this request has {retrievers}"
    )


def stood_in(params: Params) -> tuple[str, ...]:
    """The signals whose given weights `fused` overrides in this request."""
    if not fuses(params) or FUSED in params.weights or EVERY_OTHER in params.weights:
        return ()
    return tuple(name for name in FUSED_FROM if name in params.weights)


def resendable(weights: Mapping[str, float], params: Params) -> dict[str, float]:
    """The weights as `resolved` should say them: those that mean nothing under this `fuse` are left out, so
    that a resent request with a changed method is not tied to the old one."""
    silent = FUSED_FROM if fuses(params) else (FUSED,)
    return {name: weight for name, weight in weights.items() if weight or name not in silent}


def catalogue_of(params: Params) -> Mapping[str, SignalSpec]:
    """The signals of this request: the catalogue, one rank signal for each of its retrievers, and one for each metadata
    field that it names, in the order of the names so that equal requests add up alike. Raises ParamsError for more than
    MAX_META_SIGNALS fields."""
    return signals_for(tuple(retriever.name for retriever in params.retrieve), tuple(sorted(_meta_fields(params))))


def _meta_fields(params: Params) -> frozenset[str]:
    """A name is looked for in the text of `score`, whether or not it is a correct expression: its faults are for
    score_of to word."""
    weighed = frozenset(_fields_in(params.weights))
    fields = weighed.union(_fields_in((params.diversify.relevance or "", *_META_IN_SCORE.findall(params.score or ""))))
    if len(fields) > MAX_META_SIGNALS:
        raise ParamsError(
            f"the request names {len(fields):,} metadata fields as signals",
            path="$.weights" if len(weighed) > MAX_META_SIGNALS else "$.score",
            hint=f"at most {MAX_META_SIGNALS} of {META_PREFIX}<field>, counted over weights, score and diversify",
        )
    return fields


def _fields_in(names: Iterable[str]) -> Iterator[str]:
    return (name.removeprefix(META_PREFIX) for name in names if _META_NAME.fullmatch(name))


def score_of(params: Params) -> Expression | None:
    """The request's score expression; None without one. Raises ParamsError for a fault of its text, for a signal that
    this request does not have, and for a parameter out of range."""
    if params.score is None:
        return None
    specs = catalogue_of(params)
    expression = parse_expression(params.score, known_parameters(specs))
    for call in expression.reads:
        check_call(specs, call)
    return expression


def relevance_of(params: Params) -> str | None:
    """The signal that MMR weighs in place of the score; None for the score. Raises ParamsError for an unknown one."""
    name = params.diversify.relevance
    if name is not None and name not in catalogue_of(params):
        raise _unknown(name, list(catalogue_of(params)), "signal", "$.diversify.relevance", _LISTED)
    return name


def signals_read(params: Params, weights: Mapping[str, float]) -> frozenset[str]:
    """The signals that decide the order: what the score reads, or else what weighs something, and what MMR weighs.
    Raises as score_of and relevance_of do."""
    expression, relevance = score_of(params), relevance_of(params)
    if expression is None:
        read = {name for name, weight in weights.items() if weight}
    else:
        read = {call.name for call in expression.reads}
    return frozenset(read if relevance is None else read | {relevance})


def needs_of(params: Params, weights: Mapping[str, float]) -> frozenset[str]:
    """What an index must deliver for this request (Plan.needs): lexical and dense always, the rest when the order, an
    explanation, trees or MMR read it. `attributes` hold the site, which the cap needs, and are cheap."""
    needs, read = {"lexical", "dense", "attributes"}, signals_read(params, weights)
    everything = _reads_everything(params)
    for name, spec in catalogue_of(params).items():
        if everything or name in read:
            needs |= spec.needs
    if params.diversify.method == "mmr":
        needs.add("vectors")
    return frozenset(needs - {"session", "numbers"})


def numbers_of(params: Params) -> tuple[str, ...]:
    """Metadata fields that a signal reads as numbers (Plan.numbers), by the same rule as needs_of. Raises as
    signals_read does."""
    specs = {name: spec for name, spec in catalogue_of(params).items() if name.startswith(META_PREFIX)}
    if specs and not _reads_everything(params):
        other = params.weights.get(EVERY_OTHER)
        default = {name: spec.weight if other is None else other for name, spec in specs.items()}
        read = signals_read(params, {name: params.weights.get(name, weight) for name, weight in default.items()})
        specs = {name: spec for name, spec in specs.items() if name in read}
    return tuple(name.removeprefix(META_PREFIX) for name in specs)


def _reads_everything(params: Params) -> bool:
    """Whether every signal is computed, whatever the order needs."""
    return params.explain or any(stage.type == "trees" for stage in params.rerank)


def labels_of(params: Params) -> tuple[str, ...]:
    """Fields of which the page holds only so many of one value (Plan.labels); site and cluster are attributes."""
    return tuple(name for name in params.diversify.max_per if name not in ("site", "cluster"))


def _refuse_unknown(names: Iterable[str], known: list[str], what: str, path: str, hint: str) -> None:
    for name in names:
        if name not in known:
            raise _unknown(name, known, what, f"{path}.{name}", hint)


def _unknown(name: str, known: list[str], what: str, path: str, hint: str) -> ParamsError:
    return ParamsError(f"there is no {what} named {name!r}", path=path, hint=hint, did_you_mean=nearest(name, known))
