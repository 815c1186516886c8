"""The SearchIndex port: the same answers from LocalIndex, in any layout on disk, and from the oracle MemoryIndex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.ports import SearchIndex
from ranking.types import All, Any_, Filter, Node, Not, Phrase, Prefix, Term
from tests.contract.builders import agree, local, memory
from tests.contract.samples import CORPUS, HashingEmbedder, planned

EMBEDDER = HashingEmbedder()
QUERIES = (
    "event loop",
    "running tasks concurrently in an event loop",
    '"event loop" streams',
    "Katzen laufen",
    "chat jardin",
    "東京の天気",
    "กรุงเทพ",
    "regular matches -greedy",
    "state of the art",
    '"state of the art"',
    "+loop manual^3",
    "tuning caches site:example.com",
    "loop site:docs.python.org/3",
    "intitle:asyncio loop",
    "inanchor:documentation",
    "inurl:library",
    "lang:de Katze",
    "filetype:pdf",
    "after:2021 loop",
    "before:2021 matches",
    "link:docs.python.org/3/library/re.html",
    "event AROUND(3) loop",
    '"loop event"~6',
    "regul* OR katz*",
    "domain:python.org loop",
    "the of is",
    "nothingmatchesthis",
    "🙂 café",
    "-loop -katze",
)


@pytest.fixture(scope="module")
def exact_index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    return local(tmp_path_factory.mktemp("exact"), CORPUS, EMBEDDER, segments=3, deleted=2)


@pytest.mark.parametrize("text", QUERIES)
def test_evidence_is_the_oracles(index: LocalIndex, oracle: MemoryIndex, text: str) -> None:
    """Candidates, ranks, frequencies, positions, cosines and attributes agree for every kind of query."""
    vector = EMBEDDER.encode([text])[0]
    for changes in ({}, {"expand": {"stem": False}}, {"retrieve": [{"type": "bm25", "k": 3, "k1": 0.4, "b": 0.2}]}):
        agree(
            index.recall(planned(index, text, vector, **changes)),
            oracle.recall(planned(oracle, text, vector, **changes)),
        )


@pytest.mark.parametrize("text", QUERIES)
def test_term_statistics_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, text: str) -> None:
    """df per field and anywhere counts live documents only, stemmed and exact."""
    tokens = [(term.token, exact) for term in planned(oracle, text).query.terms for exact in (True, False)]
    for stem in (True, False):
        assert index.term_statistics(tokens, stem=stem) == oracle.term_statistics(tokens, stem=stem)


def test_statistics_count_live_documents(index: LocalIndex, oracle: MemoryIndex) -> None:
    """Sizes, average lengths, languages and newest date leave deleted documents out."""
    left, right = index.statistics, oracle.statistics
    assert (left.documents, left.passages, left.languages) == (right.documents, right.passages, right.languages)
    assert (left.sites, left.newest, left.embedder) == (right.sites, right.newest, right.embedder)
    assert left.average_length == pytest.approx(right.average_length)


@pytest.mark.parametrize("text", ["event loop", "tuning caches", "東京の天気", "of the state"])
def test_passage_evidence_is_the_oracles(index: LocalIndex, oracle: MemoryIndex, text: str) -> None:
    """Every passage of the asked documents, with its cosine and its BM25 in [0, 1]."""
    vector = EMBEDDER.encode([text])[0]
    ids = ["l", "a", "k", "f", "n"]
    left = index.passage_evidence(planned(index, text, vector), ids)
    right = oracle.passage_evidence(planned(oracle, text, vector), ids)
    for mine, theirs in zip(left, right, strict=True):
        assert (mine.document, mine.ordinals.tolist()) == (theirs.document, theirs.ordinals.tolist())
        np.testing.assert_allclose(mine.cosine, theirs.cosine, atol=1e-5)
        np.testing.assert_allclose(mine.bm25, theirs.bm25, atol=1e-6)
        assert ((mine.bm25 >= 0) & (mine.bm25 <= 1)).all()


# ---------------------------------------------------------------- conditions

WORDS = ["loop", "event", "katze", "chat", "matches", "天気", "state", "of", "running", "ghost", "zzz"]
FIELD = st.sampled_from([None, "title", "heading", "body", "url", "anchor"])
LEAVES = st.one_of(
    st.builds(Term, st.sampled_from(WORDS), FIELD),
    st.builds(
        Phrase, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple), FIELD,
        st.integers(0, 4), st.booleans(),
    ),
    st.builds(Prefix, st.sampled_from(["lo", "ev", "kat", "天", "zz", "s"]), FIELD),
    st.builds(
        Filter, st.just("site"),
        st.sampled_from(["python.org", "docs.python.org", "docs.python.org/3", "example.com", "none.org", "org"]),
    ),
    st.builds(Filter, st.just("domain"), st.sampled_from(["python.org", "example.org", "docs.python.org"])),
    st.builds(Filter, st.just("lang"), st.sampled_from(["en", "de", "xx"])),
    st.builds(Filter, st.just("filetype"), st.sampled_from(["pdf", "html"])),
    st.builds(Filter, st.sampled_from(["after", "before"]), st.sampled_from(["2021", "2021-05", "2020-01-01", "1600000000.5"])),
    st.builds(Filter, st.just("inurl"), st.sampled_from(["library", "library/re", "example", "python org", "zz", ""])),
    st.builds(
        Filter, st.just("url_prefix"),
        st.sampled_from(["https://docs.python.org/3/", "docs.python.org/3", "http://docs", "https://example.com:8080/",
                         "example.com", "https://EXAMPLE.com/", "https"]),
    ),
    st.builds(
        Filter, st.just("url_glob"),
        st.sampled_from(["*python*", "||python.org^*", "path=/3/*", "||example.com^*\tpath=/deep/*", "*ä*", "*", "", "x\n*.txt"]),
    ),
    st.builds(
        Filter, st.just("metadata"), st.sampled_from(["2021", '"2021"', '"advanced"', "true", "2020.5", '["async", 2020]']),
        st.sampled_from(["year", "tags", "level", "stable", "none"]), st.sampled_from(["eq", "in"]),
    ),
    st.builds(
        Filter, st.just("metadata"), st.sampled_from(["2021", '"2020"', '"b"', "2020.5"]),
        st.sampled_from(["year", "tags", "level"]), st.sampled_from(["gte", "gt", "lte", "lt"]),
    ),
    st.builds(Filter, st.just("link"), st.sampled_from(["docs.python.org/3/library/re.html", "https://none.org/"])),
    st.builds(Filter, st.just("related"), st.sampled_from(["a", "https://python.org/about", "zz"])),
)  # fmt: skip
NODES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda node: st.one_of(
        st.builds(Not, node),
        st.builds(All, st.lists(node, max_size=3).map(tuple)),
        st.builds(Any_, st.lists(node, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=NODES, stem=st.booleans())
def test_no_retriever_lets_through_what_the_condition_excludes(
    index: LocalIndex, oracle: MemoryIndex, node: Node, stem: bool
) -> None:
    """Any tree of conditions allows the same documents as the oracle; a short page is filled up with allowed ones."""
    from dataclasses import replace

    vector = EMBEDDER.encode(["event loop"])[0]
    mine = replace(planned(index, "event loop katze", vector), condition=node, stem=stem, minimum=100)
    theirs = replace(planned(oracle, "event loop katze", vector), condition=node, stem=stem, minimum=100)
    agree(index.recall(mine), oracle.recall(theirs))
    assert index.count(node) == oracle.count(node)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from([*WORDS, "the", "tuning", "art"]), min_size=1, max_size=5),
    k=st.integers(1, 6), k1=st.floats(0, 3), b=st.floats(0, 1),
    weights=st.dictionaries(
        st.sampled_from(["title", "heading", "body", "url", "anchor"]), st.sampled_from([0.5, 1.0, 3.0]), min_size=1
    ),
)  # fmt: skip
def test_the_lexical_top_is_exact(
    exact_index: LocalIndex,
    oracle: MemoryIndex,
    words: list[str],
    k: int,
    k1: float,
    b: float,
    weights: dict[str, float],
) -> None:
    """Any k, k1, b and field weights: the top k by BM25 is the oracle's, ties by id."""
    retrieve = [{"type": "bm25", "k": k, "k1": k1, "b": b, "fields": weights, "terms": {"max_df": 1}}]
    text = " ".join(words)
    left = exact_index.recall(planned(exact_index, text, retrieve=retrieve, max_results=1))
    right = oracle.recall(planned(oracle, text, retrieve=retrieve, max_results=1))
    assert dict(zip(left.ids, left.ranks["lex"].tolist(), strict=True)) == dict(
        zip(right.ids, right.ranks["lex"].tolist(), strict=True)
    )


