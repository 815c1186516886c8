"""Retrievers one by one: laws that hold of each, and lists that were worked out by hand. That LocalIndex agrees with the
oracle is for tests/contract."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.local import LocalIndex
from indexer.retrievers import RETRIEVERS
from ranking.types import (
    Any_,
    Document,
    Evidence,
    Filter,
    Link,
    Node,
    Not,
    Phrase,
    Plan,
    PlannedRetriever,
    Term,
    WordGroup,
)
from tests.contract.builders import local
from tests.contract.samples import HashingEmbedder, page, planned

EMBEDDER = HashingEmbedder()
WORDS = ("alpha", "beta", "gamma", "delta", "running", "runs", "run", "of", "the")
FIELDS = {"title": 3.0, "body": 1.0}
LEXICAL = {"fields": FIELDS, "k1": 1.2, "b": 0.75}


def documents(many: int = 150) -> tuple[Document, ...]:
    """Pages of a few words on three sites, each with links to some of the others and, now and then, to itself."""
    random = np.random.default_rng(5)
    chance = 1 / np.arange(1, len(WORDS) + 1)
    urls = [f"https://{'abc'[i % 3]}.example.org{':8080' if i % 10 == 9 else ''}/{i % 7}/{i}" for i in range(many)]
    made = []
    for i, url in enumerate(urls):
        text = " ".join(random.choice(WORDS, random.integers(3, 25), p=chance / chance.sum()))
        links = tuple(Link(urls[target]) for target in (*random.integers(0, many, 4), *([i] if i % 5 == 0 else [])))
        made.append(
            page(
                f"d{i * 37 % many:03}", url, f"Page {random.choice(WORDS)}", text, links=links, language="en",
                published_at=f"20{i % 15 + 10}" if i % 4 else None, modified_at=f"20{i % 9 + 10}-06" if i % 3 else None,
            )
        )  # fmt: skip
    return tuple(made)


DOCUMENTS = documents()
BY_ID = {document.id: document for document in DOCUMENTS}


@pytest.fixture(scope="module", params=["one segment", "three segments with deletes"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    layout = {"segments": 1} if request.param == "one segment" else {"segments": 3, "deleted": 3}
    return local(tmp_path_factory.mktemp("retrievers"), DOCUMENTS, EMBEDDER, anchors={}, **layout)


def vector(text: str) -> Any:
    return EMBEDDER.encode([text])[0]


def group(index: LocalIndex, *words: str, exact: bool = True, idf: float = 2.0) -> WordGroup:
    return WordGroup(index.term_statistics([(word, exact) for word in words], stem=True), idf)


def retrievers(index: LocalIndex) -> dict[str, Mapping[str, Any]]:
    """Parameters by type, such that each finds something."""
    groups = (group(index, "running", "runs"), group(index, "gamma", exact=False))
    some = tuple(sorted(BY_ID))[::3]
    return {
        "bm25": {**LEXICAL, "terms": {"max_df": 1.0}},
        "dense": {"exact": True, "vector": vector("beta gamma")},
        "phrase": {"phrase": Phrase(("alpha", "beta"), None, 1), "fields": FIELDS},
        **{name: {"groups": groups, **LEXICAL} for name in ("prefix", "regex", "fuzzy", "words")},
        "like": {"groups": groups, "vector": vector("delta"), "itself": some[0], **LEXICAL},
        "links": {"of": some[1], "direction": "in"},
        "site_listing": {"node": Filter("url_prefix", "https://"), "order": "url"},
        "ids": {"ids": (*some, "nobody", *some)},
        "session": {"ids": tuple(reversed(some))},
    }


def plan_of(
    index: LocalIndex, *chosen: PlannedRetriever, text: str = "alpha running", condition: Node | None = None
) -> Plan:
    return replace(planned(index, text, max_results=1), retrievers=chosen, condition=condition)


def found(evidence: Evidence, name: str) -> list[str]:
    """What a retriever found, best first."""
    ranks = evidence.ranks[name]
    places = sorted(np.flatnonzero(ranks).tolist(), key=lambda place: int(ranks[place]))
    assert ranks[places].tolist() == list(range(1, len(places) + 1))
    return [evidence.ids[place] for place in places]


def listed(index: LocalIndex, type: str, parameters: Mapping[str, Any], k: int = 1_000, **more: Any) -> list[str]:
    return found(index.recall(plan_of(index, PlannedRetriever("it", type, k, parameters), **more)), "it")


# ---------------------------------------------------------------- laws

CONDITIONS = st.recursive(
    st.sampled_from(
        [
            Filter("site", "a.example.org"),
            Term("gamma"),
            Term("run"),
            Filter("after", "2015"),
            Filter("url_glob", "path=/3/*"),
            Filter("url_glob", "||b.example.org^*"),
            Filter("site", "none.org"),
            Phrase(("of", "the")),
        ]
    ),
    lambda node: st.builds(Not, node) | st.builds(Any_, st.lists(node, max_size=3).map(tuple)),
    max_leaves=3,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(type=st.sampled_from(sorted(RETRIEVERS)), condition=st.none() | CONDITIONS, k=st.integers(1, 60))
def test_a_list_is_of_allowed_documents_each_once(index: LocalIndex, type: str, condition: Node | None, k: int) -> None:
    """Within the condition before the top k: a shorter list is the beginning of a longer one (of vectors, k counts
    passages; of likeness, what each list may hold), a filtered one is never starved, and scores are in [0, 1] just
    where the list is."""
    parameters = retrievers(index)[type]
    evidence = index.recall(plan_of(index, PlannedRetriever("it", type, k, parameters), condition=condition))
    mine, every = found(evidence, "it"), listed(index, type, parameters)
    mask = index._conditions.mask(condition)
    allowed = {id for id in every if mask[index._held.row(id)]}
    assert set(mine) <= allowed
    if type != "like":
        whole = listed(index, type, parameters, condition=condition)
        assert whole == [id for id in every if id in allowed]
        assert whole[: len(mine)] == mine
    if type not in ("dense", "like"):
        assert len(mine) == min(k, len(allowed))
    if "it" in evidence.scores:
        scores = dict(zip(evidence.ids, evidence.scores["it"].tolist(), strict=True))
        assert {id for id, score in scores.items() if not math.isnan(score)} == set(mine)
        ordered = [scores[id] for id in mine]
        assert all(0 <= score <= 1 for score in ordered)
        assert ordered == sorted(ordered, reverse=True) or type == "bm25"
    else:
        assert type in ("bm25", "links", "site_listing", "ids", "session")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.sampled_from(sorted(BY_ID)), other=st.sampled_from(sorted(BY_ID)))
def test_links_go_both_ways(index: LocalIndex, one: str, other: str) -> None:
    """A page is among those that another links to, just when the other is among those that link to it."""
    if one != other:
        out = listed(index, "links", {"of": other, "direction": "out"})
        assert (one in out) == (other in listed(index, "links", {"of": one, "direction": "in"}))
        assert other not in out


def test_links_by_id_and_by_url_are_the_same(index: LocalIndex) -> None:
    for direction in ("in", "out"):
        lists = [
            listed(index, "links", {"of": of, "direction": direction}) for of in ("d037", BY_ID["d037"].url)
        ]  # fmt: skip
        assert lists[0] == lists[1]
        assert lists[0]


def test_many_retrievers_do_what_each_does_alone(index: LocalIndex) -> None:
    """In one plan, several of a type among them, every list is the one that it is alone, and the trace has them all."""
    chosen = [
        PlannedRetriever(f"{type}{n}", type, 9 + n, own) for type, own in retrievers(index).items() for n in (0, 1)
    ]
    evidence = index.recall(plan_of(index, *chosen))
    for retriever in chosen:
        assert found(evidence, retriever.name) == listed(index, retriever.type, retriever.parameters, retriever.k)
    stages = [stage.name for stage in evidence.stages]
    assert {f"recall.{retriever.name}" for retriever in chosen} <= set(stages)
    assert len(set(stages)) == len(stages)


# ---------------------------------------------------------------- by hand


def test_listings_by_hand(index: LocalIndex) -> None:
    """By URL without its scheme, by date with the unknown last, by authority; ties by id."""
    on_a = {id: page for id, page in BY_ID.items() if "//a.example.org" in page.url}
    node = Filter("site", "a.example.org")
    by_url = sorted(on_a, key=lambda id: on_a[id].url)
    assert listed(index, "site_listing", {"node": node, "order": "url"}) == by_url
    assert listed(index, "site_listing", {"node": node, "order": "url"}, k=4) == by_url[:4]
    dates = {id: page.published_at or page.modified_at or "" for id, page in on_a.items()}
    newest = sorted(on_a, key=lambda id: (-_months(dates[id]), id))
    assert listed(index, "site_listing", {"node": node, "order": "newest"}) == newest
    assert listed(index, "site_listing", {"node": node, "order": "authority"}) == sorted(on_a)
    with pytest.raises(ValueError, match="sideways"):
        listed(index, "site_listing", {"node": node, "order": "sideways"})


def _months(date: str) -> float:
    year, _, month = date.partition("-")
    return int(year) * 12 + int(month or 1) if date else -math.inf


def test_ids_keep_their_order(tmp_path: Path) -> None:
    """Unknown and repeated ones are left out, then the filter, then the first k."""
    small = local(tmp_path, DOCUMENTS[:9], None, segments=2, deleted=2, anchors={})
    ids = [document.id for document in DOCUMENTS[:9]]
    asked = (ids[5], "nobody", ids[2], ids[5], "ghost-0-0", ids[7], ids[1])
    assert listed(small, "ids", {"ids": asked}) == [ids[5], ids[2], ids[7], ids[1]]
    assert listed(small, "session", {"ids": asked}, k=3) == [ids[5], ids[2], ids[7]]
    only = Filter("url_glob", f"{BY_ID[ids[7]].url}\n{BY_ID[ids[1]].url}")
    assert listed(small, "ids", {"ids": asked}, k=1, condition=only) == [ids[7]]


def test_words_of_a_group_count_as_one(tmp_path: Path) -> None:
    """Two surfaces make one frequency; the share of the most possible is BM25 with all weights, by hand."""
    texts = ("run runs other", "run run other", "runs other other", "other other other")
    pages = [page(f"p{i}", f"https://x.org/{i}", "", text, language="en") for i, text in enumerate(texts)]
    small = local(tmp_path, pages, None, anchors={})
    own = {"groups": (group(small, "run", "runs", idf=2.0), group(small, "nothing", idf=3.0)), "fields": {"body": 0.5}}
    evidence = small.recall(plan_of(small, PlannedRetriever("it", "words", 9, {**own, "k1": 1.2, "b": 0.75})))
    assert found(evidence, "it") == ["p0", "p1", "p2"]
    twice, once = (
        0.5 * 2 * tf * 2.2 / (tf + 1.2) / ((2 + 3) * 2.2 * 0.5) for tf in (2, 1)
    )  # all are of average length
    scores = dict(zip(evidence.ids, evidence.scores["it"].tolist(), strict=True))
    np.testing.assert_allclose([scores[f"p{i}"] for i in range(3)], [twice, twice, once])


def test_a_stem_and_its_surface_in_one_group_count_once(tmp_path: Path) -> None:
    """Places that two words of a group share are one place."""
    pages = [page("p", "https://x.org/", "", "run runs running", language="en")]
    small = local(tmp_path, pages, None, anchors={})
    stem, exact = group(small, "run", exact=False), group(small, "runs", "running")
    lists = []
    for words in (stem.words, (*stem.words, *exact.words), (*exact.words, *exact.words, *group(small, "run").words)):
        own = {"groups": (WordGroup(words, 1.0),), **LEXICAL}
        evidence = small.recall(plan_of(small, PlannedRetriever("it", "words", 9, own)))
        lists.append(evidence.scores["it"].tolist())
    assert lists[0] == lists[1] == lists[2]


def test_a_phrase_scores_x_over_1_plus_x(tmp_path: Path) -> None:
    """x is the sum of weight times count over the fields."""
    pages = [
        page("p0", "https://x.org/0", "alpha beta", "alpha beta alpha beta"), page("p1", "https://x.org/1", "", "alpha beta"),
        page("p2", "https://x.org/2", "alpha beta", ""), page("p3", "https://x.org/3", "beta alpha", "alpha of beta"),
    ]  # fmt: skip
    small = local(tmp_path, pages, None, anchors={})
    own = {"phrase": Phrase(("alpha", "beta")), "fields": {"title": 3.0, "body": 0.5, "url": 0.0}}
    evidence = small.recall(plan_of(small, PlannedRetriever("it", "phrase", 9, own)))
    assert found(evidence, "it") == ["p0", "p2", "p1"]
    scores = dict(zip(evidence.ids, evidence.scores["it"].tolist(), strict=True))
    np.testing.assert_allclose([scores[f"p{i}"] for i in range(3)], [4 / 5, 0.5 / 1.5, 3 / 4])


def test_likeness_fuses_what_is_asked_for(index: LocalIndex) -> None:
    """The page itself is in no list; the score is 1 for the first of all lists that were asked for."""
    own, k = dict(retrievers(index)["like"]), 40
    words = listed(index, "words", {name: own[name] for name in ("groups", *LEXICAL)})
    itself = own["itself"] = words[0]
    near = listed(index, "dense", {"exact": True, "vector": own["vector"]}, k=k + 3)
    words, near = ([id for id in ids if id != itself][:k] for ids in (words, near))
    expected: dict[str, float] = {}
    for ids in (words, near):
        for rank, id in enumerate(ids, start=1):
            expected[id] = expected.get(id, 0.0) + 61 / (60 + rank) / 2
    got = index.recall(plan_of(index, PlannedRetriever("it", "like", k, own)))
    assert set(found(got, "it")) <= set(words) | set(near)
    assert found(got, "it") == sorted(expected, key=lambda id: (-round(2 * expected[id], 9), id))[:k]
    for part, first in (({"groups": ()}, near[0]), ({"vector": None}, words[0])):
        alone = index.recall(plan_of(index, PlannedRetriever("it", "like", k, {**own, **part})))
        assert found(alone, "it")[0] == first
        assert np.nanmax(alone.scores["it"]) == 1.0
    neither = {**own, "groups": (), "vector": None}
    assert listed(index, "like", neither) == []


def test_the_first_bm25_gives_no_scores(index: LocalIndex) -> None:
    """Term frequencies say more; the second says what share of the most it could be its sum is."""
    own = retrievers(index)["bm25"]
    chosen = (PlannedRetriever("first", "bm25", 20, own), PlannedRetriever("second", "bm25", 20, own))
    plan = plan_of(index, *chosen)
    evidence = index.recall(plan)
    assert evidence.scores.keys() == {"second"}
    assert found(evidence, "first") == found(evidence, "second")
    most = sum(term.idf for term in plan.terms) * 2.2 * 4
    sums = np.zeros(evidence.size)
    for field, weight in FIELDS.items():
        at = ["title", "heading", "body"].index(field)
        norm = 1.2 * (0.25 + 0.75 * evidence.dl[at] / index.statistics.average_length[field])
        for number, term in enumerate(plan.terms):
            tf = evidence.tf[at, number]
            sums += weight * term.idf * tf * 2.2 / (tf + norm)
    there = evidence.ranks["second"] > 0
    np.testing.assert_allclose(evidence.scores["second"][there], (sums / most)[there], rtol=1e-6)


def test_a_vector_of_another_dimension_is_refused(index: LocalIndex) -> None:
    from indexer.errors import EmbedderMismatchError

    with pytest.raises(EmbedderMismatchError, match="7 dimensions"):
        listed(index, "dense", {"exact": True, "vector": np.ones(7, np.float32)})


# ---------------------------------------------------------------- what else is a candidate


def test_what_the_plan_names_is_a_candidate(index: LocalIndex) -> None:
    """`include` and `also` within the condition, at rank 0; `also` the most authoritative hundred."""
    condition = Not(Filter("site", "b.example.org"))
    base = plan_of(index, PlannedRetriever("it", "ids", 9, {"ids": ()}), condition=condition)
    included = ("d000", "d001", "d002", "nobody", "ghost-0-0")
    evidence = index.recall(replace(base, include=included, minimum=0))
    assert set(evidence.ids) == {id for id in included[:3] if "//b." not in BY_ID[id].url}
    assert not evidence.ranks["it"].any()
    also = index.recall(replace(base, also=Filter("url_prefix", "https://a.example.org"), minimum=0))
    assert list(also.ids) == sorted(id for id, page in BY_ID.items() if "//a." in page.url)
    both = index.recall(replace(base, also=Filter("url_prefix", "https://"), minimum=0))
    assert list(both.ids) == sorted(id for id, page in BY_ID.items() if "//b." not in page.url)
    many = index.recall(replace(base, condition=None, also=Filter("url_prefix", "https://"), minimum=0))
    assert list(many.ids) == sorted(BY_ID)[:100]  # nobody links to anybody here, so authority is a tie


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nodes=st.lists(CONDITIONS, max_size=4).map(tuple), stem=st.booleans())
def test_probes_are_the_conditions_truth(
    tmp_path_factory: pytest.TempPathFactory, nodes: tuple[Node, ...], stem: bool
) -> None:
    """Of every candidate, whether its mask is known already or is worked out for the candidates alone."""
    index = _fresh(tmp_path_factory)
    base = replace(plan_of(index, PlannedRetriever("it", "ids", 150, {"ids": tuple(BY_ID)})), probes=nodes, stem=stem)
    first = index.recall(base)
    masks = [index._conditions.mask(node, stem)[first.rows].tolist() for node in nodes]
    again = index.recall(base)
    for evidence in (first, again):
        if nodes:
            assert evidence.probes is not None
            assert evidence.probes.tolist() == masks
        else:
            assert evidence.probes is None


_OPENED: list[LocalIndex] = []


def _fresh(factory: pytest.TempPathFactory) -> LocalIndex:
    """One index on disk, opened anew, so that no condition is known."""
    if not _OPENED:
        _OPENED.append(local(factory.mktemp("fresh"), DOCUMENTS, None, segments=2, deleted=2, anchors={}))
    held = _OPENED[0]._held
    folders = [segment.folder for segment in held.segments]
    return LocalIndex("fresh", folders, folders[0].parent / "overlay", None, 0)
