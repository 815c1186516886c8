"""Documents, embedder and plans that the SearchIndex suite runs on: several scripts, dates, sites, duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ranking.params import Params
from ranking.plan import plan
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.retriever_plans import Likeness, Surroundings
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

_TEXTS: tuple[Document, ...] = (
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
"""Words, scripts and structures."""

_VALUES: tuple[Document, ...] = (
    page("q", "https://docs.python.org/3/library/", "The Python Standard Library",
         "Contents: asyncio, regular expressions, and a loop of other modules.",
         site="docs.python.org", language="en-US", author="Guido van Rossum", published_at="2018-06-27",
         links=(Link("https://docs.python.org/3/library/asyncio.html", "asyncio"),
                Link("https://docs.python.org/3/library/asyncio.html#streams", "streams"),
                Link("http://docs.python.org:80/3/library/re.html", "re", nofollow=True),
                Link("https://docs.python.org/3/library/", "itself"),
                Link("https://example.com/deep/long?utm_source=docs", "tuning"),
                Link("https://nowhere.example.org/404", "gone")),
         metadata={"year": [2019, 2023], "tags": ["io", "text", "io"], "price": [1.5, "20", "x", 3], "level": "basic"}),
    page("r", "https://Example.COM/Path/UPPER?Query=1&b=2#Fragment", "Upper and lower", "Paths keep their case; a loop of letters.",
         site="example.com", language="en", author="Ada Lovelace", published_at="2024-02-29T23:30:00-05:00",
         links=(Link("https://docs.python.org/3/library/", "library"), Link("https://example.com/deep/long", "long")),
         metadata={"price": "7", "tags": ["text", "io"], "stable": False, "score": "nan"}),
    page("s", "https://example.org", "An address without a path", "Nothing but a host and an event.",
         site="example.org", language="en", author="Ada Lovelace", modified_at="2024-02-29",
         metadata={"price": -2, "year": True, "tags": [], "score": "1e3"}),
    page("t", "file:///usr/share/doc/loop/readme.txt", "Read me", "A file of no host tells of an event loop.",
         filetype="txt", author="ada lovelace", metadata={"price": 0.0, "tags": "io", "nested": {"a": 1}, "level": None}),
    page("u", "https://xn--bcher-kva.example.net/käse/東京?q=naïve", "Käse aus 東京", "Über Käse, Tokyo und 東京タワー. Café!",
         site="xn--bcher-kva.example.net", language="de", author="Jürgen Müller", published_at="1969-07-20",
         links=(Link("https://ja.example.org/tokyo"), Link("https://de.example.org/katzen")),
         metadata={"price": [], "year": "2021", "thema": "Käse"}),
    page("v", "http://[2001:db8::1]:8443/a%20b/(c)|d^e?x=1&x=2", "Brackets", "Signs that patterns give a meaning to: loop.",
         site="2001:db8::1", language="en", metadata={"price": 3, "rating": 3}),
    page("w", "https://example.com/spelling", "Receive and recieve",
         "To receive, recieve, relieve or retrieve. A colour, colours, color; tokoy for tokyo, evnet for event, loops.",
         site="example.com", language="en", published_at="2023-03", metadata={"price": 3, "rating": 4.5}),
    page("x", "https://zh.example.org/大熊猫", "大熊猫", "大熊猫生活在中国。东京没有大熊猫。",
         site="zh.example.org", language="zh", links=(Link("https://ja.example.org/tokyo/"),), metadata={"rating": 4}),
    page("z z", "https://example.com/spelling/copy", "Receive and recieve",
         "To receive, recieve, relieve or retrieve. A colour, colours, color; tokoy for tokyo, evnet for event, loops.",
         site="example.com", language="en", published_at="2023-03", metadata={"price": 3, "rating": "4.5"}),
    page("ä", "https://example.com/same/words", "loop event", "loop event loop event loop event", site="example.com", language="en"),
    page("ö", "https://example.com/same/words/2", "loop event", "loop event loop event loop event", site="example.com", language="en",
         links=(Link("https://docs.python.org/3/library/re.html"), Link("https://example.com/same/words"))),
)  # fmt: skip
"""Metadata, authors, links and odd addresses; pages that tie."""

CORPUS: tuple[Document, ...] = (*_TEXTS, *_VALUES)

AUTHORITY: Mapping[str, float] = {"a": 0.9, "c": 0.5, "g": 0.5, "l": 0.7, "q": 0.9, "u": 0.25, "w": 0.1, "z z": 0.1}
ANCHORS: Mapping[str, str] = {
    "b": "regular expressions\nthe re module",
    "a": "event loops\ndocumentation",
    "d": "Katzen",
}
INLINKS: Mapping[str, int] = {"b": 3, "a": 1, "f": 2}
CLUSTERS: Mapping[str, str] = {"a": "00000000000000aa", "g": "00000000000000aa", "b": "ffffffffffffff01",
                               "w": "00000000000000ff", "z z": "00000000000000ff"}  # fmt: skip

NEEDS: Final = frozenset({"lexical", "positions", "dense", "vectors", "attributes"})


def params(**changes: Any) -> Params:
    """Request params in which every kind of evidence is needed."""
    return Params.model_validate(changes)


def requested(
    index: SearchIndex,
    text: str,
    vector: Floats | None = None,
    *,
    likenesses: Mapping[str, Likeness] | None = None,
    earlier: Sequence[tuple[int, Sequence[str]]] = (),
    ids: Mapping[str, tuple[str, ...]] | None = None,
    **changes: Any,
) -> Plan:
    """The plan of a whole request, with what this index knows around it and every need."""
    around = Surroundings(
        index.statistics, index.term_statistics, index.vocabulary, index.quantiles, likenesses or {}, earlier, ids or {}
    )
    made = plan(parse(text), params(**changes), index.statistics, index.term_statistics, vector, around=around)
    return replace(made, needs=NEEDS | {"dense_mean"})


def planned(index: SearchIndex, text: str, vector: Floats | None = None, **changes: Any) -> Plan:
    """The plan of a query text against this index, with the needs of most requests."""
    made = plan(parse(text), params(**changes), index.statistics, index.term_statistics, vector)
    return replace(made, needs=NEEDS)
