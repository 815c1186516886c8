"""What the oracle MemoryIndex knows of one page and how it decides on it: token by token, page by page.

Given pages, answers whether one satisfies a condition. Not for serving; see memory.py.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from indexer.analyze import algorithm_of, stem
from indexer.columns import language_code, metadata_values, registrable, seconds, site_of_document
from indexer.settings import RELATED_DOCUMENTS, STEMMED_LANGUAGES, STEMMED_SHARE
from indexer.urls import canonical_url, url_key
from ranking.dates import parse_date
from ranking.errors import ForageError
from ranking.globs import compile_glob
from ranking.text import tokenize
from ranking.types import FIELDS, All, Any_, Document, Filter, Floats, Node, Not, Passage, Phrase, Prefix, Term

Token = tuple[str, str]  # surface, stem
_BOUNDS: Final = {
    "gte": lambda held, bound: held >= bound, "gt": lambda held, bound: held > bound,
    "lte": lambda held, bound: held <= bound, "lt": lambda held, bound: held < bound,
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One document with all that is known of it."""

    document: Document
    row: int
    tokens: Mapping[str, list[Token]]
    passages: tuple[Passage, ...]
    spans: tuple[tuple[int, int], ...]  # body tokens of each passage
    vectors: list[Floats]
    authority: float
    inlinks: int
    cluster: str


class Walk:
    """Words and conditions, by walking all pages."""

    def __init__(self, pages: Mapping[str, Page], default_language: str) -> None:
        self._pages, self._default_language = pages, default_language

    def _algorithms(self) -> list[str]:
        counts: Counter[str] = Counter(
            algorithm_of(language_code(page.document.language) or None, self._default_language)
            for page in self._pages.values()
        )
        main = [name for name, count in counts.items() if name and count >= STEMMED_SHARE * len(self._pages)]
        return sorted(main, key=lambda name: (-counts[name], name))[:STEMMED_LANGUAGES]

    def forms(self, token: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stem(token, name) for name in self._algorithms())) or (token,)

    def hits(self, page: Page, field: str, token: str, forms: tuple[str, ...], surface: bool) -> list[int]:
        """Positions at which a term stands in a field."""
        return [
            at
            for at, (written, stemmed) in enumerate(page.tokens[field])
            if written == token or (not surface and stemmed in forms)
        ]

    def phrase(self, page: Page, field: str, phrase: Phrase) -> int:
        """Positions at which the phrase can begin, by trying every combination of its tokens' positions."""
        reach = len(phrase.tokens) - 1 + phrase.slop
        places = [[at for at, (written, _) in enumerate(page.tokens[field]) if written == t] for t in phrase.tokens]
        starts = set()
        for start in {at for own in places for at in own}:
            for spots in product(*([at for at in own if start <= at <= start + reach] for own in places)):
                if len(set(spots)) < len(spots) or min(spots) != start:
                    continue
                if not phrase.ordered or list(spots) == sorted(spots):
                    starts.add(start)
        return len(starts)

    def satisfies(self, page: Page, node: Node | None, stemmed: bool) -> bool:
        match node:
            case None:
                return True
            case All(children):
                return all(self.satisfies(page, child, stemmed) for child in children)
            case Any_(children):
                return any(self.satisfies(page, child, stemmed) for child in children)
            case Not(child):
                return not self.satisfies(page, child, stemmed)
            case Term(token, field):
                forms = self.forms(token) if stemmed else (token,)
                return any(self.hits(page, name, token, forms, not stemmed) for name in _fields(field))
            case Phrase(_, field):
                return any(self.phrase(page, name, node) for name in _fields(field))
            case Prefix(token, field):
                return any(w.startswith(token) for name in _fields(field) for w, _ in page.tokens[name])
            case Filter():
                return self._passes(page, node)

    def _passes(self, page: Page, node: Filter) -> bool:
        document, value = page.document, node.value
        site = site_of_document(document)
        match node.kind:
            case "site":
                host, _, path = value.partition("/")
                inside = site == host or site.endswith("." + host)
                return inside and _below(document.url, path.rstrip("/"))
            case "domain":
                return registrable(site) == value.lower()
            case "lang":
                return language_code(document.language) == value.lower()
            case "filetype":
                return document.filetype.lower() == value.lower()
            case "after":
                return self.date(page) >= _moment(value)
            case "before":
                return self.date(page) < _moment(value)
            case "inurl":
                wanted = tuple(tokenize(value))
                return bool(wanted) and self.phrase(page, "url", Phrase(wanted)) > 0
            case "url_prefix":
                return any(
                    _lower_host(url).startswith(_lower_host(value))
                    for url in (document.url, document.url.partition("://")[2])
                    if ("://" in value) == ("://" in url)
                )
            case "url_glob":
                return compile_glob(value).matches(document.url)
            case "metadata":
                return _metadata(document.metadata.get(node.name), node)
            case "link":
                keys = {url_key(value), url_key(canonical_url(value))}
                return any(url_key(link.url) in keys for link in document.links)
            case "related":
                return page.document.id in self._related(value)

    def _related(self, reference: str) -> set[str]:
        found = self.resolve(reference)
        if found is None:
            return set()
        own = self._pages[found].vectors
        if not own:
            return set()
        mean = np.mean(own, axis=0)
        scores = {id: max(float(v @ mean) for v in page.vectors) for id, page in self._pages.items() if id != found}
        return set(sorted(scores, key=lambda id: (-scores[id], self._pages[id].row))[:RELATED_DOCUMENTS])

    def dates(self, page: Page) -> tuple[float, float, float]:
        document = page.document
        return seconds(document.published_at), seconds(document.modified_at), seconds(document.fetched_at)

    def date(self, page: Page) -> float:
        published, modified, _ = self.dates(page)
        return modified if math.isnan(published) else published

    def resolve(self, reference: str) -> str | None:
        if reference in self._pages:
            return reference
        for wanted in (url_key(reference), url_key(canonical_url(reference))):
            for id, page in self._pages.items():
                if wanted in (url_key(page.document.url), url_key(canonical_url(page.document.url))):
                    return id
        return None


