"""Weights of a request: given its params and plan, returns the weight of every signal.

Defaults (catalogue, balance) < the request's `weights`, key by key, profile already merged in (profiles.py).
`*` sets every signal that is not named. With `fuse.method` other than linear, `fused` stands in for bm25 and dense:
it weighs 1 and they weigh 0, whatever they were given, unless `fused` or `*` is named too; with linear it weighs 0
unless named. So a request sent again with another method means what it says. Not for the weights of retrievers
inside a fusion (`fuse.weights`), except that their names are checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ranking.balance import balance
from ranking.errors import ParamsError
from ranking.params import Params
from ranking.signals.catalogue import SignalSpec, signals_for
from ranking.suggest import nearest
from ranking.types import Plan

EVERY_OTHER: Final = "*"
FUSED: Final = "fused"
FUSED_FROM: Final = ("bm25", "dense")


def resolve_weights(params: Params, plan: Plan) -> Mapping[str, float]:
    """Every signal of this request with its weight, in catalogue order.

    Raises ParamsError for an unknown signal or an unknown retriever in `fuse.weights`, with the nearest name.
    """
    specs = catalogue_of(params)
    asked = params.weights
    _refuse_unknown(asked, [*specs, EVERY_OTHER], "signal", "$.weights", "GET /v1/signals lists them all")
    retrievers = [retriever.name for retriever in params.retrieve]
    _refuse_unknown(
        params.fuse.weights or {}, retrievers, "retriever", "$.fuse.weights", f"this request has {retrievers}"
    )
    weights = {name: spec.weight for name, spec in specs.items()}
    weights["dense"] = balance(plan)
    if params.fuse.method != "linear":
        weights.update({FUSED: 1.0, **dict.fromkeys(FUSED_FROM, 0.0)})
    if EVERY_OTHER in asked:
        standing_aside = (FUSED,) if params.fuse.method == "linear" else FUSED_FROM
        weights.update((name, asked[EVERY_OTHER]) for name in specs if name not in standing_aside)
    set_aside = stood_in(params)
    weights.update((name, value) for name, value in asked.items() if name != EVERY_OTHER and name not in set_aside)
    return weights


def stood_in(params: Params) -> tuple[str, ...]:
    """The signals whose given weights `fused` overrides in this request."""
    if params.fuse.method == "linear" or FUSED in params.weights or EVERY_OTHER in params.weights:
        return ()
    return tuple(name for name in FUSED_FROM if name in params.weights)


def resendable(weights: Mapping[str, float], params: Params) -> dict[str, float]:
    """The weights as `resolved` should say them: those that mean nothing under this `fuse.method` are left out, so
    that a resent request with a changed method is not tied to the old one."""
    silent = (FUSED,) if params.fuse.method == "linear" else FUSED_FROM
    return {name: weight for name, weight in weights.items() if weight or name not in silent}


def catalogue_of(params: Params) -> Mapping[str, SignalSpec]:
    """The signals of this request: the catalogue and one rank signal for each of its retrievers."""
    return signals_for(tuple(retriever.name for retriever in params.retrieve))


def needs_of(params: Params, weights: Mapping[str, float]) -> frozenset[str]:
    """What an index must deliver for this request (Plan.needs): lexical and dense always, the rest when a signal of
    some weight, an explanation or MMR reads it. `attributes` hold the site, which the cap needs, and are cheap."""
    needs = {"lexical", "dense", "attributes"}
    for name, spec in catalogue_of(params).items():
        if params.explain or weights.get(name):
            needs |= spec.needs
    if params.diversify.method == "mmr":
        needs.add("vectors")
    return frozenset(needs - {"session"})


def _refuse_unknown(names: Iterable[str], known: list[str], what: str, path: str, hint: str) -> None:
    for name in names:
        if name not in known:
            raise ParamsError(
                f"there is no {what} named {name!r}",
                path=f"{path}.{name}",
                hint=hint,
                did_you_mean=nearest(name, known),
            )
