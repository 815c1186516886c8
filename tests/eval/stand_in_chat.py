"""A model that is none: a real HTTP server on loopback that speaks chat/completions with tools, and says what a policy
says. It also checks that every request is one that an OpenAI-compatible endpoint would take."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]
Policy = Callable[[list[Message]], Any]
"""The conversation -> the assistant's message, or a Wrong."""

ROLES = {"system", "user", "assistant", "tool"}


@dataclass
class Wrong:
    """An answer as endpoints give them on a bad day. `cut`: fewer bytes come than were announced."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class StandIn:
    """`base`: for --endpoint. `requests`: bodies as they came; `wrong`: what was against the schema; `keys`: headers."""

    base: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def say(*calls: tuple[str, Any], text: str | None = None, finish: str = "tool_calls") -> Message:
    """An assistant's message with these calls; arguments that are text are sent as they are."""
    made = [
        {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(calls)
    ]
    message: Message = {"role": "assistant", "content": text, "finish": finish if calls else "stop"}
    return message | ({"tool_calls": made} if made else {})


def scripted(*replies: Any) -> Policy:
    """One reply after the other, by how many the conversation has; the last one for ever."""

    def policy(messages: list[Message]) -> Any:
        asked = sum(message["role"] == "assistant" for message in messages)
        return replies[min(asked, len(replies) - 1)]

    return policy


def problems(body: Any) -> Iterator[str]:
    """What https://platform.openai.com/docs/api-reference/chat/create refuses, as far as tools go."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "no model"
    names = set()
    for tool in body.get("tools", ()):
        function = tool["function"]
        names.add(function["name"])
        if tool["type"] != "function" or function["parameters"]["type"] != "object":
            yield f"not a tool: {tool}"
        if not set(function["parameters"]["required"]) <= set(function["parameters"]["properties"]):
            yield f"required and not there: {tool}"
    if unknown := set(body) - {"model", "messages", "tools", "temperature", "seed"}:
        yield f"unknown fields {unknown}"
    open_calls: list[str] = []
    if [message["role"] for message in body["messages"][:2]] != ["system", "user"]:
        yield "it does not begin with a system prompt and a question"
    for message in body["messages"]:
        role = message["role"]
        if role not in ROLES:
            yield f"no role {role}"
        if role == "tool":
            if not open_calls or message["tool_call_id"] != open_calls.pop(0):
                yield f"an answer to no call, or out of order: {message}"
            if not isinstance(message["content"], str):
                yield "an answer that is no text"
            continue
        if open_calls:
            yield f"calls without an answer: {open_calls}"
        if role != "assistant" and not (isinstance(message["content"], str) and message["content"]):
            yield f"no content: {message}"
        if role == "assistant":
            calls = message.get("tool_calls", [])
            if not calls and not isinstance(message["content"], str):
                yield "an assistant that says nothing and calls nothing"
            open_calls = [call["id"] for call in calls]
            for call in calls:
                if not isinstance(json.loads(call["function"]["arguments"]), dict):
                    yield f"arguments that are no object: {call}"
                if not call["function"]["name"].replace("_", "").replace("-", "").isalnum():
                    yield f"not the name of a function: {call}"
    if open_calls:
        yield f"calls without an answer: {open_calls}"


@contextmanager
def stand_in(policy: Policy) -> Iterator[StandIn]:
    """Serving on a free port for as long as the block lasts."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # an answer in one piece: the second of two small ones waits for the first to be acknowledged

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                seen.requests.append(body)
                seen.keys.append(self.headers["authorization"])
                if self.path != "/v1/chat/completions":
                    seen.wrong.append(f"posted to {self.path}")
                seen.wrong.extend(problems(body))
                said = policy(body["messages"])
            wrong = said if isinstance(said, Wrong) else Wrong(body=_completion(body, said))
            self.send_response(wrong.status)
            for name, value in {"content-type": "application/json", **wrong.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(wrong.body) + 10 * wrong.cut))
            self.end_headers()
            self.wfile.write(wrong.body)
            self.close_connection = wrong.cut

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen = StandIn(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(body: dict[str, Any], message: Message) -> bytes:
    choice = {
        "index": 0,
        "message": {key: value for key, value in message.items() if key != "finish"},
        "finish_reason": message["finish"],
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return json.dumps(
        {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}
    ).encode()
