"""Conditions: given a node, returns the mask of the rows that satisfy it, exactly and before any ranking.

Structured leaves read columns, text leaves read postings; All, Any_ and Not combine masks. Leaves are cached, for an
agent repeats its filters. A mask never holds a deleted row. Unknown dates satisfy no date bound. Of a few rows `probe`
tells the truth more cheaply where a leaf would have to look at every URL. Not for scores.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from indexer.cache import Cache
from indexer.columns import metadata_values, number_in
from indexer.phrases import phrase_counts
from indexer.postings import Place
from indexer.reader import Holdings, Segment
from indexer.settings import RELATED_DOCUMENTS
from indexer.terms import forms_of
from indexer.url_texts import UrlTexts
from indexer.urls import canonical_url, url_key
from ranking.dates import parse_date
from ranking.errors import ForageError
from ranking.text import tokenize
from ranking.types import All, Any_, Filter, Longs, Mask, Node, Not, Phrase, Prefix, Term

CACHE_BYTES: Final = 64_000_000
"""Memory for masks of leaves and whole conditions."""

_MINIMUM_CACHED: Final = 16
_COUNTED: Final = 10_000  # conditions whose number of documents is remembered
_LAST: Final = "\U0010ffff"


class _Masks(Cache):
    """Which also tells what it holds."""

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries


class Conditions:
    """Masks over one generation."""

    def __init__(self, holdings: Holdings) -> None:
        self._held = holdings
        self._masks = _Masks(max(_MINIMUM_CACHED, CACHE_BYTES // max(holdings.rows, 1)))
        self._counts = Cache(_COUNTED)

    def mask(self, node: Node | None, stem: bool = True) -> Mask:
        """[rows] live rows that satisfy the node (None: all)."""
        if node is None:
            return self._held.live
        return self._masks.get((node, stem, "live"), lambda: self._evaluate(node, stem) & self._held.live)

    def count(self, node: Node | None, stem: bool = True) -> int:
        if node is None:
            return self._held.documents
        return self._counts.get((node, stem), lambda: int(np.count_nonzero(self.mask(node, stem))))

    def probe(self, nodes: Sequence[Node], rows: Longs, stem: bool = True) -> Mask:
        """[nodes, rows] which of these live rows satisfy each node."""
        truth = np.zeros((len(nodes), len(rows)), np.bool_)
        urls: list[UrlTexts] = []  # of these rows, once a node asks for them
        for number, node in enumerate(nodes):
            truth[number] = self._truth(node, rows, stem, urls)
        return truth

    def _truth(self, node: Node, rows: Longs, stem: bool, urls: list[UrlTexts]) -> Mask:
        if isinstance(node, All | Any_) and node.children:
            parts = [self._truth(child, rows, stem, urls) for child in node.children]
            whole: Mask = (np.logical_and if isinstance(node, All) else np.logical_or).reduce(parts)
            return whole
        if isinstance(node, Not):
            return ~self._truth(node.child, rows, stem, urls)
        if isinstance(node, Filter) and node.kind == "url_glob" and (node, stem) not in self._masks:
            if not urls:
                urls.append(UrlTexts(self._held.urls(rows)))
            return urls[0].matching(node.value)
        return self._evaluate(node, stem)[rows]

    def _evaluate(self, node: Node, stem: bool) -> Mask:
        if isinstance(node, All | Any_):
            masks = [self._evaluate(child, stem) for child in node.children]
            if not masks:
                return np.full(self._held.rows, isinstance(node, All))
            whole: Mask = (np.logical_and if isinstance(node, All) else np.logical_or).reduce(masks)
            return whole
        if isinstance(node, Not):
            return ~self._evaluate(node.child, stem)
        return self._masks.get((node, stem), lambda: self._leaf(node, stem))

    def _leaf(self, node: Node, stem: bool) -> Mask:
        mask = np.zeros(self._held.rows, np.bool_)
        if isinstance(node, Term):
            forms = forms_of(node.token, self._held.terms.algorithms) if stem else (node.token,)
            for name, rows in self._held.terms.rows(node.token, forms, not stem):
                if node.field in (None, name):
                    mask[rows] = True
        elif isinstance(node, Phrase):
            for rows in self._phrase(node):
                mask[rows] = True
        elif isinstance(node, Prefix):
            for rows in self._prefix(node):
                mask[rows] = True
        elif isinstance(node, Filter):
            _FILTERS[node.kind](self, node, mask)
        else:
            raise TypeError(f"{type(node).__name__} is no condition")
        return mask

    # ------------------------------------------------------------ words

    def _phrase(self, node: Phrase) -> list[Longs]:
        found: list[Longs] = []
        for number, held in enumerate(self._held.sets):
            places = self.phrase_places(number, node.tokens)
            if places:
                for name, field in held.fields.items():
                    if node.field in (None, name):
                        documents, _ = phrase_counts(field, places, node.slop, node.ordered)
                        found.append(documents + held.offset)
        return found

    def phrase_places(self, number: int, tokens: Sequence[str]) -> list[tuple[Place, ...]]:
        """Places of each token in one set; empty when a token is not there at all."""
        places = [self._held.terms.places(token, (token,), True)[number] for token in tokens]
        return places if all(places) else []

    def _prefix(self, node: Prefix) -> list[Longs]:
        found: list[Longs] = []
        for held in self._held.sets:
            vocabulary = held.vocabulary
            places: set[Place] = {vocabulary.place(token) for token in vocabulary.with_prefix(node.token)}
            for name, field in held.fields.items():
                if node.field in (None, name):
                    found.extend(field.postings((place,))[0].astype(np.int64) + held.offset for place in places)
        return found

    # ------------------------------------------------------------ structure

    def _coded(self, column: str, matches: Callable[[str], bool], mask: Mask) -> None:
        for segment in self._held.segments:
            wanted = np.array([matches(text) for text in segment.columns.tables[column]], np.bool_)
            if wanted.any():
                mask[segment.offset : segment.offset + segment.documents] = wanted[segment.columns[f"{column}.code"]]

    def _site(self, node: Filter, mask: Mask) -> None:
        host, slash, path = node.value.partition("/")
        host = host.lower()

        def matches(site: str) -> bool:
            return site == host or site.endswith(f".{host}")

        if not slash or not path:
            self._coded("site", matches, mask)
            return
        for segment in self._held.segments:
            for site in filter(matches, segment.columns.tables["site"]):
                address = f"{site}/{path.rstrip('/')}"
                for low, high in (
                    (address, f"{address}\0"),
                    *((address + mark, address + mark + _LAST) for mark in "/?#"),
                ):
                    mask[_address_range(segment, low, high) + segment.offset] = True

    def _domain(self, node: Filter, mask: Mask) -> None:
        self._coded("domain", node.value.lower().__eq__, mask)

    def _language(self, node: Filter, mask: Mask) -> None:
        self._coded("language", node.value.lower()[:2].__eq__, mask)

    def _filetype(self, node: Filter, mask: Mask) -> None:
        self._coded("filetype", node.value.lower().__eq__, mask)

    def _after(self, node: Filter, mask: Mask) -> None:
        mask |= self._held.dates() >= _moment(node.value)

    def _before(self, node: Filter, mask: Mask) -> None:
        mask |= self._held.dates() < _moment(node.value)

    def _inurl(self, node: Filter, mask: Mask) -> None:
        tokens = tuple(tokenize(node.value))
        for rows in self._phrase(Phrase(tokens, "url")) if tokens else ():
            mask[rows] = True

    def _url_prefix(self, node: Filter, mask: Mask) -> None:
        scheme, found, rest = node.value.partition("://")
        wanted = rest if found else node.value
        authority = wanted.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
        host = authority.rpartition("@")[2].lower()
        name, colon, port = host.rpartition(":")
        host = name if colon and (port.isdigit() or not port) else host
        whole = len(authority) < len(wanted)
        low = host + wanted[len(authority) :] if whole else host
        for segment in self._held.segments:
            for local in _address_range(segment, low, low + _LAST).tolist():
                url = segment.columns.urls[local]
                url_scheme, _, url_rest = url.partition("://")
                url_authority, mark, path = url_rest.partition("/")
                if (not found or url_scheme.lower() == scheme.lower()) and (
                    url_authority.lower() + mark + path
                ).startswith(authority.lower() + wanted[len(authority) :]):
                    mask[local + segment.offset] = True

    def _url_glob(self, node: Filter, mask: Mask) -> None:
        mask |= self._urls.matching(node.value)

    @cached_property
    def _urls(self) -> UrlTexts:
        return UrlTexts(self._held.urls(np.arange(self._held.rows, dtype=np.int64)))

    def _metadata(self, node: Filter, mask: Mask) -> None:
        try:
            value = json.loads(node.value)
        except ValueError:
            value = node.value
        for segment in self._held.segments:
            held = segment.columns.metadata(node.name)
            if held is None:
                continue
            numbers, number_rows, texts, codes, code_rows = held
            compare_number, compare_text = _comparison(node.bound, value)
            rows = [number_rows[compare_number(numbers)]]
            if len(codes):
                wanted = np.array([compare_text(text) for text in texts.all()], np.bool_)
                rows.append(code_rows[wanted[codes]])
            for found in rows:
                mask[found.astype(np.int64) + segment.offset] = True

    def _link(self, node: Filter, mask: Mask) -> None:
        keys = {url_key(node.value), url_key(canonical_url(node.value))}
        for segment in self._held.segments:
            for key in keys:
                mask[segment.columns.rows_of("link", key) + segment.offset] = True

    def _related(self, node: Filter, mask: Mask) -> None:
        """The nearest documents by the mean of the reference's passage vectors, itself left out."""
        row = self.resolve(node.value)
        if row is None:
            return
        segment, local = self._held.owner(row)
        if segment.vectors is None:
            return
        low, high = int(segment.first[local]), int(segment.first[local + 1])
        mean = segment.vectors.vectors[low:high].mean(axis=0)
        best: list[tuple[float, int]] = []
        for part in self._held.segments:
            if part.vectors is not None and part.documents:
                scores = np.maximum.reduceat(part.vectors.cosines(mean, None), part.first[:-1])
                best.extend(zip(scores.tolist(), range(part.offset, part.offset + part.documents), strict=True))
        live = [(-score, row_) for score, row_ in best if self._held.live[row_] and row_ != row]
        mask[[row_ for _, row_ in sorted(live)[:RELATED_DOCUMENTS]]] = True

    def resolve(self, reference: str) -> int | None:
        """Row of a live document with this id or URL."""
        for found in (self._held.row(reference), self._at(url_key(reference))):
            if found is not None:
                return found
        return self._at(url_key(canonical_url(reference)))

    def _at(self, key: int) -> int | None:
        """Row of a live document whose URL has this key."""
        for segment in self._held.segments:
            for local in segment.columns.rows_of("url", key).tolist():
                if self._held.live[local + segment.offset]:
                    return int(local) + segment.offset
        return None

    def linked_from(self, reference: str) -> Longs:
        """Rows of the live documents, others than itself, that this one's stored links lead to."""
        source = self.resolve(reference)
        if source is None:
            return np.empty(0, np.int64)
        segment, local = self._held.owner(source)
        urls = dict.fromkeys(link.url for link in segment.texts.document(local, text=True).links)
        rows = {self.resolve(url) for url in urls} - {None, source}
        return np.array(sorted(row for row in rows if row is not None), np.int64)


