"""What expansion adds to a query, and that each added word says where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import EXPANDED_WORDS, MAX_ADDED_TERMS, MAX_EXPANDED_WORDS
from ranking.expand import added_terms
from ranking.feedback import feedback_words, moved_vector
from ranking.params import ExpandParams, Params
from ranking.plan import plan
from ranking.query import parse
from ranking.retriever_plans import Surroundings
from ranking.types import VocabularyWord
from tests.ranking.test_plan import STATISTICS, VECTOR, Counts

WORDS = {"python": 300, "pythons": 20, "pythn": 2, "javascript": 50, "asyncio": 40, "asynchronous": 10, "loop": 90}


def vocabulary(kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
    """Of WORDS: prefixes, and words of nearly the same letters (enough for these tests)."""
    if kind == "prefix":
        found = [word for word in WORDS if word.startswith(text)]
    else:
        found = [word for word in WORDS if abs(len(word) - len(text)) <= distance and set(word) >= set(text) - {"o"}]
    return tuple(VocabularyWord(word, WORDS[word]) for word in sorted(found, key=lambda word: -WORDS[word])[:limit])


def around() -> Surroundings:
    return Surroundings(STATISTICS, Counts(WORDS), vocabulary)


def added(
    text: str, collection: dict[str, Sequence[str]] | None = None, **fields: object
) -> list[tuple[str, str, float]]:
    expand = ExpandParams.model_validate(fields)
    terms = added_terms(parse(text), expand, around(), collection or {})
    return [(term.token, term.source, term.boost) for term in terms]


def test_nothing_is_added_unless_asked_for() -> None:
    """Not by default, and not by a collection that has synonyms."""
    assert added("js python", {"js": ["javascript"]}) == []


def test_synonyms_of_the_request_and_of_the_collection() -> None:
    """Each says which word it is for; one of several words shares its boost."""
    assert added("js", synonyms={"JS": ["JavaScript", "ecma script"]}) == [
        ("javascript", "synonym:js", 0.5),
        ("ecma", "synonym:js", 0.25),
        ("script", "synonym:js", 0.25),
    ]
    assert added("js", {"js": ["javascript"]}, collection_synonyms=True, weight=0.8) == [
        ("javascript", "collection:js", 0.8)
    ]


def test_fuzzy_and_prefix_add_words_as_they_are_written() -> None:
    """The word itself is not added again; short words stand alone."""
    assert added("pythn", fuzzy=1) == [("python", "fuzzy:pythn", 0.5)]
    assert ("pythons", "prefix:python", 0.5) in added("python", prefix=True)
    assert added("lop", fuzzy=1) == []


def test_synonyms_of_several_words_count_where_the_query_has_them_in_a_row() -> None:
    """In that order and with nothing between."""
    synonyms = {"event loop": ["reactor"], "js": ["ecma script"]}
    assert [(term, source) for term, source, _ in added("the event loop", synonyms=synonyms)] == [
        ("reactor", "synonym:event loop")
    ]
    assert added("loop event", synonyms=synonyms) == []
    assert added("event driven loop", synonyms=synonyms) == []
    assert {term for term, _, _ in added("js event loop", synonyms=synonyms)} == {"ecma", "script", "reactor"}


def test_an_added_word_scores_and_recalls_but_is_never_required() -> None:
    """It is a term of the plan like any other, and the condition stays what the query says."""
    params = Params.model_validate({"expand": {"synonyms": {"js": ["javascript"]}}})
    found = plan(parse("js loop"), params, STATISTICS, Counts(WORDS), VECTOR, around=around())
    term = next(term for term in found.terms if term.term.token == "javascript")
    assert (term.scored, term.kept, term.term.source) == (True, True, "synonym:js")
    assert found.condition is None


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=400))
def test_no_more_than_the_limit_and_each_word_once(words: list[str]) -> None:
    """Whatever list of synonyms is sent."""
    terms = [term for term, _, _ in added("js", synonyms={"js": words})]
    assert len(terms) <= MAX_ADDED_TERMS
    assert len(set(terms)) == len(terms)
    assert "js" not in terms


# ---------------------------------------------------------------- relevance feedback


def test_rm3_takes_the_words_of_the_best_documents() -> None:
    """p(w|R) by hand: `loop` 1/4 x 3/4 + 2/4 x 1/4 = 5/16, `asyncio` 1/4 x 3/4 = 3/16; `zzz` is in no document."""
    texts = ["python asyncio loop zzz", "loop loop python zzz"]
    words = feedback_words(texts, [3.0, 1.0], ("python",), STATISTICS, Counts(WORDS), terms=2, weight=0.5)
    assert [word for word, _ in words] == ["loop", "asyncio"]
    assert words[0][1] / words[1][1] == pytest.approx(5 / 3)
    assert math.fsum(boost for _, boost in words) == pytest.approx(1.0)  # half of all boosts: the query has one word


def test_rm3_leaves_out_what_is_common_and_what_the_query_has() -> None:
    """A word in more than a tenth of the documents, stop words, numbers, the query's own."""
    words = feedback_words(["python the 1999 of loop"], [1.0], ("loop",), STATISTICS, Counts(WORDS), 10, 0.5)
    assert words == ()


def test_rocchio_moves_towards_the_mean() -> None:
    """q + 1 x (0, 1) at unit length, and nothing without documents or weight."""
    query = np.array([1, 0], np.float32)
    moved = moved_vector(query, np.array([[0, 1], [0, 1]], np.float32), 1.0)
    assert moved == pytest.approx([math.sqrt(0.5), math.sqrt(0.5)])
    assert moved_vector(query, np.empty((0, 2), np.float32), 1.0) is query
    assert moved_vector(query, np.array([[0, 1]], np.float32), 0.0) is query


# ---------------------------------------------------------------- how much is looked up

LONG = " ".join(f"word{number:03}x" for number in range(300))


class Asked:
    """A vocabulary in which every word has so many look-alikes of its own, and what it was asked for."""

    def __init__(self, alike: int = 1) -> None:
        self.alike = alike
        self.words: list[str] = []

    def __call__(self, kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        self.words.append(text)
        return tuple(VocabularyWord(f"{text}{number}", 1, 1) for number in range(min(self.alike, limit)))


@pytest.mark.parametrize("fields", [{"fuzzy": 1}, {"fuzzy": 2}, {"prefix": True}])
def test_a_long_query_is_expanded_at_its_rarest_words(fields: dict[str, object]) -> None:
    """Ties in the order of the query; words too short to be expanded take no place."""
    asked = Asked()
    rare = ("word200x", "word100x")
    df = dict.fromkeys(LONG.split(), 5) | dict.fromkeys(rare, 3)
    surroundings = Surroundings(STATISTICS, Counts(df), asked)
    terms = added_terms(parse(f"of {LONG}"), ExpandParams.model_validate(fields), surroundings, {})
    first = [word for word in LONG.split() if word not in rare][: MAX_EXPANDED_WORDS - 2]
    assert asked.words == ["word100x", "word200x", *first]
    assert len(terms) == MAX_EXPANDED_WORDS


def test_nothing_is_looked_up_once_enough_words_were_added() -> None:
    """The rest would be thrown away."""
    asked = Asked(alike=EXPANDED_WORDS)
    surroundings = Surroundings(STATISTICS, Counts({}), asked)
    terms = added_terms(parse(LONG), ExpandParams(fuzzy=1, prefix=True), surroundings, {})
    assert len(terms) == MAX_ADDED_TERMS
    assert len(asked.words) == MAX_ADDED_TERMS // EXPANDED_WORDS
