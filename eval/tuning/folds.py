"""What is kept back: given frozen sets, returns ways to part them into what is tuned on and what is measured.

Over queries: the topics of every set in folds, each kept back once. Over sets: each set kept back once, which asks
whether params travel. Not for tuning: crossval.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet


@dataclass(frozen=True, slots=True)
class Split:
    """`train` is tuned on, `held` measured; no topic is in both."""

    name: str
    train: tuple[FrozenSet, ...] = field(repr=False)
    held: tuple[FrozenSet, ...] = field(repr=False)


def check_folds(sets: Sequence[tuple[str, int]], folds: int) -> None:
    """TuneError for (set, topics) with fewer topics than two a fold."""
    for name, topics in sets:
        if topics < 2 * folds:
            raise TuneError(
                f"{name} has {topics} topics with judgements, too few for {folds} folds",
                path="--folds",
                hint=f"at most {topics // 2} folds for it" if topics >= 4 else "leave this set out with --set",
            )


def by_query(sets: Sequence[FrozenSet], folds: int, seed: int) -> tuple[Split, ...]:
    """`folds` splits over the topics of every set; which topic is in which fold follows from names and seed."""
    check_folds([(each.name, len(each.topics)) for each in sets], folds)
    places = [_places(each, folds, seed) for each in sets]
    return tuple(
        Split(
            f"fold {fold + 1} of {folds}",
            tuple(_part(each, [at != fold for at in place]) for each, place in zip(sets, places, strict=True)),
            tuple(_part(each, [at == fold for at in place]) for each, place in zip(sets, places, strict=True)),
        )
        for fold in range(folds)
    )


def by_set(sets: Sequence[FrozenSet]) -> tuple[Split, ...]:
    """Leave one set out; nothing for a single set, of which nobody can say how its params travel."""
    if len(sets) < 2:
        return ()
    return tuple(
        Split(f"without {held.name}", tuple(each for each in sets if each is not held), (held,)) for held in sets
    )


def _places(frozen: FrozenSet, folds: int, seed: int) -> list[int]:
    """The fold of each topic, in the order of the set; sizes differ by one at most."""
    names = [topic.topic for topic in frozen.topics]
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{frozen.name}:{name}".encode()).digest())
    fold = {name: place % folds for place, name in enumerate(drawn)}
    return [fold[name] for name in names]


def _part(frozen: FrozenSet, kept: Sequence[bool]) -> FrozenSet:
    topics = tuple(topic for topic, keep in zip(frozen.topics, kept, strict=True) if keep)
    return replace(frozen, topics=topics)
