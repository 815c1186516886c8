"""Whether params can be meant at all, before a query or a collection is known: given Params, raises what a search with
them would raise.

Not for what needs the collection: documents, vectors and models that params name.
"""

from __future__ import annotations

from ranking.diversify import caps_of
from ranking.filters import condition_of
from ranking.params import Params
from ranking.plan import rules_of
from ranking.weights import check_names, relevance_of, score_of


def check_params(params: Params) -> None:
    """ParamsError, with its path, for an unknown signal or retriever, a fault of the score expression, a filter, rule
    or cap that nothing could satisfy."""
    check_names(params)
    score_of(params)
    relevance_of(params)
    rules_of(params)
    caps_of(params.diversify)
    condition_of(params.filters)
