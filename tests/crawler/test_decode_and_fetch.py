"""One request: bodies decoded within bounds, servers that lie, stall or never end, cut off in time."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import pairwise
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from crawler.decode import decode, decode_start
from crawler.errors import FetchError
from crawler.fetch import Fetched, Fetcher
from crawler.guard import Guard
from tests.crawler.conftest import settings
from tests.web.server import Answer, Site

MIB = 1 << 20
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(gzip.compress, mtime=0),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def fetch(url: str, **changed: Any) -> Fetched:
    arguments = {name: changed.pop(name) for name in ("etag", "cut_at", "any_type") if name in changed}
    chosen = settings(**changed)

    async def once() -> Fetched:
        async with Fetcher(chosen, Guard(chosen)) as fetcher:
            return await fetcher.fetch(url, **arguments)

    return asyncio.run(once())


@given(st.binary(max_size=5000), st.sampled_from(sorted(PACK)))
def test_decoding_undoes_encoding(body: bytes, name: str) -> None:
    """Law: decode(encode(b)) == b for every encoding we ask for."""
    assert decode(PACK[name](body), name, 10_000) == body


def test_encodings_stack() -> None:
    """Encodings are undone last first."""
    assert decode(gzip.compress(brotli.compress(b"hello")), "br, gzip", 100) == b"hello"
    assert decode(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", 100) == b"ab"


@pytest.mark.parametrize("name", sorted(PACK))
def test_a_bomb_costs_at_most_the_bound(name: str) -> None:
    """48 MB of nothing in a few kB is refused before it is unpacked."""
    bomb = brotli.compress(bytes(48 * MIB), quality=1) if name == "br" else PACK[name](bytes(48 * MIB))
    with pytest.raises(FetchError) as caught:
        decode(bomb, name, 4 * MIB)
    assert caught.value.kind == "too_large"


@given(st.lists(st.binary(max_size=9000), min_size=1, max_size=6), st.sampled_from(["gzip", "zstd"]))
def test_members_come_one_after_another(bodies: list[bytes], name: str) -> None:
    """Law: what was packed in pieces is unpacked whole, in order."""
    assert decode(b"".join(map(PACK[name], bodies)), name, 60_000) == b"".join(bodies)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_of_empty_members_is_refused_in_no_time(name: str) -> None:
    """Two megabytes of nothing again and again cost no more than so many bytes of anything else."""
    started = time.monotonic()
    with pytest.raises(FetchError, match="more than 20000"):
        decode(PACK[name](b"") * (2_000_000 // len(PACK[name](b""))), name, MIB)
    assert time.monotonic() - started < 1


@given(st.binary(min_size=1, max_size=5000), st.sampled_from(sorted(PACK)), st.integers(1, 6000), st.data())
def test_the_start_of_a_body(body: bytes, name: str, limit: int, data: st.DataObject) -> None:
    """Law: what a cut or long body gives is a start of the whole, said to be no more when it is, and never nothing."""
    packed = PACK[name](body)
    assert decode_start(packed, name, limit, cut=False)[0] == body[:limit]
    kept = data.draw(st.integers(0, len(packed) - 1))
    try:
        found, cut = decode_start(packed[:kept], name, limit, cut=True)
    except FetchError:
        return  # too short for a single byte
    assert cut
    assert body.startswith(found)
    assert found or not kept


@pytest.mark.parametrize("name", sorted(PACK))
def test_a_cut_body_is_not_taken_for_a_whole_one(name: str) -> None:
    """A compressed body that ends in the middle is an error worth another try."""
    with pytest.raises(FetchError) as caught:
        decode(PACK[name](bytes(range(256)) * 50)[:-5], name, MIB)
    assert (caught.value.kind, caught.value.retryable) == ("encoding", True)


def test_unknown_and_nested_encodings_are_refused() -> None:
    """What cannot be undone is said by name."""
    with pytest.raises(FetchError, match="compress"):
        decode(b"x", "compress", 10)
    with pytest.raises(FetchError, match="in a row"):
        decode(b"x", "gzip, gzip, gzip, gzip", 10)


def test_headers_of_a_request(site: Site) -> None:
    """The robot names itself, offers the encodings it can undo, and asks conditionally when it knows the page."""
    site.routes["/"] = "<p>x"
    first = fetch(site.url + "/")
    again = fetch(site.url + "/", etag=first.header("etag"))
    assert site.log[0].headers["user-agent"].startswith("ForageBot/")
    assert {"gzip", "br", "zstd"} <= set(site.log[0].headers["accept-encoding"].split(", "))
    assert (again.status, again.body) == (304, b"")
    assert (first.body, first.private, first.peer) == (b"<p>x", True, "127.0.0.1")


@pytest.mark.parametrize("name", sorted(PACK))
def test_compressed_pages(site: Site, name: str) -> None:
    """The body comes decoded; what was sent is kept as well, for the archive."""
    site.routes["/"] = Answer(PACK[name](b"<p>text</p>" * 100), headers={"Content-Encoding": name})
    answer = fetch(site.url + "/")
    assert answer.body == b"<p>text</p>" * 100
    assert answer.raw == PACK[name](b"<p>text</p>" * 100)


def test_unpacking_counts_against_the_time_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a body takes to unpack, its request ends in time and everything else goes on meanwhile."""
    site.routes["/"] = Answer(gzip.compress(random.Random(1).randbytes(50_000)), headers={"Content-Encoding": "gzip"})

    def slow(body: bytes, content_encoding: str, limit: int) -> bytes:
        time.sleep(2)
        return decode(body, content_encoding, limit)

    monkeypatch.setattr("crawler.fetch.decode", slow)

    async def beat(beats: list[float]) -> None:
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def story() -> None:
        chosen, beats = settings(total_timeout_s=0.5), list[float]()
        heart = asyncio.create_task(beat(beats))
        async with Fetcher(chosen, Guard(chosen)) as fetcher:
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch(site.url + "/")
        heart.cancel()
        assert caught.value.kind == "timeout"
        assert max(later - earlier for earlier, later in pairwise(beats)) < 0.4
        assert beats[-1] - beats[0] < 1.5

    asyncio.run(story())


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


