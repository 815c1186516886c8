"""Whatever is sent to the doors of the open engine: an answer or a named refusal, soon, and never NaN."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.engine import Engine
from api.settings import Settings
from ranking.errors import ForageError
from ranking.signals.catalogue import SIGNALS
from tests.http.conftest import DOCUMENTS

SECONDS = 2.0
WORDS = st.sampled_from(
    ["zip", "archives", "event loop", '"event loop"', "site:docs.example.org", "-tar", "python*", "lang:fr", "(", '"', "^9",
     "AROUND(3)", "😀", "東京", "‮", "\x00", "a" * 300, "OR", "after:2015", "filetype:pdf", "intitle:zipfile", ""]
)  # fmt: skip
QUERIES = st.lists(WORDS, max_size=6).map(" ".join)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=20),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip
NAMES = st.sampled_from([*SIGNALS, "*", "rank.lex", "meta.year", "meta.nothing", "bm52", ""])
FIELDS = st.dictionaries(
    st.sampled_from(["title", "heading", "body", "url", "anchor", "boddy"]), st.floats(-2, 9), max_size=3
)


def kind(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A retriever or stage of one type, any of its fields left out."""
    return st.fixed_dictionaries({"type": st.just(name)}, optional={"name": st.sampled_from("pqrs"), **fields})


DEPTHS = st.integers(0, 12)
RETRIEVERS = st.one_of(
    kind("bm25", fields=FIELDS, k=DEPTHS, k1=st.floats(-1, 11), b=st.floats(-0.5, 1.5)),
    kind("dense", k=DEPTHS, exact=st.booleans(), vector=st.lists(st.floats(-1, 1), max_size=3)),
    kind("phrase", text=QUERIES, slop=st.integers(-1, 20), fields=FIELDS),
    kind("prefix", text=WORDS),
    kind(
        "regex",
        pattern=st.sampled_from(["a.*", "(a+)+$", "[", "(?:x{50}){50}", "zip|tar", ".*.*.*", "\\d+", "(?i)ZIP"]),
    ),
    kind("fuzzy", text=QUERIES, distance=st.integers(0, 3)),
    kind(
        "like",
        id=st.sampled_from(["python-0", "nowhere"]),
        text=QUERIES,
        by=st.sampled_from(["both", "words", "meaning"]),
    ),
    kind(
        "links",
        of=st.sampled_from(["python-0", "https://nowhere.org/"]),
        direction=st.sampled_from(["in", "out", "up"]),
    ),
    kind("site_listing", prefix=st.sampled_from(["docs.example.org", "https://blog.example.com/", " ", "://"])),
    kind("ids", ids=st.lists(st.sampled_from(["python-1", "python-2", "nowhere", ""]), max_size=4)),
    kind("session", calls=st.integers(0, 3)),
)
SCORES = st.sampled_from(
    ["bm25", "bm25 / (dense - dense)", "log1p(-2) + exp(9999)", "if(bm25 > 0.5, dense, -1)", "norm(bm25, \"zscore\")",
     "recency(half_life_days=0)", "pow(0, -1)", "((((", "bm52 + 1", "meta.year(mid=2015)", "1", "-" * 50 + "1", "a" * 500]
)  # fmt: skip
RULES = st.one_of(
    st.fixed_dictionaries(
        {"match": st.dictionaries(st.sampled_from(["site", "path", "url", "title", "domain", "sitee"]), WORDS, max_size=2)},
        optional={"do": st.sampled_from(["boost", "bury", "pin", "drop", "burn"]), "by": st.floats(), "at": st.integers(-1, 200)},
    ),
    st.sampled_from(["/lib$boost=3", "$discard", "! nothing", "$boost=99,site=x", "*^*^*^", "a" * 600]),
)  # fmt: skip
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "max_results": st.one_of(st.integers(-1, 120), ODD),
    "weights": st.dictionaries(NAMES, st.one_of(st.floats(-2000, 2000), ODD), max_size=4),
    "retrieve": st.lists(RETRIEVERS, max_size=4),
    "fuse": st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["linear", "rrf", "combmnz", "max", "none"]),
            "normalize": st.sampled_from(["theoretical", "minmax", "zscore", "l2", "rank", "none"]),
            "weights": st.dictionaries(st.sampled_from("pqrs"), st.floats(-5, 5), max_size=2),
            "balance": st.dictionaries(st.sampled_from(["ceiling", "decay", "floor", "flor"]), st.floats(-1, 20)),
        },
    ),
    "score": SCORES,
    "rules": st.lists(RULES, max_size=4),
    "rerank": st.lists(st.fixed_dictionaries({"type": st.sampled_from(["trees", "cross_encoder", "x"])}), max_size=1),
    "expand": st.fixed_dictionaries(
        {},
        optional={
            "fuzzy": st.integers(-1, 3),
            "prefix": st.booleans(),
            "synonyms": st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=2),
            "feedback": st.fixed_dictionaries({"docs": st.integers(0, 5), "terms": st.integers(0, 5)}),
        },
    ),
    "diversify": st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["mmr", "none"]),
            "lambda": st.floats(),
            "collapse": st.booleans(),
            "relevance": NAMES,
            "max_per": st.dictionaries(st.sampled_from(["site", "language", "meta.year", "colour"]), st.integers(0, 3)),
        },
    ),
    "filters": st.fixed_dictionaries(
        {},
        optional={
            "include_sites": st.lists(WORDS, max_size=2),
            "after": WORDS,
            "metadata": st.dictionaries(
                st.sampled_from(["year", ""]), st.one_of(ODD, st.just({"gte": 2012})), max_size=2
            ),
        },
    ),
    "facets": st.lists(st.sampled_from(["site", "year", "language", "nothing"]), max_size=3),
    "explain": st.booleans(),
    "precision": st.sampled_from(["fast", "balanced", "exact", "wild"]),
    "budget": st.fixed_dictionaries({"ms": st.floats(0.1, 20)}, optional={"postings": st.integers(0, 50)}),
    "zzz": ODD,
}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A query with up to three fields beside it: few enough that many requests are valid."""
    names = draw(st.lists(st.sampled_from(sorted(OPTIONAL)), max_size=3, unique=True))
    return {"query": draw(QUERIES), **{name: draw(OPTIONAL[name]) for name in names}}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real engine over the small collection of the HTTP tests."""
    folder: Path = tmp_path_factory.mktemp("laws")
    opened = Engine(Settings(data=folder))
    opened.ingest_objects("default", {"documents": DOCUMENTS}, "default")
    opened.warm_up()
    yield opened
    opened.close()


