"""The query language: given query text, returns a Query; refuses only an empty and a too long one.

Plain words score. Phrases, +words, fields, prefixes and filters are conditions; words of the first three score
too. What is excluded never scores. OR binds tighter than a space; inside OR, NOT, - and + a bracket means all of
its words. Anything that is no complete operator is text, and `Query.operators` says of both what was read as
what, with exact, non-overlapping spans. Linear in the length of the text; trees are at most MAX_NESTING deep.
Not for what a term costs or whether it is a stop word: that is plan.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ranking.constants import MAX_READ_AS_TEXT_EXAMPLES, QUERY_TERM_K3
from ranking.errors import QueryError
from ranking.lexer import Lexeme, lex
from ranking.operators import PREFIXES
from ranking.params import MAX_QUERY_CHARACTERS
from ranking.suggest import nearest
from ranking.types import All, Node, Not, Notice, Operator, Phrase, Query, ScoredTerm, Term
from ranking.units import Unit, conjunction, disjunction, read, settled, stray

_BLANK: Final = r"\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_EMPTY: Final = re.compile(f"[{_BLANK}]*")
NOT_BLANK: Final = f"[^{_BLANK}]"
"""Pattern of a character that makes a text a query."""
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\\s]+")
_UNKNOWN_NAME: Final = re.compile(r"[-+]?([A-Za-z]{3,20}):(?![/:])\S")
_MAX_GUESSES: Final = 8
"""Unknown name:value words that are compared with the known names: natural text may hold hundreds."""


def parse(text: str) -> Query:
    """Read `text`. Raises QueryError when it has nothing but white space and control characters, or more than
    MAX_QUERY_CHARACTERS characters; no other text is refused."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise QueryError(
            f"the query has {len(text):,} characters, at most {MAX_QUERY_CHARACTERS:,} are read",
            path="$.query",
            hint="send the part that names what you look for; long context goes into `objective`",
        )
    if _EMPTY.fullmatch(text):
        raise QueryError(
            "the query is empty",
            path="$.query",
            hint='write words, or only operators: {"query": "site:docs.python.org"} lists a site',
        )
    return _Reader(text).query()


