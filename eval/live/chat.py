"""A model behind an OpenAI-compatible endpoint: given messages and tools, returns its reply.

POST {base}/chat/completions, without streaming. A reply is read as loosely as harnesses must: arguments as text or as
an object, calls without an id, content in parts. Not for what a reply means (tools.py), nor for a conversation
(loop.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from eval.errors import EndpointError
from eval.live.loose_json import read_json
from eval.live.wire import Refusal, Wire

PATH: Final = "/chat/completions"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of a function, as endpoints take it back."""
TOO_LONG: Final = re.compile(
    r"context.{0,12}length|maximum context|context window|too many tokens|prompt is too long", re.I
)
"""How endpoints say that a conversation outgrew the model."""

Message = dict[str, Any]


class ContextFull(Exception):
    """The conversation is longer than the model can read."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model wrote it: `arguments` may be anything."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """`cut`: the reply ended at a limit of length. Tokens are the endpoint's own count, 0 where it says nothing."""

    text: str
    calls: tuple[ToolCall, ...]
    cut: bool
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def message(self) -> Message:
        """The reply as part of the conversation. What another request with it could be refused for is mended: arguments
        that are no object, and names that are none."""
        message: Message = {"role": "assistant", "content": self.text or (None if self.calls else "")}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.name if NAME.fullmatch(call.name) else "unknown",
                        "arguments": _object(call.arguments),
                    },
                }
                for call in self.calls
            ]
        return message


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws its words; None: not sent, for models that take none of it."""

    temperature: float | None = 0.0
    seed: int | None = None

    def fields(self) -> dict[str, Any]:
        given = {"temperature": self.temperature, "seed": self.seed}
        return {name: value for name, value in given.items() if value is not None}


class Chat:
    """One model."""

    def __init__(self, wire: Wire, model: str, sampling: Sampling) -> None:
        self._wire, self._model, self._sampling = wire, model, sampling

    def reply(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> Reply:
        """The next message of the model. ContextFull; EndpointError when the endpoint refuses or fails."""
        body = {"model": self._model, "messages": list(messages), "tools": list(tools), **self._sampling.fields()}
        try:
            return self._wire.ask("POST", PATH, body, read_reply)
        except Refusal as refused:
            if refused.status in (400, 413, 422) and TOO_LONG.search(refused.told):
                raise ContextFull from None
            raise EndpointError(
                f"{self._wire.where.public} refused: {refused.told}", hint=_hint(refused.status, self._wire)
            ) from None


def _hint(status: int, wire: Wire) -> str:
    if status in (401, 403):
        return f"the key in the variable {wire.where.variable} is wrong, or may not use this model"
    if status == 404:
        return (
            "the endpoint is the part before /chat/completions, often ending in /v1; --model names a model that it has"
        )
    return "models that take no temperature or seed: --no-sampling; one that takes no tools cannot be used"


def read_reply(body: Any) -> Reply:
    """ValueError for an answer that is none."""
    try:
        choice = body["choices"][0]
        message = choice["message"]
        found = message.get("tool_calls") or []
        calls = tuple(_call(each, number) for number, each in enumerate(found, start=1))
        text = _text(message.get("content"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no choice with a message: {error!r}") from None
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt, completion = (each if isinstance(each, int) and each > 0 else 0 for each in tokens)
    return Reply(text, _with_ids(calls), choice.get("finish_reason") == "length", prompt, completion)


def _call(each: Any, number: int) -> ToolCall:
    function = each["function"]
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else orjson.dumps(arguments).decode()
    return ToolCall(str(each.get("id") or f"call_{number}"), str(function.get("name") or ""), arguments)


def _with_ids(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Each with an id of its own within the message."""
    if len({call.id for call in calls}) == len(calls):
        return calls
    return tuple(ToolCall(f"call_{number}", call.name, call.arguments) for number, call in enumerate(calls, start=1))


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _object(text: str) -> str:
    """The text where it is an object; one that can be read loosely as it was read."""
    try:
        given = read_json(text)
    except ValueError:
        return "{}"
    return orjson.dumps(given).decode() if isinstance(given, dict) else "{}"
