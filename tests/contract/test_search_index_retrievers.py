"""The retrievers of the SearchIndex port: LocalIndex finds what the oracle finds, within every filter; and both find
what a person finds by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.ports import SearchIndex
from ranking.retriever_plans import Likeness, group_of
from ranking.types import Evidence, Filter, Phrase, Plan, PlannedRetriever, Term, WordGroup
from tests.contract.builders import agree, local, memory
from tests.contract.samples import CORPUS, HashingEmbedder, planned, requested

EMBEDDER = HashingEmbedder()
TEXT = "event loop"
LIKE_A = Likeness((("loop", 2.0), ("tasks", 1.5), ("streams", 1.0), ("nowhere", 9.0)), EMBEDDER.encode([TEXT])[0], "a")
RETRIEVERS: Mapping[str, Mapping[str, Any]] = {
    "bm25": {"type": "bm25"},
    "dense": {"type": "dense", "exact": True},
    "dense, own vector": {
        "type": "dense", "exact": True, "vector": tuple(map(float, EMBEDDER.encode(["colour of cheese"])[0])),
    },
    "phrase of the query": {"type": "phrase"},
    "phrase": {"type": "phrase", "text": "Running tasks"},
    "phrase in every field": {
        "type": "phrase", "text": "loop event",
        "fields": {"title": 2.5, "heading": 1, "body": 0.5, "url": 1, "anchor": 4},
    },
    "near words": {"type": "phrase", "text": "loop event", "slop": 4, "ordered": False},
    "phrase of repeats": {"type": "phrase", "text": "of the state of the", "slop": 2},
    "long phrase": {"type": "phrase", "text": "sentence 7 of part 3 tells about tuning caches", "slop": 1},
    "phrase in Thai and Chinese": {"type": "phrase", "text": "大熊猫"},
    "phrase nowhere": {"type": "phrase", "text": "loop of nowhere"},
    "prefix": {"type": "prefix", "text": "Re"},
    "prefix of many": {"type": "prefix", "text": "t", "fields": {"body": 1, "anchor": 2, "heading": 1}},
    "prefix in Chinese": {"type": "prefix", "text": "東"},
    "prefix of few words": {"type": "prefix", "text": "e", "words": 2, "k1": 0.3, "b": 1},
    "prefix nowhere": {"type": "prefix", "text": "qqq"},
    "regex": {"type": "regex", "pattern": "re[lc].*ve|colou?rs?"},
    "regex in Chinese": {"type": "regex", "pattern": "大.|.京"},
    "regex nowhere": {"type": "regex", "pattern": "[0-9]{9}"},
    "fuzzy": {"type": "fuzzy", "text": "recieve tokyo evnet", "distance": 1},
    "fuzzy of the query": {"type": "fuzzy", "distance": 2, "prefix": 0},
    "fuzzy nowhere": {"type": "fuzzy", "text": "qqqqqq"},
    "like": {"type": "like", "id": "a"},
    "like by words": {"type": "like", "id": "a", "by": "words", "terms": 2},
    "like by meaning": {"type": "like", "id": "a", "by": "meaning"},
    "links in": {"type": "links", "of": "b"},
    "links in of a URL": {"type": "links", "of": "https://docs.python.org/3/library/"},
    "links in of nothing": {"type": "links", "of": "https://nowhere.example.org/"},
    "links in of a page that is not here": {"type": "links", "of": "https://nowhere.example.org/404"},
    "links out": {"type": "links", "of": "q", "direction": "out"},
    "links out of a URL": {"type": "links", "of": "https://example.com/Path/UPPER?b=2&Query=1", "direction": "out"},
    "links out to non-ASCII": {"type": "links", "of": "u", "direction": "out"},
    "links out of nothing": {"type": "links", "of": "nobody", "direction": "out"},
    "listing": {"type": "site_listing", "prefix": "example.com"},
    "listing by URL": {"type": "site_listing", "prefix": "https://docs.python.org/3", "order": "url"},
    "listing, newest": {"type": "site_listing", "prefix": "example.com", "order": "newest"},
    "listing of nothing": {"type": "site_listing", "prefix": "nowhere.example.org"},
    "prefix, taken off": {"type": "prefix", "text": "lib", "fields": {"title": -2.0, "body": 1.0, "url": 0.5}},
    "phrase, taken off": {"type": "phrase", "text": "loop event", "fields": {"title": 4.0, "body": -1.0, "anchor": 2}},
    "ids": {"type": "ids", "ids": ("ö", "nobody", "l", "z z", "a", "l", "ghost-0-0", "b", "p", "q")},
    "session": {"type": "session"},
}  # fmt: skip
FILTERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "no filter": (TEXT, {}),
    "site": (TEXT, {"filters": {"include_sites": ["python.org", "example.com"]}}),
    "metadata": (TEXT, {"filters": {"metadata": {"price": {"gte": 0}}}}),
    "excluded words": (f"{TEXT} -running -asyncio -recieve", {}),
    "nothing left": (TEXT, {"filters": {"include_sites": ["none.example.org"]}}),
}


def found(evidence: Evidence, name: str = "it") -> list[str]:
    """What a retriever found, best first."""
    ranks = evidence.ranks[name]
    places = sorted(np.flatnonzero(ranks), key=lambda row: ranks[row])
    assert ranks[places].tolist() == list(range(1, len(places) + 1))
    return [evidence.ids[row] for row in places]


def scores(evidence: Evidence, name: str = "it") -> list[float]:
    """Of what a retriever found, best first."""
    by_id = dict(zip(evidence.ids, evidence.scores[name].tolist(), strict=True))
    return [by_id[id] for id in found(evidence, name)]


def alone(index: SearchIndex, retriever: Mapping[str, Any], text: str = TEXT, **changes: Any) -> Plan:
    """The plan of one retriever named `it`, and as few other documents as can be."""
    return requested(
        index, text, EMBEDDER.encode([text])[0], retrieve=[{"name": "it", **retriever}], max_results=1,
        likenesses={"it": LIKE_A}, earlier=[(0, ["b", "nobody", "h"]), (1, ["h", "a", "c"]), (3, ["ä"])], **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def backwards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIndex]:
    made = local(tmp_path_factory.mktemp("backwards"), CORPUS[::-1], EMBEDDER)
    yield made
    made.close()


# ---------------------------------------------------------------- as the oracle


@pytest.mark.parametrize("filtered", FILTERS)
@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_retriever_finds_what_the_oracle_finds(
    index: LocalIndex, oracle: MemoryIndex, name: str, filtered: str
) -> None:
    """The same documents in the same order with the same scores, within every filter and for every depth, ties too."""
    text, changes = FILTERS[filtered]
    for k in (1, 2, 3, 5, 1_000):
        mine, theirs = (alone(one, {**RETRIEVERS[name], "k": k}, text, **changes) for one in (index, oracle))
        agree(index.recall(mine), oracle.recall(theirs))


@pytest.mark.parametrize("name", [name for name in RETRIEVERS if name not in ("bm25", "dense")])
def test_every_retriever_does_find_and_does_filter(oracle: MemoryIndex, name: str) -> None:
    """So that the comparison compares something: each list is longer without a filter, unless it is empty by name."""
    everything = found(oracle.recall(alone(oracle, RETRIEVERS[name])))
    text, changes = FILTERS["site"]
    within = found(oracle.recall(alone(oracle, RETRIEVERS[name], text, **changes)))
    assert bool(everything) != name.endswith(("nothing", "nowhere"))
    assert set(within) <= set(everything)
    sites = {document.id: document.site for document in CORPUS}
    assert all(sites[id].endswith(("python.org", "example.com")) for id in within)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_ties_go_by_id_whatever_was_written_first(backwards: LocalIndex, oracle: MemoryIndex, name: str) -> None:
    """Pages that are alike, in the order of their ids and in the other, at every depth."""
    for k in (1, 2, 3, 4, 5, 8):
        for text in (TEXT, "recieve retrieve colour"):
            mine, theirs = (
                alone(one, {**RETRIEVERS[name], "k": k}, text, filters={"exclude_sites": ["th.example.org"]})
                for one in (backwards, oracle)
            )
            left, right = backwards.recall(mine), oracle.recall(theirs)
            assert found(left) == found(right)
            assert left.ids == right.ids


def test_all_retrievers_in_one_plan(index: LocalIndex, oracle: MemoryIndex) -> None:
    """Sixteen at a time, with evidence of all for each candidate; several of a type do not get in each other's way."""
    listed = [{"name": f"r{place}", **one} for place, one in enumerate(RETRIEVERS.values())]
    likenesses = {one["name"]: LIKE_A for one in listed}
    for start in range(0, len(listed), 16):
        for depth in (2, 100):
            chosen = [{**one, "k": depth} for one in listed[start : start + 16]]
            agree(*(
                one.recall(requested(one, TEXT, EMBEDDER.encode([TEXT])[0], retrieve=chosen, likenesses=likenesses))
                for one in (index, oracle)
            ))  # fmt: skip