@dataclass(slots=True)
class _Level:
    """A bracket while it is read; the outermost one has no opening."""

    opening: Lexeme | None
    name: str
    elements: list[Unit | Lexeme] = field(default_factory=list)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.operators: list[Operator] = []

    def query(self) -> Query:
        levels = [_Level(None, "")]
        for lexeme in lex(self.text):
            if lexeme.kind in ("or", "and", "not", "around"):
                levels[-1].elements.append(lexeme)
            elif lexeme.kind == "open":
                levels.append(_Level(lexeme, lexeme.name or levels[-1].name))
            elif lexeme.kind == "close":
                level = levels.pop()
                levels[-1].elements.append(self._group(level, lexeme))
            else:
                levels[-1].elements.append(read(lexeme, levels[-1].name))
        whole = self._all(levels[0].elements)
        operators = _guessed(tuple(sorted(self.operators, key=lambda operator: operator.start)))
        return Query(
            text=self.text,
            terms=_merged(whole.terms, whole.loose),
            phrases=tuple(dict.fromkeys(whole.phrases)),
            condition=whole.loose,
            operators=operators,
            meaning=_UNPRINTABLE.sub(" ", " ".join(whole.meaning)).strip(),
            notices=_notices(operators),
        )

    def _report(self, start: int, end: int, kind: str, node: Node | None = None, notice: str | None = None) -> None:
        spec_executes = kind not in PREFIXES or PREFIXES[kind].executed
        self.operators.append(Operator(self.text[start:end], kind, start, end, node, spec_executes, notice))

    def _group(self, level: _Level, closing: Lexeme) -> Unit:
        opening = level.opening
        assert opening is not None
        group = self._all(level.elements)
        if opening.sign == "-":
            group.negate()
        elif opening.sign == "+":
            group.require()
        kind = PREFIXES[opening.name].kind if opening.name else _SIGNS[opening.sign]
        self._report(opening.start, opening.end, kind, group.strict if kind != "group" else None)
        self._report(closing.start, closing.end, "group")
        return group

    def _all(self, elements: Sequence[Unit | Lexeme]) -> Unit:
        """What stands side by side, as one unit that spans nothing of its own."""
        units = [settled(unit) for unit in self._connected(elements)]
        return Unit(
            0,
            0,
            strict=conjunction(unit.strict for unit in units),
            loose=conjunction(unit.loose for unit in units),
            terms=[term for unit in units for term in unit.terms],
            phrases=[phrase for unit in units for phrase in unit.phrases],
            meaning=[words for unit in units for words in unit.meaning],
            unknown=any(unit.unknown for unit in units),
            leaf=False,
        )

    def _connected(self, elements: Sequence[Unit | Lexeme]) -> list[Unit]:
        """Apply the connectors between the units: NOT, then AROUND, then OR."""
        chains: list[list[Unit]] = []  # units that OR joins
        ors: list[list[Lexeme]] = []  # of each chain
        waiting: list[Lexeme] = []
        for element in elements:
            if isinstance(element, Lexeme):
                waiting.append(element)
                continue
            binary = self._negated(waiting, element)
            waiting = []
            if not chains:
                for lexeme in binary:
                    chains.append([self._stray(lexeme)])
                    ors.append([])
                binary = []
            self._joined(chains, ors, binary, element)
        for lexeme in waiting:
            chains.append([self._stray(lexeme)])
            ors.append([])
        return [self._either(chain, lexemes) for chain, lexemes in zip(chains, ors, strict=True)]

    def _negated(self, waiting: Sequence[Lexeme], unit: Unit) -> list[Lexeme]:
        """Apply the NOTs before `unit` and report it; return the other connectors."""
        nots = [lexeme for lexeme in waiting if lexeme.kind == "not"]
        adjacent = bool(nots) and unit.leaf and waiting[-1].kind == "not"
        for lexeme in nots:
            unit.negate()
            if lexeme is nots[-1] and adjacent:
                unit.start = lexeme.start
            else:
                node = unit.strict if lexeme is nots[-1] else None
                self._report(lexeme.start, lexeme.end, "exclude", node)
        if unit.leaf and unit.kind:
            self._report(unit.start, unit.end, unit.kind, unit.strict if unit.kind != "text" else None, unit.notice)
        elif adjacent:  # NOT before something without a token
            self._report(unit.start, unit.end, "text")
        return [lexeme for lexeme in waiting if lexeme.kind != "not"]

    def _joined(self, chains: list[list[Unit]], ors: list[list[Lexeme]], binary: Sequence[Lexeme], unit: Unit) -> None:
        joins = [lexeme for lexeme in binary if lexeme.kind == "or"]
        arounds = [lexeme for lexeme in binary if lexeme.kind == "around"]
        for lexeme in binary:
            if lexeme.kind == "and":
                self._report(lexeme.start, lexeme.end, "and")
        if len(arounds) == 1 and not joins and (near := self._near(chains[-1][-1], unit, arounds[0])):
            chains[-1][-1] = near
            return
        for lexeme in arounds:
            notice = "AROUND(n) was read as text: it needs one plain word or phrase on each side"
            self._report(lexeme.start, lexeme.end, "text", None, notice)
        if joins:
            chains[-1].append(unit)
            ors[-1].extend(joins)
        else:
            chains.append([unit])
            ors.append([])

    def _near(self, left: Unit, right: Unit, around: Lexeme) -> Unit | None:
        """Both operands with at most n words between them; an operand of several words stays in one piece."""
        if not (left.tokens and right.tokens) or left.negated or right.negated:
            return None
        together = Phrase(left.tokens + right.tokens, slop=around.number, ordered=False)
        self._report(around.start, around.end, "around", together)
        whole = [unit.strict for unit in (left, right) if not isinstance(unit.strict, Term)]
        node = conjunction([*whole, together])
        return Unit(
            left.start,
            right.end,
            strict=node,
            loose=node,
            terms=[*left.terms, *right.terms],
            phrases=[*left.phrases, *right.phrases, together],
            meaning=[*left.meaning, *right.meaning],
            tokens=right.tokens,
            leaf=False,
        )

    def _either(self, chain: Sequence[Unit], ors: Sequence[Lexeme]) -> Unit:
        """The alternatives as one unit; a single unit is itself. An alternative that cannot be told voids all."""
        if len(chain) == 1:
            return chain[0]
        unknown = any(unit.unknown for unit in chain)
        node = None if unknown else disjunction(unit.strict for unit in chain)
        for place, lexeme in enumerate(ors):
            self._report(lexeme.start, lexeme.end, "or", node if place == 0 else None)
        parts = [settled(unit) for unit in chain]
        return Unit(
            chain[0].start,
            chain[-1].end,
            strict=node,
            loose=node,
            terms=[term for unit in parts for term in unit.terms],
            phrases=[phrase for unit in parts for phrase in unit.phrases],
            meaning=[words for unit in parts for words in unit.meaning],
            unknown=unknown,
            leaf=False,
        )

    def _stray(self, lexeme: Lexeme) -> Unit:
        unit = stray(lexeme, self.text[lexeme.start : lexeme.end])
        self._report(unit.start, unit.end, "text", None, unit.notice)
        return unit


