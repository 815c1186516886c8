"""Documents, embedder and plans that the SearchIndex suite runs on: several scripts, dates, sites, duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranking.params import Params
from ranking.plan import plan
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.text import tokenize
from ranking.types import Document, Doubles, Floats, Link, Plan


class HashingEmbedder:
    """Bag of hashed words as a unit vector: deterministic, and near for texts that share words."""

    id = "hashing/32"
    dimension = 32

    def __init__(self) -> None:
        self.encoded = 0
        self._words: dict[str, Doubles] = {}

    def encode(self, texts: Sequence[str]) -> Floats:
        self.encoded += len(texts)
        rows = [self._one(text) for text in texts]
        return np.array(rows, np.float32).reshape(len(rows), self.dimension)

    def _one(self, text: str) -> Floats:
        total = np.full(self.dimension, 1e-3)
        for token in tokenize(text):
            if token not in self._words:
                seed = int.from_bytes(hashlib.sha256(token.encode("utf-8", "replace")).digest()[:4], "big")
                self._words[token] = np.random.default_rng(seed).normal(size=self.dimension)
            total = total + self._words[token]
        return np.asarray(total / np.linalg.norm(total), np.float32)


def page(id: str, url: str, title: str, text: str, **more: Any) -> Document:
    digest = hashlib.sha256(f"{title}\n{text}".encode("utf-8", "replace")).hexdigest()
    return Document(id, url, title, text, content_hash=digest, **more)


LONG = "\n\n".join(
    f"## Part {part}\n\n" + " ".join(f"Sentence {i} of part {part} tells about tuning caches." for i in range(30))
    for part in range(6)
)

CORPUS: tuple[Document, ...] = (
    page("a", "https://docs.python.org/3/library/asyncio.html", "asyncio: asynchronous I/O",
         "# Asyncio\n\nThe event loop runs tasks. Running tasks concurrently needs an event loop.\n\n"
         "## Streams\n\nStreams read and write bytes. See [transports](https://x.org/transports).",
         site="docs.python.org", language="en", published_at="2021-05-04", filetype="html",
         links=(Link("https://docs.python.org/3/library/re.html", "regular expressions"),),
         metadata={"year": 2021, "tags": ["async", "io"], "stable": True}),
    page("b", "https://docs.python.org/3/library/re.html", "re: regular expressions",
         "A regular expression matches strings. Matching is greedy; regular matches run.",
         site="docs.python.org", language="en", published_at="2020", modified_at="2023-02-01",
         metadata={"year": 2020, "tags": ["text"], "level": "advanced"}),
    page("c", "https://python.org/about/", "About Python", "Python runs everywhere. The loop of events is not here.",
         site="python.org", language="en", modified_at="2022-07", links=(Link("http://docs.python.org/3/library/re.html/"),)),
    page("d", "https://de.example.org/katzen", "Katzen und Hunde", "Die Katze läuft. Viele Katzen laufen im Garten.",
         site="de.example.org", language="de", published_at="2019-12-31T23:59:59Z", filetype="html"),
    page("e", "https://fr.example.org/chats", "Chats et chiens", "Les chats courent. Le chat court dans le jardin; événement.",
         site="fr.example.org", language="fr"),
    page("f", "https://ja.example.org/tokyo", "東京の天気", "東京は日本の首都です。今日の天気は晴れです。",
         site="ja.example.org", language="ja", published_at="2024-01-15"),
    page("g", "https://mirror.example.org/asyncio", "asyncio: asynchronous I/O",
         "# Asyncio\n\nThe event loop runs tasks. Running tasks concurrently needs an event loop.\n\n"
         "## Streams\n\nStreams read and write bytes. See [transports](https://x.org/transports).",
         site="mirror.example.org", language="en", published_at="2021-05-04"),
    page("h", "https://example.com:8080/manual.pdf?page=2", "Manual", "event event event loop loop. The manual of events.",
         site="example.com", language="en", filetype="pdf", metadata={"year": 2021.5, "level": "basic"}),
    page("i", "https://docs.python.org/30/other", "Other version", "No words in common, save loop.", site="docs.python.org"),
    page("j", "https://th.example.org/", "กรุงเทพ", "กรุงเทพเป็นเมืองหลวงของประเทศไทย", site="th.example.org", language="th"),
    page("k", "https://example.com/title-only", "Only a title about caching", "", site="example.com", language="en"),
    page("l", "https://example.com/deep/long", "Tuning guide", LONG, site="example.com", language="en", published_at="2023-03"),
    page("m", "https://example.com/snippets", "Snippets",
         "```python\nasync def main():\n    await loop.run()\n```\n\n| a | b |\n|---|---|\n| cell | loop |\n",
         site="example.com", language="en"),
    page("n", "https://example.com/state", "State of the art", "The state of the art is the art of the state. Of the state.",
         site="example.com", language="en", metadata={"level": "advanced", "year": "2019"}),
    page("o", "https://ar.example.org/x", "مرحبا بالعالم", "أهلا وسهلا بكم في العالم", site="ar.example.org", language="ar"),
    page("p", "https://sub.docs.python.org/3/library/re.html", "", "emoji 🙂 and \ud800 surrogate; naïve café résumé",
         site="sub.docs.python.org", language="en"),
)  # fmt: skip

AUTHORITY: Mapping[str, float] = {"a": 0.9, "c": 0.5, "g": 0.5, "l": 0.7}
ANCHORS: Mapping[str, str] = {
    "b": "regular expressions\nthe re module",
    "a": "event loops\ndocumentation",
    "d": "Katzen",
}
INLINKS: Mapping[str, int] = {"b": 2, "a": 1}
CLUSTERS: Mapping[str, str] = {"a": "00000000000000aa", "g": "00000000000000aa", "b": "ffffffffffffff01"}


def params(**changes: Any) -> Params:
    """Request params in which every kind of evidence is needed."""
    return Params.model_validate(changes)


def planned(index: SearchIndex, text: str, vector: Floats | None = None, **changes: Any) -> Plan:
    """The plan of a query text against this index, with every need."""
    from dataclasses import replace

    made = plan(parse(text), params(**changes), index.statistics, index.term_statistics, vector)
    return replace(made, needs=frozenset({"lexical", "positions", "dense", "vectors", "attributes"}))
