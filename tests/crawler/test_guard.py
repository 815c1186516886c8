"""What may be reached: every special address refused, and nothing dialled but what was checked."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import AddressError, FetchError
from crawler.fetch import Fetcher
from crawler.guard import Guard, special
from crawler.settings import CrawlSettings
from tests.crawler.conftest import settings
from tests.web.server import Site

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1",
    "169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1",
    "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "100::1", "::ffff:0:127.0.0.1",
]  # fmt: skip
PUBLIC = [
    "93.184.216.34",
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


def answers(*addresses: str) -> Guard:
    async def resolve(host: str, port: int) -> Iterable[str]:
        return addresses

    return Guard(CrawlSettings(), resolve)


@pytest.mark.parametrize("address", PRIVATE)
def test_special_addresses_are_refused(address: str) -> None:
    """Private, loopback, link-local, metadata, multicast, reserved, and IPv6 forms that carry them."""
    with pytest.raises(AddressError, match="refused"):
        asyncio.run(answers(address).check("host.example", 80))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    """What is on the public internet is dialled as it stands."""
    target = asyncio.run(answers(address).check("host.example", 80))
    assert target.addresses == (address,)
    assert not target.private


@given(st.ip_addresses(v=4))
def test_embedding_changes_nothing(address: ipaddress.IPv4Address) -> None:
    """Law: an IPv4 address is as special inside an IPv6 form as alone."""
    for form in ("::ffff:0:0", "64:ff9b::"):
        if int(address) > 1:
            carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address(form)) | int(address))
            assert special(carried) == special(address)


@given(st.ip_addresses())
def test_nothing_private_to_python_is_public_here(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Law: the rules are at least as strict as the standard library's (IPv6 forms that carry IPv4 apart)."""
    if isinstance(address, ipaddress.IPv4Address) and (
        address.is_private or address.is_multicast or address.is_reserved
    ):
        assert special(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "169.254.169.254"])
def test_literal_and_local_names_are_refused(host: str) -> None:
    """No name is needed to mean this machine."""
    with pytest.raises(AddressError):
        asyncio.run(Guard(CrawlSettings()).check(host, 80))


def test_one_forbidden_address_among_many_refuses_all() -> None:
    """A mixed answer is an attack or a mistake."""
    with pytest.raises(AddressError, match=r"10\.0\.0\.1"):
        asyncio.run(answers("93.184.216.34", "10.0.0.1").check("host.example", 80))


def test_a_name_without_address_may_be_tried_again() -> None:
    """A failing resolver is a failure of the request, not a refusal."""

    async def nothing(host: str, port: int) -> Iterable[str]:
        raise OSError("no such name")

    with pytest.raises(FetchError) as caught:
        asyncio.run(Guard(CrawlSettings(), nothing).check("host.example", 80))
    assert caught.value.retryable


def test_allowing_private_addresses_keeps_multicast_out() -> None:
    """--allow-private lets in this machine and the local net, never an address where no page can live."""
    guard = Guard(settings())
    assert asyncio.run(guard.check("127.0.0.1", 80)).private
    assert guard.is_private("127.0.0.1")
    with pytest.raises(AddressError):
        asyncio.run(guard.check("224.0.0.1", 80))


def test_a_name_that_rebinds_is_dialled_where_it_was_checked(site: Site) -> None:
    """The resolver says one address once and another afterwards: only the first, checked one is connected to."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Iterable[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    site.routes["/"] = "<p>hello"

    async def fetch() -> str:
        guard = Guard(settings(), rebinding)
        async with Fetcher(settings(), guard) as fetcher:
            answer = await fetcher.fetch(f"http://rebind.example:{site.port}/")
            assert answer.peer == "127.0.0.1"
            return answer.body.decode()

    assert asyncio.run(fetch()) == "<p>hello"
    assert asked == ["rebind.example"]
    assert site.log[0].host == f"rebind.example:{site.port}"


def test_a_name_that_turns_private_is_refused_at_the_next_connection() -> None:
    """First a public address (which does not answer), then this machine: the second connection is refused."""
    turns = iter((["192.0.2.1"], ["127.0.0.1"]))

    async def resolve(host: str, port: int) -> Iterable[str]:
        return next(turns)

    async def fetch() -> None:
        async with Fetcher(CrawlSettings(connect_timeout_s=0.2), Guard(CrawlSettings(), resolve)) as fetcher:
            for _ in range(2):
                with pytest.raises(AddressError):
                    await fetcher.fetch("http://host.example/")

    asyncio.run(fetch())


def test_connect_to_replaces_the_address_but_not_the_name(site: Site) -> None:
    """As curl's --connect-to: the request still names the host it is for."""
    site.routes["docs.example/"] = "<p>docs"
    changed = settings(connect_to={"docs.example": f"127.0.0.1:{site.port}"})

    async def fetch() -> bytes:
        async with Fetcher(changed, Guard(changed)) as fetcher:
            return (await fetcher.fetch("http://docs.example/")).body

    assert asyncio.run(fetch()) == b"<p>docs"
