"""What may be asked next: given a query, the goal, what was asked before and the top of the page, returns proposals.

Pure and deterministic: the same moment and beliefs give the same proposals. A proposal names where it came from, what
of the goal it covers, and the words by which an index can say how many pages it may bring. What a page says moves
nothing: it can put a name into a proposal, which the reader may leave. Not for counting pages (api/warm/following.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from ranking.text import tokenize
from sessions.follow_up_settings import DEFAULTS, FollowUpSettings

Idf = Mapping[str, float]
"""Token -> idf; what is absent says nothing."""

IdfOf = Callable[[tuple[str, ...]], Idf]
"""What a collection says of these tokens; asked twice at most: of the query and the goal, then of what was read."""


@dataclass(frozen=True, slots=True)
class Page:
    """One of the best results: its title and the text of it that was shown."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer is made. `asked`: earlier queries of the topic; `successors`: what the tenant asked after this
    very query before, the latest first; `common`: words that say nothing."""

    query: str
    goal: str = ""
    asked: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()
    successors: tuple[str, ...] = ()
    common: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """`covers`: the part of the goal that it is for, "" for none. `telling`: words that its pages hold, all of them;
    `shown`: how many of the moment's pages do."""

    predictor: str
    query: str
    why: str
    covers: str
    telling: tuple[str, ...]
    weight: float
    shown: int = 0


_CAPITAL: Final = "A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f"
_WORD: Final = rf"[{_CAPITAL}](?:[\w.+'\u2019-]*[\w+])?"
_NAME: Final = re.compile(rf"(?<![\w.]){_WORD}(?: (?:(?:of|for|de|la|von|van|der|du) )?{_WORD}){{1,5}}")
_LABEL: Final = re.compile(rf"(?:^|[.!?:])\s*(?:[{_CAPITAL}]{{3,}}[ ]+)*[{_CAPITAL}]{{6,}}(?=:|[ ]+[{_CAPITAL}])")
"""Words in capitals with which a sentence begins, another beginning behind them: RESULTS of an abstract. Six letters:
HTTP Semantics is a name."""
_LISTED: Final = re.compile(r", and |, or | and | or |, ")
_MARKUP: Final = re.compile(r"\]\([^)\s]*\)|[*_`#|>\[\]]+")
_CLAUSES: Final = re.compile(
    r"[,;:?.!]+\s(?:and\s|or\s|but\s)?|\s(?:and|or|but|which|that|who|whose|where|when|while|und|oder|et|ou|y|o)\s"
)
_ADDRESSING: Final = frozenset("me my mine myself you your yours yourself we our ours ourselves".split())
_SENTENCES: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
_ALONE: Final = re.compile(rf"(?<=[a-z,] ){_WORD}(?! {_WORD})")
"""A word with a capital that begins no sentence and stands beside no other such word after it."""
_DATES: Final = frozenset(
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday jan feb mar apr may jun jul "
    "aug sep sept oct nov dec january february march april june july august september october november december".split()
)
_NO_NAMES: Final = (_DATES, _ADDRESSING)
_AROUND: Final = 60
"""Characters on each side of a name in which a list is looked for."""


