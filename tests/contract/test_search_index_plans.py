"""Whole requests through the SearchIndex port: any retrievers, filters, rules and expansions that a request may hold,
planned over each implementation, give the same plan and the same evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.ports import SearchIndex
from ranking.retriever_plans import Likeness
from ranking.text import tokenize
from ranking.types import Document, Floats, Link, Plan
from tests.contract.builders import LAYOUTS, agree, local, memory
from tests.contract.samples import CORPUS, HashingEmbedder, page, requested

EMBEDDER = HashingEmbedder()
IDS = tuple(document.id for document in CORPUS)
URLS = tuple(document.url for document in CORPUS)
TEXTS = (
    "event loop", "running tasks concurrently", '"event loop" streams -greedy', "Katzen laufen", "東京の天気", "大熊猫 東京",
    "regular matches", "state of the art", "recieve colour", "site:example.com loop", "loop -site:python.org", "tuning^3 caches",
    "intitle:loop event", "lang:de", "the of is", "loop (event OR katze)", "re* loop", "zzz", "🙂 café", "link:docs.python.org/3/library/re.html",
)  # fmt: skip
VECTORS = {text: EMBEDDER.encode([text])[0] for text in TEXTS}

# ---------------------------------------------------------------- requests


LEXICAL_FIELDS = st.dictionaries(
    st.sampled_from(["title", "heading", "body", "url", "anchor"]),
    st.sampled_from([-2.0, -0.5, 0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 10.0]),
    min_size=1,
)
DEPTH = st.one_of(st.integers(1, 6), st.just(500))
BY = {
    "fields": LEXICAL_FIELDS,
    "k1": st.sampled_from([0.0, 0.5, 1.2, 3.0]),
    "b": st.sampled_from([0.0, 0.3, 0.75, 1.0]),
}
WORDS = {**BY, "words": st.sampled_from([1, 2, 5, 64])}
REFERENCES = st.sampled_from([*IDS[:6], "q", "ö", *URLS[:6], "https://docs.python.org/3/library/", "nobody"])


def retriever(kind: str, **own: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One of this type, with some of its parameters left at their defaults."""
    return st.fixed_dictionaries({"type": st.just(kind), "k": DEPTH}, optional=own)


