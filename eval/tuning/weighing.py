"""What a request weighs: given a request and params, returns the weight of a signal, and of dense for a topic.

The same layers as ranking/weights.py, read once for all topics: catalogue < request < params. Not for requests that
fuse their lists first: there `fused` stands in for bm25 and dense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from eval.errors import TuneError
from ranking.balance import weight_of
from ranking.params import BalanceParams
from ranking.signals.catalogue import SIGNALS
from ranking.weights import EVERY_OTHER, FUSED

WEIGHTS: Final = "weights."
BALANCE: Final = "fuse.balance."
DENSE: Final = "weights.dense"
RULE: Final[Mapping[str, float]] = BalanceParams().model_dump()
"""The numbers of ranking/balance.py with their defaults."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """`weights` that were set, of signals other than dense; `other` of the signals that were not, None for the
    catalogue's. `dense` None: the rule gives its weight, with the numbers of `rule`."""

    weights: Mapping[str, float]
    other: float | None
    dense: float | None
    rule: Mapping[str, float]

    def of(self, signal: str) -> float:
        """The weight of any signal but dense."""
        found = self.weights.get(signal)
        if found is None and signal in SIGNALS:
            found = SIGNALS[signal].weight if self.other is None or signal == FUSED else self.other
        return found or 0.0

    def default(self, name: str) -> float | None:
        """What a param is unless it is set; None for a weight of dense under the rule."""
        if name == DENSE:
            return self.dense
        if name.startswith(BALANCE):
            return self.rule[name.removeprefix(BALANCE)]
        return self.of(name.removeprefix(WEIGHTS))

    def under(self, params: Mapping[str, float]) -> Weighing:
        """With these params set."""
        weights = {name.removeprefix(WEIGHTS): value for name, value in params.items() if name.startswith(WEIGHTS)}
        rule = {name.removeprefix(BALANCE): value for name, value in params.items() if name.startswith(BALANCE)}
        dense = weights.pop("dense", self.dense)
        return replace(self, weights={**self.weights, **weights}, dense=dense, rule={**self.rule, **rule})

    def of_dense(self, idfs: Sequence[float], documents: int) -> float:
        """Of one topic: the idf (nats) of its scored words, and N."""
        return weight_of(idfs, documents, **self.rule) if self.dense is None else self.dense


def weighing_of(request: Mapping[str, Any]) -> Weighing:
    """Of a request with its profile merged in. TuneError for one whose lists are fused before they are weighed."""
    fuse = request.get("fuse") or {}
    plain = fuse.get("method", "linear") == "linear" and fuse.get("normalize", "theoretical") == "theoretical"
    if not plain or fuse.get("weights") is not None:
        raise TuneError(
            "the request fuses its lists before it weighs signals, so bm25 and dense weigh nothing",
            path="$.fuse",
            hint="tune a profile whose fuse has no method, normalize or weights",
        )
    weights = {name: float(value) for name, value in (request.get("weights") or {}).items()}
    other = weights.pop(EVERY_OTHER, None)
    dense = weights.pop("dense", other)
    return Weighing(weights, other, dense, {**RULE, **(fuse.get("balance") or {})})
