"""Follow-ups of an answer: given what was shown and the open index, returns at most three that may bring something new,
and the one query that stands for all that may come next.

The index says how rare words are and how many pages a proposal may bring; what is proposed is decided by sessions/.
Costs about a millisecond and reads no page that was not shown. Not for warming them (prefetch.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.warm.pools import Pool
from api.warm.warmth import FollowUp
from ranking.ports import SearchIndex
from ranking.retriever_plans import idf
from ranking.stopwords import stop_words
from ranking.types import All, SessionState, Term
from sessions.follow_up_settings import DEFAULTS
from sessions.follow_ups import Idf, Moment, Page, Proposal, Reader
from sessions.predictors import Predictors


@dataclass(frozen=True, slots=True)
class Ahead:
    """`outlook` is for words alone (scouting.py), "" where there is none; no reader sees it."""

    follow_ups: tuple[FollowUp, ...] = ()
    outlook: str = ""


def look_ahead(
    query: str,
    results: Sequence[Mapping[str, Any]],
    session: SessionState,
    index: SearchIndex,
    predictors: Predictors,
    successors: tuple[str, ...],
    warm: Callable[[str], Pool | None],
) -> Ahead:
    """`results` are the answer's; `warm`: a query's pool, where there is one. Predictors that are switched off have
    one each that is not offered."""
    pages = tuple(
        Page(hit["title"], " ".join(passage["text"] for passage in hit["passages"]))
        for hit in results[: DEFAULTS.pages]
    )
    common = stop_words(index.statistics.languages)
    moment = Moment(query, session.goal, session.queries, pages, successors, common)
    made: list[FollowUp] = []
    silent: dict[str, FollowUp] = {}
    paying = predictors.paying()
    known = session.seen.keys() | {hit["id"] for hit in results}
    reader = Reader(moment, lambda tokens: _idf(tokens, index))
    for each in reader.proposals(predictors.beliefs()):
        if each.predictor not in paying:
            note = FollowUp(each.predictor, each.query, each.why, each.covers, 0, False, offered=False)
            silent.setdefault(each.predictor, note)
            continue
        if len(made) == DEFAULTS.most:
            continue
        pool = warm(each.query)
        new = _expected(each, len(results), index) if pool is None else _counted(pool, known, len(results))
        if new >= DEFAULTS.least_new:
            made.append(FollowUp(each.predictor, each.query, each.why, each.covers, new, pool is not None))
    return Ahead((*made, *silent.values()), reader.outlook())


def _idf(tokens: tuple[str, ...], index: SearchIndex) -> Idf:
    """Of words that some document holds."""
    known = index.term_statistics(tuple((token, False) for token in tokens), stem=False) if tokens else ()
    documents = index.statistics.documents
    return {token: idf(documents, one.df) for token, one in zip(tokens, known, strict=True) if one.df}


def _expected(proposal: Proposal, size: int, index: SearchIndex) -> int:
    """Pages that hold its telling words, less those just shown that do, at most a page of results."""
    if not proposal.telling:
        return 0
    node = All(tuple(Term(token) for token in proposal.telling))
    return max(0, min(index.count(node) - proposal.shown, max(size, DEFAULTS.least_new)))


def _counted(pool: Pool, known: frozenset[str] | set[str], size: int) -> int:
    """Unseen ones among the first of a warm pool."""
    return sum(document not in known for document in pool.best(max(size, DEFAULTS.least_new)))
