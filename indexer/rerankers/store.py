"""Where uploaded LightGBM models rest: given a name and a model's text, keeps it as the next version of that name.

A model is `<folder>/<name>/<version>/{model.txt, model.json}`: written beside its place and renamed into it, so it is
whole or not there, and never changed. A number is not given twice, not even when its model was deleted. Who writes
holds the kernel's lock on the folder of the name, and removes what a killed writer left there. Not for evaluating
models (trees.py), nor for keeping them in memory (registry.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from indexer.errors import ModelError, ModelNotFoundError
from indexer.rerankers.trees import fingerprint_of, load_trees
from indexer.storage import storage_full, sync_folder, write_atomically
from ranking.errors import ParamsError
from ranking.nearest import near
from ranking.shown import shown

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_REFERENCE: Final = re.compile(r"([^@]*)(?:@([1-9][0-9]{0,8}))?")
_TEXT, _INFO, _LAST = "model.txt", "model.json", "last"
_NEW, _DELETED = ".new-", ".deleted-"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a stored model without reading its text."""

    name: str
    version: int  # 1 and up
    sha256: str  # of the text, hexadecimal
    features: tuple[str, ...]  # names of the signals that it reads
    trees: int
    bytes: int  # of the text in UTF-8
    created: str  # RFC 3339, UTC

    @property
    def reference(self) -> str:
        """`name@version`: always this model, where `name` alone is the newest."""
        return f"{self.name}@{self.version}"


class ModelStore:
    """Any number of threads and processes may share the folder."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now

    def put(self, name: str, text: str) -> ModelInfo:
        """Store `text` as the next version of `name`; the newest version is returned when its text is this one.
        ParamsError for a name that cannot be, InvalidModelError for a text that is no model, StorageFullError."""
        _check_name(name)
        model = load_trees(text)
        place = self._folder / name
        with storage_full(place):
            place.mkdir(parents=True, exist_ok=True)
            with _alone(place):
                versions = self._versions(name)
                if versions and (same := self._same(f"{name}@{versions[-1]}", text)):
                    return same
                info = ModelInfo(
                    name=name,
                    version=max([*versions, self._last(name)]) + 1,
                    sha256=model.fingerprint,
                    features=model.used_features,
                    trees=model.trees,
                    bytes=len(text.encode()),
                    created=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds"),
                )
                self._write(info, text.encode())
                return info

    def get(self, reference: str) -> tuple[str, ModelInfo]:
        """Text and info of `name@version`, or of the newest version of `name`. ModelNotFoundError (404) names those
        that are like it; ModelError when what is on the disk is not what was stored."""
        info = self.resolve(reference)
        try:
            data = (self._folder / info.name / str(info.version) / _TEXT).read_bytes()
        except FileNotFoundError:  # deleted since
            raise self._unknown(info.name, info.version) from None
        if fingerprint_of(data) != info.sha256:
            raise ModelError(f"the stored model {info.reference} was changed on the disk", hint="put its text again")
        return data.decode(), info

    def resolve(self, reference: str) -> ModelInfo:
        """As get, without reading the text."""
        name, version = _parse(reference)
        versions = self._versions(name)
        if not versions or version not in (None, *versions):
            raise self._unknown(name, version)
        return self._info(name, version or versions[-1])

    def list(self) -> tuple[ModelInfo, ...]:
        """Every version of every model, by name and version."""
        found = []
        for name in self._names():
            for version in self._versions(name):
                with contextlib.suppress(ModelNotFoundError):  # deleted since
                    found.append(self._info(name, version))
        return tuple(found)

    def delete(self, reference: str) -> int:
        """Forget `name@version`, or every version of `name`; how many there were. ModelNotFoundError when none."""
        name, version = _parse(reference)
        place = self._folder / name
        if not place.is_dir():
            raise self._unknown(name, version)
        with storage_full(place), _alone(place):
            versions = self._versions(name)
            gone = [each for each in versions if version in (None, each)]
            if not gone:
                raise self._unknown(name, version)
            write_atomically(place / _LAST, str(max(versions[-1], self._last(name))).encode())
            for each in gone:
                grave = Path(tempfile.mkdtemp(prefix=_DELETED, dir=place))
                (place / str(each)).rename(grave / "model")
                shutil.rmtree(grave, ignore_errors=True)
            sync_folder(place)
        return len(gone)

    def _same(self, reference: str, text: str) -> ModelInfo | None:
        """Its info if it holds exactly this text; None also when it is damaged, so that a new version replaces it."""
        try:
            stored, info = self.get(reference)
        except ModelError:
            return None
        return info if stored == text else None

    def _write(self, info: ModelInfo, data: bytes) -> None:
        place = self._folder / info.name
        scratch = Path(tempfile.mkdtemp(prefix=_NEW, dir=place))
        try:
            write_atomically(scratch / _TEXT, data)
            write_atomically(scratch / _INFO, orjson.dumps(dataclasses.asdict(info), option=orjson.OPT_INDENT_2))
            scratch.chmod(0o755)  # mkdtemp makes it private; another user may serve this folder
            scratch.rename(place / str(info.version))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        sync_folder(place)
        sync_folder(self._folder)

    def _info(self, name: str, version: int) -> ModelInfo:
        try:
            found: dict[str, Any] = orjson.loads((self._folder / name / str(version) / _INFO).read_bytes())
            return ModelInfo(**{**found, "features": tuple(found["features"])})
        except FileNotFoundError:
            raise self._unknown(name, version) from None
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"the stored model {name}@{version} was changed on the disk: {error}", hint="put its text again"
            ) from error

    def _names(self) -> tuple[str, ...]:
        folders = self._folder.iterdir() if self._folder.is_dir() else ()
        return tuple(sorted(each.name for each in folders if _NAME.fullmatch(each.name) and self._versions(each.name)))

    def _versions(self, name: str) -> tuple[int, ...]:
        place = self._folder / name
        found = place.iterdir() if place.is_dir() else ()
        return tuple(sorted(int(each.name) for each in found if each.name.isdecimal()))

    def _last(self, name: str) -> int:
        """The highest number that was ever deleted; 0: none."""
        place = self._folder / name / _LAST
        return int(place.read_text()) if place.exists() else 0

    def _unknown(self, name: str, version: int | None) -> ModelNotFoundError:
        versions = self._versions(name)
        if version and versions:
            return ModelNotFoundError(
                f"the model {name!r} has no version {version}",
                hint=f"its versions are {', '.join(map(str, versions[-5:]))}",
                did_you_mean=f"{name}@{versions[-1]}",
            )
        alike = near(name, self._names())
        return ModelNotFoundError(
            f"there is no model {name!r}",
            hint=f"models with such a name: {', '.join(alike)}" if alike else "no model has a name like it",
            did_you_mean=alike[0] if alike else None,
        )


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """While the block runs nobody else writes there, of any thread or process, and nothing is left of those that were
    killed: the kernel lets go of a lock when its holder dies."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in place.iterdir():
            if left.name.startswith((_NEW, _DELETED)):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ParamsError(
            f"{shown(name)} cannot be a model's name",
            hint="1 to 64 ASCII letters, digits, hyphens, underscores and dots, no dot in front",
        )


def _parse(reference: str) -> tuple[str, int | None]:
    """Name and version of `name` or `name@3`. ParamsError when it is neither."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise ParamsError(f"{shown(reference)} names no model", hint="write a name, or name@3 for its version 3")
    _check_name(found[1])
    return found[1], int(found[2]) if found[2] else None
