"""A conversation with a model: given a question, a desk and bounds, asks the model until it is done, and returns what
it did.

Whatever a model writes, the conversation ends: calls, displayed tokens and requests are bounded, and nonsense costs a
call like anything else. Every call of a tool is answered, in the order in which it was written, also those beyond the
bounds. Not for systems and sets (run.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from eval.live.chat import ContextFull, Message, Reply, ToolCall
from eval.live.desk import AgentDesk
from eval.live.records import Record
from eval.live.tools import ANSWER_CHARACTERS, Cite, Finish, Open, ToolError, prompt, read_call
from eval.sessions.tasks import Task

TOKENS: Final = 16_000
"""Displayed, twice the largest budget at which recall is measured."""
REMINDERS: Final = 2
"""Of a model that calls no tool; the next time it is done."""
LAST_WORDS: Final = 2
"""Requests after the last call: one to cite, one to finish."""

REMIND: Final = "Call a tool: search and open to go on, finish to end."
CUT_OFF: Final = "Your reply was cut off at its limit of length; be briefer."
SPENT: Final = "No calls are left. Cite what holds a part of the answer, and call finish."


class Model(Protocol):
    """What a conversation needs of chat.Chat."""

    def reply(self, messages: list[Message], tools: list[dict[str, Any]]) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one conversation. `requests` follows: each call of its own, and as many again to cite, to be reminded and to
    finish."""

    calls: int
    tokens: int = TOKENS

    @property
    def requests(self) -> int:
        return 2 * self.calls + REMINDERS + LAST_WORDS


class Conversation:
    """One question. `messages` is all that was said."""

    def __init__(self, model: Model, desk: AgentDesk, tools: list[dict[str, Any]], task: Task, bounds: Bounds) -> None:
        self._model, self._desk, self._tools, self._task, self._bounds = model, desk, tools, task, bounds
        self.messages: list[Message] = [
            {"role": "system", "content": prompt(bounds.calls)},
            {"role": "user", "content": task.question},
        ]
        self._finish: Finish | None = None
        self._faults = self._requests = self._reminded = self._after = 0
        self._spent = [0, 0]
        self._text = ""

    def run(self) -> Record:
        """To its end. EndpointError when the model or the engine cannot be asked any more."""
        ending = ""
        while not ending:
            ending = self._step()
        named: list[str] = []
        if self._finish:
            named, strange = self._desk.known(self._finish.names)
            self._faults += len(strange)
        return Record(
            task=self._task.id,
            calls=tuple(self._desk.turns),
            named=tuple(named),
            answer=(self._finish.answer if self._finish else self._text)[:ANSWER_CHARACTERS],
            ending=ending,
            requests=self._requests,
            faults=self._faults,
            prompt_tokens=self._spent[0],
            completion_tokens=self._spent[1],
        )

    @property
    def _out_of(self) -> str:
        """Which budget is spent."""
        if len(self._desk.turns) >= self._bounds.calls:
            return "calls"
        return "tokens" if self._desk.displayed >= self._bounds.tokens else ""

    def _step(self) -> str:
        """One request and what it asks for; how the conversation ended, or nothing."""
        if self._out_of:
            if self._after == LAST_WORDS:
                return self._out_of
            self._after += 1
        if self._requests == self._bounds.requests:
            return "requests"
        self._requests += 1
        try:
            reply = self._model.reply(self.messages, self._tools)
        except ContextFull:
            return "context"
        self._spent[0] += reply.prompt_tokens
        self._spent[1] += reply.completion_tokens
        self.messages.append(reply.message())
        if not reply.calls:
            return self._remind(reply)
        for call in reply.calls:
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": self._answer(call, reply.cut)})
        return "finished" if self._finish else ""

    def _remind(self, reply: Reply) -> str:
        self._text = reply.text
        if self._reminded == REMINDERS:
            return "silent"
        self._reminded += 1
        self._faults += 1
        self.messages.append({"role": "user", "content": f"{CUT_OFF} {REMIND}" if reply.cut else REMIND})
        return ""

    def _answer(self, call: ToolCall, cut: bool) -> str:
        """What the model reads of this call. After a finish nothing is done any more."""
        if self._finish:
            return "The question is finished."
        try:
            action = read_call(call.name, call.arguments)
        except ToolError as error:
            return self._fault(call, f"{error} {CUT_OFF}" if cut else str(error))
        if isinstance(action, Finish):
            self._finish = action
            return "Finished."
        try:
            if isinstance(action, Cite):
                return self._desk.cite(action)
            if self._out_of:
                return SPENT
            told = self._desk.open(action) if isinstance(action, Open) else self._desk.search(action)
        except ToolError as error:
            self._faults += 1
            told = str(error)
        return f"{told}\n{SPENT}" if self._out_of else told

    def _fault(self, call: ToolCall, error: str) -> str:
        """Nonsense costs a call, but for tools that cost none."""
        self._faults += 1
        if call.name in _FREE or self._out_of:
            return error
        told = self._desk.fail(call.name[:64], error)
        return f"{told}\n{SPENT}" if self._out_of else told


_FREE: Final = frozenset({"cite", "finish"})
