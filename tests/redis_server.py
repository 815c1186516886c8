"""A Redis of one's own: given options, runs `redis-server` on a unix socket in a new folder, and hurts it when asked to.

Never mocked: atomicity, expiry and failure are Redis' own. Tests that need it are skipped where it is not installed.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

BINARY = shutil.which("redis-server")
MISSING = "redis-server is not installed: the Redis store is not tested"

START_SECONDS = 20.0


class RedisServer:
    """Started at once; `stop` ends it and removes its folder."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="forage-redis-"))  # short: the path of a socket has a limit
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Again, too: it finds what it had written."""
        assert BINARY is not None
        place = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "")
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen([BINARY, *place, *self._options], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    if time.monotonic() > deadline or self._process.poll() is not None:
                        raise RuntimeError((self.folder / "log.txt").read_text()) from None
                    time.sleep(0.01)

    @contextlib.contextmanager
    def client(self) -> Iterator[redis.Redis]:
        client = redis.Redis.from_url(self.url, socket_timeout=5)
        try:
            yield client
        finally:
            client.close()

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """As kill -9 does; what it has not written is lost."""
        self._send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def running(*options: str) -> Iterator[RedisServer]:
    """For a fixture: `yield from running()`."""
    if BINARY is None:
        pytest.skip(MISSING)
    server = RedisServer(*options)
    try:
        yield server
    finally:
        server.stop()