def of(kind: str, given: Mapping[str, st.SearchStrategy[Any]], **own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """As `retriever`, with parameters that it must have."""
    return st.fixed_dictionaries({"type": st.just(kind), "k": DEPTH, **given}, optional=own)


LIKE_BY = st.sampled_from(["both", "words", "meaning"])
RETRIEVERS = st.one_of(
    retriever("bm25", **BY),
    of("dense", {"exact": st.just(True)}, vector=st.sampled_from(TEXTS).map(lambda text: tuple(map(float, VECTORS[text])))),
    retriever(
        "phrase", text=st.sampled_from(["loop event", "event loop", "of the state", "大熊猫", "receive recieve", "regular", "..a"]),
        fields=LEXICAL_FIELDS, slop=st.integers(0, 5), ordered=st.booleans(),
    ),
    of("prefix", {"text": st.sampled_from(["re", "lo", "E", "東", "t", "qq", "Ü"])}, **WORDS),
    of("regex", {"pattern": st.sampled_from(["re.*e", "[a-e].{1,4}", ".京", "colou?rs?", "zz", ".*"])}, **WORDS),
    retriever("fuzzy", text=st.sampled_from(["recieve tokyo", "evnet", "colour", "katzen laufen", "a", "qqqqq"]),
              distance=st.integers(1, 2), prefix=st.integers(0, 2), **WORDS),
    of("like", {"id": REFERENCES}, by=LIKE_BY, terms=st.integers(1, 4)),
    of("like", {"text": st.sampled_from(TEXTS)}, by=LIKE_BY),
    of("links", {"of": REFERENCES}, direction=st.sampled_from(["in", "out"])),
    of("site_listing", {"prefix": st.sampled_from(["docs.python.org/3", "example.com", "https://docs.python.org/", "org.none"])},
       order=st.sampled_from(["authority", "url", "newest"])),
    of("ids", {"ids": st.lists(st.sampled_from([*IDS, "nobody"]), min_size=1, max_size=9).map(tuple)}),
    retriever("session", calls=st.integers(1, 4)),
)  # fmt: skip
FILTERS = st.fixed_dictionaries({}, optional={
    "include_sites": st.lists(st.sampled_from(["python.org", "example.com", "example.org", "docs.python.org/3"]), min_size=1, max_size=2),
    "exclude_sites": st.lists(st.sampled_from(["docs.python.org", "example.com"]), min_size=1, max_size=1),
    "after": st.sampled_from(["2020", "2021-05-05"]),
    "before": st.sampled_from(["2023-01", "2021"]),
    "languages": st.sampled_from([["en"], ["de", "ja"]]),
    "filetypes": st.sampled_from([["pdf"], ["html", "txt"]]),
    "url_prefixes": st.sampled_from([["https://example.com"], ["docs.python.org/3", "example.com/same"]]),
    "metadata": st.sampled_from([
        {"price": {"gte": 0, "lt": 7}}, {"level": ["advanced", "basic"]}, {"year": 2021}, {"stable": True}, {"tags": "io"},
    ]),
})  # fmt: skip
MATCHES = st.sampled_from([
    {"site": "python.org"}, {"domain": ["example.com", "example.org"]}, {"path": "/3/library/*"}, {"url": "*example*"},
    {"url": "https://docs.python.org/3/library/re.html"}, {"title": "receive"}, {"title": '"regular expressions"'}, {"body": "loop tasks"},
    {"metadata": {"price": {"gte": 3}}}, {"filetype": "pdf"}, {"language": "de"}, {"site": "example.com", "path": ["/same/*", "/spelling*"]},
    [{"site": "ja.example.org"}, {"url": "*/about/"}],
])  # fmt: skip
RULES = st.one_of(
    st.fixed_dictionaries({"match": MATCHES, "do": st.sampled_from(["boost", "bury", "pin", "drop"])}),
    st.sampled_from([
        "! name: mine\n$boost=3,site=docs.python.org\n/same/$downrank=2\n$discard,site=mirror.example.org\n",
        "||example.com^$boost=2\n*/library/*$boost=5,inurl\nloop^$downrank\n",
        "$discard\n$boost,site=example.com\n|https://docs.$boost=4\n",
    ]),
)  # fmt: skip
EXPAND = st.fixed_dictionaries({}, optional={
    "stem": st.booleans(), "fuzzy": st.integers(0, 2), "prefix": st.booleans(), "synonyms": st.just({"loop": ["cycle", "tasks"]}),
})  # fmt: skip
REQUESTS = st.fixed_dictionaries(
    {"retrieve": st.lists(RETRIEVERS, min_size=1, max_size=4), "max_results": st.integers(1, 30)},
    optional={
        "filters": FILTERS, "rules": st.lists(RULES, max_size=3), "expand": EXPAND,
        "precision": st.sampled_from(["fast", "balanced", "exact"]),
        "diversify": st.sampled_from([{"max_per": {"language": 1, "meta.level": 2}}, {"max_per": {"domain": 1, "author": 1, "filetype": 3}}]),
    },
)  # fmt: skip
LIKENESSES = (
    Likeness((("loop", 2.0), ("tasks", 1.5), ("streams", 1.0)), VECTORS["event loop"], "a"),
    Likeness((("recieve", 1.0), ("colour", 1.0), ("zzz", 1.0)), VECTORS["recieve colour"], "w"),
    Likeness((("東京", 1.0),), None, None),
    Likeness((), VECTORS["Katzen laufen"], "d"),
    Likeness(),
)
EARLIER = ((0, ("b", "h", "nobody")), (1, ("l", "b", "a")), (3, ("ö", "x")))


def made(index: SearchIndex, text: str, request: Mapping[str, Any], vector: bool, likenesses: list[int]) -> Plan:
    """The plan of the request, its retrievers named by place; `likenesses` are numbers of LIKENESSES."""
    retrieve = [{"name": f"r{place}", **one} for place, one in enumerate(request["retrieve"])]
    return requested(
        index, text, VECTORS[text] if vector else None, earlier=EARLIER,
        likenesses={one["name"]: LIKENESSES[likenesses[place]] for place, one in enumerate(retrieve)},
        **{**request, "retrieve": retrieve},
    )  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(TEXTS), request=REQUESTS, vector=st.booleans(),
    likenesses=st.lists(st.integers(0, len(LIKENESSES) - 1), min_size=4, max_size=4),
)  # fmt: skip
def test_any_request_gets_the_oracles_evidence(
    index: LocalIndex,
    oracle: MemoryIndex,
    text: str,
    request: dict[str, Any],
    vector: bool,
    likenesses: list[int],
) -> None:
    """Whatever is combined: the same plan, the same candidates, ranks, scores, probes and labels, all within [0, 1] and
    within the condition."""
    mine, theirs = (made(one, text, request, vector, likenesses) for one in (index, oracle))
    assert [one.parameters.get("groups") for one in mine.retrievers] == [
        one.parameters.get("groups") for one in theirs.retrievers
    ]
    assert mine.terms == theirs.terms
    assert (mine.probes, mine.also, mine.condition) == (theirs.probes, theirs.also, theirs.condition)
    evidence = index.recall(mine)
    agree(evidence, oracle.recall(theirs))
    assert evidence.allowed == index.count(mine.condition) or not mine.stem
    assert evidence.size >= min(mine.minimum, evidence.allowed)
    for planned in mine.retrievers:
        assert np.count_nonzero(evidence.ranks[planned.name]) <= planned.k
    for name, column in evidence.scores.items():
        assert (np.isnan(column) == (evidence.ranks[name] == 0)).all()
        assert ((column >= 0) & (column <= 1))[~np.isnan(column)].all()


