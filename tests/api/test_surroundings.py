"""What planning is told of the world around a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from api.surroundings import surroundings
from ranking.params import Params
from ranking.plan import plan
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.types import SessionState, VocabularyWord
from tests.ranking.test_plan import STATISTICS, Counts


def test_a_word_is_looked_up_once_for_a_request() -> None:
    """However many retrievers ask, and however often it is planned again for its budget or with feedback."""
    asked: list[str] = []

    def vocabulary(kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        asked.append(text)
        return ()

    given = SimpleNamespace(
        statistics=STATISTICS, term_statistics=Counts({}), vocabulary=vocabulary, quantiles=lambda name: None
    )
    retrieve: list[dict[str, Any]] = [{"name": name, "type": "fuzzy"} for name in ("one", "two", "three")]
    params = Params.model_validate({"retrieve": retrieve})
    around = surroundings(params.retrieve, cast(SearchIndex, given), None, SessionState())
    for _ in range(2):
        plan(parse("asyncoi evnet loop"), params, around.statistics, around.lookup, None, around=around)
    assert sorted(asked) == ["asyncoi", "evnet", "loop"]
