"""Bad settings and broken folders on the command line: one clear line, exit status 1 (2 for usage), no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def forage(data: Path | str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with these FORAGE_* variables."""
    own = {f"FORAGE_{name.upper()}": value for name, value in variables.items()}
    environment = {**os.environ, "FORAGE_DATA": str(data), **own}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("variables", "arguments", "status", "said"),
    [
        ({"port": "abc"}, ("serve",), 1, "FORAGE_PORT is 'abc'"),
        ({"session_ttl_s": "-5"}, ("search", "x"), 1, "FORAGE_SESSION_TTL_S is '-5'"),
        ({"log_level": "loud"}, ("index",), 1, "FORAGE_LOG_LEVEL is 'loud'"),
        ({"api_keys": "../x:k"}, ("serve",), 1, "'../x' is not a tenant name"),
        ({"host": "nowhere.invalid", "api_keys": "a:k"}, ("serve",), 1, "cannot listen on nowhere.invalid"),
        ({}, ("serve", "--port", "99999"), 2, "--port"),
        ({}, ("serve", "--workers", "0"), 2, "--workers"),
    ],
)
def test_a_bad_setting_is_one_line(
    tmp_path: Path, variables: dict[str, str], arguments: tuple[str, ...], status: int, said: str
) -> None:
    """That names it."""
    done = forage(tmp_path, *arguments, **variables)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= (2 if status == 1 else 8)


@pytest.mark.parametrize(
    "arguments", [("search", "x"), ("index",), ("serve",), ("crawl", "http://127.0.0.1:1/", "--allow-private"), ("doctor",)]
)  # fmt: skip
@pytest.mark.parametrize("place", ["a file", "/proc/none"])
def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path, arguments: tuple[str, ...], place: str) -> None:
    """By every command, with the variable that says where it is."""
    if place == "a file":
        (tmp_path / "file").write_text("")
        place = str(tmp_path / "file")
    done = forage(place, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "FORAGE_DATA" in done.stdout + done.stderr
    assert place.split("/")[1] in done.stdout + done.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """Before anything is started, with several workers too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = forage(tmp_path, "serve", "--port", port, "--workers", "2")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_search_without_a_session_needs_no_store(tmp_path: Path) -> None:
    """It neither opens nor makes one; `forage sessions` says what is wrong with it."""
    assert forage(tmp_path, "search", "thing").returncode == 0
    assert not (tmp_path / "sessions.sqlite").exists()
    (tmp_path / "sessions.sqlite").write_bytes(b"no database\n" * 1_000)
    done = forage(tmp_path, "search", "thing")
    assert done.returncode == 0
    assert "sessions" not in done.stderr
    degraded = forage(tmp_path, "search", "thing", "--session", "mine")
    assert degraded.returncode == 0
    assert "session_unavailable" in degraded.stdout
    broken = forage(tmp_path, "sessions", "list")
    assert broken.returncode == 1
    assert "sessions.sqlite" in broken.stderr
    assert "Traceback" not in degraded.stderr + broken.stderr


def test_an_argument_that_is_no_text_is_searched_for(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 come to a program as half characters."""
    command = [sys.executable, "-m", "cli.main", "search", b"zip \xff", "--json"]
    done = subprocess.run(command, env={**os.environ, "FORAGE_DATA": str(tmp_path)}, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"lost_characters" in done.stdout