def tokens_of(text: str) -> frozenset[str]:
    """What two texts are compared by."""
    return frozenset(tokenize(text))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard; 0 where both are empty."""
    return len(one & other) / len(one | other) if one or other else 0.0


def proposals(
    moment: Moment, idf_of: IdfOf, beliefs: Mapping[str, float], settings: FollowUpSettings = DEFAULTS
) -> list[Proposal]:
    """Best first, no two the same, none that was asked already; none of a predictor without a belief."""
    return Reader(moment, idf_of, settings).proposals(beliefs)


class Reader:
    """One moment, read once: what it proposes to the reader, and its outlook for prefetch."""

    def __init__(self, moment: Moment, idf_of: IdfOf, settings: FollowUpSettings = DEFAULTS) -> None:
        self.moment, self.settings, self._idf_of = moment, settings, idf_of
        self.goal = moment.goal or moment.query
        self.query, self.goal_tokens = tokens_of(moment.query), tokens_of(self.goal)
        self.asked = self.query.union(*map(tokens_of, moment.asked))
        self.known = self.asked | self.goal_tokens
        self.pages = [_plain(page, settings.page_characters) for page in moment.pages[: settings.pages]]
        self.rows = [tokenize(text) for text in self.pages]
        self.held = [frozenset(row) for row in self.rows]
        self.idf: Idf = idf_of(tuple(sorted(self.known)))

    def proposals(self, beliefs: Mapping[str, float]) -> list[Proposal]:
        """As the function of that name."""
        self.idf = {**self.idf, **self._idf_of(self.words)}
        found = [*self.from_names(), *self.from_clauses(), *self.from_details(), *self.from_siblings()]
        found += self.from_successors()
        believed = [(beliefs[each.predictor] * each.weight, each) for each in found if each.predictor in beliefs]
        chosen: list[Proposal] = []
        known = [self.query, *(tokens_of(text) for text in self.moment.asked)]
        for _, each in sorted(believed, key=lambda item: (-item[0], item[1].query)):
            own = tokens_of(each.query)
            if own and all(overlap(own, other) < self.settings.same for other in known):
                chosen.append(replace(each, shown=self.shown(each.telling)))
                known.append(own)
        return chosen

    def outlook(self) -> str:
        """One query for all that may come next: the likeliest names, single words among them, and what is left of the
        goal. For pools that words alone fill; nobody is to read it. "" without names and without anything left."""
        names = [name for _, _, name in self._likely(self.settings.outlook_names, words_too=True)]
        left = [word for word, tokens in self._goal_words if tokens - self.asked - self.moment.common]
        return " ".join(dict.fromkeys(token for text in (*names, *left) for token in tokenize(text)))

    # ------------------------------------------------------------ where proposals come from

    def from_names(self) -> Iterator[Proposal]:
        """Names in the top pages that nobody asked for yet, alone and with the parts of the goal that are left."""
        for weight, rank, name in self.names:
            own = tokens_of(name)
            covers = " ".join(self._in_order(self._left - own))
            why = f"{name} is named in {self.moment.pages[rank - 1].title or 'a result'!r}"
            if overlap(own, own | tokens_of(covers)) < self.settings.same:
                yield Proposal("entity", name, why, "", self._telling(own), weight)
            yield Proposal("name", f"{name} {covers}".strip(), why, covers, self._telling(own), weight)

    def from_clauses(self) -> Iterator[Proposal]:
        """Parts of the goal of which no query asked yet."""
        parts = [part.strip(" ,;:?.!") for part in _CLAUSES.split(self.goal)]
        whole = self._mass(self.goal_tokens)
        for part in parts if len(parts) > 1 and whole else ():
            own = {word for word in tokens_of(part) - self.moment.common if self.idf.get(word, 0.0) > 0}
            fresh = own - self.asked
            if len(own) >= self.settings.clause_words and fresh:
                weight = self._mass(fresh) / whole
                why = "a part of the goal that was not asked for"
                yield Proposal("clause", part, why, part, self._telling(own), weight)

    def from_details(self) -> Iterator[Proposal]:
        """The query with the pair of new words that its pages use most."""
        mass = self._mass(self.query) or 1.0
        for pair in self.pairs:
            text = " ".join(pair)
            weight = min(1.0, self._mass(pair) / mass) / 2
            why = f"the pages say {text!r} beside it"
            yield Proposal("detail", f"{self.moment.query} {text}", why, "", self._telling(pair), weight)

    def from_siblings(self) -> Iterator[Proposal]:
        """The same question of what stands in a list with a name of the query."""
        for name, other in self.listed:
            query = self.moment.query.replace(name, other)
            telling = self._telling(tokens_of(other))
            yield Proposal("sibling", query, f"{other} stands in a list with {name}", "", telling, 0.5)

    def from_successors(self) -> Iterator[Proposal]:
        for text in self.moment.successors:
            yield Proposal("successor", text, "asked next another time", "", self._telling(tokens_of(text)), 1.0)

    # ------------------------------------------------------------ reading pages

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Whose idf is needed beside that of the query and the goal."""
        names = (tokens_of(name) for _, _, name in self.names)
        listed = (tokens_of(other) for _, other in self.listed)
        return tuple(sorted(frozenset[str]().union(*names, *listed, *self.pairs) - self.known))

    @cached_property
    def names(self) -> list[tuple[float, int, str]]:
        """(weight, rank of its page, name): the likeliest names of several words that say something new."""
        return self._likely(self.settings.names, words_too=False)

    def _likely(self, most: int, *, words_too: bool) -> list[tuple[float, int, str]]:
        """So many names that say something new, the likeliest first, no two the same."""
        kept: list[tuple[float, int, str]] = []
        known: list[frozenset[str]] = []
        for weight, rank, name, alone in self._named:
            if len(kept) == most:
                break
            if alone and not words_too:
                continue
            own = tokens_of(name)
            if own and not own <= self.known and all(overlap(own, other) < self.settings.same for other in known):
                known.append(own)
                kept.append((weight, rank, name))
        return kept

    @cached_property
    def _named(self) -> list[tuple[float, int, str, bool]]:
        """(weight, rank, name, whether of a single word), likeliest first: names of a sentence that has much of what
        the query and the goal ask for, its page's title read with it, on a page that stands high. A page answers in
        the sentence that repeats the question."""
        best: dict[str, tuple[float, int, str, bool]] = {}
        for rank, share, sentence in self._sentences:
            found = dict.fromkeys(_words_of(sentence, self.moment.common), True)
            for name, alone in (found | dict.fromkeys(_names_of(sentence, self.moment.common), False)).items():
                weight = share / rank * (self.settings.single_word if alone else 1.0)
                if name not in best or weight > best[name][0]:
                    best[name] = (weight, rank, name, alone)
        return sorted(best.values(), key=lambda each: (-each[0], each[1]))

    @cached_property
    def _sentences(self) -> list[tuple[int, float, str]]:
        """(rank of the page, share of what is asked for, sentence); the first of a page is its title."""
        wanted = (self.query | self.goal_tokens) - self.moment.common
        whole = self._mass(wanted) or 1.0
        titles = [tokens_of(page.title) for page in self.moment.pages]
        return [
            (rank, min(1.0, self._mass((tokens_of(sentence) | titles[rank - 1]) & wanted) / whole), sentence)
            for rank, text in enumerate(self.pages, start=1)
            for sentence in _SENTENCES.split(text)
        ]

    @cached_property
    def _left(self) -> frozenset[str]:
        """Words of the goal that no query had; where the goal itself was asked, those that no page has."""
        return (self.goal_tokens - self.asked) or self.goal_tokens.difference(*self.held)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The pair of words in a row, neither of them known, that stands there most often; or none."""
        counts: Counter[tuple[str, str]] = Counter()
        known = self.known | self.moment.common
        for tokens in self.rows:
            row = ["" if word in known or len(word) < 3 else word for word in tokens]
            counts.update(pair for pair in pairwise(row) if pair[0] and pair[1] and pair[0] != pair[1])
        often = [pair for pair, count in counts.items() if count >= self.settings.bigrams]
        return sorted(often, key=lambda pair: (-counts[pair], pair))[:1]

    @cached_property
    def listed(self) -> list[tuple[str, str]]:
        """(word of the query, what stands beside it in a list of the best page): both with a capital."""
        found: dict[tuple[str, str], None] = {}
        names = [word for word in re.findall(_WORD, self.moment.query) if word.lower() not in self.moment.common]
        for text in self.pages[:1]:
            for name in names:
                at = text.find(name)
                around = text[max(0, at - _AROUND) : at + len(name) + _AROUND] if at >= 0 else ""
                parts = [part.split() for part in _LISTED.split(around)]
                for left, right in pairwise(part for part in parts if part):
                    for one, other in ((left[-1], right[0]), (right[0], left[-1])):
                        other = other.strip(".;:()")
                        if one == name and re.fullmatch(_WORD, other) and not tokens_of(other) <= self.known:
                            found[name, other] = None
        return list(found)[:1]

    def shown(self, telling: Iterable[str]) -> int:
        """Pages that hold all of these words."""
        return sum(held.issuperset(telling) for held in self.held)

    # ------------------------------------------------------------ words

    def _mass(self, tokens: Iterable[str]) -> float:
        return sum(sorted(max(0.0, self.idf.get(token, 0.0)) for token in tokens))

    def _telling(self, tokens: Iterable[str]) -> tuple[str, ...]:
        """The two that say most: pages with both are what the proposal is after."""
        return tuple(sorted(tokens, key=lambda token: (-self.idf.get(token, 0.0), token))[:2])

    def _in_order(self, wanted: frozenset[str]) -> list[str]:
        """Words of the goal whose tokens are wanted, those that say most, as they stand there."""
        says = [word for word in wanted - self.moment.common if self.idf.get(word, 0.0) > 0]
        telling = sorted(says, key=lambda word: (-self.idf[word], word))[: self.settings.added_words]
        kept = [word for word, tokens in self._goal_words if tokens & {*telling}]
        return kept[: self.settings.added_words]

    @cached_property
    def _goal_words(self) -> list[tuple[str, frozenset[str]]]:
        return [(word.strip(".,;:?!\"'()"), tokens_of(word)) for word in self.goal.split()]


def _names_of(text: str, common: frozenset[str]) -> list[str]:
    """Names of two words and more, without the label of a part before them, and without words that say nothing at
    either end: those begin a sentence. What speaks to its reader is no name, however it is written, nor is a date."""
    found = []
    for match in _NAME.finditer(_LABEL.sub(". ", text)):
        parts = match[0].split()
        while parts and parts[0].lower() in common:
            parts.pop(0)
        while parts and parts[-1].lower() in common:
            parts.pop()
        speaks = any(part.lower() in _ADDRESSING and not part.isupper() for part in parts)
        if len(parts) > 1 and not speaks and not _DATES.issuperset(part.lower().rstrip(".") for part in parts):
            found.append(" ".join(parts))
    return found


def _words_of(sentence: str, common: frozenset[str]) -> list[str]:
    """Names of one word, where a capital means that."""
    found = (match[0] for match in _ALONE.finditer(sentence))
    return [word for word in found if len(word) > 2 and not any(word.lower() in no for no in (common, *_NO_NAMES))]


def _plain(page: Page, characters: int) -> str:
    return _MARKUP.sub(" ", f"{page.title}. {page.text[:characters]}")