_SIGNS: Final = {"": "group", "-": "exclude", "+": "require"}


def _merged(terms: Iterable[ScoredTerm], condition: Node | None) -> tuple[ScoredTerm, ...]:
    """Each token once, where it first stands, with the widest fields and exact only if always so; its boost is the
    largest, times n (k3 + 1) / (n + k3) when it stands there n times (Robertson and Walker 1999).
    A word that the whole query excludes is left out even if it also stands there plain: it cannot match."""
    excluded = _excluded(condition)
    merged: dict[str, ScoredTerm] = {}
    times: dict[str, int] = {}
    for term in terms:
        known = merged.get(term.token)
        if term.token in excluded:
            continue
        if known is None:
            merged[term.token] = term
            continue
        times[term.token] = times.get(term.token, 1) + 1
        if known != term:
            fields = tuple(dict.fromkeys((*known.fields, *term.fields))) if known.fields and term.fields else ()
            exact = known.exact and term.exact
            merged[term.token] = replace(known, boost=max(known.boost, term.boost), fields=fields, exact=exact)
    for token, n in times.items():
        factor = n * (QUERY_TERM_K3 + 1) / (n + QUERY_TERM_K3)
        merged[token] = replace(merged[token], boost=merged[token].boost * factor)
    return tuple(merged.values())


def _excluded(condition: Node | None) -> frozenset[str]:
    parts = condition.children if isinstance(condition, All) else (condition,)
    children = (part.child for part in parts if isinstance(part, Not))
    return frozenset(child.token for child in children if isinstance(child, Term) and child.field is None)


def _guessed(operators: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """Say it where a name:value that was read as text looks like a misspelt operator."""
    guesses = 0
    said = []
    for operator in operators:
        if operator.kind == "text" and operator.notice is None and guesses < _MAX_GUESSES:
            match = _UNKNOWN_NAME.match(operator.text)
            name = match[1].lower() if match else ""
            if name and name not in PREFIXES:
                guesses += 1
                if guess := nearest(name, PREFIXES):
                    notice = f"{operator.text[:40]} was read as text: did you mean {guess}:?"
                    operator = replace(operator, notice=notice)
        said.append(operator)
    return tuple(said)


def _notices(operators: Sequence[Operator]) -> tuple[Notice, ...]:
    """One notice per kind of remark, each with its first few examples."""
    remarks: dict[str, dict[str, None]] = {}
    for operator in operators:
        if operator.notice:
            code = "operator_read_as_text" if operator.kind == "text" else "operator_not_executed"
            remarks.setdefault(code, {})[operator.notice] = None
    return tuple(Notice(code, _examples(list(notes))) for code, notes in remarks.items())


def _examples(remarks: Sequence[str]) -> str:
    more = len(remarks) - MAX_READ_AS_TEXT_EXAMPLES
    return "; ".join(remarks[:MAX_READ_AS_TEXT_EXAMPLES]) + (f"; and {more} more" if more > 0 else "")
