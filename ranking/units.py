"""Units of a query: given a lexeme, returns what it demands of a document, what it scores and what it says.

Here a word, phrase or name:value gets its meaning; how units combine is query.py. Not for spans of brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ranking.constants import MAX_BOOST, MAX_SLOP, MIN_PREFIX_CHARACTERS
from ranking.dates import parse_date
from ranking.errors import ParamsError
from ranking.lexer import Lexeme
from ranking.operators import PREFIXES, OperatorSpec
from ranking.shown import shown
from ranking.text import fold, tokenize
from ranking.types import All, Any_, Filter, FilterKind, Node, Not, Phrase, Prefix, ScoredTerm, Term
from ranking.values import address, filetype, host, language, site

_BOOSTED: Final = re.compile(r"([^^]*[^\W_]\*?)\^(\d{1,9}(?:\.\d{1,9})?)", re.DOTALL)
_PREFIX: Final = re.compile(r"([^*]*[^\W_])\*", re.DOTALL)
_CLOSING_PUNCTUATION: Final = ".,;:!?'\u2019\u2026"
_OPERATOR_LIKE: Final = re.compile(r"""["()*^~\u201c\u201d\u201e\u201f\uff02]|[^\W_]:\S|^[-+].""")
_UNSPACED_SCRIPT: Final = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_UNDER_A_SIGN: Final = frozenset({"", "phrase", "near", "boost", "prefix", "text", "require"})
"""Kinds that an exclusion takes over; a name:value keeps its own, so that -site: is still a site."""


@dataclass(slots=True)
class Unit:
    """`strict`: what a document needs in order to match the unit; `loose`: what the unit demands where it stands
    beside others (nothing, for a plain word); `unknown`: it holds an operator that is not executed, so neither
    can be told. `kind` is its Operator's, "" when there is nothing to report. `tokens`: as operand of AROUND."""

    start: int
    end: int
    kind: str = ""
    strict: Node | None = None
    loose: Node | None = None
    terms: Sequence[ScoredTerm] = ()
    phrases: Sequence[Phrase] = ()
    meaning: Sequence[str] = ()
    tokens: tuple[str, ...] = ()
    notice: str | None = None
    unknown: bool = False
    negated: bool = False
    leaf: bool = True

    def negate(self) -> None:
        """Turn it into its opposite, which always demands something."""
        self.negated = not self.negated
        self.strict = self.loose = None if self.unknown or self.strict is None else negation(self.strict)
        if self.leaf and not self.unknown and self.strict is not None:
            if self.negated and self.kind in _UNDER_A_SIGN:
                self.kind = "exclude"
            elif self.kind == "exclude":
                self.kind = "require"

    def require(self) -> None:
        """Make it demand all that it stands for."""
        self.loose = self.strict
        if self.leaf and self.strict is not None and self.kind in ("", "boost", "text"):
            self.kind = "require"


def negation(node: Node) -> Node:
    return node.child if isinstance(node, Not) else Not(node)


def conjunction(nodes: Iterable[Node | None]) -> Node | None:
    """All of them, flat and each once; None demands nothing."""
    flat = _flat(nodes, All)
    return flat[0] if len(flat) == 1 else All(flat) if flat else None


def disjunction(nodes: Iterable[Node | None]) -> Node | None:
    """At least one of them, flat and each once; a None among them stands for words without a token."""
    flat = _flat(nodes, Any_)
    return flat[0] if len(flat) == 1 else Any_(flat) if flat else None


def _flat(nodes: Iterable[Node | None], kind: type[All] | type[Any_]) -> tuple[Node, ...]:
    flat: dict[Node, None] = {}
    for node in nodes:
        if isinstance(node, kind):
            flat.update(dict.fromkeys(node.children))
        elif node is not None:
            flat[node] = None
    return tuple(flat)


def words(tokens: Sequence[str], field: str | None = None) -> Node | None:
    """What a document needs in order to hold a word: its token, or the tokens in a row that one word makes."""
    if not tokens:
        return None
    return Term(tokens[0], field) if len(tokens) == 1 else Phrase(tuple(tokens), field)


