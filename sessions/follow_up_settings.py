"""Every bound and default of follow-ups, once, each with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sessions.settings import row


@dataclass(frozen=True, slots=True)
class FollowUpSettings:
    """How many are proposed, from what, and when a predictor is believed."""

    most: int = row(3, "follow-ups", "the contract's number: more is a menu, which an agent has to read")
    pages: int = row(3, "pages", "the top of what was shown: names further down are of other subjects")
    page_characters: int = row(1_000, "characters", "of each page's shown text that is read for names: 0.1 ms")
    names: int = row(4, "names", "looked up in the words of the collection: the likeliest, for three follow-ups")
    single_word: float = row(
        0.5, "share", "of a name's weight for one of a single word: half of those begin another thing"
    )
    outlook_names: int = row(6, "names", "in the query that stands for all that may come next (docs/adr/0021)")
    added_words: int = row(3, "words", "of the goal that go beside a name: with more the name no longer leads")
    clause_words: int = row(2, "words", "a clause has at least so many that say something, or it is no question")
    least_new: int = row(2, "documents", "fewer unseen documents are not worth a call (session anchors, 1.7)")
    same: float = row(0.6, "Jaccard", "two queries with this overlap of tokens are one: their lists agree by half")
    bigrams: int = row(2, "times", "a new pair of words stands so often in what was shown, or it is chance")
    prior_hits: float = row(1.0, "hits", "Beta prior with prior_misses: a quarter, until there is data")
    prior_misses: float = row(3.0, "misses", "see prior_hits")
    off_below: float = row(0.15, "share", "a predictor that is right less often costs more than it saves")
    off_after: int = row(50, "trials", "before so many it is not judged")


DEFAULTS: Final = FollowUpSettings()

PREDICTORS: Final = ("entity", "name", "clause", "detail", "sibling", "successor")
"""Where a follow-up can come from: a name on the page, the same with what is left of the goal, a part of the goal, a
pair of words that the page uses beside the query, another name in a list with one of the query's, what the tenant asked
next another time."""
