"""A session with everything off is no session: whatever was shown, said, forked or guessed before, the `results` of a
call are, byte for byte, those of the stateless call."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.engine import Engine
from tests.laws.test_pool_laws import CALLS, FIELDS, QUERIES, engines

__all__ = ["engines"]  # a fixture, found by its name

OFF = {
    "seen": "off", "use_profile": False, "prefetch": False, "follow_ups": False, "overlap": "allow", "on_repeat": "continue",
}  # fmt: skip
SAID = st.lists(st.tuples(st.sampled_from(["open", "cite", "reject"]), st.integers(0, 9)), max_size=4)
_numbers = itertools.count()


def answer(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    answered: dict[str, Any] = orjson.loads(engine.search(request, "default").body)
    return answered


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=CALLS, said=SAID, fork=st.booleans(), query=QUERIES, fields=FIELDS)
def test_with_all_off_results_are_those_of_a_stateless_call(
    engines: tuple[Engine, Engine],
    history: list[tuple[str, dict[str, Any], dict[str, Any]]],
    said: list[tuple[str, int]],
    fork: bool,
    query: str,
    fields: dict[str, Any],
) -> None:
    session_id = f"switch-{next(_numbers)}"
    shown: list[str] = []
    for asked, knobs, switches in history:
        request = {"query": asked, "session_id": session_id, "objective": "sqlite cursor", **knobs, "session": switches}
        shown += [hit["id"] for hit in answer(engines[0], request)["results"]]
    if said and shown:
        events = [{"kind": kind, "document": shown[place % len(shown)]} for kind, place in said]
        engines[0].sessions.feedback(session_id, {"events": events}, "default")
    branch = engines[0].sessions.fork(session_id, {}, "default")["branch"] if fork else "main"
    request = {"query": query, **fields}
    off = answer(engines[0], {**request, "session_id": session_id, "branch": branch, "session": OFF})
    stateless = answer(engines[1], {**request, "session": {"record": False}})
    assert orjson.dumps(off["results"]) == orjson.dumps(stateless["results"])
