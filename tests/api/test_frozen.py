"""A search kept at its candidates: under other params it stands as a search with them would, and what needs another
recall is refused by name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.engine import Engine
from api.settings import Settings
from ranking.errors import ForageError, ParamsError

WORDS = "moss fern harbour engine river stone lamp garden winter paper".split()
QUERY = "moss garden of the harbour"
WHOLE = {"query": QUERY, "max_results": 100, "diversify": {"max_per_site": None}, "session": {"record": False}}
"""Everything is a candidate, so that no param decides who is."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    chance = random.Random(9)
    made = Engine(Settings(data=tmp_path_factory.mktemp("frozen")))
    pages = [
        {
            "id": f"d{chance.randrange(10**6)}",
            "url": f"https://a{number % 4}.example/{number}",
            "title": " ".join(chance.choices(WORDS, k=2)),
            "text": " ".join(chance.choices(WORDS, k=chance.randint(2, 30))),
            "metadata": {"stars": chance.randint(0, 500)},
        }
        for number in range(40)
    ]
    made.ingest_objects("default", pages, "default")
    yield made
    made.close()


def searched(engine: Engine, changes: dict[str, Any]) -> list[str]:
    reply = engine.search({**WHOLE, **changes}, "default")
    return [hit["id"] for hit in orjson.loads(reply.body)["results"]]


LEXICAL = st.fixed_dictionaries(
    {},
    optional={
        "k1": st.floats(0, 5),
        "b": st.floats(0, 1),
        "fields": st.dictionaries(st.sampled_from(["title", "body", "url"]), st.floats(0.5, 5), min_size=1),
    },
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "weights": st.dictionaries(
            st.sampled_from(["bm25", "dense", "coverage", "min_window", "fused"]), st.floats(-5, 5), max_size=3
        ),
        "score": st.sampled_from(["bm25(k1=0.4) + dense", "coverage * 2 - url_length", None]),
        "retrieve": st.builds(lambda own: [{"type": "bm25", **own}, {"type": "dense"}], LEXICAL),
        "fuse": st.one_of(
            st.fixed_dictionaries({"balance": st.fixed_dictionaries({"floor": st.floats(0, 20)})}),
            st.just({"normalize": "zscore"}),
        ),
    },
)


@settings(max_examples=60)
@given(CHANGES)
def test_it_is_reordered_as_a_search_with_the_changes_would_be(engine: Engine, changes: dict[str, Any]) -> None:
    """k1, b, fields, expressions, normalisers and the numbers of the balance: nothing is recalled again."""
    frozen = engine.freeze(WHOLE, "default")
    ordered = frozen.reordered(changes)
    assert [frozen.evidence.ids[row] for row in ordered.order] == searched(engine, changes)


def test_fusion_by_ranks_is_a_change_too(engine: Engine) -> None:
    """With the lists as they were recalled."""
    frozen = engine.freeze(WHOLE, "default")
    for fuse in ({"method": "rrf"}, {"method": "rrf", "k": 5}, {"method": "combmnz", "weights": {"lex": 3.0}}):
        ordered = frozen.reordered({"fuse": fuse})
        assert [frozen.evidence.ids[row] for row in ordered.order] == searched(engine, {"fuse": fuse})


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"query": "another"}, "$.query"),
        ({"retrieve": [{"type": "bm25", "k": 5}, {"type": "dense"}]}, "$.retrieve"),
        ({"retrieve": [{"type": "bm25"}]}, "$.retrieve"),
        ({"filters": {"languages": ["en"]}}, "$.filters"),
        ({"expand": {"stem": False}}, "$.expand"),
        ({"rules": [{"match": {"site": "a1.example"}, "do": "bury"}]}, "$.rules"),
        ({"weights": {"meta.stars": 1}}, "$.weights.meta.stars"),
        ({"weights": {"bm52": 1}}, "$.weights.bm52"),
    ],
)
def test_what_needs_another_recall_is_refused(engine: Engine, changes: dict[str, Any], path: str) -> None:
    frozen = engine.freeze(WHOLE, "default")
    with pytest.raises(ForageError) as caught:
        frozen.reordered(changes)
    assert caught.value.path == path
    assert caught.value.hint


def test_a_metadata_field_that_was_frozen_can_be_weighed(engine: Engine) -> None:
    frozen = engine.freeze({**WHOLE, "weights": {"meta.stars": 0}}, "default")
    ordered = frozen.reordered({"weights": {"meta.stars": 5}})
    assert [frozen.evidence.ids[row] for row in ordered.order] == searched(engine, {"weights": {"meta.stars": 5}})


def test_models_are_not_asked_again(engine: Engine) -> None:
    frozen = engine.freeze({**WHOLE, "rerank": [{"type": "late_interaction"}]}, "default")
    with pytest.raises(ParamsError, match="rerank"):
        frozen.reordered({"weights": {"bm25": 2}})


def test_a_wrong_request_is_refused_with_its_correction(engine: Engine) -> None:
    """As a search is."""
    with pytest.raises(ForageError) as caught:
        engine.freeze({**WHOLE, "weights": {"bm52": 1}}, "default")
    assert caught.value.did_you_mean == "bm25"
