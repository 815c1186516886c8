"""Pools that words alone fill, and what is warm for the next call."""

from __future__ import annotations

from api.requests import SearchRequest
from api.warm.index import Cellar, PooledIndex, Served, Terms
from api.warm.pools import Pool
from api.warm.scouting import scout
from api.warm.settings import PREFETCHES_A_CALL, SCOUTED
from api.warm.warmth import Warmth
from tests.api.pooling import MB, SCOPE, counting

OWNER = ("t", "s")


def scouted(request: SearchRequest) -> tuple[Pool | None, PooledIndex]:
    cellar = Cellar(8 * MB)
    index = PooledIndex(counting(), cellar, SCOPE, Terms(guess=OWNER))
    key = scout(request, index, None)
    return None if key is None else cellar.pools.peek(key), index


def test_words_alone_fill_the_pool() -> None:
    """Of every page that has one of them, those first that have most; nothing is embedded."""
    pool, _ = scouted(SearchRequest(query="zip sqlite", retrieve=[{"type": "bm25", "k": 1_000}, {"type": "dense"}]))
    assert pool is not None
    assert pool.vector is None
    topics = {f"d{number:03}" for number in range(40) if number % 7 in (1, 3)}
    assert {*pool.ids} == topics
    assert len(pool.best(SCOUTED)) == len(topics)


def test_filters_hold() -> None:
    """What the session may not see is in no pool of it."""
    pool, _ = scouted(SearchRequest(query="zip", filters={"exclude_sites": ["docs.example.org"]}))
    assert pool is not None
    assert pool.ids == ()


def test_what_weighs_a_retriever_that_is_not_asked_is_no_fault() -> None:
    """A request that was resolved names all of them: nothing is weighed here."""
    named = {
        "weights": {"rank.sem": 0.0, "rank.lex": 0.1},
        "fuse": {"weights": {"sem": 2.0, "lex": 1.0}},
        "diversify": {"method": "mmr", "relevance": "rank.sem"},
    }
    retrieve = [{"type": "bm25", "name": "lex"}, {"type": "dense", "name": "sem"}]
    pool, _ = scouted(SearchRequest.model_validate({"query": "zip", "retrieve": retrieve, **named}))
    assert pool is not None
    assert pool.ids


def test_a_request_without_words_has_no_outlook() -> None:
    """Its pool would be of another kind than its calls make."""
    assert scouted(SearchRequest(query="zip", retrieve=[{"type": "dense"}]))[0] is None


def test_what_is_warm_is_told_by_where_it_came_from() -> None:
    """The latest guesses, then the previous call's, the first one's, and others; each once, and only what is there."""
    cellar, pools = Cellar(8 * MB), dict[str, bytes]()
    for text in ("zip", "tar", "sqlite", "file", "socket", "event", "loop"):
        index = PooledIndex(counting(), cellar, SCOPE, Terms())
        key = scout(SearchRequest(query=text), index, None)
        assert key is not None
        pools[text] = key
    warmth = Warmth(cellar.pools.peek)
    assert warmth.kept(OWNER) == []
    for text in ("zip", "tar", "sqlite"):
        warmth.noted(OWNER, text, [Served(pools[text], "miss")], [], (), 1_000.0)
    for text in ("sqlite", "file", "socket", "event", "loop"):
        warmth.guessed(OWNER, text, pools[text], 1.0, dropped=False)
    found = [(kept.origin, kept.pool.text) for kept in warmth.kept(OWNER)]
    assert found[:PREFETCHES_A_CALL] == [("guess", "loop"), ("guess", "event"), ("guess", "socket")]
    assert found[PREFETCHES_A_CALL:] == [("previous", "sqlite"), ("first", "zip"), ("earlier", "tar")]
    cellar.pools.forget("", [pools["tar"], pools["loop"]])
    assert ("earlier", "tar") not in [(kept.origin, kept.pool.text) for kept in warmth.kept(OWNER)]
