"""Tables that more than one section has: given pairs or places, returns rows. Not for what a cell looks like."""

from __future__ import annotations

from collections.abc import Sequence

from eval.reporting.document import Number, Table
from eval.reporting.figures import Field, best_first
from eval.reporting.pairs import Pair

STAR = "*"
"""After a difference whose p, corrected, is below 0.05."""


def paired_tables(caption: str, pairs: Sequence[Pair], scale: float = 1.0, form: str = ".4f") -> tuple[Table, Table]:
    """What a reader asks first, and the rest, folded; one row a pair. `scale` is 100 for points."""
    signed = f"+{form}"
    first = tuple(
        (
            each.set,
            each.name,
            each.baseline,
            Number(each.topics, "d"),
            Number(scale * each.mean_b, form),
            Number(scale * each.difference, signed, mark=STAR if each.significant else ""),
            Number(scale * each.low, signed),
            Number(scale * each.high, signed),
            Number(each.p_holm),
            each.verdict,
        )
        for each in pairs
    )
    rest = tuple(
        (
            each.set,
            each.name,
            each.baseline,
            Number(scale * each.mean_a, form),
            Number(each.wins, "d"),
            Number(each.topics - each.wins - each.losses, "d"),
            Number(each.losses, "d"),
            Number(each.p),
            Number(None if each.detectable is None else scale * each.detectable, form),
        )
        for each in pairs
    )
    head = ("set", "system", "against", "topics", "mean", "difference", "low", "high", "p (Holm)", "verdict")
    more = ("set", "system", "against", "its mean", "wins", "ties", "losses", "p, not corrected", "detectable")
    return Table(caption, head, first), Table(f"{caption}: wins, losses, what was detectable", more, rest, folded=True)


def place_table(caption: str, unit: str, fields: Sequence[Field], form: str = ".4f") -> Table:
    """One row a system of a set; who is on the frontier is said."""
    rows = tuple(
        (
            field.name,
            each.name,
            Number(each.value, form),
            Number(each.p50, ".1f"),
            Number(each.p95, ".1f"),
            "yes" if each in best_first(field.places) else "no",
        )
        for field in fields
        for each in field.places
    )
    return Table(caption, ("set", "system", unit, "p50 ms", "p95 ms", "on the frontier"), rows)
