"""A conversation ends and is kept whatever a model writes; every nonsense is answered so that the model can do better."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.engine import Engine
from eval.errors import EndpointError
from eval.live.chat import Message
from eval.live.loop import REMINDERS
from eval.sessions.displayed import tokens_of
from tests.eval.live.conftest import Talk
from tests.eval.stand_in_chat import Message as Said
from tests.eval.stand_in_chat import Wrong, say, scripted

FINISH = say(("finish", {"answer": "Ada Fern", "evidence": ["m1", "m2"]}))


def told(messages: list[Message]) -> list[str]:
    """What the tools answered, in order."""
    return [str(message["content"]) for message in messages if message["role"] == "tool"]


def test_a_model_that_searches_opens_cites_and_finishes(talk: Talk, engine: Engine) -> None:
    """Everything it was shown and said is in the record, in order; the session is erased."""
    record, messages, _ = talk(
        scripted(
            say(("search", {"query": "Journal of Botany", "why": "who publishes it"})),
            say(("cite", {"ids": ["m1"]})),
            say(("open", {"id": "m2"})),
            FINISH,
        )
    )
    assert [(turn.tool, turn.query) for turn in record.calls] == [("search", "Journal of Botany"), ("open", "")]
    assert record.calls[0].shown[0][0] == "m1"
    assert record.calls[0].cited == ("m1",)
    assert [document for document, _ in record.calls[1].opened] == ["m2"]
    assert (record.ending, record.answer, record.named) == ("finished", "Ada Fern", ("m1", "m2"))
    assert (record.requests, record.faults, record.prompt_tokens) == (4, 0, 400)
    assert "who publishes it" not in repr(record)
    assert engine.sessions.list("default")["sessions"] == []
    assert "Ada Fern, a moss collector" in told(messages)[2]


@pytest.mark.parametrize("system", ["stateless", "dedupe", "session"])
def test_the_text_that_a_model_reads_is_what_is_counted(talk: Talk, system: str) -> None:
    """Each page again from the engine's own rules: the second of a session has stubs, of a client that leaves out none."""
    record, messages, _ = talk(
        scripted(*[say(("search", {"query": query})) for query in ("harbour", "the harbour")], FINISH), system
    )
    for turn, text in zip(record.calls, told(messages), strict=False):
        if turn.shown:
            assert sum(tokens for _, tokens in (*turn.shown, *turn.stubs)) == pytest.approx(
                tokens_of(text), abs=len(turn.shown) + len(turn.stubs)
            )
            assert text.count("\n(") == len(turn.stubs)
    first, second = (dict(turn.shown).keys() for turn in record.calls)
    again = first & second
    assert bool(again) == (system != "dedupe")
    assert bool(record.calls[1].stubs) == (system == "session" and len(again) < len(first))


def test_parallel_calls_are_all_answered_in_order(talk: Talk) -> None:
    """Also those beyond the budget, which are not made, and those after the end."""
    queries = [("search", {"query": f"society {number}"}) for number in range(6)]
    finish = ("finish", {"answer": "", "evidence": []})
    record, messages, _ = talk(scripted(say(*queries, finish, ("search", {"query": "more"}))))
    assert len(record.calls) == 4
    assert len(told(messages)) == 8
    assert told(messages)[4:6] == [told(messages)[4]] * 2
    assert "No calls are left" in told(messages)[3]
    assert told(messages)[7] == "The question is finished."
    assert record.ending == "finished"


NONSENSE: list[tuple[tuple[str, Any], str]] = [
    (("serach", {"query": "plants"}), "Did you mean search?"),
    (("rm -rf /", {}), "There is no tool"),
    (("", {}), "There is no tool"),
    (("search", '{"query": "pla'), "not JSON"),
    (("search", "plants"), "not JSON"),
    (("search", '["plants"]'), "must be a JSON object"),
    (("search", ""), "needs a query"),
    (("search", {"query": "  "}), "needs a query"),
    (("search", {"query": ["plants"]}), "needs a query"),
    (("search", {"query": "plants", "max_results": "many"}), "whole number"),
    (("search", {"query": "x" * 8_001}), "8,000"),
    (("open", {}), "needs the address"),
    (("open", {"id": "nowhere"}), "nowhere"),
    (("open", {"id": "x" * 9_000}), "8192"),
]


