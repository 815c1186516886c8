"""Frozen candidates: added up again they stand in the engine's own order, ties included; other weights and params too."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed, query_of, searched
from eval.collections import TestCollection, read_collection
from eval.errors import FrozenError
from eval.frozen.candidates import FrozenSet, FrozenTopic, freeze, rank
from ranking.errors import ForageError
from tests.eval.sets import write

WORDS = "moss fern harbour engine river stone lamp garden winter paper".split()
TOPICS = {"q1": "moss garden", "q2": "harbour", "q3": "the winter river engine lamp", "q4": "paper moss moss stone"}
PAGES = 40


def folder(made: Path, by_url: bool = False) -> Path:
    """Random pages of few words, every third twice under two ids: ties in every signal but the place."""
    made.mkdir(parents=True)
    chance = random.Random(5)
    pages: list[dict[str, object]] = []
    for number in range(PAGES):
        title, text = (" ".join(chance.choices(WORDS, k=k)) for k in (2, chance.randint(3, 20)))
        if number % 3 == 2:
            title, text = str(pages[-1]["title"]), str(pages[-1]["text"])
        name = f"d{chance.randrange(10**6)}"
        pages.append({"id": name, "url": f"https://a.example/{number}", "title": title, "text": text})
    write(made / "corpus.jsonl", pages)
    write(made / "queries.jsonl", [{"id": name, "text": text} for name, text in TOPICS.items()])
    key = "url" if by_url else "id"
    judged = [(topic, pages[n][key], n % 4) for topic in TOPICS for n in range(0, PAGES, 3)]
    judged += [("q1", "nowhere", 3)]
    lines = ["\t".join(map(str, row)) for row in [("query_id", f"doc_{key}", "relevance"), *judged]]
    (made / "qrels.tsv").write_text("\n".join(lines) + "\n")
    return made


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, TestCollection, str]]:
    root = tmp_path_factory.mktemp("frozen")
    test = read_collection(folder(root / "set"))
    engine = Engine(Settings(data=root / "data"))
    yield engine, test, ensure_indexed(engine, test, quiet)
    engine.close()


Opened = tuple[Engine, TestCollection, str]


def quiet(done: int, total: int, note: str) -> None: ...


def frozen(opened: Opened, request: Mapping[str, Any]) -> FrozenSet:
    engine, test, collection = opened
    return freeze(engine, test, request, collection=collection, threads=2, progress=quiet)


def answer(opened: Opened, request: Mapping[str, Any], topic: str) -> dict[str, Any]:
    engine, test, collection = opened
    text = next(query_of(each, False) for each in test.topics if each.id == topic)
    body: dict[str, Any] = orjson.loads(engine.search({**searched(request, collection), "query": text}, "default").body)
    return body


def order(topic: FrozenTopic, signals: tuple[str, ...], weights: Mapping[str, float]) -> list[str]:
    dense = np.array([weights.get(name, 0.0) for name in signals])
    return [topic.ids[row] for row in rank(topic, dense)[:100]]


# ---------------------------------------------------------------- the law


SIGNALS = ("bm25", "dense", "coverage", "proximity", "fused", "rank.lex", "url_length", "unread")
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "weights": st.dictionaries(st.sampled_from(SIGNALS), st.sampled_from([-1.0, 0.0, 0.3, 1.0, 7.5]), max_size=4),
        "fuse": st.sampled_from([{"method": "rrf"}, {"method": "max", "normalize": "minmax"}]),
        "expand": st.just({"feedback": {"docs": 3, "terms": 4}}),
        "filters": st.just({"url_prefixes": ["https://a.example/1"]}),
    },
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS)
def test_with_the_engines_weights_the_order_is_the_engines(opened: Opened, request: dict[str, Any]) -> None:
    """Same documents, same places, of every topic, as the search answers with its own resolved weights."""
    made = frozen(opened, request)
    for topic in made.topics:
        body = answer(opened, request, topic.topic)
        found = order(topic, made.signals, body["resolved"]["weights"])
        assert found == [hit["id"] for hit in body["results"]]


def test_the_pages_are_such_that_ties_decide(opened: Opened) -> None:
    """Else the law would say nothing of them."""
    scores = [hit["score"] for hit in answer(opened, {}, "q1")["results"]]
    assert len(set(scores)) < len(scores)


def test_other_weights_need_no_other_search(opened: Opened) -> None:
    """What a trial adds up is what a search with its weights answers."""
    made = frozen(opened, {})
    tried = {"*": 0.0, "coverage_idf": 1.0, "dense": 0.25, "bm25.title": -0.5}
    for topic in made.topics:
        body = answer(opened, {"weights": tried}, topic.topic)
        assert order(topic, made.signals, tried) == [hit["id"] for hit in body["results"]]


# ---------------------------------------------------------------- what is kept


def test_values_are_those_that_explain_tells(opened: Opened) -> None:
    made = frozen(opened, {})
    for topic in made.topics:
        for hit in answer(opened, {"explain": True}, topic.topic)["results"]:
            row = dict(zip(made.signals, topic.values[topic.ids.index(hit["id"])].tolist(), strict=True))
            assert row == hit["signals"]


def test_grades_and_the_ideal_are_the_judgements(opened: Opened) -> None:
    """Judged 0 and unjudged are told apart; what is relevant and not there counts for the ideal."""
    _, test, _ = opened
    made = frozen(opened, {})
    for topic in made.topics:
        qrels = test.qrels[topic.topic]
        assert topic.ids == tuple(sorted(topic.ids))
        assert {name: int(grade) for name, grade in zip(topic.ids, topic.grades, strict=True) if grade} == {
            name: grade for name, grade in qrels.items() if grade and name != "nowhere"
        }
        assert {name for name, judged in zip(topic.ids, topic.judged, strict=True) if judged} == {*qrels} - {"nowhere"}
        assert topic.gains == tuple(sorted((grade for grade in qrels.values() if grade), reverse=True))
        assert topic.documents == PAGES
    assert made.topics[0].gains[0] == 3


def test_judgements_by_url_name_candidates_by_url(opened: Opened, tmp_path: Path) -> None:
    """In the order of document ids all the same."""
    engine, _, collection = opened
    by_url = read_collection(folder(tmp_path / "set", by_url=True))
    made = freeze(engine, by_url, {}, collection=collection, threads=1, progress=quiet)
    body = answer(opened, {}, "q1")
    url_of = {hit["id"]: hit["url"] for hit in body["results"]}
    assert made.topics[0].ids == tuple(url_of[name] for name in sorted(url_of))
    assert made.topics[0].judged.any()
    assert order(made.topics[0], made.signals, body["resolved"]["weights"]) == [hit["url"] for hit in body["results"]]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "request_",
    [
        {"score": "bm25 * 2"},
        {"rules": [{"match": {"url": "a.example"}, "do": "bury"}]},
        {"rerank": [{"type": "late_interaction"}]},
    ],
)
def test_what_weights_do_not_say_is_refused(opened: Opened, request_: dict[str, Any]) -> None:
    with pytest.raises(ForageError) as caught:
        frozen(opened, request_)
    assert caught.value.path is not None
    assert caught.value.path.startswith(f"$.{next(iter(request_))}")


def test_a_score_of_the_profile_is_refused_too(opened: Opened) -> None:
    opened[0].put_profile("scored", {"score": "dense"}, "default")
    with pytest.raises(FrozenError, match="score"):
        frozen(opened, {"profile": "scored"})
