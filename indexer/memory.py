"""MemoryIndex: SearchIndex in plain Python, slow and obvious: the oracle that LocalIndex is tested against.

Given documents, keeps lists of (surface, stem) and answers every question by walking all of them. It shares the
tokenisation, splitting and stemming of the index, and none of its arrays, postings or masks. Not for serving.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import product
from typing import Any, Final

import numpy as np

from indexer.analyze import algorithm_of, body_tokens, stem, url_depth, url_tokens
from indexer.columns import language_code, metadata_values, quality_of, registrable, seconds, site_of_document
from indexer.settings import RELATED_DOCUMENTS, STEMMED_LANGUAGES, STEMMED_SHARE, IndexSettings
from indexer.split import embedding_text, split
from indexer.urls import canonical_url, url_key
from ranking.dates import parse_date
from ranking.errors import ForageError
from ranking.identity import number_of
from ranking.ports import Embedder
from ranking.text import tokenize
from ranking.types import (
    FIELDS,
    All,
    Any_,
    CollectionStatistics,
    Document,
    Evidence,
    Filter,
    Floats,
    Node,
    Not,
    Passage,
    PassageEvidence,
    Phrase,
    Plan,
    PlannedRetriever,
    PlannedTerm,
    Positions,
    Prefix,
    StoredDocument,
    Term,
    TermStatistics,
)

Token = tuple[str, str]  # surface, stem
_DECIMALS: Final = 9
_BOUNDS: Final = {
    "gte": lambda held, bound: held >= bound, "gt": lambda held, bound: held > bound,
    "lte": lambda held, bound: held <= bound, "lt": lambda held, bound: held < bound,
}  # fmt: skip


@dataclass(frozen=True)
class _Page:
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


class MemoryIndex:
    """Documents must have distinct ids. `authority`, `anchors`, `inlinks` and `clusters` are by id."""

    def __init__(
        self,
        documents: Iterable[Document],
        embedder: Embedder | None = None,
        settings: IndexSettings | None = None,
        *,
        authority: Mapping[str, float] | None = None,
        anchors: Mapping[str, str] | None = None,
        inlinks: Mapping[str, int] | None = None,
        clusters: Mapping[str, str] | None = None,
        generation: str = "memory",
    ) -> None:
        self._settings = settings or IndexSettings()
        self._embedder = embedder
        self._pages: dict[str, _Page] = {}
        for row, document in enumerate(documents):
            identifier = document.id
            self._pages[identifier] = self._page(
                document, row, (authority or {}).get(identifier, 0.0), (anchors or {}).get(identifier, ""),
                (inlinks or {}).get(identifier, 0), (clusters or {}).get(identifier, f"{row:016x}"),
            )  # fmt: skip
        self._statistics = self._measure(generation)

    def _page(self, document: Document, row: int, authority: float, anchor: str, inlinks: int, cluster: str) -> _Page:
        algorithm = algorithm_of(document.language, self._settings.default_language)
        parts = split(document.text, self._settings)
        body: list[str] = []
        before = {0: 0}
        for start, end in zip(parts.cuts, parts.cuts[1:], strict=False):
            body += body_tokens(document.text[start:end])
            before[end] = len(body)
        texts = {
            "title": tokenize(document.title),
            "heading": [token for heading in parts.headings for token in tokenize(heading)],
            "body": body,
            "url": url_tokens(document.url),
            "anchor": tokenize(anchor),
        }
        passages = tuple(
            Passage(document.id, i, document.text[part.start : part.end], part.heading, part.start, part.end)
            for i, part in enumerate(parts.sections)
        ) or (Passage(document.id, 0, ""),)
        vectors: list[Floats] = []
        if self._embedder is not None:
            for passage in passages:
                text = embedding_text(document.title, passage.heading, passage.text, self._settings)
                vectors.append(self._embedder.encode([text])[0])
        return _Page(
            document=document, row=row,
            tokens={name: [(token, stem(token, algorithm)) for token in tokens] for name, tokens in texts.items()},
            passages=passages, spans=tuple((before[p.start], before[p.end]) for p in passages), vectors=vectors,
            authority=authority, inlinks=inlinks, cluster=cluster,
        )  # fmt: skip

    def _measure(self, generation: str) -> CollectionStatistics:
        pages = list(self._pages.values())
        languages = Counter(language_code(page.document.language) for page in pages)
        newest = [date for page in pages for date in self._dates(page)[:2] if not math.isnan(date)]
        return CollectionStatistics(
            generation=generation,
            documents=len(pages),
            passages=sum(len(page.passages) for page in pages),
            average_length={
                name: sum(len(page.tokens[name]) for page in pages) / len(pages) if pages else 0.0 for name in FIELDS
            },
            embedder=self._embedder.id if self._embedder else None,
            dimension=self._embedder.dimension if self._embedder else 0,
            languages={name: count for name, count in languages.items() if name},
            sites=len({site_of_document(page.document) for page in pages}),
            newest=max(newest, default=None),
        )

    @property
    def statistics(self) -> CollectionStatistics:
        return self._statistics

    # ------------------------------------------------------------ words

    def _algorithms(self) -> list[str]:
        counts: Counter[str] = Counter(
            algorithm_of(language_code(page.document.language) or None, self._settings.default_language)
            for page in self._pages.values()
        )
        main = [name for name, count in counts.items() if name and count >= STEMMED_SHARE * len(self._pages)]
        return sorted(main, key=lambda name: (-counts[name], name))[:STEMMED_LANGUAGES]

    def _forms(self, token: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stem(token, name) for name in self._algorithms())) or (token,)

    def term_statistics(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        found = []
        for token, exact in tokens:
            surface = exact or not stem
            forms = (token,) if surface else self._forms(token)
            holders = {
                name: {id for id, page in self._pages.items() if self._hits(page, name, token, forms, surface)}
                for name in FIELDS
            }
            field_df = {name: len(ids) for name, ids in holders.items()}
            found.append(TermStatistics(token, forms, len(set().union(*holders.values())), field_df, surface))
        return tuple(found)

    def _hits(self, page: _Page, field: str, token: str, forms: tuple[str, ...], surface: bool) -> list[int]:
        """Positions at which a term stands in a field."""
        return [
            at
            for at, (written, stemmed) in enumerate(page.tokens[field])
            if written == token or (not surface and stemmed in forms)
        ]

    def _phrase(self, page: _Page, field: str, phrase: Phrase) -> int:
        """Positions at which the phrase can begin, by trying every combination of its tokens' positions."""
        surfaces = [written for written, _ in page.tokens[field]]
        places = [[at for at, written in enumerate(surfaces) if written == token] for token in phrase.tokens]
        starts = set()
        for spots in product(*places):
            if len(set(spots)) < len(spots) or (phrase.ordered and list(spots) != sorted(spots)):
                continue
            if max(spots) - min(spots) - (len(spots) - 1) <= phrase.slop:
                starts.add(min(spots))
        return len(starts)

    # ------------------------------------------------------------ conditions

    def count(self, node: Node | None) -> int:
        return sum(self._satisfies(page, node, True) for page in self._pages.values())

    def _satisfies(self, page: _Page, node: Node | None, stemmed: bool) -> bool:
        match node:
            case None:
                return True
            case All(children):
                return all(self._satisfies(page, child, stemmed) for child in children)
            case Any_(children):
                return any(self._satisfies(page, child, stemmed) for child in children)
            case Not(child):
                return not self._satisfies(page, child, stemmed)
            case Term(token, field):
                forms = self._forms(token) if stemmed else (token,)
                return any(self._hits(page, name, token, forms, not stemmed) for name in _fields(field))
            case Phrase(_, field):
                return any(self._phrase(page, name, node) for name in _fields(field))
            case Prefix(token, field):
                return any(w.startswith(token) for name in _fields(field) for w, _ in page.tokens[name])
            case Filter():
                return self._passes(page, node)

    def _passes(self, page: _Page, node: Filter) -> bool:
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
                return self._date(page) >= _moment(value)
            case "before":
                return self._date(page) < _moment(value)
            case "inurl":
                wanted = tuple(tokenize(value))
                return bool(wanted) and self._phrase(page, "url", Phrase(wanted)) > 0
            case "url_prefix":
                return any(
                    _lower_host(url).startswith(_lower_host(value))
                    for url in (document.url, document.url.partition("://")[2])
                    if ("://" in value) == ("://" in url)
                )
            case "metadata":
                return _metadata(document.metadata.get(node.name), node)
            case "link":
                keys = {url_key(value), url_key(canonical_url(value))}
                return any(url_key(link.url) in keys for link in document.links)
            case "related":
                return page.document.id in self._related(value)

    def _related(self, reference: str) -> set[str]:
        found = self.resolve(reference)
        if found is None or not self._embedder:
            return set()
        mean = np.mean(self._pages[found].vectors, axis=0)
        scores = {id: max(float(v @ mean) for v in page.vectors) for id, page in self._pages.items() if id != found}
        return set(sorted(scores, key=lambda id: (-scores[id], self._pages[id].row))[:RELATED_DOCUMENTS])

    def _dates(self, page: _Page) -> tuple[float, float, float]:
        document = page.document
        return seconds(document.published_at), seconds(document.modified_at), seconds(document.fetched_at)

    def _date(self, page: _Page) -> float:
        published, modified, _ = self._dates(page)
        return modified if math.isnan(published) else published

    # ------------------------------------------------------------ recall

    def recall(self, plan: Plan) -> Evidence:
        allowed = {id: page for id, page in self._pages.items() if self._satisfies(page, plan.condition, plan.stem)}
        found: dict[str, list[str]] = {}
        for retriever in plan.retrievers:
            if retriever.type == "bm25":
                found[retriever.name] = self._lexical(plan, retriever, allowed)
            elif plan.vector is not None and self._embedder is not None:
                found[retriever.name] = self._dense(plan.vector, retriever.k, allowed)
        ids = {id for names in found.values() for id in names}
        others = sorted(allowed.keys() - ids, key=lambda id: (-self._pages[id].authority, id))
        ids |= set(others[: max(min(plan.minimum, len(allowed)) - len(ids), 0)])
        pages = [self._pages[id] for id in sorted(ids)]
        return self._evidence(plan, pages, found, len(allowed))

    def _lexical(self, plan: Plan, retriever: PlannedRetriever, allowed: Mapping[str, _Page]) -> list[str]:
        parameters = retriever.parameters
        scores = {}
        for id, page in allowed.items():
            score = 0.0
            for field, weight in parameters["fields"].items():
                for planned in plan.terms:
                    if planned.kept and planned.scored and (not planned.term.fields or field in planned.term.fields):
                        gain = self._bm25(page, field, planned, parameters["k1"], parameters["b"])
                        score += weight * planned.idf * planned.term.boost * gain
            if score > 0:
                scores[id] = round(score, _DECIMALS)
        return sorted(scores, key=lambda id: (-scores[id], id))[: retriever.k]

    def _bm25(self, page: _Page, field: str, planned: PlannedTerm, k1: float, b: float) -> float:
        tf = self._tf(page, field, planned)
        average = self._statistics.average_length[field] or 1.0
        norm = k1 * (1 - b + b * len(page.tokens[field]) / average)
        return tf * (k1 + 1) / (tf + norm) if tf else 0.0

    def _tf(self, page: _Page, field: str, planned: PlannedTerm) -> int:
        known = planned.statistics
        return len(self._hits(page, field, known.token, known.forms, known.exact))

    def _dense(self, vector: Floats, k: int, allowed: Mapping[str, _Page]) -> list[str]:
        passages = [(-float(own @ vector), id) for id, page in allowed.items() for own in page.vectors]
        return list(dict.fromkeys(id for _, id in sorted(passages)[:k]))

    def _evidence(self, plan: Plan, pages: Sequence[_Page], found: Mapping[str, list[str]], allowed: int) -> Evidence:
        size = len(pages)
        tf = np.zeros((len(FIELDS), len(plan.terms), size), np.float32)
        phrases = np.zeros((len(plan.query.phrases), size), np.float32)
        cosine = np.full(size, np.nan, np.float32)
        mean = cosine.copy()
        best = np.zeros((size, self._statistics.dimension), np.float32)
        hits: list[list[tuple[int, int]]] = [[] for _ in pages]
        for i, page in enumerate(pages):
            for t, planned in enumerate(plan.terms):
                for f, field in enumerate(FIELDS):
                    if planned.scored and (not planned.term.fields or field in planned.term.fields):
                        tf[f, t, i] = self._tf(page, field, planned)
                if planned.scored and (not planned.term.fields or "body" in planned.term.fields):
                    known = planned.statistics
                    hits[i] += [(at, t) for at in self._hits(page, "body", known.token, known.forms, known.exact)]
            for p, phrase in enumerate(plan.query.phrases):
                fields = [phrase.field] if phrase.field else ["title", "body"]
                phrases[p, i] = sum(self._phrase(page, field, phrase) for field in fields)
            if plan.vector is not None and page.vectors:
                cosines = [float(own @ plan.vector) for own in page.vectors]
                top = sorted(cosines, reverse=True)[:3]
                cosine[i], mean[i] = top[0], sum(top) / len(top)
                best[i] = page.vectors[cosines.index(top[0])]
            elif page.vectors:
                best[i] = page.vectors[0]
        if not plan.needs & {"lexical", "positions"}:
            tf[:] = 0
        if "dense" not in plan.needs:
            cosine[:] = np.nan
            mean[:] = np.nan
        flat = [(at, t) for own in hits for at, t in sorted(own)]
        return Evidence(
            generation=self._statistics.generation,
            ids=tuple(page.document.id for page in pages),
            rows=np.array([page.row for page in pages], np.int64),
            ranks={
                retriever.name: np.array(
                    [_rank(found.get(retriever.name, []), page.document.id) for page in pages], np.int32
                )
                for retriever in plan.retrievers
            },
            tf=tf,
            dl=np.array([[len(page.tokens[name]) for page in pages] for name in FIELDS], np.float32).reshape(
                len(FIELDS), size
            ),
            cosine=cosine,
            cosine_mean=mean,
            attributes=self._attributes(pages),
            phrases=phrases,
            positions=Positions(
                np.cumsum([0, *map(len, hits)]),
                np.array([t for _, t in flat], np.int32),
                np.array([at for at, _ in flat], np.int32),
            )
            if "positions" in plan.needs
            else None,
            vectors=best if "vectors" in plan.needs and self._embedder else None,
            operator_matches=tuple(
                -1
                if operator.node is None
                else sum(self._satisfies(page, operator.node, plan.stem) for page in self._pages.values())
                for operator in plan.query.operators
            ),
            allowed=allowed,
        )

    def _attributes(self, pages: Sequence[_Page]) -> dict[str, Any]:
        numbers = "published modified fetched authority inlinks url_depth words quality passages"
        rows: dict[str, list[float]] = {name: [] for name in numbers.split()}
        whole: dict[str, list[int]] = {"site": [], "cluster": [], "content": []}
        for page in pages:
            published, modified, fetched = self._dates(page)
            body = page.tokens["body"]
            for name, value in (
                ("published", published), ("modified", modified), ("fetched", fetched), ("authority", page.authority),
                ("inlinks", page.inlinks), ("url_depth", url_depth(page.document.url)), ("words", len(body)),
                ("passages", len(page.passages)),
                ("quality", quality_of(len(body), len({written for written, _ in body}))),
            ):  # fmt: skip
                rows[name].append(float(value))
            whole["site"].append(number_of(site_of_document(page.document)))
            whole["cluster"].append(number_of(page.cluster))
            whole["content"].append(number_of(page.document.content_hash))
        floats = {name: np.array(values, np.float64) for name, values in rows.items()}
        return floats | {name: np.array(values, np.int64) for name, values in whole.items()}

    # ------------------------------------------------------------ passages and documents

    def passage_evidence(self, plan: Plan, ids: Sequence[str]) -> tuple[PassageEvidence, ...]:
        lexical = [retriever.parameters for retriever in plan.retrievers if retriever.type == "bm25"]
        k1, b = (lexical[0]["k1"], lexical[0]["b"]) if lexical else (1.2, 0.75)
        lengths = [end - start for page in self._pages.values() for start, end in page.spans]
        average = sum(lengths) / len(lengths) if sum(lengths) else 1.0
        terms = [
            planned
            for planned in plan.terms
            if planned.scored
            and (not planned.term.fields or "body" in planned.term.fields)
            and planned.idf * planned.term.boost > 0
        ]
        most = sum(planned.idf * planned.term.boost * (k1 + 1) for planned in terms)
        found = []
        for id in ids:
            page = self._pages[id]
            bm25, cosines = [], []
            for i, (start, end) in enumerate(page.spans):
                total = 0.0
                for planned in terms:
                    known = planned.statistics
                    hits = self._hits(page, "body", known.token, known.forms, known.exact)
                    tf = sum(start <= at < end for at in hits)
                    norm = k1 * (1 - b + b * (end - start) / average)
                    total += planned.idf * planned.term.boost * (tf * (k1 + 1) / (tf + norm) if tf else 0.0)
                bm25.append(total / most if most else 0.0)
                if plan.vector is not None and page.vectors:
                    cosines.append(float(page.vectors[i] @ plan.vector))
                else:
                    cosines.append(math.nan)
            found.append(
                PassageEvidence(
                    id, np.arange(len(page.passages), dtype=np.int32), np.array(cosines, np.float32),
                    np.array(bm25, np.float32),
                )
            )  # fmt: skip
        return tuple(found)

    def fetch(self, ids: Sequence[str], *, text: bool = False) -> tuple[StoredDocument, ...]:
        found = []
        for id in ids:
            page = self._pages[id]
            body = page.tokens["body"]
            document = page.document if text else replace(page.document, text="", links=())
            quality = quality_of(len(body), len({written for written, _ in body}))
            found.append(
                StoredDocument(
                    document, len(page.passages), len(body), page.inlinks, page.authority, page.cluster, quality
                )
            )
        return tuple(found)

    def fetch_passages(self, wanted: Sequence[tuple[str, int]]) -> tuple[Passage, ...]:
        return tuple(self._passage(id, ordinal) for id, ordinal in wanted)

    def passage_vectors(self, wanted: Sequence[tuple[str, int]]) -> Floats:
        vectors = np.zeros((len(wanted), self._statistics.dimension), np.float32)
        for i, (id, ordinal) in enumerate(wanted):
            self._passage(id, ordinal)
            if self._embedder is not None:
                vectors[i] = self._pages[id].vectors[ordinal]
        return vectors

    def _passage(self, id: str, ordinal: int) -> Passage:
        passages = self._pages[id].passages
        if not 0 <= ordinal < len(passages):
            raise KeyError(f"{id}#{ordinal}")
        return passages[ordinal]

    def resolve(self, reference: str) -> str | None:
        if reference in self._pages:
            return reference
        for wanted in (url_key(reference), url_key(canonical_url(reference))):
            for id, page in self._pages.items():
                if wanted in (url_key(page.document.url), url_key(canonical_url(page.document.url))):
                    return id
        return None

    def near_ids(self, reference: str, limit: int = 3) -> tuple[str, ...]:
        names = {name for id, page in self._pages.items() for name in (id, page.document.url)}
        ratio = {name: SequenceMatcher(a=name, b=reference, autojunk=False).ratio() for name in names}
        return tuple(sorted(names, key=lambda name: (-ratio[name], name))[:limit])

    def describe(self) -> dict[str, Any]:
        pages = sorted(self._pages.values(), key=lambda page: (-page.authority, page.document.id))
        counted = {
            "sites": Counter(site_of_document(page.document) for page in pages),
            "languages": Counter(language_code(page.document.language) for page in pages),
            "filetypes": Counter(page.document.filetype.lower() for page in pages),
        }
        dated = [(self._date(page), page) for page in pages if not math.isnan(self._date(page))]
        days = [
            np.datetime64(int(date), "s").astype("datetime64[D]").astype(str)
            for date, _ in sorted(dated, key=lambda d: d[0])
        ]
        return {
            "documents": self._statistics.documents,
            "passages": self._statistics.passages,
            **{
                name: dict(sorted(((k, v) for k, v in held.items() if k), key=lambda i: (-i[1], i[0]))[:100])
                for name, held in counted.items()
            },
            "dates": {"oldest": days[0] if days else None, "newest": days[-1] if days else None},
            "titles": [page.document.title for page in pages[:10] if page.document.title],
        }

    def close(self) -> None:
        """Nothing is open."""


def _fields(field: str | None) -> Sequence[str]:
    return (field,) if field else FIELDS


def _rank(names: Sequence[str], id: str) -> int:
    return names.index(id) + 1 if id in names else 0


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
        return value == wanted or (isinstance(value, float) and _is_number(wanted) and value == float(wanted))
    return value == wanted or value == json.dumps(wanted)


def _ordered(value: float | str, wanted: Any, bound: str) -> bool:
    if isinstance(value, float):
        return _is_number(wanted) and bool(_BOUNDS[bound](value, float(wanted)))
    return isinstance(wanted, str) and bool(_BOUNDS[bound](value, wanted))


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
