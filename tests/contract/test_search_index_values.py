"""Words, values and wishes beside the retrievers in the SearchIndex port: vocabulary, quantiles, facets, probes,
numbers, labels, and candidates that a plan names. LocalIndex against the oracle, and both by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.constants import ALSO_RECALLED
from ranking.errors import ParamsError
from ranking.ports import SearchIndex
from ranking.types import All, Any_, Filter, Node, Not, Phrase, Plan, Prefix, Term, VocabularyWord
from tests.contract.builders import agree, equal_places, local, memory
from tests.contract.samples import CORPUS, HashingEmbedder, page, planned, requested

EMBEDDER = HashingEmbedder()
LABELS = (
    "site", "domain", "language", "filetype", "author", "cluster", "meta.tags", "meta.level", "meta.price", "meta.rating",
    "meta.stable", "meta.year", "meta.thema", "meta.none", "none",
)  # fmt: skip
NUMBERS = ("price", "rating", "year", "score", "tags", "stable", "level", "nested", "none", "")
FACETS = (
    "site",
    "domain",
    "language",
    "filetype",
    "author",
    "year",
    "tags",
    "level",
    "rating",
    "stable",
    "thema",
    "none",
)


# ---------------------------------------------------------------- words

WANTED = (
    ("prefix", "re"), ("prefix", "loop"), ("prefix", "東"), ("prefix", "é"), ("prefix", ""), ("prefix", "ghos"), ("prefix", "qq"),
    ("regex", "re.*"), ("regex", ".{1,2}"), ("regex", "[a-f]+"), ("regex", "colou?rs?|tok(yo|oy)"), ("regex", "大.|.京"),
    ("regex", "(?i)LOOP"), ("regex", "ghost"), ("regex", ""), ("regex", "oop"), ("regex", r"\d+"), ("regex", "(a|aa)+b"),
    ("regex", "loop$|^event"), ("regex", "[^a-z]+"), ("regex", "kätze|katze"),
    ("fuzzy", "loop"), ("fuzzy", "recieve"), ("fuzzy", "evnet"), ("fuzzy", "東京"), ("fuzzy", "a"), ("fuzzy", ""), ("fuzzy", "ghost"),
    ("fuzzy", "colour"), ("fuzzy", "tokyo"), ("fuzzy", "qqqqqqq"), ("fuzzy", "กรุ"), ("fuzzy", "abcd"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), WANTED)
def test_words_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, kind: str, text: str) -> None:
    """The same words of live documents with the same df, in the same order, for any limit and distance."""
    for distance in (1, 2) if kind == "fuzzy" else (1,):
        for limit in (1, 3, 10, 100_000):
            asked = index.vocabulary(kind, text, limit=limit, distance=distance)
            assert asked == oracle.vocabulary(kind, text, limit=limit, distance=distance)
    assert index.vocabulary(kind, text, limit=5) == oracle.vocabulary(kind, text, limit=5)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(alphabet="aeloprtvn", max_size=7),
        st.sampled_from(["receive", "event", "loop", "colour", "running", "東京", "京都", "katze"]).flatmap(
            lambda word: st.permutations(word).map("".join)
        ),
    ),
    distance=st.integers(0, 2), limit=st.integers(1, 20),
)  # fmt: skip
def test_any_misspelling_is_corrected_as_the_oracle_does(
    index: LocalIndex, oracle: MemoryIndex, text: str, distance: int, limit: int
) -> None:
    """Optimal string alignment: neighbours that changed places are one edit, in any script."""
    asked = index.vocabulary("fuzzy", text, limit=limit, distance=distance)
    assert asked == oracle.vocabulary("fuzzy", text, limit=limit, distance=distance)


PATTERNS = st.recursive(
    st.sampled_from(["a", "e", "l", "o", "r", "t", ".", "[a-m]", "[^aeiou]", r"\w", r"\d", "京", "loop", "event"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=PATTERNS, limit=st.integers(1, 20))
def test_any_pattern_means_what_it_means_to_the_oracle(
    index: LocalIndex, oracle: MemoryIndex, pattern: str, limit: int
) -> None:
    """Classes, alternatives and repetitions of whole words."""
    assert index.vocabulary("regex", pattern, limit=limit) == oracle.vocabulary("regex", pattern, limit=limit)


def test_words_by_hand(either: SearchIndex) -> None:
    """The nearest first, then the commonest, then by the alphabet; deleted documents' words are not there."""
    assert either.vocabulary("fuzzy", "recieve", limit=10) == (
        VocabularyWord("recieve", 2, 0),
        VocabularyWord("receive", 2, 1),
        VocabularyWord("relieve", 2, 1),
    )
    assert either.vocabulary("fuzzy", "tokyo", limit=2) == (
        VocabularyWord("tokyo", 4, 0),
        VocabularyWord("tokoy", 2, 1),
    )
    assert either.vocabulary("prefix", "col", limit=10) == tuple(
        VocabularyWord(w, 2) for w in ("color", "colour", "colours")
    )
    assert either.vocabulary("regex", "lo.p", limit=10)[0].token == "loop"
    assert either.vocabulary("regex", "lo", limit=10) == ()
    assert either.vocabulary("prefix", "ghos", limit=10) == ()


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", "a{2,1}", r"(a)\1", "(?=a)b", "(?<!a)b", "\\"])
def test_what_is_no_pattern_is_refused(either: SearchIndex, pattern: str) -> None:
    """With an error that is the caller's, and says what was given."""
    with pytest.raises(ParamsError):
        either.vocabulary("regex", pattern, limit=10)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("name", NUMBERS)
