"""Frozen candidates on disk: back as they were, whole or refused, and never those of another search."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed
from eval.collections import TestCollection, read_collection
from eval.errors import FrozenError
from eval.frozen.candidates import FrozenSet, FrozenTopic
from eval.frozen.files import frozen_at, load, save
from tests.eval.sets import multi_hop

SPECIFICATION = {"name": "set", "generation": "g1", "request": {"fuse": {"k": 60}}, "topics": "a", "judgements": "b"}


@st.composite
def sets(draw: st.DrawFn) -> FrozenSet:
    """Any number of topics, candidates (none among them) and signals, with names of any characters."""
    signals = draw(st.lists(st.text(min_size=1), max_size=4, unique=True))
    return FrozenSet(
        draw(st.text()),
        tuple(signals),
        tuple(draw(topics(len(signals), name)) for name in draw(st.lists(st.text(), max_size=4, unique=True))),
        {"weights": {"bm25": draw(st.floats(-10, 10))}},
        "g1",
    )


@st.composite
def topics(draw: st.DrawFn, signals: int, name: str) -> FrozenTopic:
    ids = sorted(draw(st.lists(st.text(), max_size=5, unique=True)))
    return FrozenTopic(
        name,
        tuple(ids),
        draw(arrays(np.float64, (len(ids), signals), elements=st.floats(0, 1))),
        draw(arrays(np.int64, len(ids), elements=st.integers(0, 4))),
        draw(arrays(np.bool_, len(ids))),
        tuple(sorted(draw(st.lists(st.integers(1, 4), max_size=3)), reverse=True)),
        tuple(draw(st.lists(st.floats(0, 20), max_size=3))),
        draw(st.integers(0, 10**9)),
    )


def assert_equal(one: FrozenSet, other: FrozenSet) -> None:
    assert replace(one, topics=()) == replace(other, topics=())
    assert len(one.topics) == len(other.topics)
    for mine, theirs in zip(one.topics, other.topics, strict=True):
        for each in fields(FrozenTopic):
            a, b = getattr(mine, each.name), getattr(theirs, each.name)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype
                assert a.shape == b.shape
                assert a.tobytes() == b.tobytes()
            else:
                assert a == b


@given(sets())
def test_what_is_written_is_read_to_the_bit(tmp_path_factory: pytest.TempPathFactory, made: FrozenSet) -> None:
    path = tmp_path_factory.mktemp("file") / "set.npz"
    save(path, made, SPECIFICATION)
    assert_equal(load(path, SPECIFICATION), made)
    assert_equal(load(path), made)
    assert [each.name for each in path.parent.iterdir()] == ["set.npz"]


def small() -> FrozenSet:
    topic = FrozenTopic(
        "q", ("a", "b"), np.ones((2, 1)), np.array([1, 0]), np.array([True, False]), (1,), (2.0,), 10
    )  # fmt: skip
    return FrozenSet("set", ("bm25",), (topic,), {}, "g1")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"generation": "g2"}, "generations"),
        ({"request": {"fuse": {"k": 10}}}, "params"),
        ({"judgements": "c"}, "judgements"),
        ({"topics": "c"}, "topics"),
        ({"signals": "new"}, "signals or constants"),
    ],
)
def test_candidates_of_another_specification_are_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    save(tmp_path / "a.npz", small(), SPECIFICATION)
    with pytest.raises(FrozenError, match=said):
        load(tmp_path / "a.npz", SPECIFICATION | changed)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save(path, small(), SPECIFICATION)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(FrozenError, match="no whole"):
            load(path)
    path.write_text("not a file of arrays")
    with pytest.raises(FrozenError, match="no whole"):
        load(path)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_says_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    """Such as a date in the archive; no number changes."""
    path = tmp_path_factory.mktemp("flip") / "a.npz"
    save(path, small(), SPECIFICATION)
    damaged = bytearray(path.read_bytes())
    damaged[place % len(damaged)] ^= change
    path.write_bytes(damaged)
    try:
        read = load(path)
    except FrozenError:
        return
    assert_equal(read, small())


def test_nothing_there_and_nowhere_to_write_are_said(tmp_path: Path) -> None:
    with pytest.raises(FrozenError, match="there are no"):
        load(tmp_path / "a.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(FrozenError, match="cannot write"):
        save(tmp_path / "file" / "a.npz", small(), SPECIFICATION)


def test_a_full_disk_costs_the_new_file_and_not_the_old(tmp_path: Path) -> None:
    """Half of it written, the one that was there is whole."""
    path = tmp_path / "a.npz"
    save(path, small(), SPECIFICATION)
    values = np.random.default_rng(1).random((4_000, 1))
    large = replace(
        small(),
        topics=(
            FrozenTopic(
                "q", tuple(f"{n:05}" for n in range(4_000)), values, np.zeros(4_000, np.int64), np.zeros(4_000, np.bool_),
                (), (), 9,
            ),
        ),
    )  # fmt: skip
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, before[1]))
    try:
        with pytest.raises(FrozenError, match="cannot write"):
            save(path, large, SPECIFICATION)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_equal(load(path), small())
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


# ---------------------------------------------------------------- frozen once


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, TestCollection, str]]:
    root = tmp_path_factory.mktemp("frozen-files")
    test = read_collection(multi_hop(root / "set"))
    engine = Engine(Settings(data=root / "data"))
    yield engine, test, ensure_indexed(engine, test, lambda done, total, note: None)
    engine.close()


def test_a_second_time_nothing_is_searched(opened: tuple[Engine, TestCollection, str], tmp_path: Path) -> None:
    """Unless something differs that decides the numbers: then it is refused."""
    engine, test, collection = opened
    searches: list[int] = []

    def at(request: dict[str, Any], of: TestCollection = test) -> FrozenSet:
        return frozen_at(
            tmp_path / "a.npz", engine, of, request, collection=collection, threads=1,
            progress=lambda done, total, note: searches.append(done),
        )  # fmt: skip

    first = at({})
    assert searches == [1, 2, 3]
    assert_equal(at({}), first)
    assert searches == [1, 2, 3]
    with pytest.raises(FrozenError, match="params"):
        at({"retrieve": [{"type": "bm25", "k": 5}]})
    with pytest.raises(FrozenError, match="judgements"):
        at({}, replace(test, qrels=test.qrels | {"q1": {"m1": 2}}))
    with pytest.raises(FrozenError, match="topics"):
        at({}, replace(test, topics=test.topics[:1]))
    assert searches == [1, 2, 3]
