"""Sample queries: only what was tried, in the order of the pages, found once for a generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.errors import OverloadedError
from api.samples import LONGEST, MOST, Samples, sample_queries


def hit(id: str, title: str, *headings: str) -> dict[str, Any]:
    return {"id": id, "title": title, "passages": [{"heading": heading} for heading in headings]}


class Searches:
    """Answers by query, and what was asked."""

    def __init__(self, answers: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, query: str) -> Sequence[dict[str, Any]]:
        self.asked.append(query)
        return self.answers.get(query, ())


TEA = hit("tea", "All about  tea", "", "All about tea > Water that is too hot", "All about tea > Storage")


def test_a_page_is_asked_for_by_its_title_and_by_a_heading_in_it() -> None:
    """Of a path of headings the last; one word asks for nothing."""
    search = Searches({"All about tea": [hit("other", "Tea"), TEA], "Water that is too hot": [TEA]})
    assert sample_queries(["All about  tea"], search) == ("All about tea", "Water that is too hot")
    assert "Storage" not in search.asked


def test_what_does_not_return_its_page_is_not_offered() -> None:
    """Neither a title that finds others alone, nor a heading that does."""
    search = Searches(
        {"All about tea": [TEA], "Index": [hit("x", "Another")], "Water that is too hot": [hit("y", "Y")]}
    )
    assert sample_queries(["Index", "All about tea", "Nothing", "t" * (LONGEST + 1), ""], search) == ("All about tea",)


def test_there_are_not_too_many() -> None:
    """And each is there once."""
    titles = [f"Page number {number}" for number in range(3 * MOST)]
    found = sample_queries([*titles, *titles], Searches({title: [hit(title, title)] for title in titles}))
    assert found == tuple(titles[:MOST])


def test_they_are_found_once_for_a_generation_and_again_after_a_failure() -> None:
    """A model that is missing now is no reason to have none later."""
    samples, search = Samples(), Searches({"All about tea": [TEA]})

    def failing(_: str) -> Sequence[dict[str, Any]]:
        raise OverloadedError("not now")

    assert samples.of("c", "g1", ["All about tea"], failing) == []
    for _ in range(3):
        assert samples.of("c", "g1", ["All about tea"], search) == ["All about tea"]
    assert search.asked.count("All about tea") == 1
    assert samples.of("c", "g2", ["All about tea"], search) == ["All about tea"]
    assert samples.of("d", "g2", [], search) == []
    assert search.asked.count("All about tea") == 2
