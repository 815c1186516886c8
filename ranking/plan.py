"""The plan of a search: given a parsed query, params and statistics, returns all that an index is asked for.

Decides which terms take part in recall and which in scoring, and says why of each that does not. Recall costs what
posting lists are long, which `df` tells before the search (ranking anchors: 3 to 8 ns a posting); scoring always sees
the whole query, stop words aside. Linear in the number of terms, but for one sort. Not for the weights of signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ranking.constants import FAST_POSTINGS_PER_DOCUMENT, POSTINGS_PER_DOCUMENT
from ranking.errors import ParamsError
from ranking.expand import Feedback, added_terms
from ranking.filters import condition_of as condition_of
from ranking.params import DenseRetriever, Params, TermBudget
from ranking.retriever_plans import Lookup as Lookup
from ranking.retriever_plans import Surroundings, planned_retrievers
from ranking.retriever_plans import idf as idf
from ranking.rules import CompiledRules, compile_rules
from ranking.stopwords import stop_words
from ranking.types import (
    All,
    Any_,
    CollectionStatistics,
    Floats,
    Node,
    Phrase,
    Plan,
    PlannedRetriever,
    PlannedTerm,
    Query,
    Term,
    TermStatistics,
)
from ranking.units import conjunction
from ranking.weights import labels_of, needs_of, numbers_of, resolve_weights

STOP_WORD: Final = "stop word"
SAME_STEM: Final = "same stem as "
NOT_THERE: Final = "in no document"
TOO_COMMON: Final = "in more than max_df of the documents"
OVER_POSTINGS: Final = "over the postings of this plan"
OVER_BUDGET: Final = "over budget.postings"


def plan(
    query: Query,
    params: Params,
    statistics: CollectionStatistics,
    lookup: Lookup,
    vector: Floats | None,
    *,
    around: Surroundings | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    feedback: Feedback = (),
    moved: Floats | None = None,
    rules: CompiledRules | None = None,
) -> Plan:
    """`vector`: [d], of the query's meaning; None takes the first that a dense retriever brings, and leaves dense
    retrievers out when none does. `around`: what else was looked up for this request (retriever_plans.py); `synonyms`:
    the collection's own; `moved`: where relevance feedback moves the vector, for whoever would search with it; `rules`:
    the request's, when they are compiled already.

    Raises ParamsError for a filter, rule, retriever or vector that cannot be meant.
    """
    around = around or Surroundings(statistics, lookup)
    rules = rules or rules_of(params)
    condition = conjunction([query.condition, condition_of(params.filters), rules.condition])
    sent = _sent_vectors(params, statistics)
    if vector is None:
        vector = next(iter(sent.values()), None)
    else:
        vector = unit(vector, statistics) if statistics.dimension else None
    retrievers = _own_vectors(planned_retrievers(params, query, around, vector), sent, vector)
    vector = vector if moved is None else moved
    added = added_terms(query, params.expand, around, synonyms or {}, feedback)
    query = replace(query, terms=(*query.terms, *added)) if added else query
    asked = tuple((term.token, term.exact) for term in query.terms)
    found = lookup(asked, stem=params.expand.stem) if asked else ()
    scored, required = _scored(query, found, params, statistics)
    fields = searched(retrievers)
    terms = _budgeted(scored, required, fields, _limits(retrievers, params, statistics))
    draft = Plan(
        query=query,
        terms=terms,
        condition=condition,
        retrievers=retrievers,
        vector=vector,
        needs=frozenset(),
        minimum=params.max_results,
        statistics=statistics,
        postings=sum(cost(planned, fields) for planned in terms if planned.kept) + grouped_cost(retrievers),
        stem=params.expand.stem,
        probes=rules.probes,
        also=rules.pinned,
        labels=labels_of(params),
    )
    weights = resolve_weights(params, draft)
    numbers = numbers_of(params)
    scales = {name: scale for name in numbers if around.quantiles and (scale := around.quantiles(name)) is not None}
    return replace(draft, needs=needs_of(params, weights), numbers=numbers, number_scales=scales)


def rules_of(params: Params) -> CompiledRules:
    """The request's rules, compiled; raises ParamsError for one that no document could match."""
    return compile_rules(params.rules)


