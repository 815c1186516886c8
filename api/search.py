"""One search, start to end: given a validated request, an open index and a session's state, returns its outcome.

Reads as the list of steps of ARCHITECTURE.md's first walk. Not for sessions' storage (api/session/door.py) nor
for HTTP. The only clocks here are the caller's `now` and the stopwatch of the trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from api import absent, answers, feedback
from api.answers import Hit
from api.budget import recall_ms, sends_vector
from api.embeddings import QueryVectors
from api.errors import DeadlineError
from api.opened.conditions import conditions, parts_of
from api.opened.opinions import OpinionReader
from api.passages import passages_of
from api.preparing import Prepared, Stopwatch, Synonyms, prepare
from api.requests import SearchRequest
from api.session.named import Named, named_pages
from api.session.profile import Learned, Profiler
from api.session.reading import Reading
from api.warm.index import served_from
from indexer.rerankers.registry import Rerankers
from ranking.params import Params
from ranking.pipeline import NOWHERE, Elsewhere, Ordered, order, page_of
from ranking.plan import OVER_BUDGET, cost, grouped_cost, searched
from ranking.ports import SearchIndex
from ranking.retriever_plans import Likeness
from ranking.rules import CompiledRules
from ranking.shown import cut
from ranking.types import Evidence, Notice, Plan, PlannedRetriever, Ranking, SessionState, Shown
from ranking.units import conjunction
from ranking.weights import resendable, resolve_weights

FACET_VALUES: Final = 20
"""Values of one facet, the most frequent."""

EMPTIED_BY: Final = 20
"""Conditions that are tried when nothing satisfies all of them: a count each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer without its session part, and what the session must record of it (nothing with `record: false`)."""

    body: dict[str, Any]
    shown: tuple[Shown, ...]
    generation: str
    resolved: dict[str, Any]
    ranking: Ranking
    served_from: str = "index"  # or cache, prefetch, pool
    profile_terms: tuple[dict[str, Any], ...] = ()  # what the session added to the query
    drifted: bool = False  # the query is of another topic than the session's last
    named: tuple[dict[str, Any], ...] = ()  # pages on the page for their names, with those that name them


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What a search may need beside the index: the collection's synonyms, the models of rerank stages, likenesses that
    were made before, by retriever, and what sessions hold for likely; `scope` names the collection and whose it is."""

    synonyms: Synonyms | None = None
    rerankers: Rerankers | None = None
    likenesses: Mapping[str, Likeness] | None = None
    profiler: Profiler | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A search up to its order: what is left is the page. `session` is what the order was made with."""

    prepared: Prepared
    evidence: Evidence
    ordered: Ordered
    index: SearchIndex
    session: SessionState
    reading: Reading
    learned: Learned
    watch: Stopwatch
    named: Named | None = None


def search(
    request: SearchRequest,
    index: SearchIndex,
    vectors: QueryVectors | None,
    session: SessionState,
    now: float,
    surrounding: Surrounding = Surrounding(),
) -> Outcome:
    """Parse, embed, plan, recall, rank, choose passages, fetch, write down."""
    return answer(find(request, index, vectors, session, now, surrounding))


def find(
    request: SearchRequest,
    index: SearchIndex,
    vectors: QueryVectors | None,
    session: SessionState,
    now: float,
    surrounding: Surrounding = Surrounding(),
    minimum: int = 0,
) -> Found:
    """The first half of `search`. `minimum`: candidates to have at least, where so many satisfy the condition."""
    watch = Stopwatch()
    prepared = prepare(request, index, vectors, watch, session, surrounding.synonyms, likenesses=surrounding.likenesses)
    if feedback.wanted(prepared):
        prepared = feedback.with_feedback(prepared, index, now)
        watch.lap("feedback", 0, len(prepared.feedback))
    if minimum > prepared.plan.minimum:
        prepared = replace(prepared, plan=replace(prepared.plan, minimum=minimum))
    request, plan = prepared.request, prepared.plan
    check_postings(prepared)
    check_deadline(prepared.asked, prepared, watch)
    evidence = index.recall(plan)
    watch.lap("recall", 0, evidence.size)
    watch.inner(evidence.stages)
    reading = Reading(session, request)
    if reading and "vectors" in plan.needs:
        session = replace(session, vectors=reading.vectors(index))
        watch.lap("novelty", 0, 0 if session.vectors is None else len(session.vectors))
    opinions = None
    if request.rerank and surrounding.rerankers is not None:
        opinions = OpinionReader(surrounding.rerankers, plan, evidence, index)
    learned, profiler = Learned(), surrounding.profiler
    if profiler is not None and request.session.record and (session.goal or session.marks):
        learned = profiler.learned(surrounding.scope, prepared, evidence, index, session, now)
        session = replace(session, influences=learned.influences)
        watch.lap("profile", 0, len(learned.influences))
    ordered = order(plan, evidence, request, session, now, opinions, prepared.rules)
    later = learned.drifted or not session.goal or request.session.previous_weight  # it may count for later calls
    if profiler is not None and request.session.record and later:
        profiler.remember(surrounding.scope, prepared, ordered, index)
    watch.lap("rank", evidence.size, len(ordered.order))
    named = named_pages(prepared, index, session, reading, now)
    if named is not None:
        watch.lap("named", len(named.by), len(named.ordered.order))
    return Found(prepared, evidence, ordered, index, session, reading, learned, watch, named)


def answer(found: Found, elsewhere: Elsewhere = NOWHERE) -> Outcome:
    """The second half of `search`: page, passages, and all of it written down."""
    prepared, evidence, index, watch = found.prepared, found.evidence, found.index, found.watch
    session, reading, learned = found.session, found.reading, found.learned
    asked, request, query, plan = prepared.asked, prepared.request, prepared.query, prepared.plan
    named = found.named if elsewhere is NOWHERE else None
    ranking = page_of(found.ordered, elsewhere, None if named is None else named.ordered)
    watch.lap("page", len(found.ordered.order), len(ranking.page))
    hits = assemble(ranking, plan, index, request, session, reading)
    watch.lap("fetch", len(ranking.page), len(hits))
    facets = facets_of(request, plan, index)
    if facets:
        watch.lap("facets", evidence.allowed, len(facets))
    resolved = resolve(asked, plan, prepared.rules)
    stub_ids = [stub.id for stub in ranking.stubs]
    stored = dict(zip(stub_ids, index.fetch(stub_ids), strict=True)) if stub_ids else {}
    hits = answers.trim(hits, request.content)
    others = evidence if named is None else named.ordered.given.evidence
    results = answers.results(hits, evidence, plan, request, ranking.brought, others)
    degraded = [*evidence.degraded, *degraded_by(prepared)]
    body = {
        "request_id": request.request_id,
        "session_id": None,
        "generation": index.statistics.generation,
        "results": results,
        "stubs": answers.stubs(ranking, stored),
        "resolved": resolved,
        "query": answers.query_report(plan, query.operators, evidence.operator_matches, ranking.exact),
        "session": None,
        "follow_ups": [],
        "facets": facets,
    }
    watch.lap("answer", len(hits), len(results))
    trace = answers.trace(watch.stages, watch.total_ms, plan.postings, degraded, request.explain)
    body["trace"] = {**trace, "predicted_ms": round(prepared.predicted_ms, 3)}
    body["notices"] = answers.notices(
        query.notices,
        prepared.notices,
        ranking.notices,
        given_up(prepared),
        emptied(prepared, evidence, index),
        found_nothing(plan, evidence),
        said_why(asked, plan, learned.drifted),
    )
    check_deadline(asked, prepared, watch, results)
    shown = shown_of(hits, reading) if request.session.record else ()
    return Outcome(
        body,
        shown,
        index.statistics.generation,
        resolved,
        ranking,
        served_from(index, plan),
        profile_terms=learned.terms,
        drifted=learned.drifted,
        named=() if named is None else named.told(ranking.named),
    )


def check_deadline(
    request: SearchRequest, prepared: Prepared, watch: Stopwatch, results: Sequence[dict[str, Any]] = ()
) -> None:
    """With `on_exceed: fail`, 408 once the budget of time is spent, with what was found until then."""
    budget = request.budget
    if budget.ms is not None and budget.on_exceed == "fail" and watch.total_ms > budget.ms:
        raise DeadlineError(
            f"the search took {watch.total_ms:.1f} ms, its budget is {budget.ms:g} ms",
            path="$.budget.ms",
            hint=f"about {prepared.predicted_ms:.0f} ms are predicted; or let it degrade: budget.on_exceed: degrade",
            results=results,
        )


def check_postings(prepared: Prepared) -> None:
    """With `on_exceed: fail`, 408 for a plan that reads more postings than its budget: nothing was searched yet."""
    budget, postings = prepared.asked.budget, prepared.plan.postings
    if budget.postings is not None and budget.on_exceed == "fail" and postings > budget.postings:
        raise DeadlineError(
            f"the plan reads {postings:,} postings, its budget is {budget.postings:,}",
            path="$.budget.postings",
            hint="POST /v1/plan tells what each term costs; or let it degrade: budget.on_exceed: degrade",
            results=(),
        )


def degraded_by(prepared: Prepared) -> list[str]:
    """What was given up before searching, by name: for an embedder that does not fit, for time, for postings."""
    budget, plan = prepared.asked.budget.postings, prepared.plan
    over = budget is not None and (plan.postings > budget or any(term.why == OVER_BUDGET for term in plan.terms))
    return [
        *(notice.code for notice in prepared.notices if notice.code not in absent.CODES),
        *prepared.degraded,
        *(["budget.postings"] if over else []),
    ]


def given_up(prepared: Prepared) -> tuple[Notice, ...]:
    """What a budget of time or of postings cost, in words."""
    told = []
    if prepared.degraded:
        what = ", ".join(name.partition(":")[2] for name in prepared.degraded)
        message = f"to fit {prepared.asked.budget.ms:g} ms this was given up before searching: {what}"
        told.append(Notice("budget_degraded", message))
    budget, postings = prepared.asked.budget.postings, prepared.plan.postings
    if budget is not None and postings > budget:
        message = (
            f"{postings:,} postings are read, over the budget of {budget:,}: the first word, required words and words "
            "that a prefix, regex, fuzzy or like retriever stands for are never left out"
        )
        told.append(Notice("budget_exceeded", message))
    return tuple(told)


def facets_of(request: SearchRequest, plan: Plan, index: SearchIndex) -> dict[str, Any]:
    """Counts over all documents that satisfy the filters and required words: exact."""
    if not request.facets:
        return {}
    counted = index.facets(plan.condition, request.facets, FACET_VALUES)
    return {
        name: [{"value": value, "count": count} for value, count in counted.get(name, ())] for name in request.facets
    }


def said_why(asked: SearchRequest, plan: Plan, drifted: bool) -> tuple[Notice, ...]:
    """What moved the order and is no signal: the agent's reason, read with the query, and a change of topic."""
    told = []
    if asked.why and plan.vector is not None and not sends_vector(asked):
        told.append(
            Notice("why_encoded", "`why` was read with the query: the vector is that of both; it is not stored")
        )
    if drifted:
        told.append(
            Notice("topic_changed", "nothing here was of the session's topic: its goal was left out, a new one began")
        )
    return tuple(told)


