"""A real `forage serve` for benchmarks: given a data folder, starts one on a free port and talks HTTP to it.

The client is a socket and a few lines: what is measured is the server, not a client library. Not for tests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

START_S: Final = 60.0
STOP_S: Final = 15.0
_PIECE: Final = 1 << 18


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=START_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer; RuntimeError for another status than 200."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        status, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers["content-length"])
        while len(data) < end + 4 + size:
            data += self._more()
        answer = bytes(data[end + 4 :])
        if status.split()[1] != "200":
            raise RuntimeError(f"{path} answered {status}: {answer[:500].decode('utf-8', 'replace')}")
        return answer

    def _more(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise RuntimeError("the server closed the connection")
        return piece

    def search(self, request: dict[str, Any]) -> bytes:
        return self.post("/v1/search", orjson.dumps(request))

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True)
class Serving:
    """A running server. `spawned`: time.perf_counter() at its start."""

    process: subprocess.Popen[bytes]
    port: int
    spawned: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self) -> Client:
        return Client(self.port)


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[Serving]:
    """A server of this data folder, listening when the block begins. `settings`: FORAGE_* variables, lower case."""
    port = _free_port()
    named = {f"FORAGE_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "FORAGE_DATA": str(data), "FORAGE_LOG_LEVEL": "error", **named}
    command = [sys.executable, "-m", "cli.main", "serve", "--port", str(port)]
    spawned = time.perf_counter()
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parent.parent, env=environment)
    try:
        _wait(port, process)
        yield Serving(process, port, spawned)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """It is gone: as it likes within STOP_S, else killed."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"forage serve ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"forage serve did not listen within {START_S:.0f} s")
