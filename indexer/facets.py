"""Facets: given the rows that satisfy a condition, counts their values, exactly.

Largest first, ties by value; a document with a list of values counts once for each. Not for reading values
(values.py), nor for estimating from a sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.values import Coded, Values
from ranking.types import Mask

Counts = tuple[tuple[str, int], ...]


def facets(values: Values, mask: Mask, names: Sequence[str], limit: int) -> dict[str, Counts]:
    """At most `limit` values of each field with the number of rows of the mask that have it."""
    return {name: _counted(values.coded(name), mask, limit) for name in names}


def _counted(coded: Coded, mask: Mask, limit: int) -> Counts:
    counts = np.bincount(coded.codes[mask[coded.rows]], minlength=len(coded.texts))
    largest = np.argsort(-counts, kind="stable")[:limit]  # codes are in the order of values
    return tuple((coded.texts[code], int(counts[code])) for code in largest.tolist() if counts[code])
