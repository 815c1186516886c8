"""What a retriever of a request becomes, and that looking its words up stays within bounds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ranking.constants import MAX_EXPANDED_WORDS
from ranking.params import Params
from ranking.query import parse
from ranking.retriever_plans import Surroundings, planned_retrievers
from ranking.types import VocabularyWord
from tests.ranking.test_plan import STATISTICS, Counts

WORDS = [f"word{number:03}x" for number in range(300)]


def looked_up(query: str, df: dict[str, int], *retrievers: dict[str, Any]) -> tuple[list[str], list[int]]:
    """(words for which look-alikes were asked, groups of each retriever)."""
    asked: list[str] = []

    def vocabulary(kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        asked.append(text)
        return (VocabularyWord(f"{text}s", 1, 1),)

    named = [{"name": f"fuzzy{place}", "type": "fuzzy", **each} for place, each in enumerate(retrievers)]
    params = Params.model_validate({"retrieve": named})
    planned = planned_retrievers(params, parse(query), Surroundings(STATISTICS, Counts(df), vocabulary), None)
    return asked, [len(one.parameters["groups"]) for one in planned]


@pytest.mark.parametrize("count", [1, 3, 16])
def test_fuzzy_retrievers_share_what_may_be_looked_up(count: int) -> None:
    """However many there are, and however long their texts; a word without look-alikes is still looked for itself."""
    df = dict.fromkeys(WORDS, 5)
    texts = [{"text": " ".join(WORDS[place : place + 150])} for place in range(count)]
    asked, groups = looked_up("anything", df, *texts)
    assert MAX_EXPANDED_WORDS - count < len(asked) <= MAX_EXPANDED_WORDS
    assert groups == [150] * count


def test_a_fuzzy_retriever_looks_the_rarest_words_up() -> None:
    """Whatever the order of the query; a short word takes no place."""
    df = {word: 300 - place for place, word in enumerate(WORDS)}
    asked, groups = looked_up(" ".join(["of", "an", *WORDS]), {**df, "of": 1, "an": 1}, {})
    assert set(asked) == set(WORDS[-MAX_EXPANDED_WORDS:])
    assert groups == [302]


def test_a_short_query_is_looked_up_whole() -> None:
    """Nothing changes for queries as people and agents write them."""
    asked, _ = looked_up(" ".join(WORDS[:40]), dict.fromkeys(WORDS, 5), {})
    assert asked == WORDS[:40]


def test_retrievers_without_a_name_are_numbered() -> None:
    """Where the default is taken, by one of a kind or by one that was given the name; given names must differ."""

    def names(*retrievers: dict[str, Any]) -> list[str]:
        return [each.name for each in Params.model_validate({"retrieve": retrievers}).retrieve]

    assert names({"type": "bm25"}, {"type": "dense"}) == ["lex", "sem"]
    assert names({"type": "bm25"}, {"type": "bm25", "k1": 2}, {"type": "bm25"}) == ["lex", "lex2", "lex3"]
    assert names({"type": "bm25"}, {"type": "dense", "name": "lex"}) == ["lex2", "lex"]
    with pytest.raises(ValidationError, match="retriever names must differ"):
        names({"type": "bm25", "name": "a"}, {"type": "dense", "name": "a"})