@pytest.mark.parametrize("precision", ["fast", "balanced", "exact"])
def test_several_bm25_retrievers(index: LocalIndex, oracle: MemoryIndex, precision: str) -> None:
    """The first gives its evidence, the others their scores, each by its own fields and saturation."""
    retrieve = [
        {"type": "bm25", "name": "first", "k": 4},
        {"type": "bm25", "name": "title", "fields": {"title": 1.0}, "k": 3},
        {"type": "bm25", "name": "anchor", "fields": {"anchor": 2.0, "url": 0.5}, "k1": 0.5, "b": 0.1},
        {"type": "bm25", "name": "taken off", "fields": {"body": 1.0, "title": -0.25}},
        {"type": "bm25", "name": "none", "fields": {"body": 0.0}},
    ]
    retrieve = [{**one, "name": one["name"].replace(" ", "_")} for one in retrieve]
    for text in ("event loop regular documentation", "intitle:loop event^3 python", "東京 Katzen library", "zzz"):
        plans = [requested(one, text, retrieve=retrieve, precision=precision) for one in (index, oracle)]
        mine, theirs = index.recall(plans[0]), oracle.recall(plans[1])
        agree(mine, theirs)
        assert mine.scores.keys() == {"title", "anchor", "taken_off", "none"}
        for column in mine.scores.values():
            there = column[~np.isnan(column)]
            assert ((there >= 0) & (there <= 1)).all()


