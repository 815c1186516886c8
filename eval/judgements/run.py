"""Judgements from sessions, start to end: given an engine and names of sessions, writes a test collection.

Sessions are read through the engine's export, and nothing of them is kept but queries, ids of documents, counts and ids
of sessions. Whatever can be refused is refused before anything is written. Not for what a click means (models.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.engine import Engine
from eval.errors import JudgementError
from eval.judgements.folder import write
from eval.judgements.impressions import Impression, Told, told
from eval.judgements.models import ETA, MOST_ETA, NAMES, Estimate, model_of
from eval.judgements.topics import topics_of
from ranking.errors import ForageError
from ranking.nearest import nearest
from ranking.shown import several

ROWS: Final = ("queries", "results", "feedback")
"""What is read of a session: no passages, no signals."""
NAMED: Final = 10
"""Sessions that a message names; of more it says how many."""
MOST_SESSIONS: Final = 1_000_000
"""Of a tenant: all there are."""
SNAPSHOT: Final = "@"
"""Between the name of a collection and that of a snapshot of it, which has the same documents by the same ids."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`sessions`: by id; None: all that live. `collection`: whose searches count; None: there is one only."""

    sessions: tuple[str, ...] | None
    tenant: str = "default"
    collection: str | None = None
    model: str = "cited"
    eta: float = ETA


def from_sessions(engine: Engine, out: Path, plan: Plan) -> dict[str, Any]:
    """What was made of what: counts, and `skipped`, the sessions without feedback. JudgementError when nothing is
    judged; 404 for a session that is not there."""
    estimate = _model(plan)
    read = [_told(engine, session, plan.tenant) for session in _sessions(engine, plan)]
    heard = [each for each in read if each.feedback]
    impressions = [each for one in heard for each in one.impressions]
    collection = _collection(impressions, plan)
    counted = [each for each in impressions if _base(each.collection) == _base(collection)]
    topics, empty = topics_of(counted, estimate)
    skipped = sorted(each.session for each in read if not each.feedback)
    if not topics:
        raise JudgementError(
            f"nothing is judged by what {len(read)} sessions tell"
            + (f"; without any feedback: {several(skipped, NAMED)}" if skipped else ""),
            hint="agents tell what they opened and cited with POST /v1/sessions/ID/feedback; "
            "a query counts when one of its results was opened or cited",
        )
    judged = [judgement for topic in topics for judgement in topic.judgements]
    body = {
        "model": plan.model,
        **({"eta": plan.eta} if plan.model == "position" else {}),
        "tenant": plan.tenant,
        "collection": _base(collection),
        "generation": _generation(engine, collection, plan.tenant),
        "sessions": sorted(each.session for each in heard),
        "skipped": skipped,
        "begin_late": sorted(each.session for each in heard if each.first > 1),
        "searches": len(counted),
        "of_other_collections": len(impressions) - len(counted),
        "narrowed": sum(topic.narrowed for topic in topics),
        "feedback": sum(each.feedback for each in heard),
        "unplaced": sum(each.unplaced for each in heard),
        "topics": len(topics),
        "without_a_good_document": empty,
        "judgements": len(judged),
        "grades": {str(grade): count for grade, count in sorted(Counter(each.relevance for each in judged).items())},
        "conflicts": sum(each.conflict for each in judged),
    }
    write(out, topics, body)
    return body


def _model(plan: Plan) -> Estimate:
    if plan.model not in NAMES:
        near = nearest(plan.model, NAMES)
        raise JudgementError(f"there is no model {plan.model!r}", hint=f"one of {', '.join(NAMES)}", did_you_mean=near)
    if not 0 <= plan.eta <= MOST_ETA:
        raise JudgementError(f"eta is {plan.eta:g}", hint=f"from 0, no bias of place, to {MOST_ETA:g}")
    return model_of(plan.model, plan.eta)


def _sessions(engine: Engine, plan: Plan) -> list[str]:
    """Each once."""
    if plan.sessions is not None:
        found = list(dict.fromkeys(plan.sessions))
    else:
        found = [each["id"] for each in engine.sessions.list(plan.tenant, MOST_SESSIONS)["sessions"]]
    if not found:
        raise JudgementError(
            f"the tenant {plan.tenant} has no sessions that live",
            hint='a session ends after FORAGE_SESSION_TTL_S idle seconds; one made with {"keep": true} lives on',
        )
    return found


def _told(engine: Engine, session: str, tenant: str) -> Told:
    return told(session, _rows(engine, session, tenant))


def _rows(engine: Engine, session: str, tenant: str) -> Iterator[dict[str, Any]]:
    for what in ROWS:
        for some in engine.sessions.export(session, what, tenant):
            yield from some


def _collection(impressions: Sequence[Impression], plan: Plan) -> str:
    """The one that counts."""
    counted = Counter(_base(each.collection) for each in impressions)
    named = ", ".join(f"{name} ({count} searches)" for name, count in sorted(counted.items()))
    if plan.collection is not None:
        if impressions and _base(plan.collection) not in counted:
            raise JudgementError(f"no session with feedback searched {plan.collection}", hint=f"they searched {named}")
        return plan.collection
    if len(counted) > 1:
        raise JudgementError(f"the sessions searched {named}", hint="choose one with --collection")
    return next(iter(counted), "default")


def _base(collection: str) -> str:
    return collection.partition(SNAPSHOT)[0]


def _generation(engine: Engine, collection: str, tenant: str) -> str | None:
    """What is served now; None where the collection is gone: its judgements may be of use elsewhere."""
    try:
        return str(engine.read_collection(_base(collection), tenant)["generation"])
    except ForageError:
        return None
