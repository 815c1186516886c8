"""Score expressions as these tests write them: parsed, refused or run over columns."""

from __future__ import annotations

import numpy as np
import pytest

from ranking.errors import ExpressionError
from ranking.evaluate import Evaluated, evaluate
from ranking.expression import Expression, parse_expression

KNOWN = {
    **dict.fromkeys(["a", "b", "c", "bm25", "bm25.title", "dense", "authority", "seen", "first_position"], ()),
    **dict.fromkeys(["rank.lex", "rank.my-lex", "fused"], ()),
    "recency": ("half_life_days",),
    "meta.year": ("mid", "exp"),
}


def parse(text: str) -> Expression:
    return parse_expression(text, KNOWN)


def texts(text: str) -> list[str]:
    return [addend.text for addend in parse(text).addends]


def refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


def run(text: str, **columns: list[float]) -> Evaluated:
    """Values of signals a, b and c for each candidate; of one candidate when there are none."""
    arrays = {name: np.array(values, np.float64) for name, values in columns.items()}
    return evaluate(parse(text), arrays, max(map(len, columns.values()), default=1))


def score(text: str, **columns: list[float]) -> list[float]:
    """The scores of candidates for all of which the expression has a value."""
    evaluated = run(text, **columns)
    assert evaluated.undefined == {}
    return list(evaluated.score.tolist())
