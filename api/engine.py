"""The engine: what every door (HTTP, command line, eval) calls. Transport-free.

Given JSON-ready requests and a tenant, returns JSON-ready answers, or raises ForageError. Every method blocks and
may use the CPU: an event loop calls it in a thread. Not for steps of a search (api/search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, Any

from api import catalogue
from api.collections import Collections
from api.contents import contents
from api.crawls import CrawlJobs
from api.embeddings import QueryVectors
from api.errors import NotFoundError
from api.lanes import ingest_lines, ingest_objects
from api.requests import (
    CollectionRequest,
    ContentsRequest,
    CrawlRequest,
    SearchRequest,
    SessionRequest,
    read_request,
)
from api.search import Outcome, Stopwatch, dry_run, prepare, resolve, search
from api.session_door import Reply, SessionDoor
from api.settings import Settings
from indexer.embed import load_embedder
from ranking.profiles import PROFILES, merge
from ranking.suggest import nearest
from ranking.types import Floats, SessionState
from sessions.readback import readback
from sessions.settings import SessionSettings
from sessions.sqlite import SqliteSessionStore

Progress = Callable[[int, int | None, str], None]


class Engine:
    """One data folder, open. Thread-safe; close() when done."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self._collections = Collections(settings)
        self._vectors = QueryVectors(partial(load_embedder, settings.model), settings.embedding_cache)
        self._store = SqliteSessionStore(
            settings.data / "sessions.sqlite", SessionSettings(idle_seconds=float(settings.session_ttl_s))
        )
        self._door = SessionDoor(self._store)
        self._crawls = CrawlJobs(settings)

    def warm_up(self) -> None:
        """Loads the model and opens the default collection, so that the first search is like the next."""
        self._vectors.encode("warm up")
        with self._collections.open("default", "default", None) as index:
            index.statistics  # noqa: B018 (opening is the point)

    def ready(self) -> dict[str, Any]:
        """Whether a search would be answered now, with what was checked."""
        self.warm_up()
        return {"ready": True, "model": self._vectors.embedder.id, "data": str(self.settings.data)}

    def close(self) -> None:
        """Let go of files. Idempotent."""
        self._crawls.close()
        self._collections.close()
        self._store.close()

    # ------------------------------------------------------------ search

    def search(self, payload: Any, tenant: str) -> Reply:
        """The answer's bytes; a retry gets the same ones."""
        request = self._read_search(payload)
        return self._door.search(payload, request, tenant, partial(self._run, tenant))

    def _run(self, tenant: str, request: SearchRequest, session: SessionState) -> Outcome:
        with self._collections.open(tenant, request.collection, request.generation) as index:
            # Ages count from the newest date of the generation: the same request gives the same bytes tomorrow.
            now = index.statistics.newest or 0.0
            outcome = search(request, index, self._vectors, session, now)
            outcome.body["notices"].extend(self._collections.notices(tenant, request.collection))
            return outcome

    def plan(self, payload: Any, tenant: str) -> dict[str, Any]:
        """What a search would do: parsed query, terms, stages and matches; touches no session."""
        request = self._read_search(payload)
        with self._collections.open(tenant, request.collection, request.generation) as index:
            query, plan, notices = prepare(request, index, self._vectors, Stopwatch())
            return dry_run(request, query, plan, index, notices, resolve(request, plan))

    def _read_search(self, payload: Any) -> SearchRequest:
        name = payload.get("profile") if isinstance(payload, Mapping) else None
        if not isinstance(name, str):
            return read_request(SearchRequest, payload)
        base, _, version = name.partition("@")
        if base not in PROFILES or version not in ("", "1"):
            raise NotFoundError(
                f"there is no profile {name!r}",
                path="$.profile",
                hint=f"profiles here: {', '.join(PROFILES)}",
                did_you_mean=nearest(base, PROFILES),
            )
        return read_request(SearchRequest, merge(PROFILES[base], payload))

    def contents(self, payload: Any, tenant: str) -> dict[str, Any]:
        """Documents by id or URL; NotFoundError when none of them is there."""
        request = read_request(ContentsRequest, payload)
        with self._collections.open(tenant, request.collection, request.generation) as index:
            body = contents(request, index, self._vectors)
        if not body["documents"]:
            first = body["errors"][0]
            raise NotFoundError(
                f"there is no document {first['reference']!r} in collection {request.collection!r}",
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
                **index.describe(),
                "defaults": catalogue.defaults(),
            }

    # ------------------------------------------------------------ sessions

    def create_session(self, payload: Any, tenant: str) -> dict[str, Any]:
        """An empty session."""
        request = read_request(SessionRequest, payload)
        session = self._store.create(tenant, request.session_id, objective=request.objective)
        return {"session_id": session.id, "created": session.created, "expires": session.expires}

    def list_sessions(self, tenant: str) -> dict[str, Any]:
        """Live sessions of a tenant, newest first."""
        return {
            "sessions": [
                {"id": each.id, "created": each.created, "expires": each.expires, "first_query": each.first_query}
                for each in self._store.sessions(tenant)
            ]
        }

    def read_session(self, session_id: str, tenant: str, as_of: int | None) -> dict[str, Any]:
        """Log, what each reader saw, profile."""
        history = self._store.history(tenant, session_id)
        if history is None:
            raise self._no_session(session_id)
        return readback(history, as_of=as_of)

    def delete_session(self, session_id: str, tenant: str) -> None:
        """Erase it; NotFoundError for ids of others too."""
        if not self._store.delete(tenant, session_id):
            raise self._no_session(session_id)

    def _no_session(self, session_id: str) -> NotFoundError:
        return NotFoundError(
            f"there is no session {session_id[:100]!r}", path="session_id", hint="GET /v1/sessions lists the live ones"
        )

    # ------------------------------------------------------------ collections

    def create_collection(self, payload: Any, tenant: str) -> dict[str, Any]:
        """An empty collection; 409 when the name is taken."""
        request = read_request(CollectionRequest, payload)
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

    def encode(self, text: str) -> Floats:
        """A query's vector."""
        return self._vectors.encode(text)[0]