# ---------------------------------------------------------------- documents


def test_a_document_comes_back_whole(either: SearchIndex) -> None:
    """fetch with text gives back what was put in, links, metadata and lone surrogates included."""
    for document in CORPUS:
        (stored,) = either.fetch([document.id], text=True)
        assert stored.document == document
        assert stored.words >= 0
        assert stored.cluster
        assert 0 <= stored.quality <= 1


def test_text_comes_only_when_asked_for(either: SearchIndex) -> None:
    """Without text, neither text nor links are read."""
    (stored,) = either.fetch(["a"])
    assert (stored.document.text, stored.document.links) == ("", ())
    assert (stored.document.title, stored.inlinks, stored.authority) == ("asyncio: asynchronous I/O", 1, 0.9)


def test_a_passage_is_the_text_between_its_offsets(either: SearchIndex) -> None:
    """text[start:end] is the passage, for every passage of every document."""
    for document in CORPUS:
        (stored,) = either.fetch([document.id])
        passages = either.fetch_passages([(document.id, i) for i in range(stored.passages)])
        for i, passage in enumerate(passages):
            assert passage.id == f"{document.id}#{i}"
            assert passage.text == document.text[passage.start : passage.end]
        vectors = either.passage_vectors([(document.id, i) for i in range(stored.passages)])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("wanted", [("nobody", 0), ("a", 99), ("a", -1), ("ghost-0-0", 0)])