def test_quantiles_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, name: str) -> None:
    """101 numbers, or None where no document has one."""
    mine, theirs = index.quantiles(name), oracle.quantiles(name)
    assert (mine is None) == (theirs is None)
    if mine is not None and theirs is not None:
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
        assert mine.shape == (101,)


def test_quantiles_by_hand(either: SearchIndex) -> None:
    """Of 3, 4, 4.5 and 4.5, a text that writes a number being one; none of texts and truth values."""
    found = either.quantiles("rating")
    assert found is not None
    assert found[[0, 50, 100]].tolist() == [3.0, 4.25, 4.5]
    assert found[10] == pytest.approx(3.3)
    assert either.quantiles("stable") is None
    assert either.quantiles("level") is None


NODES: tuple[Node | None, ...] = (
    None, Filter("site", "python.org"), Term("loop"), Not(Term("loop")), Filter("lang", "de"), Filter("site", "none.org"),
    Filter("url_glob", "||example.com^*"), All((Term("event"), Not(Filter("filetype", "pdf")))), Filter("metadata", "0", "price", "gte"),
)  # fmt: skip


@pytest.mark.parametrize("node", NODES, ids=str)
@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_facets_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, node: Node | None, limit: int) -> None:
    """Counts over the live documents that satisfy the condition."""
    mine, theirs = index.facets(node, FACETS, limit), oracle.facets(node, FACETS, limit)
    assert dict(mine) == theirs
    assert index.facets(node, (), limit) == {}


def test_facets_by_hand(either: SearchIndex) -> None:
    """Largest first, ties by value; a list counts once for each of its values."""
    found = either.facets(None, ["tags", "level", "year", "author", "filetype", "rating", "stable", "none"], 4)
    assert found == {
        "tags": (("io", 4), ("text", 3), ("async", 1)),
        "level": (("advanced", 2), ("basic", 2)),
        "year": (("2023", 3), ("2021", 2), ("2024", 2), ("1969", 1)),
        "author": (("Ada Lovelace", 2), ("Guido van Rossum", 1), ("Jürgen Müller", 1), ("ada lovelace", 1)),
        "filetype": (("html", 25), ("pdf", 1), ("txt", 1)),
        "rating": (("4.5", 2), ("3", 1), ("4", 1)),
        "stable": (("false", 1), ("true", 1)),
        "none": (),
    }
    assert either.facets(Filter("lang", "en"), ["site"], 1) == {"site": (("example.com", 10),)}


def wide(index: SearchIndex, **wishes: Any) -> Plan:
    """Every document with these wishes."""
    return replace(planned(index, "event loop"), minimum=1_000, **wishes)


def test_numbers_and_labels_are_the_oracles(index: LocalIndex, oracle: MemoryIndex) -> None:
    """Of every document, and of few."""
    for condition in (None, Filter("site", "example.com"), Not(Term("loop"))):
        wishes = {"numbers": NUMBERS, "labels": LABELS, "condition": condition}
        agree(index.recall(wide(index, **wishes)), oracle.recall(wide(oracle, **wishes)))