async def trickle() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "kind", "changed"),
    [
        (Answer(b"x" * 5000), "too_large", {"max_body_bytes": 1000}),
        (
            Answer(gzip.compress(bytes(4 * MIB)), headers={"Content-Encoding": "gzip"}),
            "too_large",
            {"max_decoded_bytes": MIB},
        ),
        (Answer(stream=endless), "too_large", {"max_body_bytes": MIB}),
        (Answer(stream=trickle), "timeout", {"total_timeout_s": 0.5}),
        (Answer(hang=True), "timeout", {"read_timeout_s": 0.3}),
        (Answer(b"x" * 500, length=5000, cut=500), "protocol", {}),
        (Answer(b"x" * 5000, cut=100), "protocol", {}),
        (Answer(headers={f"X-{i}": "y" * 1000 for i in range(200)}), "protocol", {}),
    ],
    ids=["long", "bomb", "endless", "trickle", "silent", "length lies", "cut", "endless headers"],
)
def test_servers_that_misbehave(site: Site, answer: Answer, kind: str, changed: dict[str, Any]) -> None:
    """Each is given up in bounded time and memory, with the kind of failure it was."""
    site.routes["/"] = answer
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(site.url + "/", **changed)
    assert caught.value.kind == kind
    assert time.monotonic() - started < 3


def test_a_body_longer_than_declared_is_read_as_declared(site: Site) -> None:
    """The declared length rules; the rest is no part of the page."""
    site.routes["/"] = Answer(b"hello and more", length=5)
    assert fetch(site.url + "/").body == b"hello"


def test_types_without_text_are_not_read(site: Site) -> None:
    """A video costs its headers."""
    site.routes["/v"] = Answer(b"x" * 100_000, content_type="video/mp4")
    site.routes["/t"] = Answer(b"text", content_type="text/markdown")
    assert (fetch(site.url + "/v").unread, fetch(site.url + "/v").raw) == (True, b"")
    assert fetch(site.url + "/t").body == b"text"


def test_nothing_listens(site: Site) -> None:
    """A refused connection may be tried again."""
    with pytest.raises(FetchError) as caught:
        fetch("http://127.0.0.1:9/")
    assert (caught.value.kind, caught.value.retryable) == ("connect", True)


def test_a_limit_that_cuts(site: Site) -> None:
    """robots.txt is read up to its limit and no further."""
    site.routes["/robots.txt"] = Answer(stream=endless, content_type="text/plain")
    answer = fetch(site.url + "/robots.txt", cut_at=1000, any_type=True)
    assert (len(answer.body), answer.cut) == (1000, True)


def test_connections_are_kept(site: Site) -> None:
    """Pages, errors and 304s all leave the connection usable: three requests, one handshake."""
    site.routes["/"] = "<p>x"
    chosen = settings()

    async def three() -> int:
        async with Fetcher(chosen, Guard(chosen)) as fetcher:
            first = await fetcher.fetch(site.url + "/")
            await fetcher.fetch(site.url + "/missing")
            await fetcher.fetch(site.url + "/", etag=first.header("etag"))
            await fetcher.fetch(site.url + "/")
            return len(fetcher._transport._pool.connections)

    assert asyncio.run(three()) == 1
