"""Systems under test: given `kind:option=value,...`, returns how each call of a session is asked of the engine.

    stateless                          every call alone
    dedupe                             stateless; the client leaves out what it was shown; k=10 asks for more
    history:first=1,previous=1,current=2,all=0
                                       stateless; the text asked is made of the session's queries by a rule (history.py)
    session:seen=demote,demote=0.7     the product's session with these `session` params over the defaults

All kinds take k (results asked for per call, 5); session also objective=true (the agent says what it is after) and
cite=true (it cites what its reader noticed). Not for asking (desk.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import orjson

from eval.errors import SessionRunError
from eval.sessions.history import MOST, Rule
from ranking.nearest import nearest

K: Final = 5
KINDS: Final = {
    "stateless": "every call alone; `k` results",
    "dedupe": "stateless; the client leaves out what it was shown",
    "history": "stateless; the text is made of the session's queries: `first`, `previous`, `current` and `all` earlier "
    "ones say how often each stands in it (0, 0, 1, 0)",
    "session": "the product's session, with any `session` parameter; `objective=true`: the agent sends the question as "
    "its objective, `cite=true`: it cites what its reader noticed",
}
BASELINES: Final = ("stateless", "dedupe")
"""Kinds that know nothing of a session: what they gain with another k, a client gains without us."""
TUNED_K: Final = (3, 8, 10)
"""Results a call that baselines are tuned over, beside K."""
PLAIN_SESSION: Final = "session:use_profile=false,named=0"
"""What was shown before, and nothing else."""
LEAN: Final = "session:seen=drop,stubs=0"
"""For readers who miss nothing: no token is spent on what they have seen."""

GRIDS: Final[dict[str, tuple[str, ...]]] = {
    "baselines": ("stateless", "dedupe", "dedupe:k=10"),
    "modes": (
        "stateless",
        f"{PLAIN_SESSION},seen=drop",
        f"{PLAIN_SESSION},seen=new_passages",
        *(f"{PLAIN_SESSION},seen=demote,demote={factor}" for factor in (0.8, 0.7, 0.6, 0.5, 0.3)),
    ),
    "goals": (
        "stateless",
        *(f"session:named=0,feedback_weight=0,goal_weight={weight}" for weight in (0, 0.1, 0.2, 0.3)),
    ),
    "objectives": (
        "stateless",
        *(f"session:objective=true,named=0,feedback_weight=0,goal_weight={weight}" for weight in (0, 0.1, 0.2, 0.3)),
    ),
    "feedback": ("stateless", "session:feedback_weight=0", "session:cite=true,feedback_weight=0.2"),
    "default": ("stateless", "dedupe", "session"),
    "tokens": (
        *(each for kind in (*BASELINES, "session") for each in (kind, *(f"{kind}:k={k}" for k in TUNED_K))),
        *("session:named=0", "session:seen=drop", f"{LEAN},named=0,k=3"),
        *(f"{LEAN},k=3", LEAN, f"{LEAN},k=10", f"{LEAN},fill=false,k=3", f"{LEAN},fill=false"),
    ),
    "named": ("stateless", *(f"session:named={share}" for share in (0, 0.1, 0.2, 0.3))),
    "histories": (
        "stateless:k=10",
        "history:first=1,k=10",
        "history:previous=1,k=10",
        "history:first=1,previous=1,current=2,k=10",
        "history:all=1,k=10",
        "session:k=10",
    ),
}
"""Names for several systems."""


@dataclass(frozen=True, slots=True)
class System:
    """`session`: params over the defaults; `cites`: the agent cites what its reader noticed; `tells`: it sends the
    question as the session's objective; `history`: the rule that makes the text of kind history."""

    name: str
    kind: str
    k: int = K
    cites: bool = False
    tells: bool = False
    session: Mapping[str, Any] = field(default_factory=dict)
    history: Rule | None = None


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
    if kind == "history":
        return System(name, kind, k, history=_rule(name, options))
    if options and kind != "session":
        raise SessionRunError(f"system {name!r}: {kind} takes k alone", hint="session:... takes the session params")
    cites, tells = (bool(options.pop(key, False)) for key in ("cite", "objective"))
    return System(name, kind, k, cites, tells, options)


def _rule(name: str, options: Mapping[str, Any]) -> Rule:
    known = {each.name for each in fields(Rule)}
    for key, weight in options.items():
        if key not in known:
            raise SessionRunError(
                f"system {name!r}: history has no {key}",
                hint=f"one of {', '.join(sorted(known))}, k",
                did_you_mean=nearest(key, known),
            )
        least = 1 if key == "current" else 0
        if isinstance(weight, bool) or not isinstance(weight, int) or not least <= weight <= MOST:
            raise SessionRunError(
                f"system {name!r}: {key} is {weight!r}", hint=f"a whole number from {least} to {MOST}"
            )
    return Rule(**options)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
