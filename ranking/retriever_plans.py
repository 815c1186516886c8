"""A retriever as a request names it -> as an index runs it: given its params and what the collection knows, returns a
PlannedRetriever with every word, vector and id in it.

What stands for many words (prefix, regex, fuzzy) is looked up here, before the search, so that a plan can show it and
what it costs. `precision` becomes depth and exactness here too. Not for running them: an index does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ranking.constants import FAST_DEPTH, FUZZY_MIN_CHARACTERS, FUZZY_WIDTH, MAX_EXPANDED_WORDS
from ranking.errors import ParamsError
from ranking.params import Bm25Retriever, DenseRetriever, Params, Retriever
from ranking.retriever_params import (
    FuzzyRetriever,
    IdsRetriever,
    LikeRetriever,
    LinksRetriever,
    PhraseRetriever,
    PrefixRetriever,
    RegexRetriever,
    SessionRetriever,
    SiteListingRetriever,
)
from ranking.shown import shown
from ranking.text import fold, tokenize
from ranking.types import (
    CollectionStatistics,
    Doubles,
    Filter,
    Floats,
    Phrase,
    PlannedRetriever,
    Query,
    TermStatistics,
    VocabularyWord,
    WordGroup,
)
from ranking.values import address

Lookup = Callable[..., tuple[TermStatistics, ...]]
"""SearchIndex.term_statistics: (tokens with their exactness, stem=...) -> statistics in the same order."""

Vocabulary = Callable[..., tuple[VocabularyWord, ...]]
"""SearchIndex.vocabulary: (kind, text, limit=..., distance=...) -> words."""

_LEXICAL: Final = ("fields", "k1", "b")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a page or text is like: its telling words with their weights, its vector, and its own id if it has one."""

    words: tuple[tuple[str, float], ...] = ()
    vector: Floats | None = None
    itself: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning asks of the world: the collection's words, and what was looked up for this request before.

    `likenesses` by name of a `like` retriever; `earlier`: ids that this reader was shown, the latest call first, each
    call's as (calls ago, ids); `ids`: of an `ids` retriever by name, resolved.
    """

    statistics: CollectionStatistics
    lookup: Lookup
    vocabulary: Vocabulary | None = None
    quantiles: Callable[[str], Doubles | None] | None = None
    likenesses: Mapping[str, Likeness] = field(default_factory=dict)
    earlier: Sequence[tuple[int, Sequence[str]]] = ()
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def planned_retrievers(
    params: Params, query: Query, around: Surroundings, vector: Floats | None
) -> tuple[PlannedRetriever, ...]:
    """Every retriever of the request that can run: dense ones only where there is a vector.

    Raises ParamsError, with its path, for a retriever that asks for nothing.
    """
    planned = []
    for place, retriever in enumerate(params.retrieve):
        if isinstance(retriever, DenseRetriever) and (vector is None or not around.statistics.dimension):
            continue
        parameters = _parameters(retriever, query, params, around, f"$.retrieve[{place}]")
        depth = max(1, round(retriever.k * FAST_DEPTH)) if params.precision == "fast" else retriever.k
        planned.append(PlannedRetriever(retriever.name, retriever.type, depth, parameters))
    return tuple(planned)


def _parameters(
    retriever: Retriever, query: Query, params: Params, around: Surroundings, path: str
) -> Mapping[str, Any]:
    match retriever:
        case Bm25Retriever():
            parameters = retriever.model_dump(exclude={"name", "type", "k"})
            if params.precision == "exact":
                parameters["terms"] = {**parameters["terms"], "max_df": 1.0, "max_postings": None}
            return parameters
        case DenseRetriever():
            return {"exact": retriever.exact or params.precision == "exact", "vector": None}
        case PhraseRetriever():
            return _phrase(retriever, query, path)
        case PrefixRetriever():
            words = _words(around, "prefix", fold(retriever.text).strip(), retriever.words)
            return _grouped(retriever, [words], around)
        case RegexRetriever():
            return _grouped(retriever, [_words(around, "regex", retriever.pattern, retriever.words, path)], around)
        case FuzzyRetriever():
            return _grouped(retriever, _fuzzy(retriever, query, params, around), around)
        case LikeRetriever():
            return _like(retriever, around)
        case LinksRetriever():
            return {"of": retriever.of, "direction": retriever.direction}
        case SiteListingRetriever():
            prefix = _at(lambda: address(retriever.prefix), f"{path}.prefix")
            return {"node": Filter("url_prefix", prefix), "order": retriever.order}
        case IdsRetriever():
            return {"ids": around.ids.get(retriever.name, retriever.ids)}
        case SessionRetriever():
            most = math.inf if retriever.calls is None else retriever.calls
            shown = (name for ago, names in around.earlier if ago < most for name in names)
            return {"ids": tuple(dict.fromkeys(shown))}


# ---------------------------------------------------------------- words


def own_words(query: Query) -> tuple[str, ...]:
    """The plain words of a query, in order, each once."""
    return tuple(dict.fromkeys(term.token for term in query.terms if term.source == "query" and not term.exact))


def _phrase(retriever: PhraseRetriever, query: Query, path: str) -> Mapping[str, Any]:
    tokens = tuple(tokenize(retriever.text if retriever.text is not None else query.meaning))
    if not tokens and retriever.text is not None:
        raise ParamsError(
            f"{shown(retriever.text)} holds no word", path=f"{path}.text", hint="write words, or leave text out"
        )
    phrase = Phrase(tokens, None, retriever.slop, retriever.ordered)
    return {"phrase": phrase, "fields": dict(retriever.fields)}


def rarest(words: Sequence[str], around: Surroundings, limit: int = MAX_EXPANDED_WORDS) -> tuple[str, ...]:
    """At most `limit` of these words, those in the fewest documents first, ties in the order given. Each is counted as
    it is written: a slip of the keys, which look-alikes are for, is in none."""
    known = around.lookup(tuple((word, True) for word in words), stem=False) if words else ()
    order = sorted(range(len(words)), key=lambda place: known[place].df)
    return tuple(words[place] for place in order[:limit])


def _fuzzy(retriever: FuzzyRetriever, query: Query, params: Params, around: Surroundings) -> list[tuple[str, ...]]:
    """A word beyond the retriever's share of MAX_EXPANDED_WORDS is looked for as it is."""
    words = fuzzy_words(retriever, query)
    expanded = frozenset(rarest([word for word in words if is_long_enough(word)], around, fuzzy_share(params)))
    return [
        near_words(around, word, retriever.distance, retriever.prefix, retriever.words) if word in expanded else (word,)
        for word in words
    ]


