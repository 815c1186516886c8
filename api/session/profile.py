"""What a session learned, for one query: given the candidates of a query and a session's state, returns the influences
of its goal, of the query before and of its feedback, the words they stand for, and whether the query is of another
topic.

What goals and pages hold for likely (likely.py) does not depend on what is asked now: it is kept, and computed anew
when it is not there any more, so that memory changes no answer. The arithmetic is in ranking/profile.py. Not for what
was shown (ranking/seen.py).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from api.embeddings import QueryVectors
from api.preparing import Prepared
from api.requests import SearchRequest
from api.session.likely import Likely, neutral, of_order, of_pages, of_text, said_of, tells, words_of
from api.warm.keys import digest
from ranking.pipeline import Ordered
from ranking.ports import SearchIndex
from ranking.profile import best_found, bounded, drifts, masses, share_of
from ranking.text import tokenize
from ranking.types import Evidence, Influence, SessionState

KEPT: Final = 512
"""Goals and sets of pages: some 100 scores and words each, 15 KB."""

Key = tuple[str, bytes]
"""A scope, and what all the rest hashes to: requests may be long, and what was asked is nobody's to keep."""


@dataclass(frozen=True, slots=True)
class Learned:
    """`terms`: JSON-ready, for `session.profile_terms`."""

    influences: tuple[Influence, ...] = ()
    terms: tuple[dict[str, Any], ...] = ()
    drifted: bool = False


class Profiler:
    """What the sessions of one engine hold for likely. Thread-safe."""

    def __init__(self, vectors: QueryVectors) -> None:
        self._vectors = vectors
        self._guard = threading.Lock()
        self._kept: OrderedDict[Key, Likely] = OrderedDict()

    def learned(
        self, scope: str, prepared: Prepared, evidence: Evidence, index: SearchIndex, session: SessionState, now: float
    ) -> Learned:
        """`scope` names the collection and whose it is."""
        request, settings = prepared.request, prepared.request.session
        if not (settings.use_profile and (session.goal or session.marks)):
            return Learned()
        base = neutral(request, prepared.plan)
        key = _key(scope, base, request, index)
        pages, mass = Likely(), dict[str, float]()
        before = session.queries[-1] if session.queries else ""
        goal, previous = (
            self._likely(_with(key, text), partial(of_text, text, base, index, self._vectors, now))
            if weight and text not in ("", request.query)
            else Likely()
            for text, weight in ((session.goal, settings.goal_weight), (before, settings.previous_weight))
        )
        if session.marks and settings.feedback_weight:
            mass = masses(session.marks, partial(_site, index))
            read = tuple((document, said_of(session, document), *_read(session, document)) for document in mass)
            make = partial(of_pages, mass, base, index, session, now)
            pages = self._likely(_with(key, tuple(mass.items()), read), make) if mass else pages
        own, best = words_of(prepared.plan), best_found(evidence)
        asked = frozenset().union(*map(_tokens, (session.goal, *session.queries)))
        known = {document for document in best if document in goal.gains or document in session.seen}
        drifted = bool(session.queries) and drifts(best, known, own, asked)
        influences: list[Influence] = []
        learned: list[tuple[dict[str, float], tuple[str, ...]]] = []
        for name, weight, likely, documents in (
            ("goal", settings.goal_weight, goal, ()),
            ("previous", settings.previous_weight, previous, ()),
            ("feedback", settings.feedback_weight * sum(mass.values()), pages, tuple(mass)),
        ):
            added = {word: says for word, says in likely.words.items() if word not in own}
            share = share_of(weight, sum(added.values()), sum(own.values()))
            if not share or drifted or drifts(best, likely.gains, own, asked.union(likely.words)):
                continue
            influences.append(Influence(name, share, likely.gains))
            learned.append((added, documents))
        kept = bounded(influences)
        terms: list[dict[str, Any]] = []
        for influence, (added, documents) in zip(kept, learned, strict=True):
            each = influence.share * sum(own.values()) / sum(added.values())
            terms += _terms(influence.name, added, each, documents)
        return Learned(kept, tuple(terms), drifted)

    def remember(self, scope: str, prepared: Prepared, ordered: Ordered, index: SearchIndex) -> None:
        """The first search of a session is the one for its goal; each may be that of a query before."""
        if tells(prepared):
            key = _key(scope, neutral(prepared.request, prepared.plan), prepared.request, index)
            self._likely(_with(key, prepared.request.query), partial(of_order, prepared, ordered))

    def forget(self, tenant: str) -> None:
        """Everything of a tenant: which of it a session left is not known, and all of it can be had again."""
        with self._guard:
            for key in [key for key in self._kept if key[0].startswith(f"{tenant}/")]:
                del self._kept[key]
        _tokens.cache_clear()

    def _likely(self, key: Key, make: Callable[[], Likely]) -> Likely:
        with self._guard:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        made = make()
        with self._guard:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


@lru_cache(maxsize=4 * KEPT)
def _tokens(text: str) -> frozenset[str]:
    return frozenset(tokenize(text))


def _key(scope: str, base: SearchRequest, request: SearchRequest, index: SearchIndex) -> Key:
    """`base`: neutral of the request. Its candidates may be borrowed: what they hold for likely is for those alone who
    borrow, too."""
    borrows = request.session.reuse == "near"
    return (scope, digest(index.statistics.generation, base.model_dump_json(), borrows))


def _with(key: Key, *more: Any) -> Key:
    return (key[0], digest(key[1], *more))


def _site(index: SearchIndex, document: str) -> str | None:
    try:
        (stored,) = index.fetch([document])
    except KeyError:
        return None
    return stored.document.site


def _read(session: SessionState, document: str) -> tuple[str, tuple[int, ...]]:
    """Of which content which passages: the same ordinals are other texts in another."""
    record = session.seen.get(document)
    return (record.content_hash, tuple(sorted(record.passages))) if record else ("", ())


def _terms(name: str, added: dict[str, float], weight: float, documents: tuple[str, ...]) -> list[dict[str, Any]]:
    """The words that stand for an influence, those that say most first. `weight`: of a word relative to one of the
    query, `says`: its idf, times its part of the feedback."""
    ordered = sorted(added.items(), key=lambda item: (-item[1], item[0]))
    more = {"documents": list(documents)} if documents else {}
    return [
        {"term": word, "weight": round(weight, 6), "says": round(says, 6), "from": name, **more}
        for word, says in ordered
    ]
