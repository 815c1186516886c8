"""Guesses: when they begin, when they are dropped, what they cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from api.requests import SearchRequest
from api.warm.index import Dropped, Served
from api.warm.keys import Key
from api.warm.pools import Guess
from api.warm.prefetch import Prefetcher, Task, Traffic
from api.warm.settings import PREFETCH_SHARE, PREFETCH_WAITING, PREFETCHES_A_CALL, QUIET_SECONDS, TOUCHED
from api.warm.warmth import FollowUp, Warmth
from tests.api.test_pools import made

OWNER = ("t", "s")
KEY = b"k"


def requests(*queries: str, owner: tuple[str, str] = OWNER) -> list[Task]:
    return [Task(owner, SearchRequest(query=query)) for query in queries]


class Warm:
    """What a guess does; notes when each began."""

    def __init__(self, work: Callable[[Callable[[], None]], None] = lambda going_on: None) -> None:
        self.begun: list[tuple[str, float]] = []
        self._work = work

    def __call__(self, task: Task, going_on: Callable[[], None]) -> Key | None:
        self.begun.append((task.request.query, time.monotonic()))
        self._work(going_on)
        return KEY

    @property
    def queries(self) -> list[str]:
        return [query for query, _ in self.begun]


def warmth(cpu_ms: float = 1_000.0) -> Warmth:
    """Of a session that has spent so much itself."""
    of = Warmth(lambda key: None)
    of.noted(OWNER, "q", [Served(KEY, "miss")], ["d"], (), cpu_ms)
    return of


@contextmanager
def prefetching(warm: Warm, of: Warmth, traffic: Traffic | None = None) -> Iterator[Prefetcher]:
    prefetcher = Prefetcher(warm, of, traffic or Traffic())
    yield prefetcher
    prefetcher.close()


def spin(milliseconds: float) -> None:
    """Use the CPU for so long."""
    until = time.thread_time() + milliseconds / 1_000
    while time.thread_time() < until:
        pass


def test_guesses_wait_until_it_is_quiet() -> None:
    """In order, none while a request runs or waits at the door, nor at once afterwards."""
    warm, traffic, queued = Warm(), Traffic(), [1]
    traffic.queued = lambda: queued[0]
    with prefetching(warm, warmth(), traffic) as prefetcher:
        with traffic.real():
            prefetcher.ask(OWNER, requests("one", "two"))
            assert not prefetcher.settle(3 * QUIET_SECONDS)
        assert not prefetcher.settle(3 * QUIET_SECONDS)
        assert not warm.begun
        queued[0] = 0
        with traffic.real():
            pass
        ended = time.monotonic()
        assert prefetcher.settle(30)
    assert warm.queries == ["one", "two"]
    assert warm.begun[0][1] - ended >= QUIET_SECONDS * 0.9


def test_a_request_drops_the_guess_at_its_next_stage() -> None:
    """What it had cost is counted, and nothing is kept waiting for it."""
    traffic, entered, arrived = Traffic(), threading.Event(), threading.Event()

    def work(going_on: Callable[[], None]) -> None:
        spin(2)
        entered.set()
        assert arrived.wait(30)
        going_on()

    of = warmth()
    with prefetching(Warm(work), of, traffic) as prefetcher:
        prefetcher.ask(OWNER, requests("one"))
        assert entered.wait(30)
        with traffic.real():
            arrived.set()
            assert prefetcher.settle(30)
    account = of.report(OWNER)["prefetch"]
    assert (account["issued"], account["dropped"]) == (1, 1)
    assert account["cpu_ms"] >= 2
    assert account["wasted_cpu_ms"] == account["cpu_ms"]


def test_a_session_spends_its_share_on_guesses_and_no_more() -> None:
    """Of all CPU time for the session: what would cross it at its usual cost does not begin. A kind of guess of which
    nobody knows the cost yet may begin, once."""
    of, warm = warmth(cpu_ms=40.0), Warm(lambda going_on: spin(2))
    with prefetching(warm, of) as prefetcher:
        for turn in range(6):
            prefetcher.ask(OWNER, requests(*(f"{turn}-{number}" for number in range(3))))
            assert prefetcher.settle(30)
    account = of.report(OWNER)["prefetch"]
    assert 4 <= account["issued"] < 18
    assert account["cpu_ms"] <= 1.1 * PREFETCH_SHARE * (40.0 + account["cpu_ms"])
    assert account["cpu_share"] == pytest.approx(account["cpu_ms"] / (40.0 + account["cpu_ms"]), abs=1e-3)


def test_what_a_guess_costs_is_known_to_all_sessions() -> None:
    """By the kind of guess: a cheap one fits where a dear one does not, one that was dropped says nothing."""
    of, dear, cheap = warmth(cpu_ms=9.0), ("docs", False), ("docs", True)
    of.guessed(("t", "other"), "one", KEY, 4.0, False, dear)
    of.guessed(("t", "other"), "two", KEY, 2.0, False, cheap)
    of.guessed(("t", "other"), "three", None, 0.1, True, dear)
    assert not of.may_guess(OWNER, dear)
    assert of.may_guess(OWNER, cheap)
    assert of.may_guess(OWNER, ("other", False))


def test_what_a_session_wanted_before_is_outdated() -> None:
    """So many a call, so many in all; a session that is not known guesses nothing."""
    warm, traffic = Warm(), Traffic()
    with prefetching(warm, warmth(), traffic) as prefetcher:
        with traffic.real():
            prefetcher.ask(OWNER, requests("old"))
            prefetcher.ask(OWNER, requests(*"abcde"))
            for number in range(PREFETCH_WAITING):
                other = ("t", f"other-{number}")
                prefetcher.ask(other, requests("x", owner=other))
            prefetcher.ask(OWNER, requests(*"fghij"))
        assert prefetcher.settle(30)
    assert warm.queries == [*"fghij"][:PREFETCHES_A_CALL]


def test_closing_drops_what_runs_and_what_waits() -> None:
    """And waits for no more than a stage."""
    entered, closing = threading.Event(), threading.Event()

    def work(going_on: Callable[[], None]) -> None:
        entered.set()
        assert closing.wait(30)
        going_on()

    warm = Warm(work)
    prefetcher = Prefetcher(warm, warmth(), Traffic())
    prefetcher.ask(OWNER, requests("one", "two"))
    assert entered.wait(30)
    closer = threading.Thread(target=prefetcher.close)
    closer.start()
    while not prefetcher._closed:
        time.sleep(0.001)
    closing.set()
    closer.join(30)
    prefetcher.close()
    prefetcher.ask(OWNER, requests("three"))
    assert warm.queries == ["one"]


# ---------------------------------------------------------------- accounts


def offer(predictor: str, query: str) -> FollowUp:
    return FollowUp(predictor, query, "", "", 5, False)


def test_a_prediction_is_right_when_it_is_asked_for_within_a_few_calls() -> None:
    """By the overlap of its words; what a predictor offered after one call is judged once."""
    of = Warmth(lambda key: None)
    offered = (offer("name", "christopher nolan born"), offer("name", "emma thomas"), offer("clause", "the film"))
    assert of.noted(OWNER, "inception", [], [], offered, 1.0)[1] == []
    assert of.noted(OWNER, "nothing alike", [], [], (), 1.0)[1] == []
    assert of.noted(OWNER, "Christopher Nolan born where", [], [], (), 1.0)[1] == [("name", True)]
    assert of.noted(OWNER, "emma thomas", [], [], (), 1.0)[1] == [("clause", False)]
    assert of.noted(OWNER, "the film", [], [], (), 1.0)[1] == []


def test_what_was_asked_next_is_known_to_its_tenant_alone() -> None:
    """Until the session that it comes from is erased."""
    of = Warmth(lambda key: None)
    for query in ("first", "second"):
        of.noted(OWNER, query, [], [], (), 1.0)
    assert of.successors("t", "first") == ("second",)
    assert of.successors("other", "first") == of.successors("t", "second") == ()
    of.noted(("t", "else"), "third", [], [], (), 1.0)
    of.forget(("t", "else"))
    assert of.successors("t", "first") == ("second",)
    of.forget(OWNER)
    assert of.successors("t", "first") == ()


def test_first_and_latest_calls_stay_warm() -> None:
    """The one that began, and three."""
    of = Warmth(lambda key: None)
    for number in range(6):
        keys, _ = of.noted(OWNER, f"q{number}", [Served(bytes([number]), "miss")], [], (), 1.0)
    assert keys == of.keys(OWNER) == (b"\x00", b"\x03", b"\x04", b"\x05")
    assert of.forget(OWNER) == tuple(bytes([number]) for number in range(6))
    assert of.keys(OWNER) == ()


def test_of_ten_thousand_calls_the_pools_that_are_left_are_remembered() -> None:
    """For the session's DELETE; those that are gone need nobody to erase them."""
    left = {b"%d" % number for number in range(5, 10_000, 100)}
    pool = made("event loop")
    of = Warmth(lambda key: pool if key in left else None)
    for number in range(10_000):
        of.noted(OWNER, "q", [Served(b"%d" % number, "miss")], [], (), 1.0)
        assert len(of._sessions[OWNER].touched) <= 2 * TOUCHED
    assert left <= set(of.forget(OWNER))


