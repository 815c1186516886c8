"""Numbers, labels, quantiles and facets of fields: counted by hand, in any layout, and in segments of an older kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.arrays import ArrayWriter, read_arrays
from indexer.layout import COLUMNS
from indexer.local import LocalIndex
from indexer.values import Values
from ranking.types import Document, Filter, Not
from tests.contract.builders import local
from tests.contract.samples import page

METADATA: tuple[dict[str, Any], ...] = (
    {"n": 3, "tags": ["b", "a"]},
    {"n": "4.50", "tags": ["a", "b", "a"]},
    {"n": [1, 7, "2"], "tags": "a"},
    {"n": "many", "tags": []},
    {"n": True, "tags": [1, "1", 1.0]},
    {"n": -0.0, "tags": {"a": 1}},
    {"n": 1e300, "tags": ["a"]},
    {"tags": None},
)
AUTHORS = ("Ada", None, "Ada", "", "Bo", "\ud800", "Ada", "Zoë")
PUBLISHED = ("2021-05-04", "2021", None, "1969-12-31T23:59:59.5Z", "2021-12-31T23:59:59.5Z", "2020", "2020-02", "bad")


def documents() -> tuple[Document, ...]:
    hosts = ("x.org", "docs.x.org", "y.co.uk", "x.org", "", "z.y.co.uk", "x.org", "y.co.uk")
    return tuple(
        page(
            f"d{i}", f"https://{host}/{i}" if host else f"file:///{i}", f"Title {i}", "text", metadata=METADATA[i],
            author=AUTHORS[i], published_at=PUBLISHED[i], modified_at="2023", filetype="HTML" if i % 2 else "pdf",
            language=("en", None, "de-AT")[i % 3],
        )
        for i, host in enumerate(hosts)
    )  # fmt: skip


DOCUMENTS = documents()
GONE = page(
    "gone", "https://ghost.org/", "", "", metadata={"n": -9, "tags": "gone"}, author="Gone", published_at="1950"
)
"""A deleted row, for that is what `local` makes of a URL with a ghost in it."""


@pytest.fixture(scope="module", params=["one segment", "three segments with deletes"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    layout = {"segments": 1} if request.param == "one segment" else {"segments": 3, "deleted": 2}
    return local(tmp_path_factory.mktemp("values"), (*DOCUMENTS, GONE), None, anchors={}, **layout)


def of_documents(index: LocalIndex, column: np.ndarray) -> list[Any]:
    """The part of a column over rows that is about DOCUMENTS, in their order."""
    rows = [index._held.row(document.id) for document in DOCUMENTS]
    return column[rows].tolist()


def test_numbers_are_the_largest_of_each_document(index: LocalIndex) -> None:
    """A text of a number is one; truth values, prose and what is not there are none."""
    values = Values(index._held)
    found = of_documents(index, values.numbers("n"))
    assert [None if np.isnan(value) else value for value in found] == [3, 4.5, 7, None, None, 0, 1e300, None]
    assert all(np.isnan(value) for value in of_documents(index, values.numbers("nothing")))


def test_quantiles_are_of_live_documents(index: LocalIndex) -> None:
    """[101] by linear interpolation over what has a number."""
    quantiles = index.quantiles("n")
    assert quantiles is not None
    np.testing.assert_allclose(quantiles, np.quantile([3, 4.5, 7, 0, 1e300], np.linspace(0, 1, 101)))
    assert index.quantiles("tags") is not None  # "1" is a number
    assert index.quantiles("nothing") is None


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("site", ["036", "1", "27", "5"]),
        ("domain", ["0136", "257"]),
        ("language", ["036", "25"]),
        ("filetype", ["0246", "1357"]),
        ("author", ["026", "4", "5", "7"]),
        ("meta.tags", ["01", "26", "4"]),
        ("meta.n", ["0", "1", "2", "3", "4", "5", "6"]),
        ("tags", []),
        ("meta.site", []),
        ("nothing", []),
    ],
)
def test_labels_are_equal_where_values_are(index: LocalIndex, name: str, groups: list[str]) -> None:
    """A list is the set of its values, a number is what it is written as; -1 is for none."""
    labels = of_documents(index, Values(index._held).labels(name))
    found: dict[int, str] = {}
    for place, label in enumerate(labels):
        if label != -1:
            found[label] = found.get(label, "") + str(place)
    assert sorted(found.values()) == sorted(groups)


def test_facets_by_hand(index: LocalIndex) -> None:
    """Largest first, ties by value, a document once for each of its values; numbers written shortest."""
    names = ("site", "domain", "language", "filetype", "author", "year", "n", "tags", "nothing")
    assert index.facets(None, names, 100) == {
        "site": (("x.org", 3), ("y.co.uk", 2), ("docs.x.org", 1), ("z.y.co.uk", 1)),
        "domain": (("x.org", 4), ("y.co.uk", 3)),
        "language": (("de", 2), ("en", 3))[::-1],
        "filetype": (("html", 4), ("pdf", 4)),
        "author": (("Ada", 3), ("Bo", 1), ("Zoë", 1), ("\ud800", 1)),
        "year": (("2021", 3), ("2020", 2), ("1969", 1)),
        "n": (("0", 1), ("1", 1), (str(int(1e300)), 1), ("2", 1), ("3", 1), ("4.50", 1), ("7", 1), ("many", 1), ("true", 1)),
        "tags": (("a", 4), ("b", 2), ("1", 1)),
        "nothing": (),
    }  # fmt: skip
    assert index.facets(None, ("tags",), 1) == {"tags": (("a", 4),)}
    assert index.facets(None, ("tags",), 0) == {"tags": ()}


NODES = st.recursive(
    st.builds(Filter, st.just("site"), st.sampled_from(["x.org", "y.co.uk", "none.org"]))
    | st.builds(Filter, st.just("filetype"), st.sampled_from(["pdf", "html"])),
    lambda node: st.builds(Not, node),
    max_leaves=3,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=NODES, name=st.sampled_from(["site", "filetype", "author", "tags", "year"]), limit=st.integers(0, 9))
def test_a_facet_counts_what_its_value_filters(index: LocalIndex, node: Any, name: str, limit: int) -> None:
    """The counts within a condition are those of the labels and values of its documents, the first `limit` of all."""
    every = dict(index.facets(node, (name,), 1_000)[name])
    shown = index.facets(node, (name,), limit)[name]
    assert shown == tuple(sorted(every.items(), key=lambda item: (-item[1], item[0])))[:limit]
    if name in ("site", "filetype"):
        allowed = index._conditions.mask(node)
        labels = Values(index._held).labels(name)[allowed]
        assert sorted(every.values()) == sorted(Counter(labels[labels >= 0].tolist()).values())


def test_a_segment_without_the_column_of_authors_says_the_same(tmp_path: Path) -> None:
    """Segments that were written before there was one are read document by document."""
    new = local(tmp_path / "new", DOCUMENTS, None, segments=2, anchors={})
    local(tmp_path / "old", DOCUMENTS, None, segments=2, anchors={}).close()
    for path in (tmp_path / "old").glob(f"segment-*/{COLUMNS}"):
        arrays = {name: array.copy() for name, array in read_arrays(path).items() if not name.startswith("author")}
        path.unlink()
        with ArrayWriter(path) as writer:
            for name, array in arrays.items():
                writer.add(name, array)
    old = LocalIndex(
        "old", sorted((tmp_path / "old").glob("segment-*")), tmp_path / "old" / "overlay", None, 0
    )  # fmt: skip
    assert old._held.segments[0].columns.authors is None
    assert new._held.segments[0].columns.authors is not None
    assert old.facets(None, ("author",), 9) == new.facets(None, ("author",), 9)
    assert old.fetch(["d0"])[0].document.author == "Ada"


def test_an_empty_collection_has_no_values(tmp_path: Path) -> None:
    empty = local(tmp_path, (), None, segments=0, anchors={})
    names = ("site", "author", "year", "tags")
    assert empty.facets(None, names, 5) == dict.fromkeys(names, ())
    assert empty.quantiles("n") is None