# ---------------------------------------------------------------- any documents


class OneOfEight:
    """A text's vector is one of eight axes or its opposite: dot products are exact, and many tie."""

    id = "axes/32"
    dimension = 32

    def encode(self, texts: Sequence[str]) -> Floats:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            digest = hashlib.sha256(" ".join(sorted(tokenize(text))).encode()).digest()
            row[digest[0] % 8] = 1.0 if digest[1] % 2 else -1.0
        return rows


AXES = OneOfEight()
PROSE = st.lists(
    st.sampled_from(["loop", "event", "loops", "tasks", "the", "recieve", "receive", "colour", "Katzen", "katze", "東京", "re", ".", "\n\n## "]),
    max_size=25,
).map(" ".join)  # fmt: skip
METADATA_VALUES = st.one_of(
    st.integers(-3, 9), st.sampled_from([0.5, 2021.0, "2021", "7", "x", "", True, False, None, "nan", "1e3"]),
    st.lists(st.one_of(st.integers(0, 5), st.sampled_from(["io", "x", "3"])), max_size=3),
)  # fmt: skip
DOCUMENT = st.fixed_dictionaries({
    "url": st.sampled_from([
        "https://docs.python.org/3/library/{}", "https://example.com/same/{}?q=1", "http://example.com/{}/", "https://{}.example.org",
        "https://ja.example.org/東京/{}#x",
    ]),
    "title": PROSE, "text": PROSE, "language": st.sampled_from([None, "en", "de", "ja", "EN-us"]),
    "published_at": st.sampled_from([None, "2021", "2021-05-05", "2023-01-01T00:00:00+05:00", "unknown"]),
    "modified_at": st.sampled_from([None, "2022-02-02"]), "filetype": st.sampled_from(["html", "pdf", "TXT"]),
    "author": st.sampled_from([None, "Ada", "ada", "Jürgen"]),
    "metadata": st.dictionaries(st.sampled_from(["price", "level", "tags", "year", "stable"]), METADATA_VALUES, max_size=3),
    "links": st.lists(st.integers(0, 11), max_size=4),
})  # fmt: skip
COLLECTIONS = st.lists(DOCUMENT, max_size=12)


def collected(described: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Documents with ids of CORPUS, in an order that is not theirs, which link to each other."""
    ids = ["l", "b", "a", "q", "h", "ö", "x", "z z", "c", "w", "d", "ä"][: len(described)]
    urls = [one["url"].format(place) for place, one in enumerate(described)]
    return [
        page(id, url, **{**one, "links": tuple(Link(urls[to % len(urls)]) for to in one["links"])})
        for id, url, one in zip(ids, urls, ({k: v for k, v in one.items() if k != "url"} for one in described), strict=True)
    ]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    described=COLLECTIONS, layout=st.sampled_from(list(LAYOUTS.values())), with_vectors=st.booleans(),
    text=st.sampled_from(TEXTS), request=REQUESTS, likenesses=st.lists(st.integers(0, len(LIKENESSES) - 1), min_size=4, max_size=4),
)  # fmt: skip
def test_any_collection_answers_as_the_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    described: list[dict[str, Any]],
    layout: dict[str, Any],
    with_vectors: bool,
    text: str,
    request: dict[str, Any],
    likenesses: list[int],
) -> None:
    """Any documents, empty and alike ones among them, in any layout: evidence, words, counts and quantiles."""
    documents, embedder = collected(described), AXES if with_vectors else None
    theirs = memory(documents, embedder)
    mine = local(tmp_path_factory.mktemp("any"), documents, embedder, **layout)
    wishes = {
        "numbers": ("price", "tags", "year"),
        "labels": ("author", "meta.tags", "meta.price", "domain", "language"),
    }
    plans = [replace(made(one, text, request, with_vectors, likenesses), **wishes) for one in (mine, theirs)]
    agree(mine.recall(plans[0]), theirs.recall(plans[1]))
    names = ("site", "domain", "language", "filetype", "author", "year", "price", "level", "tags", "stable")
    for node in (None, plans[0].condition):
        assert dict(mine.facets(node, names, 5)) == theirs.facets(node, names, 5)
    for name in ("price", "tags", "year"):
        left, right = mine.quantiles(name), theirs.quantiles(name)
        assert (left is None) == (right is None)
        assert left is None or right is None or np.allclose(left, right, rtol=1e-12)
    for kind, wanted in (("prefix", "re"), ("regex", ".*e"), ("fuzzy", "receive"), ("fuzzy", "lop")):
        for limit in (1, 2, 9):
            found = mine.vocabulary(kind, wanted, limit=limit, distance=2)
            assert found == theirs.vocabulary(kind, wanted, limit=limit, distance=2)
    mine.close()