def test_numbers_by_hand(either: SearchIndex) -> None:
    """The largest of a list, a text that writes one, never a truth value."""
    evidence = either.recall(wide(either, numbers=("price", "year", "score", "stable")))
    price = dict(zip(evidence.ids, evidence.numbers["price"].tolist(), strict=True))
    assert {id: value for id, value in price.items() if not math.isnan(value)} == {
        "q": 20.0, "r": 7.0, "s": -2.0, "t": 0.0, "v": 3.0, "w": 3.0, "z z": 3.0,
    }  # fmt: skip
    year = dict(zip(evidence.ids, evidence.numbers["year"].tolist(), strict=True))
    assert {id: value for id, value in year.items() if not math.isnan(value)} == {
        "a": 2021.0, "b": 2020.0, "h": 2021.5, "n": 2019.0, "q": 2023.0, "u": 2021.0,
    }  # fmt: skip
    assert np.nanmax(evidence.numbers["score"]) == 1_000.0
    assert np.isnan(evidence.numbers["score"]).sum() == evidence.size - 1
    assert np.isnan(evidence.numbers["stable"]).all()


def test_labels_by_hand(either: SearchIndex) -> None:
    """Equal where the value is, -1 where there is none."""
    evidence = either.recall(wide(either, labels=("author", "cluster", "language", "meta.level", "none")))
    groups: dict[str, set[tuple[str, ...]]] = {}
    for name, column in evidence.labels.items():
        assert column.dtype == np.int64
        places = equal_places(column)
        groups[name] = {
            tuple(id for id, place in zip(evidence.ids, places, strict=True) if place == value)
            for value in set(places) - {-1}
        }
    assert groups["author"] == {("q",), ("r", "s"), ("t",), ("u",)}
    assert {group for group in groups["cluster"] if len(group) > 1} == {("a", "g"), ("w", "z z")}
    assert {group for group in groups["language"] if len(group) < 3} == {
        ("d", "u"),
        ("e",),
        ("f",),
        ("j",),
        ("o",),
        ("x",),
    }
    assert groups["meta.level"] == {("b", "n"), ("h", "q")}
    assert groups["none"] == set()


# ---------------------------------------------------------------- conditions

GLOBS = (
    "*", "", "*python*", "||python.org^*", "||python.org^", "path=/3/library/*", "path=/", "https://example.org", "*^", "*/*^*",
    "||example.com^*\tpath=/deep/*", "*東京*", "*ÄSE*", "path=/käse/*", "*?query=1*", "*(c)|d^e*", "*#fragment", "*.pdf*",
    "https://example.org\nhttps://example.org/", "file:*", "||2001^*", "*%20*",
    "\n".join(f"*/page-{number}/*" for number in range(40)) + "\n*/snippets\n*/library/*",
)  # fmt: skip


@pytest.mark.parametrize("glob", GLOBS)
def test_url_globs_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, glob: str) -> None:
    """As a filter, in a tree and negated, whatever stands in the pattern."""
    leaf = Filter("url_glob", glob)
    for node in (leaf, Not(leaf), All((leaf, Term("loop"))), Any_((leaf, Filter("lang", "de")))):
        assert index.count(node) == oracle.count(node)
        agree(index.recall(wide(index, condition=node)), oracle.recall(wide(oracle, condition=node)))


def test_url_globs_by_hand(either: SearchIndex) -> None:
    """The host with its subdomains, a path alone, whatever the case."""
    for glob, ids in (
        ("||python.org^*", ["a", "b", "c", "i", "p", "q"]),
        ("path=/3/library/*", ["a", "b", "p", "q"]),
        ("*/path/upper?*", ["r"]),
        ("*東京*", ["u"]),
        ("https://example.org", ["s"]),
    ):
        evidence = either.recall(wide(either, condition=Filter("url_glob", glob)))
        assert list(evidence.ids) == ids


PROBES: tuple[Node, ...] = (
    Term("loop"), Term("loop", "title"), Phrase(("event", "loop")), Prefix("re"), Not(Term("loop")), Filter("site", "example.com"),
    Filter("url_glob", "path=/3/*"), Filter("metadata", "3", "price", "gte"), All((Term("event"), Term("loop"))), All(()), Any_(()),
    Filter("related", "a"), Filter("link", "docs.python.org/3/library/re.html"), Term("running"), Filter("url_glob", "||org^*"),
)  # fmt: skip


@pytest.mark.parametrize("stem", [True, False])
def test_probes_are_the_oracles(index: LocalIndex, oracle: MemoryIndex, stem: bool) -> None:
    """Each condition on each candidate, twice asked twice answered, of many candidates and of few."""
    for condition in (None, Filter("site", "python.org"), Term("zzz")):
        wishes = {"probes": (*PROBES, PROBES[0]), "stem": stem, "condition": condition}
        agree(index.recall(wide(index, **wishes)), oracle.recall(wide(oracle, **wishes)))


