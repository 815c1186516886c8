"""Settings that cannot be: one line with the variable, what it holds and what would work."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.settings import Settings
from ranking.errors import ParamsError


@pytest.mark.parametrize(
    ("name", "value", "works"),
    [
        ("PORT", "abc", "a whole number from 0 to 65,535"),
        ("PORT", "99999", "a whole number from 0 to 65,535"),
        ("PORT", "80.5", "a whole number from 0 to 65,535"),
        ("WORKERS", "0", "from 1 to 64"),
        ("SESSION_TTL_S", "-5", "from 1 to 86,400"),
        ("MAX_BODY_BYTES", "10", "at least 1,000"),
        ("ALLOW_PRIVATE", "maybe", "true or false"),
        ("LOG_LEVEL", "loud", "one of critical, error, warning, info, debug, trace"),
    ],
)
def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, works: str) -> None:
    """With what was given, and a value to write instead."""
    monkeypatch.setenv(f"FORAGE_{name}", value)
    with pytest.raises(ParamsError) as caught:
        Settings()
    error = caught.value
    assert f"FORAGE_{name} is {value!r}" in error.message
    assert works in error.message
    assert "\n" not in error.message
    assert f"FORAGE_{name}=" in (error.hint or "")
    assert error.path == f"FORAGE_{name}"


def test_a_mistyped_choice_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """And any case is read."""
    monkeypatch.setenv("FORAGE_LOG_LEVEL", "warnings")
    with pytest.raises(ParamsError) as caught:
        Settings()
    assert caught.value.did_you_mean == "warning"
    monkeypatch.setenv("FORAGE_LOG_LEVEL", "WARNING")
    assert Settings().log_level == "warning"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and shells leave them so."""
    for name in ("PORT", "DATA", "MODEL", "API_KEYS", "ALLOW_PRIVATE"):
        monkeypatch.setenv(f"FORAGE_{name}", "")
    settings = Settings()
    assert (settings.port, settings.data, settings.model, settings.keys()) == (8080, Path("data"), None, {})


@pytest.mark.parametrize("tenant", ["../x", "Upper", "a/b", ".crawls", "sessions.sqlite", "x" * 65])
def test_a_tenant_that_can_have_no_folder_is_refused_at_the_start(tenant: str) -> None:
    """Not with each request; the key is not quoted."""
    with pytest.raises(ParamsError) as caught:
        Settings(api_keys=f"good:k,{tenant}:secret").check_binding()
    assert caught.value.path == "FORAGE_API_KEYS"
    assert "tenant name" in caught.value.message
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("keys", ["k", ":k", "a:", "a:k,b"])
def test_keys_are_read_whatever_the_address(keys: str) -> None:
    """Also on loopback, where none are needed."""
    with pytest.raises(ParamsError):
        Settings(api_keys=keys).check_binding()


def test_one_key_is_of_one_tenant() -> None:
    """A tenant may have several, a key may not."""
    assert Settings(api_keys="a:k, a:l, b:m").keys() == {"k": "a", "l": "a", "m": "b"}
    with pytest.raises(ParamsError, match="to a and to b"):
        Settings(api_keys="a:k,b:k").keys()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in its place, or above it; what can be made is."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(ParamsError) as caught:
            Settings(data=place).folder()
        assert caught.value.path == "FORAGE_DATA"
        assert str(place) in caught.value.message
    assert Settings(data=tmp_path / "a" / "b").folder().is_dir()


@pytest.mark.parametrize(
    "url", ["localhost:6379", "redis://", "http://redis", "redis://:pass/word@host", "redis://h/x"]
)
def test_a_redis_that_cannot_be_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """With what would work, and without what may be a password."""
    monkeypatch.setenv("FORAGE_REDIS_URL", url)
    with pytest.raises(ParamsError) as caught:
        Settings()
    assert caught.value.path == "FORAGE_REDIS_URL"
    assert "redis://host:6379/0" in (caught.value.hint or "")
    assert "word" not in caught.value.message


def test_a_redis_that_can_be_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its three schemes; nothing is connected to."""
    for url in ("redis://host:6379/0", "rediss://user:secret@host", "unix:///run/redis.sock?db=2"):
        monkeypatch.setenv("FORAGE_REDIS_URL", url)
        assert Settings().redis_url == url