def words(index: SearchIndex, groups: list[tuple[list[tuple[str, bool]], float]], k: int = 100) -> PlannedRetriever:
    """Groups of (token, exact) with their boosts."""
    made: list[WordGroup] = []
    for tokens, boost in groups:
        group = group_of(index.term_statistics(tokens, stem=True), index.statistics.documents, boost)
        if group is not None:
            made.append(group)
    parameters = {"groups": tuple(made), "fields": {"title": 3.0, "body": 1.0}, "k1": 1.2, "b": 0.75}
    return PlannedRetriever("it", "words", k, parameters)


@pytest.mark.parametrize("k", [1, 3, 100])
@pytest.mark.parametrize(
    "groups",
    [
        [([("loop", True)], 1.0)],
        [([("loop", True), ("event", True), ("loops", True)], 1.0)],
        [([("loop", False), ("loops", False), ("loop", True)], 1.0)],
        [([("katzen", False), ("laufen", False)], 0.5), ([("chat", False)], 3.0)],
        [([("東京", True), ("東", True)], 1.0), ([("zzz", True)], 1.0)],
        [([("loop", True)], 1.0), ([("loop", True)], 2.0)],
        [],
    ],
)
def test_words_in_groups(
    index: LocalIndex, oracle: MemoryIndex, groups: list[tuple[list[tuple[str, bool]], float]], k: int
) -> None:
    """A token that fits two words of one group counts once, one that fits two groups twice."""
    mine, theirs = (
        replace(planned(one, TEXT), retrievers=(words(one, groups, k),), minimum=1) for one in (index, oracle)
    )
    agree(index.recall(mine), oracle.recall(theirs))


# ---------------------------------------------------------------- by hand


def test_phrases_count(either: SearchIndex) -> None:
    """x/(1+x) of the weighted count: twice in two pages that are alike and two of three words in a row; ties by id."""
    evidence = either.recall(alone(either, {"type": "phrase"}))
    assert found(evidence) == ["a", "g", "ä", "ö", "h", "t"]
    assert scores(evidence) == pytest.approx([2 / 3] * 4 + [1 / 2] * 2)
    evidence = either.recall(alone(either, {"type": "phrase", "text": "loop event", "fields": {"title": 2.5}}))
    assert found(evidence) == ["ä", "ö"]
    assert scores(evidence) == pytest.approx([2.5 / 3.5] * 2)


