"""The operators of the query language, once: the parser reads by this table and GET /v1/operators prints it.

Not for parsing (query.py) nor for what an operator's value may be (values.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ranking.types import Operator


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """One operator. `prefixes` are the names that may stand before a colon, lower case, the first one being the
    name it is known by; `field` is the lexical field that its words must be in."""

    kind: str
    syntax: str
    meaning: str
    example: str
    executed: bool = True
    prefixes: tuple[str, ...] = ()
    field: str | None = None


OPERATORS: Final[tuple[OperatorSpec, ...]] = (
    OperatorSpec(
        "phrase", '"phrase"', "required: these words in a row, as written (never by their stem)", '"immutable segment"'
    ),
    OperatorSpec(
        "near",
        '"near words"~n',
        "required: these words in this order, with at most n others between them in all",
        '"memory leak"~4',
    ),
    OperatorSpec(
        "around",
        "a AROUND(n) b",
        "required: both, in any order, with at most n words between them",
        "cache AROUND(5) invalidation",
    ),
    OperatorSpec(
        "exclude",
        "-term, NOT term",
        'excluded: also -"phrase", -(a b) for both words, - before any filter',
        "jaguar -car NOT football",
    ),
    OperatorSpec("require", "+term", "required, and scored as a plain word is", "+asyncio timeout"),
    OperatorSpec(
        "or",
        "a OR b",
        "at least one is required; binds tighter than a space, and (a b) there means both",
        "(sqlite OR postgres) backup",
    ),
    OperatorSpec("and", "a AND b", "no operation: words side by side are one query already", "rust AND lifetimes"),
    OperatorSpec("group", "( )", "groups for OR, NOT, - and +, and for field:(a b)", "(crawl OR spider) -(news site)"),
    OperatorSpec(
        "site",
        "site:host",
        "only this host with its subdomains; a /path prefix may follow; join several with OR",
        "site:docs.python.org/3",
        prefixes=("site",),
    ),
    OperatorSpec("domain", "domain:name", "only this registrable domain", "domain:python.org", prefixes=("domain",)),
    OperatorSpec(
        "inurl", "inurl:text", "only URLs that hold it", "inurl:tutorial", prefixes=("inurl", "url"), field="url"
    ),
    OperatorSpec(
        "intitle",
        "intitle:word",
        'required in the title: also title:word and intitle:"a b"',
        'intitle:"release notes"',
        prefixes=("intitle", "title"),
        field="title",
    ),
    OperatorSpec(
        "inheading",
        "heading:word",
        "required in a heading",
        "heading:installation",
        prefixes=("inheading", "heading"),
        field="heading",
    ),
    OperatorSpec(
        "inbody",
        "inbody:word",
        "required in the text: also body:word",
        "inbody:deprecated",
        prefixes=("inbody", "body"),
        field="body",
    ),
    OperatorSpec(
        "inanchor",
        "inanchor:word",
        "required in the text of links that point to the page: also anchor:word",
        "inanchor:documentation",
        prefixes=("inanchor", "anchor"),
        field="anchor",
    ),
    OperatorSpec(
        "filetype",
        "filetype:ext",
        "only this kind of file: html, pdf, md, txt, ...",
        "filetype:pdf",
        prefixes=("filetype",),
    ),
    OperatorSpec("lang", "lang:code", "only this language, ISO 639-1", "lang:en", prefixes=("lang",)),
    OperatorSpec(
        "after",
        "after:date",
        "only pages dated at or after it: YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339",
        "after:2023-06",
        prefixes=("after",),
    ),
    OperatorSpec(
        "before", "before:date", "only pages dated earlier than its start", "before:2024", prefixes=("before",)
    ),
    OperatorSpec(
        "link",
        "link:url",
        "only pages that link to it",
        "link:docs.python.org/3/library/asyncio.html",
        prefixes=("link",),
    ),
    OperatorSpec(
        "related",
        "related:url",
        "only the 100 pages nearest in meaning to this one of the collection",
        "related:docs.python.org/3/library/re.html",
        prefixes=("related",),
    ),
    OperatorSpec("prefix", "prefix*", "required: a word that begins so", "token*"),
    OperatorSpec(
        "boost",
        "term^n",
        'this word counts n times in scoring, 0 < n <= 100: also "phrase"^n and field:word^n',
        "python^2 packaging",
    ),
)
"""In the order in which people meet them."""

PREFIXES: Final[Mapping[str, OperatorSpec]] = {prefix: spec for spec in OPERATORS for prefix in spec.prefixes}
"""name: of a name:value operator -> its row."""


def catalogue() -> list[dict[str, Any]]:
    """JSON-ready rows for GET /v1/operators: name, syntax, meaning, example, executed, aliases."""
    rows = []
    for spec in OPERATORS:
        row = asdict(spec)
        row["name"] = row.pop("kind")
        row["aliases"] = list(row.pop("prefixes")[1:])
        rows.append(row)
    return rows


def matching(operators: Sequence[Operator], kind: str) -> tuple[Operator, ...]:
    """The operators of a query that are of one kind."""
    return tuple(operator for operator in operators if operator.kind == kind)
