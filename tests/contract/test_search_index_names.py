"""Pages that a passage names, through the SearchIndex port: by hand on every implementation, and LocalIndex against the
oracle over collections of any make-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.warm.index import Cellar, PooledIndex, Terms
from api.warm.keys import Scope
from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from indexer.overlay import Overlay, write_overlay
from indexer.segment import write_segment
from ranking.constants import NAMED_MOST
from ranking.ports import SearchIndex
from ranking.types import Document
from tests.contract.builders import SETTINGS, local, memory
from tests.contract.conftest import POOL_BYTES
from tests.contract.samples import CORPUS, page

FILLER = tuple(
    page(f"filler-{n}", f"https://filler.example.org/{n}", f"{n} by n", f"a and is the then of by n number {n * 7_919}")
    for n in range(40)
)
"""So that words can be rare; every page has the words that say nothing."""

PAGES: tuple[Document, ...] = (
    *FILLER,
    page("reader", "https://example.org/reader", "Margaret Hamilton",
         "Margaret Hamilton wrote it for Apollo 11, as the Apollo Guidance Computer's team did by the then. Zürich, then "
         "MERCURY the metal. 北海道大学は札幌市にある。"),
    page("apollo", "https://example.org/apollo", "Apollo 11", "It flew."),
    page("apollo-12", "https://example.org/apollo-12", "Apollo 12", "It flew, too."),
    page("computer", "https://example.org/computer", "Apollo Guidance Computer | Museum of the Number", "By Margaret Hamilton."),
    page("order", "https://example.org/order", "Computer Guidance Apollo", "The other way round."),
    page("gap", "https://example.org/gap", "Apollo Computer", "With a word between."),
    page("metal", "https://example.org/metal", "Mercury (element)", "A metal."),
    page("planet", "https://example.org/planet", "Mercury (planet) (disambiguation)", "A planet."),
    page("myth", "https://example.org/myth", "Mercury - myths", "Namesakes share a segment, for there are four."),
    page("car", "https://example.org/car", "Mercury :: cars", "Cars."),
    page("town", "https://example.org/town", "zurich \u2013 a town", "A town."),
    page("hokkaido", "https://example.org/hokkaido", "北海道", "島。"),
    page("sapporo", "https://example.org/sapporo", "札幌市", "市。"),
    page("namesake", "https://example.org/namesake", "Margaret Hamilton", "An actor."),
    page("nameless", "https://example.org/nameless", "", "Margaret Hamilton"),
    page("bracketed", "https://example.org/bracketed", "(number)", "A number."),
    page("little", "https://example.org/little", "The Then", "Says nothing."),
    page("filed", "https://example.org/filed", "Somewhere else",
         "# Command module pilot\n\n" + "Mercury is what this part is about. " * 6 +
         "\n\n## Apollo 12\n\n" + "Zurich is what that part is about. " * 6),
    page("pilot", "https://example.org/pilot", "Command module pilot", "Stands in a heading of the reader."),
)  # fmt: skip


@pytest.fixture(scope="module", params=["local", "memory", "over pools"])
def named(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    made: SearchIndex
    if request.param == "memory":
        made = memory(PAGES, None, anchors={})
    else:
        made = local(tmp_path_factory.mktemp("named"), PAGES, None, segments=3, deleted=2, anchors={})
    if request.param == "over pools":
        made = PooledIndex(made, Cellar(POOL_BYTES), Scope("t", "c", "test"), Terms())
    yield made
    made.close()


def test_a_passage_names_the_pages_whose_titles_stand_in_it(named: SearchIndex) -> None:
    """In any spelling that tokens share, in scripts without spaces, whatever follows the title's own words; not in
    another order, with a gap, for words that every page has, nor the page itself; asked again, the same."""
    first = ("apollo", "car", "computer", "hokkaido", "metal", "myth", "namesake", "planet", "sapporo", "town")
    for _ in range(2):
        assert named.names_in([("reader", 0)]) == (first,)


def test_a_name_stands_in_the_text_and_not_in_the_headings_above(named: SearchIndex) -> None:
    """What a section is filed under was read before it."""
    passages = named.fetch_passages([("filed", 0), ("filed", 1)])
    assert passages[1].heading == "Command module pilot > Apollo 12"
    assert named.names_in([("filed", 0), ("filed", 1)]) == (
        ("car", "metal", "myth", "pilot", "planet"),
        ("apollo-12", "town"),
    )


def test_answers_are_in_the_order_of_the_passages(named: SearchIndex) -> None:
    """One for each, repeats included; none for none."""
    assert named.names_in([("computer", 0), ("town", 0), ("nameless", 0), ("computer", 0)]) == (
        ("namesake", "reader"), (), ("namesake", "reader"), ("namesake", "reader"),
    )  # fmt: skip
    assert named.names_in([]) == ()


@pytest.mark.parametrize("wanted", [("nobody", 0), ("reader", 99), ("reader", -1), ("ghost-0-0", 0)])
def test_a_passage_that_is_not_there_is_named(named: SearchIndex, wanted: tuple[str, int]) -> None:
    """KeyError, as fetch_passages, a deleted document's too."""
    with pytest.raises(KeyError, match=wanted[0]):
        named.names_in([("reader", 0), wanted])


