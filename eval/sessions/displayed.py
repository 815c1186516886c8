"""What an answer displays: given an answer's JSON, returns what a reader sees and how many tokens that is.

A result is a line of rank, title and address, then its passages; a stub is one line. A token is four characters, as
the product counts them. Not for what is noticed (readers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

CHARACTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Item:
    """A displayed result or stub. `text`: below its first line; `tokens`: of all that is displayed of it; `rank`: the
    place that its line names, of a stub that which it would have had."""

    document: str
    title: str
    text: str
    tokens: int
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One page. `ms`: how long the agent waited for it; two pages that show the same are equal, whatever they took.
    `stateless`: the documents of a stateless page for the same query, where the system hides some of them."""

    shown: tuple[Item, ...]
    stubs: tuple[Item, ...] = ()
    ms: float | None = field(default=None, compare=False)
    stateless: tuple[str, ...] = ()


def answer_of(body: Mapping[str, Any], ms: float | None = None) -> Answer:
    """From the answer of a search, which took `ms`."""
    return Answer(
        tuple(_result(hit) for hit in body["results"]), tuple(_stub(stub) for stub in body.get("stubs") or ()), ms
    )


def without(answer: Answer, documents: Collection[str]) -> Answer:
    """As a client shows it that leaves these out."""
    return replace(answer, shown=tuple(item for item in answer.shown if item.document not in documents))


def tokens_of(text: str) -> int:
    """Rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def result_text(hit: Mapping[str, Any]) -> str:
    """All that is displayed of a result."""
    return f"{hit['rank']}. {hit['title']} {hit['url'] or hit['id']}\n{_passages(hit)}\n"


def stub_text(stub: Mapping[str, Any]) -> str:
    """All that is displayed of a stub."""
    return f"({stub['rank_now']}. {stub['title']} {stub['url'] or stub['id']}: shown in call {stub['shown_at']})\n"


def _result(hit: Mapping[str, Any]) -> Item:
    return Item(hit["id"], hit["title"], _passages(hit), tokens_of(result_text(hit)), hit["rank"])


def _passages(hit: Mapping[str, Any]) -> str:
    return "\n".join(text for passage in hit["passages"] for text in (passage["heading"], passage["text"]) if text)


def _stub(stub: Mapping[str, Any]) -> Item:
    return Item(stub["id"], stub["title"], "", tokens_of(stub_text(stub)), stub["rank_now"])
