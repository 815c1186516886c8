"""Made-up collections and calls for the tests of pools."""

from __future__ import annotations

import threading
from typing import Any

from api.embeddings import QueryVectors
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from api.warm.index import Cellar, PooledIndex, Terms
from api.warm.keys import Scope
from indexer.memory import MemoryIndex
from ranking.ports import SearchIndex
from ranking.types import Document, Evidence, Plan
from tests.contract.samples import HashingEmbedder, page

MB = 2**20
SCOPE = Scope("t", "c", "g1")

TOPICS = ("event loop", "zip archive", "tar archive", "sqlite cursor", "regular expression", "file path", "socket")


def documents(count: int = 40) -> list[Document]:
    """Pages about TOPICS in turn, with years and names in them."""
    return [
        page(
            f"d{number:03}",
            f"https://docs.example.org/{number}",
            f"{TOPICS[number % len(TOPICS)].title()} {number}",
            f"The {TOPICS[number % len(TOPICS)]} of 20{number % 30:02}. Tasks run without locks in part {number}.",
            site="docs.example.org",
            language="en",
        )
        for number in range(count)
    ]


class CountingIndex(MemoryIndex):
    """Counts recalls; can be held up in one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.recalls = 0
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def recall(self, plan: Plan) -> Evidence:
        self.recalls += 1
        self.begun.set()
        assert self.go.wait(30)
        return super().recall(plan)


def counting(count: int = 40) -> CountingIndex:
    return CountingIndex(documents(count), HashingEmbedder(), generation="g1")


class Folding(HashingEmbedder):
    """Says what it reads of a text: words in lower case."""

    def reading(self, text: str) -> bytes:
        return " ".join(text.lower().split()).encode()


VECTORS = QueryVectors(Folding, 1_000)


def planned(index: SearchIndex, query: str, **fields: Any) -> Plan:
    """The plan of a request."""
    request = SearchRequest.model_validate({"query": query, **fields})
    return prepare(request, index, VECTORS, Stopwatch()).plan


def over(index: SearchIndex, cellar: Cellar, **terms: Any) -> PooledIndex:
    return PooledIndex(index, cellar, SCOPE, Terms(**terms))