def test_a_phrase_of_no_word_finds_nothing(either: SearchIndex) -> None:
    """A query of filters alone has no words in a row."""
    evidence = either.recall(alone(either, {"type": "phrase"}, "site:example.com"))
    assert found(evidence) == []
    assert np.isnan(evidence.scores["it"]).all()


def test_links_into_a_page(either: SearchIndex) -> None:
    """However the links spell its URL, by an id or a URL; the most authoritative first, ties by id."""
    for of in ("b", "https://docs.python.org/3/library/re.html", "http://docs.python.org/3/library/re.html/#x"):
        evidence = either.recall(alone(either, {"type": "links", "of": of}))
        assert found(evidence) == ["a", "q", "c", "ö"]
        assert "it" not in evidence.scores


def test_links_out_of_a_page(either: SearchIndex) -> None:
    """Each page once, never itself, and nothing that is not here."""
    for of in ("q", "http://docs.python.org/3/library"):
        evidence = either.recall(alone(either, {"type": "links", "of": of, "direction": "out"}))
        assert found(evidence) == ["a", "l", "b"]
        assert "it" not in evidence.scores


@pytest.mark.parametrize(("order", "ids"), [("authority", "aqb"), ("url", "qab"), ("newest", "abq")])
def test_listings(either: SearchIndex, order: str, ids: str) -> None:
    """By authority, by address, by date of publication."""
    asked = {"type": "site_listing", "prefix": "docs.python.org/3/library", "order": order}
    evidence = either.recall(alone(either, asked))
    assert found(evidence) == list(ids)
    assert found(either.recall(alone(either, {**asked, "k": 2}))) == list(ids[:2])
    assert "it" not in evidence.scores


def test_a_listing_of_everything(either: SearchIndex) -> None:
    """By URL the scheme does not sort; the newest come before those of unknown date."""
    evidence = either.recall(listing(either, "url"))
    urls = {document.id: document.url for document in CORPUS}
    addresses = [urls[id].partition("://")[2] for id in found(evidence)]
    assert addresses == sorted(addresses)
    assert len(addresses) == len(CORPUS)
    newest = found(either.recall(listing(either, "newest")))
    assert newest[:6] == ["r", "s", "f", "l", "w", "z z"]
    assert newest[-14:] == ["u", "e", "h", "i", "j", "k", "m", "n", "o", "p", "t", "v", "x", "ä", "ö"][-14:]


def listing(index: SearchIndex, order: str) -> Plan:
    retriever = PlannedRetriever("it", "site_listing", 100, {"node": Filter("url_glob", "*"), "order": order})
    return replace(planned(index, TEXT), retrievers=(retriever,))


def test_my_own_list_keeps_its_order(either: SearchIndex) -> None:
    """Each once, without those that are not here; what earlier calls showed, the latest first."""
    evidence = either.recall(alone(either, RETRIEVERS["ids"]))
    assert found(evidence) == ["ö", "l", "z z", "a", "b", "p", "q"]
    assert found(either.recall(alone(either, {**RETRIEVERS["ids"], "k": 2}))) == ["ö", "l"]
    assert found(either.recall(alone(either, RETRIEVERS["session"]))) == ["b", "h", "a", "c", "ä"]
    assert found(either.recall(alone(either, {"type": "session", "calls": 2}))) == ["b", "h", "a", "c"]
    assert "it" not in evidence.scores


def test_a_vector_of_ones_own(either: SearchIndex) -> None:
    """Its own text's passage comes first at 1; it searches for itself, beside the query's; k counts passages."""
    (vector,) = either.passage_vectors([("l", 0)])
    sent = {"name": "it", "type": "dense", "exact": True, "vector": tuple(map(float, vector)), "k": 4}
    query = EMBEDDER.encode([TEXT])[0]
    plan = requested(either, TEXT, query, retrieve=[{"type": "dense", "exact": True}, sent], max_results=1)
    evidence = either.recall(plan)
    assert found(evidence) == ["l"]
    assert scores(evidence) == pytest.approx([1.0])
    assert found(evidence, "sem")[0] != "l"
    assert evidence.scores.keys() == {"it"}
    row = evidence.ids.index("l")
    best = max(float(one @ query) for one in either.passage_vectors([("l", i) for i in range(4)]))
    assert best - 1e-5 <= evidence.cosine[row] < 0.9


