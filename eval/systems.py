"""Systems under test: given `kind:option=value,...`, returns how each call of a session is asked of the engine.

    stateless                          every call alone
    dedupe                             stateless; the client leaves out what it was shown; k=10 asks for more
    session:seen=demote,demote=0.7     the product's session with these `session` params over the defaults

All kinds take k (results asked for per call, 5); session also objective=true (the agent says what it is after) and
cite=true (it cites what its reader noticed). They send the same request but for its `session`: a difference between
two of them is the session's alone. Not for what a reader notices.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from api.engine import Engine
from eval.agents.view import Asked
from eval.displayed import Answer, answer_of, without
from eval.errors import SessionRunError
from eval.runs import TENANT, plain
from ranking.nearest import nearest

K: Final = 5
KINDS: Final = ("stateless", "dedupe", "session")
QUIET: Final = {"prefetch": False, "follow_ups": False}
"""Of every session under test: neither changes a result, and both cost time."""
TRIES: Final = 3
"""Of a call whose answer was degraded."""
PLAIN_SESSION: Final = "session:use_profile=false"

GRIDS: Final[dict[str, tuple[str, ...]]] = {
    "baselines": ("stateless", "dedupe", "dedupe:k=10"),
    "modes": (
        "stateless",
        f"{PLAIN_SESSION},seen=drop",
        f"{PLAIN_SESSION},seen=new_passages",
        *(f"{PLAIN_SESSION},seen=demote,demote={factor}" for factor in (0.8, 0.7, 0.5)),
    ),
    "goals": (
        "stateless",
        *(f"session:feedback_weight=0,goal_weight={weight}" for weight in (0, 0.1, 0.2, 0.3)),
    ),
    "objectives": (
        "stateless",
        *(f"session:objective=true,feedback_weight=0,goal_weight={weight}" for weight in (0, 0.1, 0.2, 0.3)),
    ),
    "feedback": ("stateless", "session:feedback_weight=0", "session:cite=true,feedback_weight=0.2"),
    "default": ("stateless", "dedupe", "session"),
}
"""Names for several systems."""


@dataclass(frozen=True, slots=True)
class System:
    """`session`: params over the defaults; `cites`: the agent cites what its reader noticed; `tells`: it sends the
    question as the session's objective."""

    name: str
    kind: str
    k: int = K
    cites: bool = False
    tells: bool = False
    session: Mapping[str, Any] = field(default_factory=dict)


def systems_of(names: Sequence[str]) -> tuple[System, ...]:
    """Each once, in order; a name of GRIDS stands for several. A comma belongs to the system before it."""
    wanted = [each for name in names for each in GRIDS.get(name, (name,))]
    return tuple(system_of(name) for name in dict.fromkeys(wanted))


def system_of(name: str) -> System:
    """SessionRunError for a kind or an option that there is not."""
    kind, _, rest = name.partition(":")
    if kind not in KINDS:
        known = (*KINDS, *GRIDS)
        raise SessionRunError(
            f"there is no system {name!r}", hint=f"one of {', '.join(known)}", did_you_mean=nearest(kind, known)
        )
    options: dict[str, Any] = {}
    for option in filter(None, rest.split(",")):
        key, equals, value = option.partition("=")
        if not equals:
            raise SessionRunError(f"system {name!r}: {option!r} is no option", hint="write option=value")
        options[key] = _value(value)
    k = options.pop("k", K)
    if not isinstance(k, int) or not 1 <= k <= 100:
        raise SessionRunError(f"system {name!r}: k is {k!r}", hint="from 1 to 100")
    if options and kind != "session":
        raise SessionRunError(f"system {name!r}: {kind} takes k alone", hint="session:... takes the session params")
    cites, tells = (bool(options.pop(key, False)) for key in ("cite", "objective"))
    return System(name, kind, k, cites, tells, options)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def request_of(system: System, collection: str, query: str) -> dict[str, Any]:
    """What every system asks, but for the session."""
    session = {**QUIET, **system.session} if system.kind == "session" else {"record": False}
    return {
        "query": plain(query).strip() or query,
        "collection": collection,
        "max_results": system.k,
        "diversify": {"max_per_site": None},
        "session": session,
    }


class Desk:
    """One session of one system: every call of one agent on one topic, whose question is its objective. close() erases
    what it left behind."""

    def __init__(self, engine: Engine, system: System, collection: str, objective: str = "") -> None:
        self._engine = engine
        self._system = system
        self._collection = collection
        self._objective = objective if system.tells else ""
        self._session = f"eval-{secrets.token_hex(8)}"
        self._recorded = system.kind == "session"
        self._used = False
        self._kept: dict[str | None, set[str]] = {}

    def search(self, asked: Asked) -> Answer:
        """What is displayed to the reader of `asked`."""
        request = request_of(self._system, self._collection, asked.query)
        if self._recorded:
            self._used = True
            request["session_id"] = self._session
            if self._objective:
                request["objective"] = self._objective
            if asked.reader is not None:
                request["reader"] = asked.reader
        answer = answer_of(self._whole(request))
        if self._system.kind == "dedupe":
            kept = self._kept.setdefault(asked.reader, set())
            answer = without(answer, kept)
            kept.update(item.document for item in answer.shown)
        return answer

    def _whole(self, request: dict[str, Any]) -> Any:
        """An answer that nothing was left out of: a session that its store failed for once would be measured as
        stateless. Such a call recorded nothing, so it can be made again. SessionRunError when that does not help."""
        for _ in range(TRIES):
            body = orjson.loads(self._engine.search(request, TENANT).body)
            if not body["trace"]["degraded"]:
                return body
        degraded = ", ".join(body["trace"]["degraded"])
        raise SessionRunError(f"the engine answered without {degraded}", hint="run it again: what is done is kept")

    def cite(self, documents: Sequence[str], reader: str | None) -> None:
        """Tell the session what was noticed, when the system is to know."""
        if self._recorded and self._system.cites and documents:
            events = [{"kind": "cite", "document": document} for document in documents]
            self._engine.sessions.feedback(self._session, {"events": events, "reader": reader}, TENANT)

    def close(self) -> None:
        if self._used:
            self._engine.sessions.delete(self._session, TENANT)
            self._used = False
