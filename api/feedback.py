"""Relevance feedback of a request: given what a first search found, returns the plan of the second.

The best documents' best passages are presumed relevant (ranking/feedback.py). Costs a second recall and ranking; both
are in the trace. Not for feedback that a session was given.
"""

from __future__ import annotations

from api.preparing import Prepared
from ranking.constants import FEEDBACK_PASSAGES
from ranking.feedback import feedback_words, moved_vector
from ranking.passages import choose_passages
from ranking.pipeline import order
from ranking.ports import SearchIndex
from ranking.retriever_plans import own_words
from ranking.types import SessionState


def with_feedback(prepared: Prepared, index: SearchIndex, now: float) -> Prepared:
    """As the request asks: `prepared` itself, or the plan of its second search."""
    return _second(prepared, index, now) if wanted(prepared) else prepared


def wanted(prepared: Prepared) -> bool:
    """Whether the request asks for it, and has something to give it to."""
    feedback = prepared.request.expand.feedback
    return bool(feedback.docs and ((feedback.terms and feedback.weight) or feedback.dense))


def _second(prepared: Prepared, index: SearchIndex, now: float) -> Prepared:
    """The plan with the words and the vector that the best documents of a first, stateless search suggest."""
    feedback = prepared.request.expand.feedback
    params = prepared.request.model_copy(update={"rerank": (), "explain": False, "score": None})
    evidence = index.recall(prepared.plan)
    ordered = order(prepared.plan, evidence, params, SessionState(), now, rules=prepared.rules)
    rows = ordered.order[: feedback.docs].tolist()
    ids = [evidence.ids[row] for row in rows]
    if not ids:
        return prepared
    chosen = [
        (one.document, choice.ordinal)
        for one in index.passage_evidence(prepared.plan, ids)
        for choice in choose_passages(one, FEEDBACK_PASSAGES, None, "off")
    ]
    scores = dict(zip(ids, ordered.sheet.score[rows].tolist(), strict=True))
    texts = [passage.text for passage in index.fetch_passages(chosen)]
    words = feedback_words(
        texts,
        [scores[document] for document, _ in chosen],
        own_words(prepared.query),
        index.statistics,
        index.term_statistics,
        feedback.terms,
        feedback.weight,
    )
    vector = prepared.plan.vector
    if vector is not None and feedback.dense:
        best = dict(reversed([(document, ordinal) for document, ordinal in chosen]))
        vector = moved_vector(vector, index.passage_vectors(list(best.items())), feedback.dense)
    return prepared.again(vector, words)