def searched(retrievers: Sequence[PlannedRetriever]) -> tuple[str, ...]:
    """The fields that lexical recall reads, once for each retriever that does."""
    lexical = (retriever.parameters["fields"] for retriever in retrievers if retriever.type == "bm25")
    return tuple(field for fields in lexical for field, weight in fields.items() if weight)


def grouped_cost(retrievers: Sequence[PlannedRetriever]) -> int:
    """Postings of the words that prefix, regex, fuzzy and like retrievers stand for."""
    return sum(
        word.field_df.get(field, 0)
        for retriever in retrievers
        for group in retriever.parameters.get("groups", ())
        for word in group.words
        for field, weight in retriever.parameters["fields"].items()
        if weight
    )


def cost(planned: PlannedTerm, fields: Sequence[str]) -> int:
    """Postings that recall reads for this term in these fields."""
    field_df, wanted = planned.statistics.field_df, planned.term.fields
    return sum(field_df.get(field, 0) for field in fields if not wanted or field in wanted)


# ---------------------------------------------------------------- terms


def _scored(
    query: Query, found: Sequence[TermStatistics], params: Params, statistics: CollectionStatistics
) -> tuple[list[PlannedTerm], frozenset[str]]:
    """Every term with its idf, and the tokens that recall may not drop. Stop words do not score beside other words;
    words of one stem score once, with their boosts added."""
    required = _required(query.condition)
    common: frozenset[str] = frozenset() if params.precision == "exact" else stop_words(statistics.languages)
    skipped = [term.token in common and term.token not in required and not term.exact for term in query.terms]
    if all(skipped):
        skipped = [False] * len(skipped)
    planned: list[PlannedTerm] = []
    places: dict[tuple[Any, ...], int] = {}
    for term, known, skip in zip(query.terms, found, skipped, strict=True):
        value = idf(statistics.documents, known.df)
        place = len(planned)
        if not skip and known.df:
            place = places.setdefault((known.forms, known.exact, term.fields), place)
        if skip:
            planned.append(PlannedTerm(term, known, value, kept=False, scored=False, why=STOP_WORD))
        elif place < len(planned):
            first = planned[place]
            boosted = replace(first.term, boost=first.term.boost + term.boost)
            planned[place] = replace(first, term=boosted)
            why = f"{SAME_STEM}{boosted.token}"
            planned.append(PlannedTerm(term, known, value, kept=False, scored=False, why=why))
            if term.token in required:
                required |= {boosted.token}
        else:
            planned.append(PlannedTerm(term, known, value))
    return planned, required


def _budgeted(
    terms: Sequence[PlannedTerm],
    required: frozenset[str],
    fields: Sequence[str],
    limits: _Limits,
) -> tuple[PlannedTerm, ...]:
    """Decide what recall reads, rarest first: terms up to max_df, while the sums of df and of postings allow.
    Required terms always take part, and at least min_keep terms do."""
    decided = list(terms)
    kept = spent_df = spent = 0
    order = sorted(
        (place for place, planned in enumerate(terms) if planned.kept),
        key=lambda place: (terms[place].term.token not in required, terms[place].statistics.df, place),
    )
    for place in order:
        planned = terms[place]
        df, price = planned.statistics.df, cost(planned, fields)
        why = ""
        if not df:
            why = NOT_THERE
        elif planned.term.token not in required:
            enough = kept >= limits.min_keep
            if enough and df > limits.max_df:  # first: what would be left out anyway, no budget gave up
                why = TOO_COMMON
            elif kept and spent + price > limits.hard:
                why = OVER_BUDGET
            elif enough and (spent_df + df > limits.total_df or spent + price > limits.postings):
                why = OVER_POSTINGS
        if why:
            decided[place] = replace(planned, kept=False, why=why)
        else:
            kept, spent = kept + 1, spent + price
            spent_df += 0 if planned.term.token in required else df  # what must be read pushes nothing cheap out
    return tuple(decided)


