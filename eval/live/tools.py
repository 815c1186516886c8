"""The tools of a real agent: given a system, returns their JSON schemas and the prompt; given a call as a model wrote
it, returns what it asks for.

The texts are what the product tells an agent. Systems are told apart in one sentence: what becomes of results that were
shown before. Not for doing what a call asks for (desk.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from eval.live.loose_json import read_json
from eval.sessions.systems import System
from ranking.nearest import nearest
from ranking.shown import shown

MOST_RESULTS: Final = 20
"""Of one search, whatever the model asks for."""
MOST_NAMES: Final = 50
"""Documents of one cite or finish: more than any question has evidence."""
ANSWER_CHARACTERS: Final = 8_000

ALONE: Final = "Every search stands alone: it does not know what you were shown before."
LEFT_OUT: Final = "Results that you were shown before are left out of later pages."
MEMORY: Final = {
    "off": "All your searches are one session; what you were shown before is shown again where it fits.",
    "drop": f"All your searches are one session. {LEFT_OUT}",
    "new_passages": (
        "All your searches are one session: what you were shown before comes back only with passages that are new."
    ),
    "demote": (
        "All your searches are one session: results that you were shown before move down to make room for new ones, "
        "and one that would still be on the page is a line in brackets at its end, with the call that showed it."
    ),
}
"""What becomes of results that were shown before, by what a session does with them."""

OPERATORS: Final = (
    'Operators, when you need them: "exact phrase", +required, -excluded, one OR other, intitle:word, site:host, '
    "after:2020-01-31, before:2020. Plain words and whole questions work without any."
)


@dataclass(frozen=True, slots=True)
class Search:
    """`results`: how many at most, None: as many as the system shows. `why` goes to the engine and is kept nowhere."""

    query: str
    results: int | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """One document, by the address that a result shows."""

    name: str


@dataclass(frozen=True, slots=True)
class Cite:
    """Documents that hold a part of the answer."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """The end."""

    answer: str
    names: tuple[str, ...]


Action = Search | Open | Cite | Finish


class ToolError(Exception):
    """A call that cannot be done; the message is for the model."""


def schemas(system: System) -> list[dict[str, Any]]:
    """The tools as a chat endpoint takes them."""
    names = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_NAMES}
    return [
        _tool(
            "search",
            f"Search a collection of documents by words and by meaning. A page has {system.k} results unless you say "
            "otherwise; each is a line of rank, title and address, then the passages that fit best. "
            f"{memory(system)} {OPERATORS}",
            {
                "query": {"type": "string", "description": "a question, or words that the document should have"},
                "max_results": {"type": "integer", "minimum": 1, "maximum": MOST_RESULTS},
                "why": {"type": "string", "description": "what you hope to learn from it; it is read with the query"},
            },
            ["query"],
        ),
        _tool(
            "open",
            "Read more of one document. Name it by its address: what stands at the end of the first line of a result.",
            {"id": {"type": "string"}, "url": {"type": "string"}},
            [],
        ),
        _tool(
            "cite",
            "Say which documents hold a part of the answer, as soon as you know. It costs no call.",
            {"ids": names},
            ["ids"],
        ),
        _tool(
            "finish",
            "The end: your answer, and the addresses of all documents that are needed to prove it.",
            {"answer": {"type": "string"}, "evidence": names},
            ["answer", "evidence"],
        ),
    ]


def memory(system: System) -> str:
    """The sentence that tells systems apart."""
    if system.kind == "session":
        return MEMORY[system.session.get("seen", "demote")]
    return LEFT_OUT if system.kind == "dedupe" else ALONE


def prompt(calls: int) -> str:
    """What a model is told before the question."""
    return (
        "You are a research agent. Answer the question from the documents that you find, not from memory. It usually "
        "takes several documents, each with a part of the answer; what one says often tells what to search for next. "
        f"Search and open may be called {calls} times together. Cite every document that holds a part of the answer, "
        "and call finish once you have all of them."
    )


def _tool(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


# ---------------------------------------------------------------- what a model wrote


def read_call(name: str, arguments: str) -> Action:
    """ToolError says what is wrong, so that the model can do it right."""
    if name not in _READERS:
        near = nearest(name, _READERS)
        meant = f" Did you mean {near}?" if near else ""
        raise ToolError(f"There is no tool {shown(name)}.{meant} The tools are {', '.join(_READERS)}.")
    try:
        given = read_json(arguments) if arguments.strip() else {}
    except ValueError as error:
        raise ToolError(f"The arguments of {name} are not JSON ({error}): {shown(arguments)}") from None
    if not isinstance(given, dict):
        raise ToolError(f"The arguments of {name} must be a JSON object, not {shown(arguments)}")
    return _READERS[name](given)


def _search(given: dict[str, Any]) -> Search:
    query = given.get("query")
    if not isinstance(query, str) or not query.strip():
        raise ToolError('search needs a query that is not empty, for example {"query": "who built the harbour"}')
    results = given.get("max_results")
    if isinstance(results, str) and results.strip().isdecimal():
        results = int(results)
    if results is not None and (isinstance(results, bool) or not isinstance(results, int)):
        raise ToolError(f"max_results must be a whole number from 1 to {MOST_RESULTS}, not {shown(results)}")
    why = given.get("why")
    return Search(
        query,
        None if results is None else min(max(results, 1), MOST_RESULTS),
        why if isinstance(why, str) and why.strip() else None,
    )


def _open(given: dict[str, Any]) -> Open:
    for key in ("id", "url"):
        name = given.get(key)
        if isinstance(name, str) and name.strip():
            return Open(name.strip())
    raise ToolError('open needs the address of a document, for example {"id": "..."} with what a result shows')


def _cite(given: dict[str, Any]) -> Cite:
    names = _names(given.get("ids"))
    if not names:
        raise ToolError('cite needs the addresses of documents: {"ids": ["..."]}')
    return Cite(names)


def _finish(given: dict[str, Any]) -> Finish:
    answer = given.get("answer")
    return Finish((answer if isinstance(answer, str) else "")[:ANSWER_CHARACTERS], _names(given.get("evidence")))


def _names(given: Any) -> tuple[str, ...]:
    """A list of texts, or one text; what is no text is left out."""
    found = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return tuple(dict.fromkeys(each.strip() for each in found if isinstance(each, str) and each.strip()))[:MOST_NAMES]


_READERS: Final[dict[str, Callable[[dict[str, Any]], Action]]] = {
    "search": _search,
    "open": _open,
    "cite": _cite,
    "finish": _finish,
}
