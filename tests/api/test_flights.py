"""Work in flight: once for all who ask, and what happens to the others when it goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.warm.flights import Abandoned, Flights, Late

WAIT = 30.0


class Work:
    """Runs until it is let go; counts how often it began."""

    def __init__(self, result: Callable[[int], str]) -> None:
        self.begun, self.go, self.times, self._result = threading.Event(), threading.Event(), 0, result

    def __call__(self) -> str:
        self.times += 1
        self.begun.set()
        assert self.go.wait(WAIT)
        return self._result(self.times)


def flown(work: Work, followers: int, release: Callable[[], None] | None = None) -> list[str | BaseException]:
    """What a leader and its followers get, in this order; the followers wait before the work is let go."""
    flights: Flights[str] = Flights()

    def ask() -> str | BaseException:
        try:
            return flights.run("key", work)[0]
        except BaseException as error:
            return error

    with ThreadPoolExecutor(followers + 1) as threads:
        first = threads.submit(ask)
        assert work.begun.wait(WAIT)
        others = [threads.submit(ask) for _ in range(followers)]
        while flights.waiting("key") < followers:
            threading.Event().wait(0.001)
        work.go.set()
        return [each.result(WAIT) for each in (first, *others)]


def test_sixteen_ask_and_one_works() -> None:
    """All get what it made."""
    work = Work(lambda times: f"made {times}")
    assert flown(work, 15) == ["made 1"] * 16
    assert work.times == 1


def test_an_error_goes_to_all_once_and_is_not_kept() -> None:
    """The next to ask begins anew."""

    def fails(times: int) -> str:
        raise ValueError(f"attempt {times}")

    work = Work(fails)
    found = flown(work, 3)
    assert {str(each) for each in found} == {"attempt 1"}
    assert work.times == 1
    flights: Flights[str] = Flights()
    with pytest.raises(ValueError, match="attempt 2"):
        flights.run("key", work)
    assert flights.run("key", lambda: "well") == ("well", True)


@pytest.mark.parametrize("gone", [Abandoned, KeyboardInterrupt])
def test_a_leader_that_is_gone_takes_nobody_along(gone: type[BaseException]) -> None:
    """Those who wait do it themselves."""

    def leaves(times: int) -> str:
        if times == 1:
            raise gone
        return f"made {times}"

    work = Work(leaves)
    found = flown(work, 3)
    assert isinstance(found[0], gone)
    assert all(str(each).startswith("made") for each in found[1:])
    assert 2 <= work.times <= 4


def test_a_follower_keeps_its_own_deadline() -> None:
    """It leaves in time; the flight goes on for the others."""
    flights: Flights[str] = Flights()
    work = Work(lambda times: "made")
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(flights.run, "key", work)
        assert work.begun.wait(WAIT)
        with pytest.raises(Late):
            flights.run("key", work, 0.01)
        work.go.set()
        assert leader.result(WAIT) == ("made", True)


def test_a_timeout_of_the_work_is_the_works_error() -> None:
    """It is not taken for a follower's deadline."""

    def slow(times: int) -> str:
        raise TimeoutError("the disk")

    assert [str(each) for each in flown(Work(slow), 2)] == ["the disk"] * 3
