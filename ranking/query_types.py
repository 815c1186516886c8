"""The nouns of what was asked: given nothing, names the nodes of a condition and what a query text was read as.

`ranking.types` has them too, beside the nouns of documents, plans and results; import them from there. Not for reading
a text (query.py) nor for testing a condition (indexer/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FilterKind = Literal[
    "site",
    "domain",
    "lang",
    "filetype",
    "after",
    "before",
    "inurl",
    "url_prefix",
    "url_glob",
    "metadata",
    "link",
    "related",
]


@dataclass(frozen=True, slots=True)
class Term:
    """A document that holds this token (in `field`, or in any field)."""

    token: str
    field: str | None = None
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """These surface tokens in a row in one field, at most `slop` moves apart; `ordered=False` for AROUND."""

    tokens: tuple[str, ...]
    field: str | None = None
    slop: int = 0
    ordered: bool = True
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Prefix:
    """A document with a token that begins so."""

    token: str
    field: str | None = None
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Filter:
    """A structured constraint: `value` is canonical text: a host or host/path, a date as written (ranking.dates), for
    url_glob a pattern of ranking.globs, and for metadata the JSON of the value, or of the list of values where
    `bound` is "in"."""

    kind: FilterKind
    value: str
    name: str = ""  # metadata field
    bound: str = "eq"  # eq | gte | gt | lte | lt | in (value: JSON)


@dataclass(frozen=True, slots=True)
class All:
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    child: Node


Node = Term | Phrase | Prefix | Filter | All | Any_ | Not


@dataclass(frozen=True, slots=True)
class Operator:
    """What the parser read as an operator (or refused to): `text` as written, at [start, end) of the query."""

    text: str
    kind: str  # site, phrase, exclude, require, or, group, ... or "text" when it was taken as plain words
    start: int
    end: int
    node: Node | None = None  # None: it constrains nothing
    executed: bool = True
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredTerm:
    """A token that earns score, once each. `fields` empty: every field. `source`: query, expansion, ..."""

    token: str
    boost: float = 1.0
    fields: tuple[str, ...] = ()
    exact: bool = False  # from a quoted phrase: matches its surface, never its stem
    source: str = "query"


@dataclass(frozen=True, slots=True)
class Query:
    """Parsed query text. A document must satisfy `condition`; it earns score from `terms` and `phrases`."""

    text: str
    terms: tuple[ScoredTerm, ...]
    phrases: tuple[Phrase, ...]
    condition: Node | None
    operators: tuple[Operator, ...]
    meaning: str  # operators taken out: what the embedder reads
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the agent, with a code for its program."""

    code: str
    message: str