def fuzzy_words(retriever: FuzzyRetriever, query: Query) -> tuple[str, ...]:
    """The words whose look-alikes it is for, in order, each once."""
    return own_words(query) if retriever.text is None else tuple(dict.fromkeys(tokenize(retriever.text)))


def fuzzy_share(params: Params) -> int:
    """Words that each fuzzy retriever of the request may expand."""
    return MAX_EXPANDED_WORDS // max(sum(isinstance(one, FuzzyRetriever) for one in params.retrieve), 1)


def is_long_enough(word: str) -> bool:
    """Whether it is long enough for look-alikes to mean anything."""
    return len(word) >= FUZZY_MIN_CHARACTERS


def near_words(around: Surroundings, word: str, distance: int, prefix: int, limit: int) -> tuple[str, ...]:
    """A word with those of the vocabulary that are at most `distance` edits away and begin with its first `prefix`
    characters; a word shorter than FUZZY_MIN_CHARACTERS stands alone."""
    if not is_long_enough(word) or around.vocabulary is None:
        return (word,)
    wider = FUZZY_WIDTH * (limit + 1)  # the word itself, and words with another beginning, are among them
    found = around.vocabulary("fuzzy", word, limit=wider, distance=distance)
    near = [one.token for one in found if one.token != word and one.token.startswith(word[:prefix])]
    return (word, *near[:limit])


def _words(around: Surroundings, kind: str, text: str, limit: int, path: str | None = None) -> tuple[str, ...]:
    if around.vocabulary is None:
        return ()
    try:
        return tuple(one.token for one in around.vocabulary(kind, text, limit=limit))
    except ParamsError as error:
        raise ParamsError(error.message, path=f"{path}.pattern" if path else error.path, hint=error.hint) from None


def _grouped(
    retriever: PrefixRetriever | RegexRetriever | FuzzyRetriever,
    groups: Sequence[Sequence[str]],
    around: Surroundings,
) -> dict[str, Any]:
    """Words as they are written, never stemmed: that is what was asked for."""
    made = []
    for words in groups:
        if words:
            found = around.lookup(tuple((word, True) for word in words), stem=False)
            if (group := group_of(found, around.statistics.documents)) is not None:
                made.append(group)
    lexical = retriever.model_dump(include=set(_LEXICAL))
    return {"groups": tuple(made), **lexical}


def group_of(words: Sequence[TermStatistics], documents: int, boost: float = 1.0) -> WordGroup | None:
    """Words that count as one weigh what the commonest of them does (as Lucene blends them); None if none is there."""
    there = tuple(word for word in words if word.df)
    if not there:
        return None
    return WordGroup(there, idf(documents, max(word.df for word in there)), boost)


def idf(documents: int, df: int) -> float:
    """ln(1 + (N - df + 0.5) / (df + 0.5)), never negative (Robertson and Zaragoza 2009, as Lucene writes it)."""
    df = min(df, documents)
    return math.log1p((documents - df + 0.5) / (df + 0.5))


# ---------------------------------------------------------------- likeness


def _like(retriever: LikeRetriever, around: Surroundings) -> dict[str, Any]:
    likeness = around.likenesses.get(retriever.name, Likeness())
    groups = []
    if retriever.by != "meaning" and likeness.words:
        words = likeness.words[: retriever.terms]
        found = around.lookup(tuple((token, False) for token, _ in words), stem=True)
        for known, (_, weight) in zip(found, words, strict=True):
            if (group := group_of([known], around.statistics.documents, weight)) is not None:
                groups.append(group)
    lexical = Bm25Retriever().model_dump(include=set(_LEXICAL))
    vector = likeness.vector if retriever.by != "words" else None
    return {"groups": tuple(groups), "vector": vector, "itself": likeness.itself, **lexical}


def _at(make: Callable[[], str], path: str) -> str:
    try:
        return make()
    except ParamsError as error:
        raise ParamsError(error.message, path=path, hint=error.hint) from None
