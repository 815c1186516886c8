"""What goes over the wire is bounded, tried again where that helps, and never gives the key away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from eval.errors import EndpointError
from eval.live.wire import STRUCK, Refusal, Wire, address
from tests.eval.stand_in_chat import StandIn, Wrong, stand_in

KEY = "sk-very-secret-123456"
VARIABLE = "STAND_IN_KEY"
BODY = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}


def ask(
    monkeypatch: pytest.MonkeyPatch, *answers: Wrong, tries: int = 3, key: str = KEY
) -> tuple[Any, list[float], StandIn]:
    """What comes of these answers, one after the other; how long was waited; what the server saw."""
    left, waits = list(answers), list[float]()
    with stand_in(lambda messages: left.pop(0) if len(left) > 1 else left[0]) as seen:
        monkeypatch.setenv(VARIABLE, key)
        wire = Wire(address(seen.base, VARIABLE, needs_key=True), tries=tries, pause=waits.append)
        try:
            found = wire.ask("POST", "/chat/completions", BODY, lambda body: body)
        except (EndpointError, Refusal) as error:
            found = error
        finally:
            wire.close()
    return found, waits, seen


def test_waits_grow_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubled each time, none after the last try."""
    found, waits, seen = ask(monkeypatch, Wrong(500), tries=4)
    assert isinstance(found, EndpointError)
    assert waits == [1, 2, 4]
    assert len(seen.requests) == 4


def test_a_server_that_says_when_is_asked_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds or as a date; what is neither is left aside; another day is not waited for."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    for given, low, high in (("7", 7, 7), (then, 25, 30), ("soon", 1, 1), ("", 1, 1)):
        found, waits, _ = ask(monkeypatch, Wrong(429, b"", {"retry-after": given}), Wrong(200, b"[1]"))
        assert found == [1]
        assert low <= waits[0] <= high
    found, waits, seen = ask(monkeypatch, Wrong(429, b"quota", {"retry-after": "86400"}))
    assert "86400 seconds: 429 quota" in found.message
    assert (waits, len(seen.requests)) == ([], 1)


def test_an_answer_without_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four megabytes are enough."""
    found, _, _ = ask(monkeypatch, Wrong(200, b"[" + b" " * 4_000_001 + b"]"))
    assert "4,000,000 bytes" in found.message


def test_a_redirect_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key does not go where it points."""
    with stand_in(lambda messages: Wrong(200)) as elsewhere:
        found, _, _ = ask(monkeypatch, Wrong(307, b"", {"location": f"{elsewhere.base}/chat/completions"}))
        assert isinstance(found, Refusal)
        assert elsewhere.requests == []


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address."""
    with stand_in(lambda messages: Wrong(200)) as gone:
        pass
    monkeypatch.setenv(VARIABLE, KEY)
    wire = Wire(address(gone.base, VARIABLE, needs_key=True), tries=2, pause=lambda seconds: None)
    with pytest.raises(EndpointError, match=gone.base):
        wire.ask("POST", "/chat/completions", BODY, lambda body: body)
    wire.close()


@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_key_is_sent_and_struck_out_of_what_comes_back(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """In whatever an answer or a refusal repeats of it."""
    echo = Wrong(status, f'{{"error": {{"message": "bad key {KEY}"}}}}'.encode())
    found, _, seen = ask(monkeypatch, echo)
    assert set(seen.keys) == {f"Bearer {KEY}"}
    assert KEY not in repr(found)
    assert KEY not in str(getattr(found, "message", found))
    assert STRUCK in repr(found)


def test_a_word_that_stands_for_a_key_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local servers are given one; answers keep it."""
    found, _, _ = ask(monkeypatch, Wrong(200, b'["EMPTY"]'), key="EMPTY")
    assert found == ["EMPTY"]


@pytest.mark.parametrize(
    "url", ["", "model", "ftp://x/v1", "http://", "http://x:port/v1", "https://u:p@x/v1", "http://x:0"]
)
def test_what_is_no_address_is_refused_without_quoting_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It may hold a password."""
    monkeypatch.setenv(VARIABLE, KEY)
    with pytest.raises(EndpointError) as caught:
        address(url, VARIABLE, needs_key=True)
    assert "u:p" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://api.example.com/v1", True),
        ("http://10.0.0.8:8000/v1", True),
        ("http://localhost.example.com/v1", True),
        ("http://127.0.0.1:8000/v1", False),
        ("http://127.9.9.9/v1", False),
        ("http://localhost:8000/v1", False),
        ("http://[::1]:8000/v1", False),
    ],
)
def test_only_loopback_needs_no_key(monkeypatch: pytest.MonkeyPatch, url: str, needed: bool) -> None:
    """The variable is named."""
    monkeypatch.setenv(VARIABLE, " ")
    if needed:
        with pytest.raises(EndpointError, match=VARIABLE):
            address(url, VARIABLE, needs_key=True)
    else:
        assert address(url, VARIABLE, needs_key=True).key == ""


@pytest.mark.parametrize("key", ["sk 123", "sk-\n123", "schlüssel", "sk\x00"])
def test_what_cannot_be_a_key_is_not_quoted(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """It may be one with a letter too many."""
    monkeypatch.setattr("os.environ", {VARIABLE: key})
    with pytest.raises(EndpointError, match="no key") as caught:
        address("https://api.example.com/v1", VARIABLE, needs_key=True)
    assert key not in f"{caught.value.message}{caught.value.hint}"
    assert "sk-real-key" not in repr(address("https://x/v1", "HOME", needs_key=False))


def test_an_address_shows_nothing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the key nor what follows a question mark."""
    monkeypatch.setenv(VARIABLE, KEY)
    where = address("https://api.example.com/v1?api-key=hidden", VARIABLE, needs_key=True)
    assert KEY not in repr(where)
    assert where.public == "https://api.example.com/v1"