def test_the_corpus_of_the_port_agrees(index: LocalIndex, oracle: MemoryIndex) -> None:
    """Every passage of every document, on every layout."""
    wanted = [(stored.document.id, i) for stored in index.fetch([d.id for d in CORPUS]) for i in range(stored.passages)]
    assert index.names_in(wanted) == oracle.names_in(wanted)


# ---------------------------------------------------------------- any collection

WORDS = ("apollo", "Eleven", "the", "Zürich", "東京", "東", "大阪の天気", "x")
TITLES = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.sampled_from(
        ["", "", "", " (film)", "（x）", " (a) (b (c))", " | the site", " - x", "-x", ")", " (", " \u2013 东京 (the)"]
    ),
)
TEXTS = st.lists(st.sampled_from([*WORDS, ",", "(", "-", ". \n\n## the apollo\n\n"]), max_size=40).map(" ".join)
SEGMENTS, IDS = 2, 7
VERSIONS = st.dictionaries(
    st.tuples(st.integers(0, SEGMENTS - 1), st.integers(0, IDS - 1)), st.tuples(TITLES, TEXTS), min_size=4, max_size=16
)
"""(segment, number of the id) -> title and text: an id may stand in several segments."""
CHOICES = st.lists(st.integers(0, SEGMENTS - 1), min_size=IDS, max_size=IDS)
"""Of every id, which of its versions is live; none when it has no such many."""


@settings(max_examples=15, deadline=None)
@given(versions=VERSIONS, generations=st.lists(CHOICES, min_size=2, max_size=3))
def test_generations_that_share_segments_name_what_the_oracle_does(
    tmp_path_factory: pytest.TempPathFactory,
    versions: Mapping[tuple[int, int], tuple[str, str]],
    generations: Sequence[Sequence[int]],
) -> None:
    """Whatever is written and deleted: every passage of every live document, one generation after the other."""
    folder = tmp_path_factory.mktemp("any")
    rows = sorted(versions)
    documents = {row: page(f"d{row[1]}", f"https://e.org/{row}", *versions[row]) for row in rows}
    paths = []
    for segment in range(SEGMENTS):
        paths.append(folder / f"segment-{segment}")
        write_segment(paths[-1], [documents[row] for row in rows if row[0] == segment], None, SETTINGS)
    for number, choices in enumerate(generations):
        live = set()
        for id, choice in enumerate(choices):
            live.update([row for row in rows if row[1] == id][choice : choice + 1])
        index = _opened(folder / f"overlay-{number}", paths, [row not in live for row in rows])
        oracle = memory([documents[row] for row in sorted(live)], None, anchors={})
        ids = [documents[row].id for row in sorted(live)]
        wanted = [(stored.document.id, i) for stored in index.fetch(ids) for i in range(stored.passages)]
        assert index.names_in(wanted) == oracle.names_in(wanted)
        index.close()


def _opened(overlay: Path, segments: Sequence[Path], deleted: Sequence[bool]) -> LocalIndex:
    rows = len(deleted)
    zeros = np.zeros(rows)
    held = Overlay(np.array(deleted, np.bool_), zeros, zeros.astype(np.int64), np.arange(rows, dtype=np.uint64))
    write_overlay(overlay, held, {}, segments)
    return LocalIndex("test", segments, overlay, None, 0)


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_name_of_very_many_pages_singles_out_none(kind: str, tmp_path: Path) -> None:
    """NAMED_MOST others may share it, in whichever segments, and no more; the dead and the page itself do not count."""
    title = "Weekly harbour bulletin of Lower Saltmarsh"

    def index(others: int) -> SearchIndex:
        reader = page("reader", "https://example.org/reader", title, f"Read the {title} for more.")
        shared = [page(f"copy-{n:03}", f"https://example.org/{n}", title, f"Issue {n}.") for n in range(others)]
        pages = (*FILLER, *(replace(each, id=f"more-{each.id}") for each in FILLER), reader, *shared)
        if kind == "memory":
            return memory(pages, None, anchors={})
        return local(tmp_path / str(others), pages, None, segments=3, deleted=2, anchors={})

    for others, found in ((NAMED_MOST, NAMED_MOST), (NAMED_MOST + 1, 0)):
        made = index(others)
        ((*names,),) = made.names_in([("reader", 0)])
        assert names == [f"copy-{n:03}" for n in range(found)]
        made.close()