def read(lexeme: Lexeme, name: str) -> Unit:
    """The unit of a word, phrase or mark; `name` is its own prefix or that of the group around it."""
    if lexeme.kind == "run":
        return Unit(lexeme.start, lexeme.end, terms=_scored(tokenize(lexeme.value)), meaning=(lexeme.value,))
    spec = PREFIXES.get(lexeme.name or name)
    if lexeme.kind == "mark":
        return _text(lexeme, lexeme.value, lexeme.notice)
    if spec is None:
        unit = _phrase(lexeme, None) if lexeme.kind == "phrase" else _word(lexeme, lexeme.value, None)
    elif spec.field is not None and spec.kind != "inurl":
        unit = _in_field(lexeme, spec)
    else:
        unit = _filter(lexeme, spec)
    if lexeme.sign == "-":
        unit.negate()
    elif lexeme.sign == "+":
        unit.require()
    return unit


def stray(lexeme: Lexeme, written: str) -> Unit:
    """A connector with nothing to connect: a plain word."""
    example = "a AROUND(5) b" if lexeme.kind == "around" else f"a {written} b" if written != "NOT" else "a NOT b"
    return _text(lexeme, written, f"{written} was read as text: it needs a term beside it, as in {example}")


def _text(lexeme: Lexeme, written: str, notice: str | None) -> Unit:
    tokens = tokenize(written)
    return Unit(
        lexeme.start,
        lexeme.end,
        kind="text",
        strict=words(tokens),
        terms=_scored(tokens),
        meaning=(written,) if tokens else (),
        tokens=tuple(tokens),
        notice=notice,
    )


def _scored(
    tokens: Iterable[str], boost: float = 1.0, field: str | None = None, exact: bool = False
) -> tuple[ScoredTerm, ...]:
    fields = (field,) if field else ()
    return tuple(ScoredTerm(token, boost, fields, exact) for token in tokens)


def _word(lexeme: Lexeme, value: str, field: str | None) -> Unit:
    """A word with an optional ^boost or *; plain unless it has a field."""
    trimmed = value.rstrip(_CLOSING_PUNCTUATION)
    core, boost, kind = trimmed, 1.0, ""
    if boosted := _BOOSTED.fullmatch(trimmed):
        core, boost, kind = boosted[1], float(boosted[2]), "boost"
        if not 0 < boost <= MAX_BOOST:
            return _text(lexeme, value, f"^{boosted[2]} was read as text: a boost is above 0 and at most {MAX_BOOST:g}")
    end = lexeme.end - (len(value) - len(trimmed))
    if prefix := _PREFIX.fullmatch(core):
        return _prefix(lexeme, prefix[1], value, end, field)
    tokens = tokenize(core)
    if not kind and tokens and _OPERATOR_LIKE.search(value):
        kind, end = "text", lexeme.end
    node = words(tokens, field)
    return Unit(
        lexeme.start,
        end if kind or lexeme.sign or field else lexeme.end,
        kind=kind,
        strict=node,
        terms=_scored(tokens, boost, field),
        meaning=(core if boost != 1.0 else value,),
        tokens=() if field else tuple(tokens),
    )


def _prefix(lexeme: Lexeme, core: str, value: str, end: int, field: str | None) -> Unit:
    """Words before the last one of `core` must be there whole. A prefix earns no score: no df is known of it."""
    tokens = tokenize(core)
    last = tokens[-1] if tokens else ""
    if len(last) < MIN_PREFIX_CHARACTERS and not _UNSPACED_SCRIPT.match(last):
        notice = f"{core}* was read as text: write at least {MIN_PREFIX_CHARACTERS} characters before *"
        return _text(lexeme, value, notice)
    node = conjunction([*(Term(token, field) for token in tokens[:-1]), Prefix(last, field)])
    return Unit(lexeme.start, end, kind="prefix", strict=node, loose=node, meaning=(core,))


