"""The passages of a page: given the ranked page, its plan and what the reader has read, returns those to show.

Not for scoring passages (ranking/passages.py) nor for cutting them to size (api/answers.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import compress

from api.session.reading import Reading
from ranking.constants import COVERED_ROUNDS
from ranking.params import Params
from ranking.passages import ChosenPassage, choose_passages
from ranking.ports import SearchIndex
from ranking.types import Passage, Plan, Scored, SessionState, ShownPassage

Key = tuple[str, int]
"""(document, ordinal)."""


def passages_of(
    page: Sequence[Scored], plan: Plan, index: SearchIndex, params: Params, session: SessionState, reading: Reading
) -> list[tuple[ShownPassage, ...]]:
    """For each hit. A passage whose text the reader was shown in another document gives way to the hit's next one,
    which is looked at in its turn, COVERED_ROUNDS deep."""
    size = params.content.passages
    if not (page and size):
        return [() for _ in page]
    ids = [scored.id for scored in page]
    shown = [None if scored.updated else session.seen.get(scored.id) for scored in page]
    evidence = index.passage_evidence(plan, ids)
    covered: dict[str, set[int]] = defaultdict(set)
    chosen: dict[str, tuple[ChosenPassage, ...]] = {}
    texts: dict[Key, Passage] = {}

    def choose(documents: Collection[str]) -> None:
        for document, passages, record in zip(ids, evidence, shown, strict=True):
            if document in documents:
                chosen[document] = choose_passages(passages, size, record, params.session.seen, covered[document])
        wanted = ((document, choice.ordinal) for document in documents for choice in chosen[document])
        missing = [key for key in wanted if key not in texts]
        texts.update(zip(missing, index.fetch_passages(missing), strict=True))

    choose(ids)
    changed, looked_at = ids, set[Key]()
    for _ in range(COVERED_ROUNDS if reading else 0):
        unseen = ((document, one.ordinal) for document in changed for one in chosen[document] if not one.seen)
        fresh = [key for key in unseen if key not in looked_at]
        looked_at.update(fresh)
        known = reading.covers([texts[key].text for key in fresh])
        for document, ordinal in compress(fresh, known):
            covered[document].add(ordinal)
        changed = list(dict.fromkeys(document for document, _ in compress(fresh, known)))
        if not changed:
            break
        choose(changed)
    return [
        tuple(ShownPassage(texts[document, one.ordinal], one.score, one.seen) for one in chosen[document])
        for document in ids
    ]