def finite(value: Any) -> bool:
    """No NaN and no infinity anywhere; orjson would write null for them."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def outcome(door: Callable[[], Any]) -> tuple[Any, ForageError | None]:
    """What came, or why not."""
    try:
        return door(), None
    except ForageError as error:
        return None, error


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=200, deadline=None)
@given(requests())
def test_every_request_is_answered_or_refused_by_name(engine: Engine, body: dict[str, Any]) -> None:
    """Search, plan: 4xx with a message, or results whose parts add up; within two seconds."""
    sent = {**body, "session": {"record": False}}
    begun = time.perf_counter()
    reply, refused = outcome(lambda: engine.search(sent, "default"))
    plan, no_plan = outcome(lambda: engine.plan(sent, "default"))
    assert time.perf_counter() - begun < SECONDS, sent
    for error in (refused, no_plan):
        assert error is None or (400 <= error.status < 500 and error.message), (error, sent)
    assert plan is None or finite(plan)
    answer = {"results": []} if reply is None else orjson.loads(reply.body)
    assert finite(answer)
    for hit in answer["results"]:
        assert hit["score"] is not None, sent
        if "contributions" in hit:
            total = math.fsum(hit["contributions"].values())
            assert math.isclose(total, hit["score"], rel_tol=1e-9, abs_tol=1e-6), hit


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=80, deadline=None)
@given(requests(), st.sampled_from(["python-0", "blog-2", DOCUMENTS[1]["url"], "nowhere", ""]))
def test_every_explanation_is_given_or_refused_by_name(engine: Engine, body: dict[str, Any], document: str) -> None:
    """Explain, of documents that are there and that are not."""
    told, refused = outcome(lambda: engine.explain({**body, "document": document}, "default"))
    assert refused is None or 400 <= refused.status < 500, (refused, body)
    if told is not None:
        assert finite(told)
        assert math.isclose(math.fsum(told["contributions"].values()), told["score"], rel_tol=1e-9, abs_tol=1e-6)
        assert (told["rank"] is None) == (told["lost_at"] in ("filter", "recall"))


def test_many_of_these_requests_are_valid(engine: Engine) -> None:
    """Or the laws above would hold of refusals alone."""
    answered: list[bool] = []

    @settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests())
    def ask(body: dict[str, Any]) -> None:
        answered.append(outcome(lambda: engine.search({**body, "session": {"record": False}}, "default"))[1] is None)

    ask()
    assert sum(answered) > len(answered) / 8
