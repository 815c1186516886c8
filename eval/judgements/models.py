"""Models of clicks and citations: given the impressions of one query, returns a judgement of each document that they
say something of.

cited      Cited 2, opened 1, rejected 0; shown above the lowest click and passed over 0 ("skip above": Joachims 2002).
What was said outweighs what was passed over; of several words the most frequent counts, of equally frequent ones the
highest. position   The mean over impressions that showed the document of what was said, each weighted by 1 / chance
that somebody looks at its rank, which is rank^-eta (inverse propensity: Joachims, Swaminathan, Schnabel 2017). A weight
is at most 10. Right when the curve is; silence at the bottom of a page counts for little, and yet counts as 0. cascade
Readers go down the page, and stop at the last document that they say anything of (Craswell and others 2008): the mean
over impressions that got so far. What stands below is not judged.

All are biased: only what was shown can be judged, and the ranking that is to be measured chose that. Not for what
belongs to which query (impressions.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Final

from eval.judgements.impressions import Impression

GAINS: Final[Mapping[str, int]] = {"cite": 2, "open": 1, "reject": 0}
MOST_WEIGHT: Final = 10.0
"""Of one click of `position`: without a bound a single one far down decides a topic (Swaminathan, Joachims 2015)."""
ETA: Final = 1.0
"""How fast looks get rarer down the page: 0 is no bias at all, 1 halves them at rank 2. Studies of people found 1 to 2;
an agent that reads whole pages is nearer to 0."""
MOST_ETA: Final = 4.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """`relevance`: the grade; `estimate`: the number that it is rounded from. The counts are of impressions: `shown` in
    so many, `skipped` in so many of them without a word although one below it was clicked. `conflict`: the words said
    of it disagree whether it is of use."""

    document: str
    relevance: int
    estimate: float
    shown: int
    cited: int
    opened: int
    rejected: int
    skipped: int
    ranks: tuple[int, ...]
    sessions: tuple[str, ...]
    conflict: bool


Estimate = Callable[[str, Sequence[Impression]], float | None]
"""The worth of a document after impressions that showed it; None: they say nothing of it."""

NAMES: Final = ("cited", "position", "cascade")


def model_of(name: str, eta: float = ETA) -> Estimate:
    """One of NAMES; `eta` is of `position` alone."""

    def weighted(document: str, shown: Sequence[Impression]) -> float | None:
        return position(document, shown, eta)

    models: dict[str, Estimate] = {"cited": cited, "position": weighted, "cascade": cascade}
    return models[name]


def judge(impressions: Sequence[Impression], estimate: Estimate) -> list[Judgement]:
    """Of one query, by document. Nothing depends on the order of impressions."""
    showing: dict[str, list[Impression]] = {}
    for each in impressions:
        for document in each.shown:
            showing.setdefault(document, []).append(each)
    made = []
    for document, shown in sorted(showing.items()):
        worth = estimate(document, shown)
        if worth is not None:
            made.append(_judgement(document, shown, worth))
    return made


def grade(estimate: float) -> int:
    """Rounded half up, but what is of any worth has at least 1."""
    return max(1, int(estimate + 0.5)) if estimate > 0 else 0


def cited(document: str, shown: Sequence[Impression]) -> float | None:
    """The most frequent word, else 0 where it was passed over."""
    said = Counter(GAINS[each.words[document]] for each in shown if document in each.words)
    if said:
        return float(max(said, key=lambda gain: (said[gain], gain)))
    return 0.0 if any(skipped(document, each) for each in shown) else None


def position(document: str, shown: Sequence[Impression], eta: float) -> float | None:
    """sum over impressions of gain x min(rank^eta, MOST_WEIGHT), over their number."""
    return _mean(gain_of(document, each) * min(rank_of(document, each) ** eta, MOST_WEIGHT) for each in shown)


def cascade(document: str, shown: Sequence[Impression]) -> float | None:
    """The mean of what was said where readers got so far, a pass without a word 0."""
    reached = [each for each in shown if rank_of(document, each) <= depth(each)]
    return _mean(float(gain_of(document, each)) for each in reached) if reached else None


def gain_of(document: str, impression: Impression) -> int:
    """Of what was said; 0 of silence."""
    word = impression.words.get(document)
    return GAINS[word] if word else 0


def rank_of(document: str, impression: Impression) -> int:
    """From 1."""
    return impression.shown.index(document) + 1


def depth(impression: Impression) -> int:
    """The rank of the lowest document that something was said of; 0 where nothing was."""
    return max((rank_of(document, impression) for document in impression.words), default=0)


def skipped(document: str, impression: Impression) -> bool:
    """No word of it, and a click below it."""
    if document in impression.words:
        return False
    below = impression.shown[rank_of(document, impression) :]
    return any(impression.clicked(each) for each in below)


def _mean(values: Iterable[float]) -> float:
    """The same in any order."""
    found = list(values)
    return fsum(found) / len(found)


def _judgement(document: str, shown: Sequence[Impression], worth: float) -> Judgement:
    words = Counter(each.words[document] for each in shown if document in each.words)
    return Judgement(
        document=document,
        relevance=grade(worth),
        estimate=worth,
        shown=len(shown),
        cited=words["cite"],
        opened=words["open"],
        rejected=words["reject"],
        skipped=sum(skipped(document, each) for each in shown),
        ranks=tuple(sorted(rank_of(document, each) for each in shown)),
        sessions=tuple(sorted({each.session for each in shown})),
        conflict=bool(words["reject"] and (words["cite"] or words["open"])),
    )