def test_like_a_page(either: SearchIndex) -> None:
    """Its copy is the first of both lists, so 1; itself is in neither; one list alone has the whole scale."""
    for by in ("both", "words", "meaning"):
        evidence = either.recall(alone(either, {"type": "like", "id": "a", "by": by}))
        assert "a" not in found(evidence)
        assert by == "both" or scores(evidence)[0] == pytest.approx(1.0)
    (vector,) = either.passage_vectors([("a", 0)])
    likeness = Likeness(LIKE_A.words, vector, "a")
    plan = requested(
        either, TEXT, retrieve=[{"name": "it", "type": "like", "id": "a"}], likenesses={"it": likeness}, max_results=1
    )
    evidence = either.recall(plan)
    assert found(evidence)[0] == "g"
    assert scores(evidence)[0] == pytest.approx(1.0)
    assert all(0 < score <= 1 for score in scores(evidence))


def test_like_nothing(either: SearchIndex) -> None:
    """Without words and vector there is no list, and nothing is found."""
    plan = requested(either, TEXT, retrieve=[{"name": "it", "type": "like", "text": "?"}], max_results=1)
    evidence = either.recall(plan)
    assert found(evidence) == []
    assert np.isnan(evidence.scores["it"]).all()


def test_a_group_is_worth_all_or_less(either: SearchIndex) -> None:
    """By the formula, for a page and a group of two words: one frequency, one idf, over what it could be."""
    retriever = words(either, [([("colour", True), ("color", True)], 2.0)])
    (group,) = retriever.parameters["groups"]
    evidence = either.recall(replace(planned(either, TEXT), retrievers=(retriever,), minimum=1))
    assert found(evidence) == ["w", "z z"]
    row = evidence.ids.index("w")
    norm = 1.2 * (0.25 + 0.75 * float(evidence.dl[2, row]) / either.statistics.average_length["body"])
    expected = 1.0 * group.idf * 2.0 * 2 * 2.2 / (2 + norm) / (group.idf * 2.0 * 2.2) / 4.0
    assert scores(evidence) == pytest.approx([expected] * 2)


# ---------------------------------------------------------------- small collections


@pytest.mark.parametrize("embedder", [EMBEDDER, None], ids=["vectors", "no vectors"])
@pytest.mark.parametrize("documents", [(), CORPUS[:1], CORPUS[:4]], ids=["nothing", "one document", "four"])
def test_small_collections_answer(tmp_path: Path, documents: tuple[Any, ...], embedder: HashingEmbedder | None) -> None:
    """Every retriever over an empty collection, over one document and without vectors."""
    mine, theirs = local(tmp_path, documents, embedder, anchors={}), memory(documents, embedder, anchors={})
    for retriever in RETRIEVERS.values():
        agree(*(one.recall(alone(one, retriever)) for one in (mine, theirs)))
    mine.close()


def test_no_segment_at_all(tmp_path: Path) -> None:
    """A generation without any segment finds nothing with any retriever."""
    empty = local(tmp_path, (), None, segments=0, anchors={})
    for retriever in RETRIEVERS.values():
        assert empty.recall(alone(empty, retriever)).ids == ()


def test_a_plan_without_candidates(index: LocalIndex, oracle: MemoryIndex) -> None:
    """Arrays of no row, for every retriever, probe, number and label."""
    make: Callable[[SearchIndex], Plan] = lambda one: replace(  # noqa: E731
        alone(one, {"type": "phrase", "text": "nowhere"}), condition=Term("zzz"), minimum=0,
        probes=(Term("loop"), Phrase(("loop",))), numbers=("price",), labels=("site",),
    )  # fmt: skip
    mine = index.recall(make(index))
    agree(mine, oracle.recall(make(oracle)))
    assert mine.ids == ()
    assert mine.probes is not None
    assert mine.probes.shape == (2, 0)
