"""The passages of a page: given the ranked page, its plan and what the reader has read, returns those to show.

Not for scoring passages (ranking/passages.py) nor for cutting them to size (api/answers.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from api.reading import Reading
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
    covered: dict[str, set[int]] = {document: set() for document in ids}
    texts: dict[Key, Passage] = {}

    def choose() -> dict[Key, ChosenPassage]:
        chosen = {
            (document, choice.ordinal): choice
            for document, passages, record in zip(ids, evidence, shown, strict=True)
            for choice in choose_passages(passages, size, record, params.session.seen, covered[document])
        }
        missing = [key for key in chosen if key not in texts]
        texts.update(zip(missing, index.fetch_passages(missing), strict=True))
        return chosen

    chosen, looked_at = choose(), set[Key]()
    for _ in range(COVERED_ROUNDS if reading else 0):
        fresh = [key for key, choice in chosen.items() if not choice.seen and key not in looked_at]
        looked_at.update(fresh)
        known = reading.covers([texts[key].text for key in fresh])
        read = [key for key, is_known in zip(fresh, known, strict=True) if is_known]
        if not read:
            break
        for document, ordinal in read:
            covered[document].add(ordinal)
        chosen = choose()
    found: dict[str, list[ShownPassage]] = {document: [] for document in ids}
    for key, choice in chosen.items():
        found[key[0]].append(ShownPassage(texts[key], choice.score, choice.seen))
    return [tuple(found[document]) for document in ids]
