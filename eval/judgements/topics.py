"""Topics from sessions: given the impressions of many sessions and a model, returns each query once, with judgements.

A query is the same in any case and spacing. A topic that nothing good is known of measures nothing and is left out. The
result depends on no order, of sessions least of all. Not for files (folder.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from eval.judgements.impressions import Impression
from eval.judgements.models import Estimate, Judgement, judge


@dataclass(frozen=True, slots=True)
class JudgedTopic:
    """`text`: as it was written most often. `impressions`: how many there are of it; `narrowed`: how many of them were
    searches with filters or rules."""

    id: str
    text: str
    judgements: tuple[Judgement, ...]
    impressions: int
    narrowed: int


def topics_of(impressions: Iterable[Impression], estimate: Estimate) -> tuple[tuple[JudgedTopic, ...], int]:
    """By text; and how many queries are left out, for nothing good is known of them."""
    by_query: dict[str, list[Impression]] = {}
    for each in impressions:
        by_query.setdefault(folded(each.query), []).append(each)
    made, empty = [], 0
    for text, own in sorted(by_query.items()):
        judgements = judge(own, estimate)
        if not any(each.relevance for each in judgements):
            empty += 1
            continue
        made.append(
            JudgedTopic(
                f"s{sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}",
                _written(own),
                tuple(judgements),
                len(own),
                sum(each.narrowed for each in own),
            )
        )
    return tuple(made), empty


def folded(query: str) -> str:
    """What makes two queries the same."""
    return " ".join(query.split()).casefold()


def _written(impressions: Iterable[Impression]) -> str:
    counted = Counter(" ".join(each.query.split()) for each in impressions)
    return min(counted, key=lambda text: (-counted[text], text))
