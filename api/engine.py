"""The engine: what every door (HTTP, command line, eval) calls. Transport-free.

Given JSON-ready requests and a tenant, returns JSON-ready answers, or raises ForageError. Every method blocks and
may use the CPU: an event loop calls it in a thread. Not for steps of a search (api/search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import IO, Any, Final

from api import catalogue
from api.collections import Collections
from api.contents import contents
from api.corrections import blaming_profile, correcting
from api.crawls import CrawlJobs
from api.embeddings import QueryVectors
from api.errors import NotFoundError
from api.feedback import with_feedback
from api.lanes import ingest_lines, ingest_objects
from api.opened.explaining import explain
from api.opened.frozen import FrozenQuery
from api.opened.models import Models
from api.opened.profiles import FOLDER as PROFILES_FOLDER
from api.opened.profiles import ProfileStore
from api.opened.recall_check import recall_check
from api.opened.requests import ExplainRequest, RecallRequest, SimilarRequest, TermsRequest
from api.opened.similar import search_for
from api.opened.terms import terms
from api.preparing import Stopwatch, prepare
from api.requests import (
    CollectionRequest,
    ContentsRequest,
    CrawlRequest,
    SearchRequest,
    in_body,
    read_request,
)
from api.samples import Samples
from api.search import check_deadline, check_postings, dry_run
from api.searches import Searches, newest
from api.session.batch_requests import read_batch
from api.session.calls import SessionCalls
from api.session.door import Reply
from api.session.stores import open_sessions
from api.settings import Settings
from api.surroundings import resolved
from indexer.embed import load_embedder
from ranking.errors import ForageError
from ranking.ports import SearchIndex
from ranking.profiles import merge
from ranking.shown import shown
from ranking.types import Floats, SessionState

Progress = Callable[[int, int | None, str], None]

MODELS_FOLDER: Final = ".models"
"""Below the data folder; no collection can be called so."""


class Engine:
    """One data folder, open. Thread-safe; close() when done."""

    def __init__(self, settings: Settings) -> None:
        settings.folder()
        self.settings = settings
        self._collections = Collections(settings)
        self._vectors = QueryVectors(partial(load_embedder, settings.model), settings.embedding_cache)
        self._store = open_sessions(settings)
        self.models = Models(settings.data / MODELS_FOLDER, settings.cross_encoder)
        self.searches = Searches(settings, self._collections, self._vectors, self.models, self._store)
        self.calls = self.searches.calls
        self.sessions = SessionCalls(self._store, self._collections.open, self.searches)
        self._crawls = CrawlJobs(settings)
        self._profiles = ProfileStore(settings.data / PROFILES_FOLDER)
        self._samples = Samples()

    def warm_up(self) -> None:
        """Loads the model and opens the default collection, so that the first search is like the next."""
        self._vectors.encode("warm up")
        with self._collections.open("default", "default", None) as index:
            index.statistics  # noqa: B018 (opening is the point)

    def ready(self) -> dict[str, Any]:
        """Whether a search would be answered now, with what was checked. Without its sessions it would."""
        checked: dict[str, Any] = {"data": str(self.settings.data), "sessions": self.sessions.trouble() or "ok"}
        try:
            self.warm_up()
        except ForageError as error:
            return {"ready": False, "error": error.message, "hint": error.hint, **checked}
        return {"ready": True, "model": self._vectors.embedder.id, **checked}

    def close(self) -> None:
        """Let go of files. Idempotent."""
        self.searches.close()
        self._crawls.close()
        self._collections.close()
        self._store.close()

    # ------------------------------------------------------------ search

    def search(self, payload: Any, tenant: str) -> Reply:
        """The answer's bytes; a retry gets the same ones."""
        request = self._read_search(payload, tenant)
        with correcting(payload):
            return self.searches.one(payload, request, tenant)

    def batch(self, payload: Any, tenant: str) -> Reply:
        """Up to 32 searches as one: one snapshot, one commit, one answer."""
        asked = read_batch(payload, partial(self._with_profile, tenant=tenant), self.searches.batches.threads)
        return self.searches.many(asked, tenant)

    def plan(self, payload: Any, tenant: str) -> dict[str, Any]:
        """What a search would do: parsed query, terms, stages and matches; touches no session and embeds nothing."""
        request = self._read_search(payload, tenant)
        with correcting(payload), self.searches.open(tenant, request) as index:
            synonyms = partial(self.searches.synonyms, tenant, request.collection)
            return dry_run(prepare(request, index, self._vectors, Stopwatch(), None, synonyms, embed=False), index)

    def explain(self, payload: Any, tenant: str) -> dict[str, Any]:
        """One document under one query, in its results or not; stateless."""
        with blaming_profile(payload):
            request = read_request(ExplainRequest, self._with_profile(payload, tenant))
        with correcting(payload), self.searches.open(tenant, request) as index:
            document = resolved(request.document, index, "$.document")
            synonyms = partial(self.searches.synonyms, tenant, request.collection)
            asked, watch = request.model_copy(update={"explain": True}), Stopwatch()
            prepared = prepare(asked, index, self._vectors, watch, None, synonyms)
            prepared = with_feedback(prepared, index, newest(index))
            check_postings(prepared)
            told = explain(request, document, prepared, index, self.models.rerankers(tenant), newest(index))
            check_deadline(asked, prepared, watch)
            return told

    def freeze(self, payload: Any, tenant: str) -> FrozenQuery:
        """A search kept at its candidates, with every signal, to be ranked again without the index; stateless."""
        request = self._read_search(payload, tenant)
        with correcting(payload):
            return self.searches.freeze(tenant, request)

    def similar(self, payload: Any, tenant: str) -> dict[str, Any]:
        """Documents like a document or a text: a search whose request is in `resolved`."""
        request = read_request(SimilarRequest, payload)
        with self.searches.open(tenant, request) as index:
            made, likenesses = search_for(request, index, self._own_vectors(index))
            return self.searches.on(tenant, made, SessionState(), index, likenesses).body

    def terms(self, payload: Any, tenant: str) -> dict[str, Any]:
        """df, idf, cost, expansions and related words."""
        request = read_request(TermsRequest, payload)
        with self.searches.open(tenant, request) as index:
            return terms(request, index, self._own_vectors(index))

    def recall(self, payload: Any, tenant: str) -> dict[str, Any]:
        """Approximate against exact search on sampled queries."""
        request = read_request(RecallRequest, payload)
        with self.searches.open(tenant, request) as index:
            return recall_check(request, index, self._own_vectors(index))

    def _own_vectors(self, index: SearchIndex) -> QueryVectors | None:
        """The embedder, where the collection's vectors are its own."""
        return self._vectors if index.statistics.embedder == self._vectors.embedder.id else None

    def _read_search(self, payload: Any, tenant: str) -> SearchRequest:
        with blaming_profile(payload):
            return read_request(SearchRequest, self._with_profile(payload, tenant))

    def _with_profile(self, payload: Any, tenant: str) -> Any:
        """The request over the profile that it names."""
        name = payload.get("profile") if isinstance(payload, Mapping) else None
        return merge(self._profiles.get(tenant, name)["params"], payload) if isinstance(name, str) else payload

    # ------------------------------------------------------------ profiles

    def put_profile(self, name: str, payload: Any, tenant: str) -> dict[str, Any]:
        """Save ranking params, or a whole `resolved`, as the next version of a profile."""
        return self._profiles.put(tenant, name, payload)

    def read_profile(self, reference: str, tenant: str) -> dict[str, Any]:
        """`name` or `name@version`."""
        return self._profiles.get(tenant, reference)

    def list_profiles(self, tenant: str) -> dict[str, Any]:
        """Every profile with its versions."""
        return {"profiles": self._profiles.list(tenant)}

    def diff_profiles(self, one: str, other: str, tenant: str) -> dict[str, Any]:
        """What changes from one profile to another, by JSON path."""
        return self._profiles.diff(tenant, one, other)

    def contents(self, payload: Any, tenant: str) -> dict[str, Any]:
        """Documents by id or URL; NotFoundError when none of them is there."""
        request = read_request(ContentsRequest, payload)
        with self.searches.open(tenant, request) as index:
            body = contents(request, index, self._vectors)
        if not body["documents"]:
            first = body["errors"][0]
            raise NotFoundError(
                f"there is no document {shown(first['reference'])} in collection {request.collection!r}",
                path="$.ids" if request.ids else "$.urls",
                hint=f"nearest: {', '.join(first['nearest'])}" if first["nearest"] else "ids come from search results",
                did_you_mean=next(iter(first["nearest"]), None),
            )
        return body

    # ------------------------------------------------------------ catalogue

    def signals(self) -> dict[str, Any]:
        """The catalogue of signals."""
        return catalogue.signals()

    def operators(self) -> dict[str, Any]:
        """The catalogue of operators."""
        return catalogue.operators()

    def describe(self, collection: str, tenant: str, generation: str | None = None) -> dict[str, Any]:
        """What a collection holds."""
        with self._collections.open(tenant, collection, generation) as index:
            statistics = index.statistics
            return {
                "collection": collection,
                "generation": statistics.generation,
                "documents": statistics.documents,
                "passages": statistics.passages,
                "embedder": statistics.embedder,
                "dimension": statistics.dimension,
                "average_length": dict(statistics.average_length),
                **(described := index.describe()),
                "sample_queries": self._samples.of(
                    (tenant, collection),
                    statistics.generation,
                    described["titles"],
                    partial(self._results, tenant, collection, statistics.generation),
                ),
                "defaults": catalogue.defaults(),
            }

    def _results(self, tenant: str, collection: str, generation: str, query: str) -> list[dict[str, Any]]:
        place = {"collection": collection, "generation": generation, "session": {"record": False}}
        request = SearchRequest.model_validate({"query": query, **place})
        return list(self.searches.run(tenant, request, SessionState()).body["results"])

    # ------------------------------------------------------------ collections

    def create_collection(self, payload: Any, tenant: str) -> dict[str, Any]:
        """An empty collection; 409 when the name is taken."""
        request = read_request(CollectionRequest, payload)
        with in_body(collection="name"):
            self._collections.create(tenant, request.name)
        return self.read_collection(request.name, tenant)

    def ensure_collection(self, name: str, tenant: str) -> None:
        """Make it when it is absent."""
        self._collections.ensure(tenant, name)

    def list_collections(self, tenant: str) -> dict[str, Any]:
        """Every collection with its sizes."""
        names = self._collections.names(tenant)
        return {"collections": [self.read_collection(name, tenant) for name in names]}

    def read_collection(self, name: str, tenant: str) -> dict[str, Any]:
        """Sizes, generation and embedder."""
        with self._collections.open(tenant, name, None) as index:
            statistics = index.statistics
            return {
                "name": name,
                "generation": statistics.generation,
                "documents": statistics.documents,
                "passages": statistics.passages,
                "embedder": statistics.embedder,
            }

    def delete_collection(self, name: str, tenant: str) -> None:
        """Remove it with everything in it; `default` is emptied and stays."""
        self._collections.delete(tenant, name)

    def ingest_stream(
        self, name: str, stream: IO[bytes], tenant: str, progress: Progress | None = None
    ) -> dict[str, Any]:
        """NDJSON, plain, gzip or zstd, all or nothing; returns when the documents are searchable."""
        self._collections.check(tenant, name)
        report = ingest_lines(self.settings, tenant, name, stream, self._vectors, progress)
        self._collections.refresh(tenant, name)
        return report

    def ingest_objects(self, name: str, payload: Any, tenant: str) -> dict[str, Any]:
        """One document, a list of them, or {"documents": [...]}."""
        self._collections.check(tenant, name)
        report = ingest_objects(self.settings, tenant, name, payload, self._vectors)
        self._collections.refresh(tenant, name)
        return report

    # ------------------------------------------------------------ crawls

    def start_crawl(self, payload: Any, tenant: str) -> dict[str, Any]:
        """A crawl job in a process of its own."""
        request = read_request(CrawlRequest, payload)
        with in_body():
            self._collections.check(tenant, request.collection)
        return self._crawls.start(request, tenant)

    def read_crawl(self, crawl_id: str, tenant: str) -> dict[str, Any]:
        """State and counts of a job."""
        return self._crawls.read(crawl_id, tenant)

    def list_crawls(self, tenant: str) -> dict[str, Any]:
        """Jobs, newest first."""
        return {"crawls": self._crawls.list(tenant)}

    def crawl_events(self, crawl_id: str, tenant: str, first: int) -> tuple[list[dict[str, Any]], bool]:
        """Events from number `first` on, and whether no more will come."""
        return self._crawls.events(crawl_id, tenant, first)

    def stop_crawl(self, crawl_id: str, tenant: str) -> None:
        """Ask a job to end."""
        self._crawls.stop(crawl_id, tenant)

    # ------------------------------------------------------------ for eval and bench

    def index_of(self, name: str, tenant: str = "default") -> Any:
        """A context manager that yields the open SearchIndex of a collection."""
        return self._collections.open(tenant, name, None)

    def documents(self, name: str, tenant: str) -> Iterator[dict[str, Any]]:
        """Every document of a collection as a line of an ingest."""
        return self._collections.documents(tenant, name)

    def forget_vectors(self) -> None:
        """Queries that were asked before cost what new ones do."""
        self._vectors.forget()

    def encode(self, text: str) -> Floats:
        """A query's vector."""
        return self._vectors.encode(text)[0]