def found_nothing(plan: Plan, evidence: Evidence) -> tuple[Notice, ...]:
    """Retrievers that were asked for something in particular, and contributed no candidate: the page is filled by
    others, or by whatever satisfies the filters."""
    named = [each for each in plan.retrievers if each.type not in ("bm25", "dense")]
    empty = [f"{each.name} ({each.type})" for each in named if not (evidence.ranks[each.name] > 0).any()]
    return (Notice("retriever_empty", f"nothing was found by {', '.join(map(cut, empty))}"),) if empty else ()


def emptied(prepared: Prepared, evidence: Evidence, index: SearchIndex) -> tuple[Notice, ...]:
    """When nothing satisfies the constraints: what each matches alone, and what leaving each out would give."""
    if not index.statistics.documents:
        return (Notice("empty_collection", "the collection holds no documents yet"),)
    if evidence.allowed or prepared.plan.condition is None:
        return ()
    named = list(conditions(prepared).items())[:EMPTIED_BY]
    guilty = [failed.text for node, failed in named if failed.kind != "query" and not index.count(node)]
    told = []
    parts = parts_of(prepared.plan.condition)
    for node, failed in named:
        rest = [part for part in parts if part != node]
        if failed.kind != "query" and len(rest) < len(parts):
            told.append(f"without {cut(failed.text)}: {index.count(conjunction(rest)):,}")
    said = ", ".join(dict.fromkeys(map(cut, guilty))) if guilty else "all of the operators and filters together"
    more = f" ({'; '.join(dict.fromkeys(told))})" if told else ""
    return (Notice("no_matches", f"nothing satisfies {said}; nothing was relaxed{more}"),)


