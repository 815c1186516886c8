"""Connects to checked addresses only: httpcore's network port, given a guard. Not for HTTP.

httpcore asks for a host and a port; the guard turns them into addresses and those are dialled, while TLS still
proves the host's own name (SNI and certificate) because httpcore starts it with the name of the URL.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from crawler.guard import Guard

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to what `guard` allows, in its order, the first that answers. No Unix sockets."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connected stream. Raises AddressError, FetchError (no address), httpcore.ConnectError or ConnectTimeout."""
        try:
            async with asyncio.timeout(timeout):
                target = await self._guard.check(host, port)
                for last, address in enumerate(target.addresses, start=1 - len(target.addresses)):
                    try:
                        reader, writer = await asyncio.open_connection(address, target.port)
                    except OSError as error:
                        if last == 0:
                            raise httpcore.ConnectError(f"{host} ({address}) refused: {error}") from error
                    else:
                        writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        return _Stream(reader, writer)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} did not answer") from error
        raise httpcore.ConnectError(f"no address of {host} answered")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """An asyncio stream in httpcore's shape: half the cost per read of the general one (anyio)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("no more bytes came") from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout("the request was not taken") from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the TLS handshake did not end") from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore.ConnectError(f"TLS: {error}") from error
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._writer.get_extra_info("ssl_object")
        if info == "server_addr":
            return self._writer.get_extra_info("peername")
        if info == "is_readable":
            # httpcore asks before it reuses an idle connection: readable means closed by the other side.
            return self._reader.at_eof() or self._writer.is_closing()
        if info == "socket":
            return self._writer.get_extra_info("socket")
        return None