def test_what_is_not_there_is_named(either: SearchIndex, wanted: tuple[str, int]) -> None:
    """KeyError names the document or passage, a deleted one too."""
    with pytest.raises(KeyError, match=wanted[0]):
        either.fetch_passages([wanted])


def test_ids_and_urls_resolve(either: SearchIndex) -> None:
    """An id, its URL, and other spellings of the URL lead to the document; a deleted one leads nowhere."""
    for reference in (
        "b",
        "https://docs.python.org/3/library/re.html",
        "http://docs.python.org:80/3/library/re.html#x",
    ):
        assert either.resolve(reference) == "b"
    assert either.resolve("https://ghost.example.net/0/0") is None
    assert either.resolve("") is None


def test_near_ids_help_with_a_typing_error(either: SearchIndex) -> None:
    """A mistyped URL finds the real one."""
    assert "https://docs.python.org/3/library/asyncio.html" in either.near_ids(
        "https://docs.python.org/3/libary/asyncio.html"
    )


def test_descriptions_agree(tmp_path: Path, oracle: MemoryIndex) -> None:
    """describe() is the same JSON from both."""
    assert local(tmp_path, CORPUS, EMBEDDER, segments=2, deleted=1).describe() == oracle.describe()


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("embedder", [EMBEDDER, None], ids=["vectors", "no vectors"])
@pytest.mark.parametrize("documents", [(), CORPUS[:1]], ids=["nothing", "one document"])
def test_small_collections_answer(
    tmp_path: Path, documents: tuple[object, ...], embedder: HashingEmbedder | None
) -> None:
    """An empty collection, and one without vectors, answer like the oracle."""
    mine, theirs = local(tmp_path, documents, embedder, anchors={}), memory(documents, embedder, anchors={})  # type: ignore[arg-type]
    vector = EMBEDDER.encode(["loop"])[0] if embedder else None
    agree(mine.recall(planned(mine, "event loop", vector)), theirs.recall(planned(theirs, "event loop", vector)))
    assert mine.describe() == theirs.describe()
    assert mine.near_ids("abc") == theirs.near_ids("abc")
    mine.close()
    mine.close()


def test_no_segment_at_all_answers(tmp_path: Path) -> None:
    """A generation without any segment finds nothing and breaks nothing."""
    index = local(tmp_path, (), None, segments=0, anchors={})
    assert index.recall(planned(index, "event loop")).ids == ()
    assert index.resolve("a") is None
