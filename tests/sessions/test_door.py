"""Small doors of sessions: hashes of bodies, events, ids, damaged bytes, flights, the table of settings."""

from __future__ import annotations

import math
from array import array
from base64 import b64encode
from dataclasses import fields, replace

import numpy as np
import orjson
import pytest

from ranking.errors import ForageError
from sessions import errors
from sessions.codec import (
    decode_digest,
    decode_event,
    decode_exposure,
    decode_session,
    encode_digest,
    encode_event,
    encode_session,
)
from sessions.errors import EventError, LogFormatError, SessionError, SessionStoreError
from sessions.events import TRUNK, Draft, Session
from sessions.exposures import pack, unpack
from sessions.idempotency import Claim, Flights, Fresh, Outcome, body_hash
from sessions.ledger import EMPTY, advance
from sessions.names import new_session_id
from sessions.settings import DEFAULTS, SessionSettings
from sessions.topics import NO_TOPIC
from tests.sessions.logs import event, search, shown


def test_body_hashes_tell_bodies_apart() -> None:
    """Anything JSON can say makes a difference, and nothing it says makes an error."""
    bodies: list[object] = [
        {},
        {"a": 1},
        {"a": "1"},
        {"a": None},
        {"a": [1, 2]},
        {"a": [2, 1]},
        10**40,
        "\ud800",
        [],
        None,
    ]
    hashes = [body_hash(body) for body in bodies]
    assert len(set(hashes)) == len(bodies)
    assert all(len(digest) == 32 for digest in hashes)
    assert body_hash({"a": 1, "b": {"c": 2, "d": 3}}) == body_hash({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize("kind", ["open", "cite", "reject"])
def test_feedback_needs_a_document(kind: str) -> None:
    """And an event needs a kind that there is."""
    with pytest.raises(EventError):
        Draft(kind=kind)  # type: ignore[arg-type]
    with pytest.raises(EventError, match="unknown kind"):
        Draft(kind="like")  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    """Scores, ranks and ordinals come from arrays; they are written as plain numbers."""
    item = shown("x", score=np.float32(0.5), rank=np.int32(2), passages=(np.int64(3),), shingles=(np.uint64(2**31),))
    back = decode_event(encode_event(event(1, shown=(item,))))
    assert back.shown == (shown("x", 2, 0.5, passages=(3,), shingles=(2**31,)),)


@pytest.mark.parametrize("bad", [-1, 2**32, "x", 1.5])
def test_shingles_must_be_unsigned(bad: object) -> None:
    """Any other value is refused before it is written."""
    with pytest.raises(EventError):
        encode_event(event(1, shown=(shown("x", shingles=(bad,)),)))
    with pytest.raises(EventError):
        pack([bad])  # type: ignore[list-item]


def test_packing_keeps_every_number() -> None:
    """Extremes and repeats, in their order."""
    assert unpack(pack([2**32 - 1, 0, 0, 7])) == (2**32 - 1, 0, 0, 7)
    assert unpack(b"") == ()


def test_values_that_are_not_json_are_refused() -> None:
    """A request that holds an object is a defect, named as such."""
    with pytest.raises(EventError):
        encode_event(event(1, request={"x": object()}))
    for cost in (math.nan, math.inf):
        with pytest.raises(EventError):
            encode_event(event(1, cost={"calls": cost}))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"v":1}', b'{"v":2}', b"[]", b"[1]", b"\xff", b'{"v":1,"seq":']
)
def test_damaged_bytes_are_a_store_error(body: bytes) -> None:
    """So the search goes on without the session."""
    for decode in (decode_event, decode_exposure, lambda b: decode_session(b, tenant="t", id="s", expires=1.0)):
        with pytest.raises(LogFormatError):
            decode(body)
    assert issubclass(LogFormatError, SessionStoreError)


def test_a_later_format_says_which_program_reads_it() -> None:
    """Version 2 is not guessed at."""
    body = encode_event(event(1, "x")).replace(b'"v":1', b'"v":2')
    with pytest.raises(LogFormatError, match="format 2"):
        decode_event(body)


def test_session_ids_are_unguessable() -> None:
    """128 bits, never the same."""
    ids = {new_session_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {len(name) for name in ids} == {32}


def test_a_lost_owner_does_not_block_its_request_for_ever() -> None:
    """A call that never reported back is given up after the longest time a call may take."""
    flights = Flights(replace(DEFAULTS, stale_flight_seconds=0.0))

    def look(claim: Claim, deadline: float) -> Outcome:
        return Fresh(claim)

    first = flights.begin("t", "r", "b", 0.0, look)
    second = flights.begin("t", "r", "b", 0.0, look)
    assert isinstance(first, Fresh)
    assert isinstance(second, Fresh)
    flights.leave(first.claim, b"late")  # no longer its flight: the second one stays
    assert flights._open
    flights.leave(second.claim)
    flights.leave(second.claim)
    assert not flights._open


def test_a_store_that_fails_to_look_frees_the_request() -> None:
    """An error while asking the store does not leave others waiting."""
    flights = Flights(DEFAULTS)

    def look(claim: Claim, deadline: float) -> Outcome:
        raise SessionStoreError("gone")

    with pytest.raises(SessionStoreError):
        flights.begin("t", "r", "b", 0.0, look)
    assert not flights._open


def test_every_setting_has_a_unit_and_a_reason() -> None:
    """The generated table has no empty cell."""
    for item in fields(SessionSettings):
        assert item.metadata["unit"], item.name
        assert len(item.metadata["reason"]) > 20, item.name


def test_every_error_has_a_status_and_is_in_the_drawing() -> None:
    """One tree below ForageError; the drawing at the top of errors.py names each."""
    assert errors.__doc__ is not None
    tree = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, SessionError)]
    for kind in tree:
        assert kind.__name__ in errors.__doc__
        assert issubclass(kind, ForageError)
        assert kind is SessionError or kind.status != 500


def test_drafts_keep_a_search_without_results() -> None:
    """Nothing found is an event too."""
    assert search("nothing").shown == ()


def test_logs_of_wider_shingles_and_without_newer_words_are_read() -> None:
    """What an older version wrote: numbers of 53 bits, of which the upper 32 are kept; no topics, no `drifted`."""
    wide = (5 << 21 | 77, (2**32 - 1) << 21)
    old = orjson.loads(encode_event(event(1, shown=(shown("x"),))))
    del old["drifted"]
    old["shown"][0][-1] = b64encode(array("Q", wide).tobytes()).decode("ascii")
    back = decode_event(orjson.dumps(old))
    assert (back.drifted, back.shown[0].shingles) == (False, (5, 2**32 - 1))
    digest = orjson.loads(encode_digest(advance(EMPTY, [event(1, "x")])))
    digest["trails"] = [trail[:8] for trail in digest["trails"]]
    _, _, trails = decode_digest(orjson.dumps(digest))
    assert [trail.topic for trail in trails.values()] == [NO_TOPIC]
    head = orjson.loads(encode_session(Session("t", "s", 1.0, 2.0), (TRUNK,)))
    del head["keep"]
    session, _ = decode_session(orjson.dumps(head), tenant="t", id="s", expires=2.0)
    assert not session.keep
