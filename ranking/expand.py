"""Expansion: given a query and what the request allows to add, returns the words that score beside its own.

Every added word is a ScoredTerm of its own whose `source` says where it came from: `synonym:js`, `collection:js`,
`fuzzy:pythn`, `prefix:async`, `feedback`. It scores and recalls as a word of the query would with its boost; it is
never required, and it never changes what the query demands. Everything is off unless asked for, but for stemming, which
is how words match (Plan.stem) and adds none. Not for choosing feedback words: see feedback.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from ranking.constants import (
    EXPANDED_WORDS,
    FUZZY_FIXED_CHARACTERS,
    MAX_ADDED_TERMS,
    MAX_EXPANDED_WORDS,
    MIN_PREFIX_CHARACTERS,
)
from ranking.params import ExpandParams, Params
from ranking.retriever_params import FuzzyRetriever
from ranking.retriever_plans import (
    Surroundings,
    fuzzy_share,
    fuzzy_words,
    is_long_enough,
    near_words,
    own_words,
    rarest,
)
from ranking.text import tokenize
from ranking.types import Notice, Query, ScoredTerm

Feedback = Sequence[tuple[str, float]]
"""Words of relevance feedback with their boosts, best first."""


def added_terms(
    query: Query,
    expand: ExpandParams,
    around: Surroundings,
    collection_synonyms: Mapping[str, Sequence[str]],
    feedback: Feedback = (),
) -> tuple[ScoredTerm, ...]:
    """The words to add, each once, the first reason counting; at most MAX_ADDED_TERMS."""
    own = own_words(query)
    there = {term.token for term in query.terms}
    found: dict[str, ScoredTerm] = {}
    for term in chain(
        _synonyms(own, expand.synonyms, expand.weight, "synonym"),
        _synonyms(own, collection_synonyms, expand.weight, "collection") if expand.collection_synonyms else (),
        _variants(own, expand, around),
        (ScoredTerm(token, boost, source="feedback") for token, boost in feedback),
    ):
        if term.token not in there:
            found.setdefault(term.token, term)
        if len(found) == MAX_ADDED_TERMS:  # variants cost a look-up each: none is made for what would be cut off
            break
    return tuple(found.values())


def cut_short(query: Query, params: Params, added: int) -> tuple[Notice, ...]:
    """What the limits of expansion left out, in words, `added` words having been added to the query."""
    own, expand, share = own_words(query), params.expand, fuzzy_share(params)
    looked_up = [
        (sum(map(is_long_enough, own)) if expand.fuzzy else 0, MAX_EXPANDED_WORDS, "by expand.fuzzy"),
        (sum(map(_has_prefix, own)) if expand.prefix else 0, MAX_EXPANDED_WORDS, "by expand.prefix"),
        *(
            (sum(map(is_long_enough, fuzzy_words(one, query))), share, f"by the retriever {one.name}")
            for one in params.retrieve
            if isinstance(one, FuzzyRetriever)
        ),
    ]
    told = [f"of {many:,} words the {most} rarest are expanded {by}" for many, most, by in looked_up if many > most]
    if added >= MAX_ADDED_TERMS:
        told.append(f"{added:,} words were added, as many as can be")
    return (Notice("expansion_cut", "; ".join(told)),) if told else ()


def _has_prefix(word: str) -> bool:
    """Whether it is long enough for longer words to be meant by it."""
    return len(word) > MIN_PREFIX_CHARACTERS


def _synonyms(
    own: Sequence[str], synonyms: Mapping[str, Sequence[str]], weight: float, source: str
) -> Iterable[ScoredTerm]:
    """Of words, and of several in a row that the query has in a row. A synonym of several words shares its boost among
    them, so that it counts once."""
    table: dict[tuple[str, ...], list[str]] = {}
    for word, others in synonyms.items():
        table.setdefault(tuple(tokenize(word)), []).extend(others)
    lengths = sorted({len(tokens) for tokens in table if 0 < len(tokens) <= len(own)})
    there = [tuple(own[at : at + length]) for at in range(len(own)) for length in lengths]
    for words in dict.fromkeys(words for words in there if words in table):
        word = " ".join(words)
        for other in table[words]:
            tokens = dict.fromkeys(tokenize(other))
            for token in tokens:
                yield ScoredTerm(token, weight / len(tokens), source=f"{source}:{word}")


def _variants(own: Sequence[str], expand: ExpandParams, around: Surroundings) -> Iterable[ScoredTerm]:
    """Words of the vocabulary that are written nearly so, or begin so; as they are written, never stemmed. Of the
    MAX_EXPANDED_WORDS rarest words that are long enough, the rarest first."""
    if around.vocabulary is None:
        return
    for word in rarest([word for word in own if is_long_enough(word)], around) if expand.fuzzy else ():
        for token in near_words(around, word, expand.fuzzy, FUZZY_FIXED_CHARACTERS, EXPANDED_WORDS)[1:]:
            yield ScoredTerm(token, expand.weight, exact=True, source=f"fuzzy:{word}")
    for word in rarest([word for word in own if _has_prefix(word)], around) if expand.prefix else ():
        for one in around.vocabulary("prefix", word, limit=EXPANDED_WORDS + 1):
            if one.token != word:
                yield ScoredTerm(one.token, expand.weight, exact=True, source=f"prefix:{word}")