@dataclass(frozen=True, slots=True)
class _Limits:
    max_df: float  # documents
    total_df: float  # sum of df
    postings: float  # sum of postings, after min_keep terms
    hard: float  # sum of postings, from the second term on
    min_keep: int


def _limits(retrievers: Sequence[PlannedRetriever], params: Params, statistics: CollectionStatistics) -> _Limits:
    """The loosest term budget of the bm25 retrievers, for they share their terms. `max_df: 1` is full evaluation:
    it lifts the sum of df too; so does a `max_postings` of the caller's own."""
    budgets = [
        TermBudget.model_validate(retriever.parameters["terms"]) for retriever in retrievers if retriever.type == "bm25"
    ] or [TermBudget()]
    share = max(budget.max_df for budget in budgets)
    caps = [budget.max_postings for budget in budgets]
    postings = math.inf if None in caps else float(max(cap for cap in caps if cap is not None))
    per_document = FAST_POSTINGS_PER_DOCUMENT if params.precision == "fast" else POSTINGS_PER_DOCUMENT
    degrade = params.budget.postings is not None and params.budget.on_exceed == "degrade"
    return _Limits(
        max_df=math.inf if share >= 1 else share * statistics.documents,
        total_df=math.inf if share >= 1 or postings < math.inf else per_document * statistics.documents,
        postings=postings,
        hard=float(params.budget.postings) if degrade and params.budget.postings is not None else math.inf,
        min_keep=max(budget.min_keep for budget in budgets),
    )


def _required(node: Node | None) -> frozenset[str]:
    """Tokens that the condition names outside of any exclusion."""
    tokens: set[str] = set()
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Term):
            tokens.add(here.token)
        elif isinstance(here, Phrase):
            tokens.update(here.tokens)
        elif isinstance(here, All | Any_):
            waiting.extend(here.children)
    return frozenset(tokens)


# ---------------------------------------------------------------- retrievers and vector


def _sent_vectors(params: Params, statistics: CollectionStatistics) -> dict[str, Floats]:
    """By retriever the vector that it brings, at unit length; the first of them stands for the query's meaning."""
    return {
        retriever.name: unit(np.asarray(retriever.vector, np.float32), statistics, f"$.retrieve[{place}].vector")
        for place, retriever in enumerate(params.retrieve)
        if isinstance(retriever, DenseRetriever) and retriever.vector is not None and statistics.dimension
    }


def _own_vectors(
    retrievers: Sequence[PlannedRetriever], sent: Mapping[str, Floats], vector: Floats | None
) -> tuple[PlannedRetriever, ...]:
    """Dense retrievers with another vector than the query's carry it."""
    return tuple(
        replace(retriever, parameters={**retriever.parameters, "vector": own})
        if (own := sent.get(retriever.name)) is not None and not (vector is not None and np.array_equal(own, vector))
        else retriever
        for retriever in retrievers
    )


def unit(vector: Floats, statistics: CollectionStatistics, path: str = "$.retrieve[].vector") -> Floats:
    """The vector at length 1; ParamsError when it is of another size than the collection's, zero or not finite."""
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if vector.shape != (statistics.dimension,) or not math.isfinite(length) or length == 0.0:
        raise ParamsError(
            f"the query vector has {vector.size} numbers and length {length:g}; it needs {statistics.dimension}, "
            "finite and not all 0",
            path=path,
            hint=f"embed the query with {statistics.embedder}, as GET /v1/describe says, or leave the vector out",
        )
    return vector if abs(length - 1.0) < 1e-6 else (vector / length).astype(np.float32)
