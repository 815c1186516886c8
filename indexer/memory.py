"""MemoryIndex: SearchIndex in plain Python, slow and obvious: the oracle that LocalIndex is tested against.

Given documents, keeps lists of (surface, stem) and answers every question by walking all of them. It shares the
tokenisation, splitting and stemming of the index, and none of its arrays, postings or masks. Not for serving.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from indexer.analyze import algorithm_of, body_tokens, stem, url_depth, url_tokens
from indexer.columns import language_code, quality_of, site_of_document
from indexer.memory_names import names_in
from indexer.memory_pages import Page, Walk
from indexer.memory_retrievers import Found, Retrievers, by_authority
from indexer.memory_values import facets, labels, number, quantiles
from indexer.memory_words import vocabulary
from indexer.settings import IndexSettings
from indexer.split import embedding_text, split
from ranking.constants import ALSO_RECALLED
from ranking.identity import number_of
from ranking.ports import Embedder
from ranking.retriever_params import RECALL_B, RECALL_K1
from ranking.text import tokenize
from ranking.types import (
    FIELDS,
    CollectionStatistics,
    Document,
    Doubles,
    Evidence,
    Floats,
    Node,
    Passage,
    PassageEvidence,
    Plan,
    PlannedTerm,
    Positions,
    StoredDocument,
    TermStatistics,
    VocabularyWord,
)


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
        self._pages: dict[str, Page] = {}
        for row, document in enumerate(documents):
            identifier = document.id
            self._pages[identifier] = self._page(
                document, row, (authority or {}).get(identifier, 0.0), (anchors or {}).get(identifier, ""),
                (inlinks or {}).get(identifier, 0), (clusters or {}).get(identifier, f"{row:016x}"),
            )  # fmt: skip
        self._walk = Walk(self._pages, self._settings.default_language)
        self._statistics = self._measure(generation)

    def _page(self, document: Document, row: int, authority: float, anchor: str, inlinks: int, cluster: str) -> Page:
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
        return Page(
            document=document, row=row,
            tokens={name: [(token, stem(token, algorithm)) for token in tokens] for name, tokens in texts.items()},
            passages=passages, spans=tuple((before[p.start], before[p.end]) for p in passages), vectors=vectors,
            authority=authority, inlinks=inlinks, cluster=cluster,
        )  # fmt: skip

    def _measure(self, generation: str) -> CollectionStatistics:
        pages = list(self._pages.values())
        languages = Counter(language_code(page.document.language) for page in pages)
        newest = [date for page in pages for date in self._walk.dates(page)[:2] if not math.isnan(date)]
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

    def term_statistics(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        found = []
        for token, exact in tokens:
            surface = exact or not stem
            forms = (token,) if surface else self._walk.forms(token)
            holders = {
                name: {id for id, page in self._pages.items() if self._walk.hits(page, name, token, forms, surface)}
                for name in FIELDS
            }
            field_df = {name: len(ids) for name, ids in holders.items()}
            found.append(TermStatistics(token, forms, len(set().union(*holders.values())), field_df, surface))
        return tuple(found)

    def vocabulary(self, kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        return vocabulary(self._pages.values(), kind, text, limit, distance)

    # ------------------------------------------------------------ conditions and values

    def count(self, node: Node | None) -> int:
        return len(self._satisfying(node))

    def quantiles(self, name: str) -> Doubles | None:
        return quantiles(self._pages.values(), name)

    def facets(self, node: Node | None, names: Sequence[str], limit: int) -> dict[str, tuple[tuple[str, int], ...]]:
        return facets(self._satisfying(node), names, limit)

    def _satisfying(self, node: Node | None) -> list[Page]:
        return [page for page in self._pages.values() if self._walk.satisfies(page, node, True)]

    # ------------------------------------------------------------ recall

    def recall(self, plan: Plan) -> Evidence:
        allowed = {
            id: page for id, page in self._pages.items() if self._walk.satisfies(page, plan.condition, plan.stem)
        }
        retrievers = Retrievers(self._pages, self._walk, self._statistics.average_length)
        found = {retriever.name: retrievers.find(plan, retriever, allowed) for retriever in plan.retrievers}
        ids = {id for one in found.values() for id in one.ids}
        ids |= {id for id in plan.include if id in allowed}
        if plan.also is not None:
            fitting = [page for page in allowed.values() if self._walk.satisfies(page, plan.also, plan.stem)]
            ids |= set(by_authority(fitting)[:ALSO_RECALLED])
        others = by_authority(page for id, page in allowed.items() if id not in ids)
        ids |= set(others[: max(plan.minimum - len(ids), 0)])
        return self._evidence(plan, [self._pages[id] for id in sorted(ids)], found, len(allowed))

    def _tf(self, page: Page, field: str, planned: PlannedTerm) -> int:
        known = planned.statistics
        return len(self._walk.hits(page, field, known.token, known.forms, known.exact))

    def _evidence(self, plan: Plan, pages: Sequence[Page], found: Mapping[str, Found], allowed: int) -> Evidence:
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
                    hits[i] += [(at, t) for at in self._walk.hits(page, "body", known.token, known.forms, known.exact)]
            for p, phrase in enumerate(plan.query.phrases):
                fields = [phrase.field] if phrase.field else ["title", "body"]
                phrases[p, i] = sum(self._walk.phrase(page, field, phrase) for field in fields)
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
        if "dense_mean" not in plan.needs:
            mean[:] = np.nan
        flat = [(at, t) for own in hits for at, t in sorted(own)]
        return Evidence(
            generation=self._statistics.generation,
            ids=tuple(page.document.id for page in pages),
            rows=np.array([page.row for page in pages], np.int64),
            ranks={
                name: np.array([_rank(one.ids, page.document.id) for page in pages], np.int32)
                for name, one in found.items()
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
                else sum(self._walk.satisfies(page, operator.node, plan.stem) for page in self._pages.values())
                for operator in plan.query.operators
            ),
            allowed=allowed,
            scores={
                name: np.array([one.scores.get(page.document.id, math.nan) for page in pages], np.float64)
                for name, one in found.items()
                if one.scores is not None
            },
            probes=np.array(
                [[self._walk.satisfies(page, node, plan.stem) for page in pages] for node in plan.probes], np.bool_
            ).reshape(len(plan.probes), size)
            if plan.probes
            else None,
            numbers={name: np.array([number(page, name) for page in pages], np.float64) for name in plan.numbers},
            labels={name: labels(pages, name) for name in plan.labels},
        )

    def _attributes(self, pages: Sequence[Page]) -> dict[str, Any]:
        numbers = "published modified fetched authority inlinks url_depth words quality passages"
        rows: dict[str, list[float]] = {name: [] for name in numbers.split()}
        whole: dict[str, list[int]] = {"site": [], "cluster": [], "content": []}
        for page in pages:
            published, modified, fetched = self._walk.dates(page)
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
        k1, b = (lexical[0]["k1"], lexical[0]["b"]) if lexical else (RECALL_K1, RECALL_B)
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
                    hits = self._walk.hits(page, "body", known.token, known.forms, known.exact)
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

    def names_in(self, passages: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
        return tuple(names_in(self._pages, self._passage(id, ordinal)) for id, ordinal in passages)

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
        return self._walk.resolve(reference)

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
        dated = [(self._walk.date(page), page) for page in pages if not math.isnan(self._walk.date(page))]
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


def _rank(names: Sequence[str], id: str) -> int:
    return names.index(id) + 1 if id in names else 0
