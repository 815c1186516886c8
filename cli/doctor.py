"""What `forage doctor` looks at: given settings, returns checks with a verdict and what to do about each.

Pure in the sense that nothing is printed or changed (the disk check writes one file and removes it again). Not for
the words on the screen: doctor_command.py.
"""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ranking.errors import ForageError
from sessions.redis_url import WANTED, place, trouble

Status = Literal["ok", "warn", "fail"]

PACKAGES: Final = {
    "numpy": "numpy",
    "pydantic": "pydantic",
    "tantivy": "tantivy",
    "faiss": "faiss-cpu",
    "scipy": "scipy",
    "onnxruntime": "onnxruntime",
    "tokenizers": "tokenizers",
    "Stemmer": "PyStemmer",
    "httpx": "httpx",
    "trafilatura": "trafilatura",
    "selectolax": "selectolax",
    "resiliparse": "resiliparse",
    "warcio": "warcio",
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "redis": "redis",
    "ir_measures": "ir_measures",
}
"""Module -> distribution: those with compiled parts or parts that a half-done install lacks."""

MIN_PYTHON: Final = (3, 11)
MIN_FREE_BYTES: Final = 1_000_000_000  # 50,000 passages take some 300 MB, and a commit holds two generations
ENOUGH_FREE_BYTES: Final = 5_000_000_000
SLOW_SYNC_S: Final = 0.5  # a commit syncs some dozen files
REDIS_TIMEOUT_S: Final = 2.0
SLOW_ENCODE_S: Final = 0.2  # one short query; usual are 2 to 10 ms


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict. `advice`: what would mend it, empty when nothing needs mending."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def run_checks(data: Path, model: str | None, redis_url: str | None) -> Iterator[Check]:
    """Every check, as each is done; none raises."""
    yield check_python()
    yield check_install()
    yield _guarded("model", lambda: check_model(model))
    yield _guarded("disk", lambda: check_disk(data))
    yield _guarded("redis", lambda: check_redis(redis_url))


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A defect in one check must not hide the others."""
    try:
        return check()
    except ForageError as error:
        return Check(name, "fail", error.message, error.hint or "")
    except Exception as error:
        return Check(name, "fail", f"the check itself failed: {error!r}", "please report this")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """The interpreter is new enough."""
    shown = ".".join(map(str, version))
    if version < MIN_PYTHON:
        return Check("python", "fail", f"Python {shown}", "Forage needs 3.11: make install PYTHON=python3.11")
    return Check("python", "ok", f"Python {shown} in {sys.prefix}")


def check_install() -> Check:
    """Every library with compiled parts can be imported."""
    broken, versions = [], []
    for module, distribution in PACKAGES.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a library's complaint about another one breaks nothing
                importlib.import_module(module)
            versions.append(f"{distribution} {importlib.metadata.version(distribution)}")
        except Exception as error:  # ImportError, OSError of a shared library, whatever its __init__ does
            broken.append(f"{distribution} ({error})")
    if broken:
        return Check("install", "fail", f"cannot import {', '.join(broken)}", "run `make install` again")
    return Check("install", "ok", ", ".join(versions))


def check_model(name: str | None = None, folder: Path | None = None) -> Check:
    """The embedding model is there, unchanged, and encodes."""
    from indexer.embed import DEFAULT_MODEL, damage, is_built, load_embedder, models_folder

    advice = ""
    if name in (None, "", "default", DEFAULT_MODEL):
        target = (folder or models_folder()) / DEFAULT_MODEL
        if not is_built(target):
            advice = "it was built just now, which `make install` would have done"
        elif wrong := damage(target):
            return Check("model", "fail", f"{target}: {wrong}", f"delete {target}; the next start builds it again")
    began = time.perf_counter()
    embedder = load_embedder(name, folder=folder)
    loaded = time.perf_counter()
    size = float((embedder.encode(["does the model work"]) ** 2).sum())
    took = time.perf_counter() - loaded
    detail = (
        f"{embedder.id}, {embedder.dimension} dimensions, loaded in {loaded - began:.2f} s, {took * 1e3:.0f} ms a query"
    )
    if abs(size - 1) > 1e-3:
        return Check("model", "fail", f"{detail}; its vectors are not of unit length", "run `make install` again")
    if advice:
        return Check("model", "warn", detail, advice)
    if took > SLOW_ENCODE_S:
        return Check("model", "warn", detail, "the machine is busy or slow; every search encodes its query")
    return Check("model", "ok", detail)


def check_disk(data: Path, free: Callable[[Path], int] | None = None) -> Check:
    """The data folder can be made, written and synced, and has room."""
    place = data.absolute()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not existing.is_dir():
        return Check("disk", "fail", f"{existing} is a file", "set FORAGE_DATA to a folder")
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            began = time.perf_counter()
            file.write(b"forage doctor")
            file.flush()
            os.fsync(file.fileno())
            took = time.perf_counter() - began
    except OSError as error:
        full = error.errno == errno.ENOSPC
        advice = (
            "make room, or set FORAGE_DATA to another disk" if full else "set FORAGE_DATA to a folder you may write"
        )
        return Check("disk", "fail", f"cannot write to {existing}: {error.strerror}", advice)
    room = (free or _free_bytes)(existing)
    detail = f"{place}: {room / 1e9:.1f} GB free, a synced write takes {took * 1e3:.1f} ms"
    if room < MIN_FREE_BYTES:
        return Check("disk", "fail", detail, "make room: a commit writes a generation beside the one it replaces")
    if room < ENOUGH_FREE_BYTES:
        return Check("disk", "warn", detail, "enough for a small collection only")
    if took > SLOW_SYNC_S:
        return Check("disk", "warn", detail, "commits will be slow; a local disk is better than a network one")
    return Check("disk", "ok", detail)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def check_redis(url: str | None) -> Check:
    """Reachable when configured; without it sessions live in SQLite, which is fine."""
    if not url:
        return Check("redis", "ok", "not configured: sessions live in SQLite beside the collections")
    wrong = trouble(url)
    if wrong:
        return Check("redis", "fail", f"FORAGE_REDIS_URL: {wrong}", f"write {WANTED}")
    import redis

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S)
    except ValueError as error:
        return Check("redis", "fail", f"FORAGE_REDIS_URL: {error}", f"write {WANTED}")
    try:
        info = client.info()
    except redis.RedisError as error:
        return Check(
            "redis", "fail", f"no answer: {error}", "start it (redis-server), or unset FORAGE_REDIS_URL to use SQLite"
        )
    finally:
        client.close()
    detail = f"{place(url)}: version {info.get('redis_version', '?')} keeps the sessions"
    if info.get("cluster_enabled"):
        return Check("redis", "fail", f"{detail}, as a cluster", "use one Redis, with replicas if you like")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        return Check("redis", "warn", f"{detail}; it may evict them ({policy})", "set maxmemory-policy noeviction")
    if not info.get("aof_enabled"):
        return Check("redis", "warn", f"{detail}; a restart loses some or all", "set appendonly yes, or accept it")
    return Check("redis", "ok", detail)