def _phrase(lexeme: Lexeme, field: str | None) -> Unit:
    tokens = tuple(tokenize(lexeme.value))
    boost = float(lexeme.boost) if lexeme.boost else 1.0
    if not tokens:
        return _text(lexeme, lexeme.value, "quotes without a word between them were read as text")
    if lexeme.number > MAX_SLOP or not 0 < boost <= MAX_BOOST:
        limits = f"~n goes to {MAX_SLOP:,} words and ^n is above 0 and at most {MAX_BOOST:g}"
        return _text(lexeme, lexeme.value, f"a phrase was read as text: {limits}")
    node = Phrase(tokens, field, max(lexeme.number, 0))
    return Unit(
        lexeme.start,
        lexeme.end,
        kind="near" if lexeme.number >= 0 else "phrase",
        strict=node,
        loose=node,
        terms=_scored(tokens, boost, field, exact=True),
        phrases=(node,) if len(tokens) > 1 else (),
        meaning=(lexeme.value,),
        tokens=tokens if field is None and lexeme.number <= 0 else (),
    )


def _in_field(lexeme: Lexeme, spec: OperatorSpec) -> Unit:
    """Words that must stand in one field, and score there."""
    unit = _phrase(lexeme, spec.field) if lexeme.kind == "phrase" else _word(lexeme, lexeme.value, spec.field)
    if unit.strict is None:
        return _refused(lexeme, spec, "it names no word")
    if unit.kind == "text" and unit.notice:  # a boost or distance out of range
        return _refused(lexeme, spec, unit.notice)
    unit.kind, unit.loose = spec.kind, unit.strict
    return unit


def _filter(lexeme: Lexeme, spec: OperatorSpec) -> Unit:
    """A constraint that earns no score."""
    raw = lexeme.value
    value = raw if lexeme.kind == "phrase" else raw.rstrip(_CLOSING_PUNCTUATION) or raw
    end = lexeme.end - (len(raw) - len(value))
    if lexeme.kind == "phrase" and (lexeme.boost or lexeme.number >= 0):
        return _refused(lexeme, spec, "a filter has neither distance nor boost")
    if not value.strip():
        return _refused(lexeme, spec, "it has no value (no space may follow the colon)")
    kind, canonical = CANONICAL[spec.kind]
    try:
        node = Filter(kind, canonical(value))
    except ParamsError as error:
        return _refused(lexeme, spec, error.message)
    if not spec.executed:
        notice = f"{spec.prefixes[0]}: is not executed in this version: it changed nothing"
        return Unit(lexeme.start, end, kind=spec.kind, unknown=True, notice=notice)
    return Unit(lexeme.start, end, kind=spec.kind, strict=node, loose=node)


def _refused(lexeme: Lexeme, spec: OperatorSpec, why: str) -> Unit:
    written = f"{lexeme.name}:{lexeme.value}" if lexeme.name else lexeme.value
    return _text(lexeme, written, f"{spec.prefixes[0]}: was read as text: {why}; for example {spec.example}")


def _url_part(text: str) -> str:
    part = fold(text.strip())
    if not tokenize(part):
        raise ParamsError(f"{shown(text)} holds no letter or digit", hint="write a part of a URL")
    return part


def _date(text: str) -> str:
    parse_date(text)
    return text.strip()


CANONICAL: Final[Mapping[str, tuple[FilterKind, Callable[[str], str]]]] = {
    "site": ("site", site),
    "domain": ("domain", host),
    "inurl": ("inurl", _url_part),
    "filetype": ("filetype", filetype),
    "lang": ("lang", language),
    "after": ("after", _date),
    "before": ("before", _date),
    "link": ("link", address),
    "related": ("related", address),
}
"""Operator -> the Filter it makes and the canonical form of its value."""


def settled(unit: Unit) -> Unit:
    """What others may take from the unit: nothing, once it is excluded."""
    return replace(unit, terms=(), phrases=(), meaning=()) if unit.negated else unit