@pytest.mark.parametrize(("call", "expected"), NONSENSE)
def test_nonsense_is_told_to_the_model_and_costs_a_call(talk: Talk, call: tuple[str, Any], expected: str) -> None:
    """And the conversation goes on."""
    record, messages, _ = talk(scripted(say(call), FINISH))
    assert expected in told(messages)[0]
    assert len(told(messages)[0]) < 600
    assert len(record.calls) == 1
    assert record.calls[0].error
    assert (record.faults, record.ending) == (1 + 2, "finished")  # the end names two that were never shown


@pytest.mark.parametrize("given", [{"ids": []}, {"ids": "m1"}, {"ids": ["m1", "made up"]}, {"ids": [3, None]}, {}])
def test_a_citation_of_what_was_never_shown_is_none(talk: Talk, given: dict[str, Any]) -> None:
    """A guess is no evidence, and costs no call; nor does the end count it."""
    record, messages, _ = talk(scripted(say(("cite", given)), FINISH))
    assert record.calls == ()
    assert record.named == ()
    assert "never shown" in told(messages)[0] or "needs the addresses" in told(messages)[0]


def test_a_citation_is_taken_where_a_part_of_it_was_shown(talk: Talk) -> None:
    """One name may stand for a list, and what was never shown is named."""
    record, messages, _ = talk(
        scripted(
            say(("search", {"query": "Journal of Botany"})),
            say(("cite", {"ids": ["m1", "made up"]})),
            say(("cite", {"ids": "m1"})),
            FINISH,
        )
    )
    assert "made up" in told(messages)[1]
    assert record.calls[0].cited == ("m1",)


def test_a_model_that_calls_no_tool_is_reminded_and_then_done(talk: Talk) -> None:
    """What it said last is its answer."""
    record, messages, seen = talk(scripted(say(text="I think"), say(text="it was Ada Fern.")))
    assert (record.ending, record.answer) == ("silent", "it was Ada Fern.")
    assert len(seen.requests) == REMINDERS + 1
    assert "Call a tool" in str(messages[3]["content"])
    record, _, _ = talk(scripted(say(), FINISH))
    assert record.ending == "finished", "an empty reply is reminded too"


def test_a_loop_without_end_ends(talk: Talk) -> None:
    """By calls, by requests where they cost no call, and by tokens."""
    record, _, seen = talk(scripted(say(("search", {"query": "plants"}))))
    assert (record.ending, len(record.calls), len(seen.requests)) == ("calls", 4, 6)
    record, _, seen = talk(scripted(say(("cite", {"ids": ["m1"]}))))
    assert (record.ending, len(record.calls), len(seen.requests)) == ("requests", 0, 12)
    record, messages, _ = talk(scripted(say(("search", {"query": "plants"}))), tokens=10)
    assert (record.ending, len(record.calls)) == ("tokens", 1)
    assert "No calls are left" in told(messages)[0]


def test_the_same_query_again_is_another_call_of_the_session(talk: Talk) -> None:
    """Not a retry: its results were shown before."""
    again = say(("search", {"query": "harbour", "max_results": 3}))
    record, _, _ = talk(scripted(again, again, FINISH), "session:seen=drop")
    first, second = (dict(turn.shown).keys() for turn in record.calls)
    assert len(first) == 3
    assert not first & second