def _fields(field: str | None) -> Sequence[str]:
    return (field,) if field else FIELDS


def _below(url: str, path: str) -> bool:
    """The URL's path is `path` or lies below it."""
    if not path:
        return True
    rest = url.partition("://")[2].partition("/")[2]
    return rest == path or any(rest.startswith(path + mark) for mark in "/?#")


def _lower_host(url: str) -> str:
    scheme, found, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return scheme.lower() + found + host.lower() + slash + path


def _moment(value: str) -> float:
    try:
        return parse_date(value).start
    except ForageError:
        return float(value)


def _metadata(held: Any, node: Filter) -> bool:
    try:
        wanted = json.loads(node.value)
    except ValueError:
        wanted = node.value
    values = metadata_values(held)
    if node.bound in ("eq", "in"):
        return any(
            _same(value, other) for value in values for other in (wanted if isinstance(wanted, list) else [wanted])
        )
    return any(_ordered(value, wanted, node.bound) for value in values)


def _same(value: float | str, wanted: Any) -> bool:
    """Equal, or a number and the text that writes it."""
    if isinstance(wanted, bool):
        return value == json.dumps(wanted)
    if isinstance(wanted, str):
        return value == wanted or (isinstance(value, float) and is_number(wanted) and value == float(wanted))
    return value == wanted or value == json.dumps(wanted)


def _ordered(value: float | str, wanted: Any, bound: str) -> bool:
    if isinstance(value, float):
        return is_number(wanted) and bool(_BOUNDS[bound](value, float(wanted)))
    return isinstance(wanted, str) and bool(_BOUNDS[bound](value, wanted))


def is_number(value: Any) -> bool:
    """Whether it is a finite number or the text of one."""
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