def test_probes_by_hand(either: SearchIndex) -> None:
    """A row for each probe, a column for each candidate."""
    probes = (Term("recieve"), Filter("site", "ja.example.org"), Not(Term("loop")))
    evidence = either.recall(wide(either, probes=probes))
    assert evidence.probes is not None
    assert evidence.probes.shape == (3, len(CORPUS))
    assert evidence.probes.dtype == np.bool_
    assert [id for id, fits in zip(evidence.ids, evidence.probes[0], strict=True) if fits] == ["w", "z z"]
    assert [id for id, fits in zip(evidence.ids, evidence.probes[1], strict=True) if fits] == ["f"]


# ---------------------------------------------------------------- candidates that the plan names

BM25 = [{"type": "bm25", "k": 2}]


@pytest.mark.parametrize("condition", [None, Filter("site", "example.com"), Not(Term("loop")), Term("zzz")], ids=str)
@pytest.mark.parametrize("minimum", [0, 1, 5, 100])
def test_named_candidates_are_the_oracles(
    index: LocalIndex, oracle: MemoryIndex, condition: Node | None, minimum: int
) -> None:
    """What `also` and `include` name is there within the condition, and the page is filled up as far as it must."""
    for also in (None, Term("recieve"), Filter("lang", "de"), Filter("url_glob", "*"), Term("zzz")):
        for include in ((), ("x", "nobody", "a", "x", "ghost-0-0"), tuple(document.id for document in CORPUS)):
            mine, theirs = (
                replace(
                    requested(one, "event loop", retrieve=BM25), condition=condition, minimum=minimum, also=also,
                    include=include,
                )
                for one in (index, oracle)
            )  # fmt: skip
            agree(index.recall(mine), oracle.recall(theirs))


def test_named_candidates_by_hand(either: SearchIndex) -> None:
    """They are there, found by nobody, and never against the condition."""
    plan = replace(
        requested(either, "katzen", retrieve=BM25), minimum=1, also=Term("recieve"), include=("x", "a", "nobody")
    )
    evidence = either.recall(plan)
    assert evidence.ids == ("a", "d", "w", "x", "z z")
    assert evidence.ranks["lex"].tolist() == [0, 1, 0, 0, 0]
    evidence = either.recall(replace(plan, condition=Not(Filter("site", "example.com"))))
    assert evidence.ids == ("a", "d", "x")


@pytest.fixture(scope="module")
def many() -> list[Any]:
    """More documents than are recalled beside the retrievers' own."""
    names = [f"n{number * 37 % 130:03}" for number in range(130)]
    return [page(name, f"https://example.com/{name}", "page", f"alike {name}", language="en") for name in names]


def test_so_many_are_recalled_and_no_more(tmp_path: Path, many: list[Any]) -> None:
    """The most authoritative, ties by id; those a retriever found come on top."""
    mine, theirs = local(tmp_path, many, None, segments=3, deleted=2, anchors={}), memory(many, None, anchors={})
    for text, count in (("zzz", ALSO_RECALLED), ("n129", ALSO_RECALLED + 1), ("n003", ALSO_RECALLED)):
        plans = [replace(planned(one, text), also=Term("alike"), minimum=1) for one in (mine, theirs)]
        evidence = mine.recall(plans[0])
        agree(evidence, theirs.recall(plans[1]))
        assert evidence.size == count
    mine.close()


@pytest.mark.parametrize("documents", [(), CORPUS[:1]], ids=["nothing", "one document"])
def test_small_collections_have_few_values(tmp_path: Path, documents: tuple[Any, ...]) -> None:
    """No words, no numbers, no counts: an answer all the same."""
    mine, theirs = local(tmp_path, documents, None, anchors={}), memory(documents, None, anchors={})
    for kind, text in WANTED:
        assert mine.vocabulary(kind, text, limit=9) == theirs.vocabulary(kind, text, limit=9)
    assert dict(mine.facets(None, FACETS, 9)) == theirs.facets(None, FACETS, 9)
    assert (mine.quantiles("year") is None) == (theirs.quantiles("year") is None)
    wishes = {"numbers": NUMBERS, "labels": LABELS, "probes": PROBES, "also": Term("loop"), "include": ("a",)}
    agree(mine.recall(wide(mine, **wishes)), theirs.recall(wide(theirs, **wishes)))
    mine.close()