_FILTERS: Final[dict[str, Callable[[Conditions, Filter, Mask], None]]] = {
    "site": Conditions._site, "domain": Conditions._domain, "lang": Conditions._language,
    "filetype": Conditions._filetype, "after": Conditions._after, "before": Conditions._before,
    "inurl": Conditions._inurl, "url_prefix": Conditions._url_prefix, "url_glob": Conditions._url_glob,
    "metadata": Conditions._metadata, "link": Conditions._link, "related": Conditions._related,
}  # fmt: skip


def _address_range(segment: Segment, low: str, high: str) -> Longs:
    """Local rows whose address (columns.address_of) is in [low, high)."""
    order, addresses = segment.columns.address_order, segment.columns.addresses
    first = bisect_left(order, low, key=lambda row: addresses[row])
    last = bisect_left(order, high, lo=first, key=lambda row: addresses[row])
    return order[first:last].astype(np.int64)


def _moment(value: str) -> float:
    """Epoch seconds of a date, or of a number of seconds."""
    try:
        return parse_date(value).start
    except ForageError:
        return float(value)


def _comparison(bound: str, value: Any) -> tuple[Callable[[Any], Any], Callable[[str], bool]]:
    """(test of an array of numbers, test of a text) for one bound. A number and its text are equal, not ordered."""
    if bound in ("eq", "in"):
        wanted = metadata_values(value if isinstance(value, list) else [value])
        numbers = {number for item in wanted if (number := number_in(item)) is not None}
        texts = {item for item in wanted if isinstance(item, str)} | {
            json.dumps(part) for part in (value if isinstance(value, list) else [value]) if not isinstance(part, str)
        }
        return lambda held: np.isin(held, list(numbers)), texts.__contains__
    operators = {"gte": np.greater_equal, "gt": np.greater, "lte": np.less_equal, "lt": np.less}
    compare = operators[bound]
    if isinstance(value, str):
        number = number_in(value)
        against = math.nan if number is None else number
        return lambda held: compare(held, against), lambda text: bool(_ORDER[bound](text, value))
    return lambda held: compare(held, float(value)), lambda text: False


_ORDER: Final[dict[str, Callable[[str, str], bool]]] = {
    "gte": str.__ge__, "gt": str.__gt__, "lte": str.__le__, "lt": str.__lt__,
}  # fmt: skip
