"""Which URLs belong to a crawl, and under which name: the seeds' hosts and those allowed besides.

Given canonical URLs, answers yes or no. A host keeps one scheme, the one its seed ended at: sites link to
themselves as http and https alike, and both are one page. Not for robots.txt, nor for addresses (guard.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from crawler import urls
from crawler.errors import SettingsError, UrlError

_HOSTS: Final = "write example.org, example.org:8080 or *.example.org"


@dataclass(frozen=True, slots=True)
class Scope:
    """`hosts` are `host[:port]`; `suffixes` are `.domain`; `schemes` maps a host to its one scheme; a URL in which
    one of `excluded` (regular expressions) is found is outside."""

    hosts: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    schemes: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[re.Pattern[str], ...] = ()

    def allows(self, url: str) -> bool:
        """Whether this canonical URL is inside."""
        if any(pattern.search(url) for pattern in self.excluded):
            return False
        name = urls.netloc(url)
        return name in self.hosts or (bool(self.suffixes) and f".{name}".endswith(self.suffixes))

    def name(self, url: str) -> str:
        """The form of `url` under which this crawl knows its page. Raises UrlError."""
        known = urls.canonical(url)
        scheme = self.schemes.get(urls.netloc(known))
        if scheme is None or known.startswith(scheme + ":"):
            return known
        return scheme + known[known.index(":") :]

    def own_name(self, page: str, stated: str) -> str:
        """What a page at `page` means by a canonical address `stated`: on its own host, its own scheme holds.

        Pages published by a build tool name https whatever they are served by. Raises UrlError.
        """
        meant = self.name(stated)
        if urls.netloc(meant) == urls.netloc(page):
            return page[: page.index(":")] + meant[meant.index(":") :]
        return meant

    def with_page(self, url: str, *, known_scheme: bool = False) -> Scope:
        """This scope with the host of a canonical URL, under that URL's scheme (or the one it has, if it has one)."""
        name, scheme = urls.netloc(url), url[: url.index(":")]
        if known_scheme:
            scheme = self.schemes.get(name, scheme)
        return replace(self, hosts=self.hosts | {name}, schemes={**self.schemes, name: scheme})

    def with_hosts(self, allowed: Iterable[str]) -> Scope:
        """This scope with `host`, `host:port` and `*.domain` entries. Raises SettingsError."""
        hosts, suffixes = set(self.hosts), list(self.suffixes)
        for entry in allowed:
            wild = entry.startswith("*.")
            if "@" in entry:
                raise SettingsError("a host has a user name or password in it", path="allow_hosts", hint=_HOSTS)
            try:
                name = urls.netloc(urls.canonical(f"http://{entry.removeprefix('*.')}/"))
            except UrlError as error:
                raise SettingsError(f"not a host: {entry!r}", path="allow_hosts", hint=_HOSTS) from error
            if wild:
                suffixes.append(f".{name}")
            else:
                hosts.add(name)
        return replace(self, hosts=frozenset(hosts), suffixes=tuple(dict.fromkeys(suffixes)))

    def without(self, patterns: Iterable[str]) -> Scope:
        """This scope less the URLs in which one of these regular expressions is found. Raises SettingsError."""
        try:
            return replace(self, excluded=tuple(re.compile(pattern) for pattern in patterns))
        except re.error as error:
            raise SettingsError(f"not a regular expression: {error}", path="exclude", hint="write /private/") from error
