"""Words that say nothing about a page: given a token, tells whether it is a stop word of English.

The list holds the function words of English as the tokeniser leaves them ("don't" is `don` and `t`), and the frame of
questions and requests that agents write. Words that name things in some field are not on it, common as they are:
`go`, `make`, `use`, `like`, `system`. Not for deciding what to do with a stop word: that is plan.py, and it shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ARTICLES: Final = "a an the this that these those"
_PRONOUNS: Final = (
    "i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself "
    "it its itself they them their theirs themselves one ones someone something anyone anything everyone everything"
)
_AUXILIARIES: Final = (
    "am is are was were be been being do does did doing done have has had having can could will would shall should "
    "may might must ought cannot"
)
_SHORTENED: Final = (
    "s t d m ll re ve don doesn didn isn aren wasn weren hasn haven hadn won wouldn couldn shouldn ain mustn needn shan"
)
_PREPOSITIONS: Final = (
    "of in on at by for with from to into onto about against between among through during before after above below "
    "up down out off over under upon within without toward towards per via than as"
)
_CONJUNCTIONS: Final = "and or but nor so if because while although though unless until whether since either neither"
_QUESTIONS: Final = "what which who whom whose when where why how whatever whichever"
_ADVERBS: Final = (
    "not no then else there here too very just only also again once ever never now both each few more most much many "
    "any all some such other another same own even still yet rather quite really please"
)
ENGLISH: Final = frozenset(
    " ".join(
        (_ARTICLES, _PRONOUNS, _AUXILIARIES, _SHORTENED, _PREPOSITIONS, _CONJUNCTIONS, _QUESTIONS, _ADVERBS)
    ).split()
)

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {"en": ENGLISH}
"""Language -> its words. Languages without a list have no stop words: max_df finds their common words by counting."""


def stop_words(languages: Iterable[str]) -> frozenset[str]:
    """The stop words that hold for a collection in these languages; all lists when none is known."""
    known = [language for language in languages if language]
    return frozenset().union(*(STOP_WORDS.get(language, frozenset()) for language in known or STOP_WORDS))