def test_a_used_guess_counts_for_who_guessed() -> None:
    """What it cost is no waste, what it saved is told."""
    of = warmth()
    of.guessed(OWNER, "one", KEY, 10.0, dropped=False)
    of.guessed(OWNER, "two", None, 5.0, dropped=True)
    of.used(Guess(OWNER, 10.0), 8.0, late=True)
    account = of.report(OWNER)["prefetch"]
    assert (account["issued"], account["used"], account["late"], account["saved_ms"]) == (2, 1, 1, 8.0)
    assert (account["cpu_ms"], account["wasted_cpu_ms"]) == (15.0, 5.0)
    assert (account["precision"], account["coverage"], account["timeliness"]) == (0.5, 1.0, 0.0)


def test_a_guess_for_an_unknown_session_costs_nobody() -> None:
    """It was deleted while the guess ran."""
    of = Warmth(lambda key: None)
    of.guessed(OWNER, "one", KEY, 10.0, dropped=False)
    of.used(Guess(OWNER, 10.0), 8.0, late=False)
    assert not of.may_guess(OWNER)
    assert of.report(OWNER)["prefetch"]["issued"] == 0


def test_dropped_is_no_failure_of_a_search() -> None:
    """Those who wait for the guess's work do it themselves (flights.Abandoned)."""
    from api.warm.flights import Abandoned

    assert issubclass(Dropped, Abandoned)


def test_a_guess_that_fails_in_any_way_costs_the_guess_alone() -> None:
    """The thread goes on with the next."""

    def broken(_: Callable[[], None]) -> None:
        raise RuntimeError("out of luck")

    warm = Warm(broken)
    with prefetching(warm, warmth()) as prefetcher:
        for query in ("one", "two"):
            prefetcher.ask(OWNER, requests(query))
            assert prefetcher.settle(30)
    assert warm.queries == ["one", "two"]