def assemble(
    ranking: Ranking, plan: Plan, index: SearchIndex, params: Params, session: SessionState, reading: Reading
) -> tuple[Hit, ...]:
    """The page with its documents and passages."""
    stored = index.fetch([scored.id for scored in ranking.page])
    passages = passages_of(ranking.page, plan, index, params, session, reading)
    return tuple(
        Hit(scored, document, shown) for scored, document, shown in zip(ranking.page, stored, passages, strict=True)
    )


def shown_of(hits: Sequence[Hit], reading: Reading) -> tuple[Shown, ...]:
    """What the session records of a page: the texts as they were cut."""
    hashed = iter(reading.shingles([text for hit in hits for text in hit.texts]))
    return tuple(
        _shown(rank, hit, frozenset().union(*islice(hashed, len(hit.texts)))) for rank, hit in enumerate(hits, start=1)
    )


def _shown(rank: int, hit: Hit, hashed: frozenset[int]) -> Shown:
    scored, stored, document = hit.scored, hit.stored, hit.stored.document
    return Shown(
        document=document.id,
        url=document.url,
        title=document.title,
        rank=rank,
        score=scored.score,
        content_hash=document.content_hash,
        cluster=stored.cluster,
        passages=tuple(shown.passage.ordinal for shown in hit.passages),
        shingles=tuple(sorted(hashed)),
    )


