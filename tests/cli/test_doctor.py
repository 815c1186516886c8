"""Doctor finds what is broken and says what mends it; a healthy installation passes."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from cli import doctor
from cli.doctor import Check, check_disk, check_install, check_model, check_python, check_redis, run_checks
from indexer.embed import DEFAULT_MODEL, ensure_built
from tests.redis_server import running


def test_healthy_installation_passes(tmp_path: Path) -> None:
    """Every check, none failing, whatever the data folder is called."""
    checks = list(run_checks(tmp_path / "not" / "made" / "yet", None, None))
    assert [check.name for check in checks] == ["python", "install", "model", "disk", "redis"]
    assert [check for check in checks if check.status == "fail"] == []
    assert not (tmp_path / "not").exists()


def test_old_python_is_refused() -> None:
    """With how to name a newer one."""
    assert check_python((3, 10, 4)).status == "fail"
    assert "PYTHON=" in check_python((3, 10, 4)).advice


def test_library_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others are still looked at."""
    monkeypatch.setattr(doctor, "PACKAGES", {"numpy": "numpy", "no_such_module": "no-such-thing"})
    check = check_install()
    assert check.status == "fail"
    assert "no-such-thing" in check.detail
    assert "make install" in check.advice


def test_changed_model_file_is_found(tmp_path: Path) -> None:
    """A byte of another value, size unchanged: only the hash can tell."""
    target = tmp_path / DEFAULT_MODEL
    shutil.copytree(ensure_built(), target)
    with (target / "tokenizer.json").open("r+b") as file:
        file.seek(100)
        file.write(b"#")
    check = check_model(folder=tmp_path)
    assert check.status == "fail"
    assert "tokenizer.json" in check.detail


def test_unknown_model_folder_is_a_failure_with_advice(tmp_path: Path) -> None:
    """FORAGE_MODEL names a folder that is not there."""
    (check,) = [c for c in run_checks(tmp_path, str(tmp_path / "none"), None) if c.name == "model"]
    assert check.status == "fail"
    assert check.advice


def test_data_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    """It could never hold a collection."""
    (tmp_path / "data").write_text("")
    assert check_disk(tmp_path / "data").status == "fail"


def test_little_room_is_said_before_a_commit_finds_out(tmp_path: Path) -> None:
    """Failing below what one commit needs, warning below what grows."""
    statuses = [check_disk(tmp_path, lambda _, room=room: room).status for room in (10**8, 2 * 10**9, 10**11)]
    assert statuses == ["fail", "warn", "ok"]


def test_redis_that_is_not_there_fails_quickly() -> None:
    """A closed port and an unreadable URL; not configured is fine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    assert check_redis(f"redis://127.0.0.1:{port}/0").status == "fail"
    assert check_redis("what is this").status == "fail"
    assert check_redis(None).status == "ok"
    assert time.monotonic() - began < 5


def test_a_redis_that_keeps_what_it_has_is_ok() -> None:
    """One that may lose or evict sessions is a warning that says which setting of Redis does it."""
    for options, status in (
        (("--appendonly", "yes"), "ok"),
        ((), "warn"),
        (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), "warn"),
    ):
        for server in running(*options):
            found = check_redis(server.url)
            assert (found.status, server.url in found.detail) == (status, True)
            assert bool(found.advice) == (status == "warn")


def test_defect_of_one_check_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is reported as what it is."""

    def broken(*_: object) -> Check:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor, "check_model", broken)
    checks = {check.name: check for check in run_checks(tmp_path, None, None)}
    assert "ZeroDivisionError" in checks["model"].detail
    assert checks["redis"].status == "ok"
