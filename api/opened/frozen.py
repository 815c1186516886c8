"""A search kept at its candidates: given what was found for one query, ranks it again under other params, without
asking the index.

For tuning: hundreds of trials over candidates that were recalled once. What decides which documents are candidates -
query, filters, expansion, retrievers and their depth - stays as it was frozen; what orders them may change. Holds the
evidence in memory, some hundred KB a query. Not for pages: no caps, no MMR, no passages, no session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.requests import SearchRequest, read_request
from ranking.errors import ParamsError
from ranking.pipeline import Ordered, order
from ranking.profiles import merge
from ranking.rules import CompiledRules
from ranking.types import Evidence, Plan, SessionState
from ranking.weights import numbers_of

FREE: Final = ("weights", "score", "fuse", "explain", "request_id")
"""Fields of a request that say nothing of recall: reordered may set them. Beside them k1, b and fields of the first
bm25 retriever, with which the signals of words are computed."""
FREE_OF_LEXICAL: Final = ("k1", "b", "fields")


@dataclass(frozen=True, slots=True)
class FrozenQuery:
    """`request` is the one that ran, every signal of it computed in `ordered`; `urls` [n] stand beside evidence.ids.
    `now` is epoch seconds."""

    request: SearchRequest
    plan: Plan
    evidence: Evidence
    ordered: Ordered
    urls: tuple[str, ...]
    now: float
    rules: CompiledRules
    generation: str

    def reordered(self, changes: Mapping[str, Any]) -> Ordered:
        """The candidates in the order that the request with these changes, merged as over a profile, gives them. Ranks
        inside retrievers' lists, and scores of retrievers other than the first bm25 and a dense one, are those that
        were frozen.

        Raises what reading a request raises, and ParamsError for a change that needs another recall, or a signal of
        rerank models, which are not asked here.
        """
        body = self.request.model_dump(mode="json", by_alias=True)
        request = read_request(SearchRequest, merge(body, changes)).model_copy(update={"explain": False})
        self._check(request)
        return order(self.plan, self.evidence, request, SessionState(), self.now, None, self.rules)

    def _check(self, request: SearchRequest) -> None:
        mine, asked = _bound(self.request), _bound(request)
        other = next((name for name, value in mine.items() if asked[name] != value), None)
        if other is not None:
            raise ParamsError(
                f"{other} cannot change over frozen candidates: it may decide which documents are found",
                path=f"$.{other}",
                hint=f"free are {', '.join(FREE[:3])} and {', '.join(FREE_OF_LEXICAL)} of the first bm25 retriever; "
                "freeze again for others",
            )
        if request.rerank:
            raise ParamsError("models of rerank stages are not asked over frozen candidates", path="$.rerank")
        lacking = sorted(set(numbers_of(request)) - set(self.plan.numbers))
        if lacking:
            raise ParamsError(
                f"the metadata field {lacking[0]} was not frozen",
                path=f"$.weights.meta.{lacking[0]}",
                hint=f'freeze with a weight on it: {{"meta.{lacking[0]}": 0}}',
            )


def _bound(request: SearchRequest) -> dict[str, Any]:
    """What must stay."""
    body = request.model_dump(mode="json", exclude={*FREE})
    first: dict[str, Any] = next((one for one in body["retrieve"] if one["type"] == "bm25"), {})
    for name in FREE_OF_LEXICAL:
        first.pop(name, None)
    return body
