"""Pages that a passage names, through the SearchIndex port: by hand on every implementation, and LocalIndex against the
oracle over collections of any make-up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.warm.index import Cellar, PooledIndex, Terms
from api.warm.keys import Scope
from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.ports import SearchIndex
from ranking.types import Document
from tests.contract.builders import local, memory
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
         "Margaret Hamilton wrote it for Apollo 11, as the Apollo Guidance Computer's team did. Zürich, then "
         "MERCURY the metal. 北海道大学は札幌市にある。\n\n## Command module pilot\n\nIs it then the introduction of a number?"),
    page("apollo", "https://example.org/apollo", "Apollo 11", "It flew."),
    page("apollo-12", "https://example.org/apollo-12", "Apollo 12", "It flew, too."),
    page("computer", "https://example.org/computer", "Apollo Guidance Computer | Museum of the Number", "By Margaret Hamilton."),
    page("order", "https://example.org/order", "Computer Guidance Apollo", "The other way round."),
    page("gap", "https://example.org/gap", "Apollo Computer", "With a word between."),
    page("metal", "https://example.org/metal", "Mercury (element)", "A metal."),
    page("planet", "https://example.org/planet", "Mercury (planet) (disambiguation)", "A planet."),
    page("town", "https://example.org/town", "zurich \u2013 a town", "A town."),
    page("hokkaido", "https://example.org/hokkaido", "北海道", "島。"),
    page("sapporo", "https://example.org/sapporo", "札幌市", "市。"),
    page("namesake", "https://example.org/namesake", "Margaret Hamilton", "An actor."),
    page("nameless", "https://example.org/nameless", "", "Margaret Hamilton"),
    page("bracketed", "https://example.org/bracketed", "(number)", "A number."),
    page("little", "https://example.org/little", "The Then", "Says nothing."),
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
    first = ("apollo", "computer", "hokkaido", "metal", "namesake", "planet", "sapporo", "town")
    for _ in range(2):
        assert named.names_in([("reader", 0)]) == (first,)


def test_a_name_stands_in_the_text_and_not_in_the_heading(named: SearchIndex) -> None:
    """Headings are written by the same author as the title; what a reader reads on is in the text."""
    passages = named.fetch_passages([("reader", 0), ("reader", 1)])
    assert passages[1].heading.endswith("Command module pilot")
    assert ("pilot" in named.names_in([("reader", 1)])[0]) == ("Command module pilot" in passages[1].text)


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
