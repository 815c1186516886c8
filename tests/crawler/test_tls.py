"""HTTPS: HTTP/2 where it is offered, and the name proved even though a checked address is dialled."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.errors import FetchError
from crawler.fetch import Fetched, Fetcher
from crawler.guard import Guard
from tests.crawler.conftest import settings
from tests.web.h2_server import Http2Site, make_certificate

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Http2Site, ssl.SSLContext]]:
    """A server for docs.example and a client context that trusts it."""
    certificate = make_certificate(tmp_path, "docs.example")
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Http2Site(certificate, b"<p>over h2") as site:
        yield site, trusting


def fetch(url: str, site: Http2Site, tls: ssl.SSLContext | None) -> Fetched:
    host = url.split("/")[2]
    chosen = settings(connect_to={host: f"127.0.0.1:{site.port}"})

    async def once() -> Fetched:
        async with Fetcher(chosen, Guard(chosen), tls) as fetcher:
            return await fetcher.fetch(url)

    return asyncio.run(once())


def test_http2_and_the_name_of_the_url(secure: tuple[Http2Site, ssl.SSLContext]) -> None:
    """The connection goes to the checked address; server name and authority are the URL's."""
    site, trusting = secure
    answer = fetch("https://docs.example/x", site, trusting)
    assert (answer.http_version, answer.body) == ("HTTP/2", b"<p>over h2")
    assert (site.names, site.authorities) == (["docs.example"], ["docs.example"])


def test_a_certificate_of_another_name_is_refused(secure: tuple[Http2Site, ssl.SSLContext]) -> None:
    """Whoever answers at the address must prove the name."""
    site, trusting = secure
    with pytest.raises(FetchError, match="certificate"):
        fetch("https://other.example/", site, trusting)


def test_an_unknown_certificate_is_refused(secure: tuple[Http2Site, ssl.SSLContext]) -> None:
    """Without trust in its maker a certificate proves nothing."""
    site, _ = secure
    with pytest.raises(FetchError) as caught:
        fetch("https://docs.example/", site, None)
    assert caught.value.kind == "connect"
