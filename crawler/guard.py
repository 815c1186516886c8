"""Which addresses may be reached: given a host, returns checked IP addresses to dial, or refuses.

The check is on the resolved address, and the answer is what dial.py connects to: nobody resolves the name a
second time in between, so an answer that changes (DNS rebinding) changes nothing. Not for connecting.
Networks: IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from crawler.errors import AddressError, FetchError
from crawler.settings import CrawlSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Iterable[str]]]
"""(host, port) -> textual IP addresses, most preferred first; OSError when there is none."""

_NEVER: Final = tuple(  # no page lives there, private or not
    map(ipaddress.ip_network, ("0.0.0.0/32", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8"))
)
_SPECIAL: Final = {
    "private": (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10", "64:ff9b:1::/48",
    ),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "metadata": (  # where clouds hand out credentials: AWS, ECS, Azure, Alibaba, Oracle, AWS and Google over IPv6
        "169.254.169.254/32", "169.254.170.2/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
        "fd00:ec2::254/128", "fd20:ce::254/128",
    ),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "reserved": (
        "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "240.0.0.0/4", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
    ),
}  # fmt: skip
_KINDS: Final = ("metadata", "loopback", "link-local", "private", "reserved")  # the most telling name first
_NETWORKS: Final = tuple((kind, ipaddress.ip_network(text)) for kind in _KINDS for text in _SPECIAL[kind])
_CARRIERS: Final = (  # IPv6 forms that carry an IPv4 address: (network, bits below it)
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped, RFC 4291
    (ipaddress.IPv6Network("::/96"), 0),  # compatible, RFC 4291 (deprecated)
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: checked addresses in order of preference. `private`: not on the public internet."""

    addresses: tuple[str, ...]
    port: int
    private: bool


def special(address: Address) -> str:
    """What kind of non-public address this is ("" for a public one); embedded IPv4 addresses count."""
    if isinstance(address, ipaddress.IPv6Address):
        for carrier, below in _CARRIERS:
            if address in carrier and int(address) > 1:
                return special(ipaddress.IPv4Address(int(address) >> below & 0xFFFF_FFFF))
    if any(address in network for network in _NEVER if network.version == address.version):
        return "unreachable"
    for kind, network in _NETWORKS:
        if network.version == address.version and address in network:
            return kind
    return "" if address.is_global and not address.is_reserved else "reserved"


async def system_resolver(host: str, port: int) -> list[str]:
    """Addresses of `host` by the system's resolver, duplicates removed."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Resolves and checks. Remembers which hosts turned out private: politeness depends on it."""

    def __init__(self, settings: CrawlSettings, resolver: Resolver = system_resolver) -> None:
        self._allow_private = settings.allow_private
        self._connect_to = dict(settings.connect_to)
        self._resolver = resolver
        self._private: dict[str, bool] = {}

    def is_private(self, host: str) -> bool:
        """Whether the host's latest check found a non-public address; False when it was never checked."""
        return self._private.get(host.strip("[]"), False)

    async def check(self, host: str, port: int) -> Target:
        """Addresses that may be dialled for `host`.

        Raises AddressError when any of its addresses is refused (a mixed answer is an attack or a mistake),
        FetchError when the name has no address.
        """
        name = host.strip("[]")
        forced = self._connect_to.get(f"{name}:{port}") or self._connect_to.get(name)
        if forced:
            to, _, forced_port = forced.rpartition(":")
            target = self._judge(name, [to.strip("[]")], int(forced_port))
        else:
            try:
                answers = [name] if _is_literal(name) else list(await self._resolver(name, port))
            except (OSError, UnicodeError) as error:
                raise FetchError(f"no address for {name}: {error}", kind="connect", retryable=True) from error
            target = self._judge(name, answers, port)
        self._private[name] = target.private
        return target

    def _judge(self, host: str, answers: list[str], port: int) -> Target:
        kinds = {}
        for text in answers:
            try:
                kinds[text] = special(ipaddress.ip_address(text.partition("%")[0]))
            except ValueError as error:
                raise AddressError(f"{host} resolves to {text!r}, which is no address") from error
        if not kinds:
            raise FetchError(f"no address for {host}", kind="connect", retryable=True)
        for text, kind in kinds.items():
            if kind == "unreachable" or (kind and not self._allow_private):
                where = f"{host} is" if text == host else f"{host} resolves to {text},"
                hint = (
                    "no page lives there"
                    if kind == "unreachable"
                    else "allow private addresses (--allow-private) to crawl it"
                )
                raise AddressError(f"{where} a {kind} address: refused", hint=hint)
        return Target(tuple(kinds), port, any(kinds.values()))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