def test_a_reply_that_was_cut_off_is_told_so(talk: Talk) -> None:
    """Arguments that end in the middle, or a text that does."""
    record, messages, _ = talk(scripted(say(("search", '{"query": "plan'), finish="length"), FINISH))
    assert "cut off at its limit" in told(messages)[0]
    said: Said = {"role": "assistant", "content": "Let me think about", "finish": "length"}
    record, messages, _ = talk(scripted(said, FINISH))
    assert "cut off at its limit" in str(messages[3]["content"])
    assert record.ending == "finished"


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(500, b"oops"),
        Wrong(429, b'{"error": {"message": "slow down"}}', {"retry-after": "1"}),
        Wrong(503, b""),
        Wrong(200, b'{"choices": [{"message": {"content": "half', cut=True),
        Wrong(200, b'{"choices": [{"message"'),
        Wrong(200, b'{"choices": []}'),
        Wrong(200, b""),
        Wrong(200, b"null"),
    ],
)
def test_trouble_that_passes_is_sat_out(talk: Talk, wrong: Wrong) -> None:
    """The conversation goes on as if nothing had happened; trouble that stays ends the run, with what it was."""
    state = {"asked": 0}

    def policy(messages: list[Said]) -> Any:
        state["asked"] += 1
        return wrong if state["asked"] % 2 else scripted(say(("search", {"query": "plants"})), FINISH)(messages)

    record, _, _ = talk(policy)
    assert (record.ending, len(record.calls), record.requests) == ("finished", 1, 2)
    with pytest.raises(EndpointError, match="failed 5 times"):
        talk(lambda messages: wrong)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "variable NONE"), (403, "variable NONE"), (404, "/v1"), (400, "--no-sampling")]
)
def test_what_will_not_pass_ends_the_run_at_once(talk: Talk, status: int, hint: str) -> None:
    """With what to do about it."""
    asked = []

    def policy(messages: list[Said]) -> Wrong:
        asked.append(1)
        return Wrong(status, json.dumps({"error": {"message": "no such thing"}}).encode())

    with pytest.raises(EndpointError, match="no such thing") as caught:
        talk(policy)
    assert hint in str(caught.value.hint)
    assert len(asked) == 1


def test_a_conversation_that_outgrows_the_model_is_a_result(talk: Talk) -> None:
    """Of what it found until then."""
    full = Wrong(400, b'{"error": {"message": "This model\'s maximum context length is 8192 tokens"}}')
    record, _, _ = talk(scripted(say(("search", {"query": "plants"})), full))
    assert (record.ending, len(record.calls)) == ("context", 1)


def test_half_a_surrogate_pair_in_a_query_is_searched_all_the_same(talk: Talk) -> None:
    """Models write them now and then, in arguments and around them."""
    record, _, _ = talk(scripted(say(("search", '{"query": "plants \\ud83d"}'), text="\ud83d"), FINISH))
    assert record.calls[0].shown


@pytest.mark.parametrize("cite", [True, False])
def test_the_session_is_told_what_was_opened_and_cited_where_the_system_says_so(
    talk: Talk, engine: Engine, cite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of simulated agents."""
    kept: list[str] = []
    delete = engine.sessions.delete

    def keeping(session: str, tenant: str) -> None:
        kept.extend(event["kind"] for event in engine.sessions.read(session, tenant)["events"])
        delete(session, tenant)

    monkeypatch.setattr(engine.sessions, "delete", keeping)
    script = scripted(
        say(("search", {"query": "plants"})), say(("open", {"id": "m1"})), say(("cite", {"ids": ["m1"]})), FINISH
    )
    talk(script, "session:cite=true" if cite else "session")
    assert kept == (["search", "open", "cite"] if cite else ["search"])


def test_a_model_is_told_what_its_system_does_with_what_was_shown(talk: Talk) -> None:
    """And nothing of sessions where there is none."""
    texts = {
        system: json.dumps(talk(scripted(FINISH), system)[2].requests[0]["tools"])
        for system in ("stateless", "dedupe", "session", "session:seen=off")
    }
    assert "session" not in texts["stateless"]
    assert "left out" in texts["dedupe"]
    assert "move down" in texts["session"]
    assert "move down" not in texts["session:seen=off"]
