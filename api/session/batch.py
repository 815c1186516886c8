"""The searches of a batch: given requests and one reader's state, returns for each its outcome or its missed deadline.

Found in parallel, each once whatever its number of copies; allocated jointly (ranking/allocation.py); written down in
parallel. Beside others a page has no named pages (named.py): nobody would share them out. The outcome depends neither
on how many run at once nor on who is done first. Not for sessions (batch_door.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from api.errors import DeadlineError
from api.requests import SearchRequest
from api.search import Found, Outcome
from api.session.batch_requests import Asked, naming
from ranking.allocation import Moved, Share, allocate
from ranking.pipeline import Elsewhere
from ranking.ports import SearchIndex

T = TypeVar("T")
OpenIndex = Callable[[SearchRequest], AbstractContextManager[SearchIndex]]
"""The index that a search names, open for the length of the block."""
Find = Callable[[SearchRequest, SearchIndex, int], Found]
"""A search up to its order, of so many candidates at least, where so many satisfy its condition."""
Look = Callable[..., Found]
"""The same, by number of the search; `minimum` is an option."""
Answer = Callable[[SearchRequest, Found, Elsewhere], Outcome]
"""The page of a search, without what other pages show."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One search of a batch, answered. `moved`: what others show of the page that it would have had alone, with the
    stubs that say so; their `shown_at` is for whoever knows the seq."""

    outcome: Outcome
    moved: tuple[Moved, ...] = ()
    stubs: tuple[dict[str, Any], ...] = ()


class BatchRunner:
    """Runs batches on `threads` threads of its own; close() when done."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")

    def close(self) -> None:
        """Idempotent."""
        self._pool.shutdown()

    def run(self, asked: Asked, open_index: OpenIndex, find: Find, answer: Answer) -> list[Entry | DeadlineError]:
        """In the order of the request, all on one generation of each collection. What a search raises that is no
        deadline leaves, of the first search that does, with the path of that search."""
        with ExitStack() as held:
            indexes: dict[tuple[str, str | None], SearchIndex] = {}
            for number, each in enumerate(asked.searches):
                if (each.collection, each.generation) not in indexes:
                    with naming(asked.payload, number):
                        indexes[each.collection, each.generation] = held.enter_context(open_index(each))

            def look(number: int, minimum: int = 0) -> Found:
                each = asked.searches[number]
                return find(each, indexes[each.collection, each.generation], minimum)

            return self._run(asked, look, answer)

    def _run(self, asked: Asked, look: Look, answer: Answer) -> list[Entry | DeadlineError]:
        first = first_of(asked)
        alike = asked.replay and asked.overlap != "partition"  # a copy is a retry, and gets what the first one got
        page_of = first if alike else [*range(len(first))]
        found = self._each(asked, first, look)
        orders = {number: made for number in page_of if isinstance(made := found[first[number]], Found)}
        orders, shares = self._allocated(asked, orders, look)

        def written(number: int) -> Entry:
            made, share = orders[number], shares[number]
            going_on = replace(made, watch=made.watch.resumed(), named=made.named if len(orders) == 1 else None)
            outcome = answer(asked.searches[number], going_on, share.elsewhere)
            stubs = stubs_of(share, made.index) if asked.overlap == "stub" else ()
            left = asked.searches[number].session.stubs - len(outcome.ranking.stubs)
            return Entry(outcome, share.moved, stubs[: max(left, 0)])

        done = self._each(asked, orders, written)
        entries: list[Entry | DeadlineError] = []
        for number, page in enumerate(page_of):
            entry = done[page] if page in done else found[first[number]]
            assert not isinstance(entry, Found)
            entries.append(entry if page == number or isinstance(entry, DeadlineError) else copied(entry))
        return entries

    def _allocated(
        self, asked: Asked, orders: dict[int, Found], look: Look
    ) -> tuple[dict[int, Found], dict[int, Share]]:
        """Who shows what. A search whose page others leave too short looks again, for more candidates."""
        alone = dict.fromkeys(orders, Share())
        rivals = [number for number in orders if asked.searches[number].effort == "standard"]  # a probe shows nothing
        if asked.overlap == "allow" or len(rivals) < 2:
            return orders, alone

        def allocated() -> dict[int, Share]:
            shares = allocate([orders[number].ordered for number in rivals], fill=asked.overlap == "stub")
            named = (replace(share, moved=tuple(map(renumbered, share.moved))) for share in shares)
            return alone | dict(zip(rivals, named, strict=True))

        def renumbered(moved: Moved) -> Moved:
            return replace(moved, search=rivals[moved.search])

        shares = allocated()
        short = [number for number in rivals if lacking(orders[number], shares[number])]
        if not short:
            return orders, shares
        most = sum(asked.searches[number].max_results for number in rivals)
        again = self._each(asked, short, partial(look, minimum=most))
        orders = orders | {number: made for number, made in again.items() if isinstance(made, Found)}
        return orders, allocated()

    def _each(self, asked: Asked, numbers: Iterable[int], work: Callable[[int], T]) -> dict[int, T | DeadlineError]:
        """What `work` makes of each search, or the deadline that it missed."""
        waiting: dict[int, Future[T]] = {number: self._pool.submit(work, number) for number in dict.fromkeys(numbers)}
        done: dict[int, T | DeadlineError] = {}
        failed: tuple[int, BaseException] | None = None
        for number, future in sorted(waiting.items()):
            if failed is not None and future.cancel():
                continue
            error = future.exception()
            if error is None:
                done[number] = future.result()
            elif isinstance(error, DeadlineError):
                done[number] = error
            elif failed is None:
                failed = number, error
        if failed is not None:
            with naming(asked.payload, failed[0]):
                raise failed[1]
        return {number: done[number] for number in waiting}


def first_of(asked: Asked) -> list[int]:
    """For each search the first that is the same in all of it."""
    known: dict[str, int] = {}
    return [known.setdefault(search.model_dump_json(), number) for number, search in enumerate(asked.searches)]


def lacking(made: Found, share: Share) -> bool:
    """Whether the page is short of documents that only it shows, while the collection has some that were not looked
    at. A page that nothing fills is not."""
    evidence, request = made.evidence, made.prepared.request
    wanted = request.max_results if request.session.fill else 0
    return evidence.size < evidence.allowed and share.own < min(wanted, evidence.allowed)


def stubs_of(share: Share, index: SearchIndex) -> tuple[dict[str, Any], ...]:
    """One line for each document that another search of the batch shows."""
    stored = index.fetch([moved.document for moved in share.moved]) if share.moved else []
    return tuple(
        {
            "id": moved.document,
            "title": each.document.title,
            "url": each.document.url,
            "shown_at": None,
            "rank_now": moved.rank,
            "search": moved.search,
            "rank_there": moved.shown_rank,
        }
        for moved, each in zip(share.moved, stored, strict=True)
    )


def copied(entry: Entry) -> Entry:
    """The same answer for another search of the batch, to be written on apart from the first."""
    body: Mapping[str, Any] = entry.outcome.body
    again = {
        **body,
        "notices": [*body["notices"]],
        "stubs": [*body["stubs"]],
        "resolved": {**body["resolved"]},
        "trace": {**body["trace"], "degraded": [*body["trace"]["degraded"]]},
    }
    return replace(entry, outcome=replace(entry.outcome, body=again, resolved=again["resolved"]))