def resolve(request: SearchRequest, plan: Plan, rules: CompiledRules) -> dict[str, Any]:
    """The whole request with every default filled in, itself a valid request. The retry key is left out: sent
    again it would replay this answer."""
    body = request.model_dump(mode="json", by_alias=True)
    body["weights"] = resendable(resolve_weights(request, plan), request)
    body["request_id"] = None
    body["rules"] = [rule.model_dump(mode="json") for rule in rules.rules]
    return body


def dry_run(prepared: Prepared, index: SearchIndex) -> dict[str, Any]:
    """The answer of a dry run: `matches` is exact here, for the condition is counted and nothing is scored."""
    plan, query = prepared.plan, prepared.query
    matches = index.count(plan.condition)
    counts = [-1 if operator.node is None else index.count(operator.node) for operator in query.operators]
    return {
        "resolved": resolve(prepared.asked, plan, prepared.rules),
        "query": answers.query_report(plan, query.operators, counts, None),
        "stages": [
            {"name": f"recall.{retriever.name}", **predicted_cost(retriever, plan)} for retriever in plan.retrievers
        ],
        "predicted_ms": round(prepared.predicted_ms, 3),
        "degraded": degraded_by(prepared),
        "matches": {"estimate": matches, "low": matches, "high": matches},
        "facets": facets_of(prepared.request, plan, index),
        "generation": index.statistics.generation,
        "notices": answers.notices(query.notices, prepared.notices, given_up(prepared), not_predicted(prepared)),
    }


def not_predicted(prepared: Prepared) -> tuple[Notice, ...]:
    """What a dry run cannot know, for it searches nothing."""
    if not feedback.wanted(prepared):
        return ()
    return (Notice("feedback_not_predicted", "the words that relevance feedback adds are known once it has searched"),)


def predicted_cost(retriever: PlannedRetriever, plan: Plan) -> dict[str, Any]:
    """Postings, and milliseconds of CPU by the constants' rates: an order of magnitude, not a promise."""
    if retriever.type == "bm25":
        postings = sum(cost(term, searched((retriever,))) for term in plan.terms if term.kept)
    else:
        postings = grouped_cost((retriever,))
    vectors = plan.statistics.passages if retriever.type == "dense" else 0
    return {
        "postings": postings,
        "ms": round(recall_ms(postings, vectors), 4),
    }
