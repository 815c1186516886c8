"""URLs that cannot be crawled are refused before a job is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Client

Serve = Callable[..., Client]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"urls": ["http://127.0.0.1/", "http://user:pw-5@127.0.0.1/"]}, "$.urls[1]"),
        ({"urls": ["http://user:pw-5/x@127.0.0.1/"]}, "$.urls[0]"),
        ({"urls": ["http://127.0.0.1/"], "allow_hosts": ["user:pw-5@example.org"]}, "$.allow_hosts"),
        ({"urls": ["http://exa mple.org/"]}, "$.urls[0]"),
    ],
)
def test_a_password_is_neither_kept_nor_shown(tmp_path: Path, serve: Serve, fields: dict[str, Any], where: str) -> None:
    """422 that says where and what to leave out, no job, nothing on the disk."""
    client = serve(tmp_path / "data", allow_private=True)
    response = client("POST", "/v1/crawls", fields)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["path"] == where
    assert error["hint"] or "not a host name" in error["message"]
    assert "pw-5" not in response.text
    assert client("GET", "/v1/crawls").json()["crawls"] == []
    kept = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not any(b"pw-5" in each for each in kept)
