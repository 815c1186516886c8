"""A space is refused before anything is searched, and says what would work."""

from __future__ import annotations

import pytest

from eval.errors import TuneError
from eval.tuning.space import TABLE, space_of
from eval.tuning.weighing import weighing_of
from ranking.params import BalanceParams
from ranking.signals.catalogue import SIGNALS

KNOWN = list(SIGNALS)


def test_the_table_is_what_is_searched_by_default() -> None:
    """Every row is known, holds its default and is at most ten wide: more cannot be told apart."""
    space = space_of([], KNOWN, weighing_of({}))
    assert space.names == tuple(TABLE)
    assert len(space.names) <= 10
    for each in space.parameters:
        assert each.default is not None
        assert each.low <= each.default <= each.high
    assert space.defaults()["fuse.balance.ceiling"] == BalanceParams().ceiling


def test_names_ranges_and_the_table_can_be_mixed() -> None:
    """A range replaces that of the table; a name alone has it."""
    space = space_of(["default", "weights.recency=-0.5..2"], KNOWN, weighing_of({}))
    assert space.names[-1] == "weights.recency"
    assert (space.parameters[-1].low, space.parameters[-1].high) == (-0.5, 2.0)
    alone = space_of(["weights.rrf"], KNOWN, weighing_of({}))
    assert (alone.parameters[0].low, alone.parameters[0].high) == TABLE["weights.rrf"][:2]


def test_defaults_are_those_of_the_request_that_is_tuned() -> None:
    """So what was chosen is a change to it; a weight of dense is none unless it is set."""
    base = weighing_of({"weights": {"rrf": 0.25}, "fuse": {"balance": {"decay": 2.0}}})
    space = space_of(["weights.rrf", "fuse.balance.decay"], KNOWN, base)
    assert space.defaults() == {"weights.rrf": 0.25, "fuse.balance.decay": 2.0}
    assert space_of(["weights.dense=0..4"], KNOWN, base).parameters[0].default is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["weights.bm25.bigam=0..1"], "weights.bm25.bigram"),
        (["fuse.balance.cieling=0..1"], "fuse.balance.ceiling"),
        (["weights.rrf=1..0"], "the lower bound first"),
        (["weights.rrf=1..1"], "the lower bound first"),
        (["weights.rrf=0..many"], "weights.bm25.bigram=0..1"),
        (["weights.rrf=0..inf"], "weights.bm25.bigram=0..1"),
        (["weights.rrf=0-1"], "weights.<signal>"),
        (["fuse.balance.floor=-1..1"], "between 0"),
        (["weights.rrf=0..1", "weights.rrf=0..2"], "name it once"),
        (["weights.dense=0..4", "fuse.balance.floor"], "one or the other"),
    ],
)
def test_what_is_no_space_is_refused(asked: list[str], told: str) -> None:
    """With the nearest name or the way to write it."""
    with pytest.raises(TuneError) as caught:
        space_of(asked, KNOWN, weighing_of({}))
    assert told in f"{caught.value.hint} {caught.value.did_you_mean}"


def test_the_rule_is_left_out_where_dense_weighs_a_number() -> None:
    """By default; named, it is refused, because it would change nothing."""
    fixed = weighing_of({"weights": {"dense": 1.0}})
    assert not [name for name in space_of([], KNOWN, fixed).names if name.startswith("fuse")]
    with pytest.raises(TuneError, match="replaces the rule"):
        space_of(["fuse.balance.floor"], KNOWN, fixed)
