"""Saved profiles: given a name and ranking params, keeps them as the next immutable version, and gives them back.

A profile is a layer between the defaults and the request (ranking/profiles.py), kept as it was sent: only what it sets
counts. One JSON file a version, linked into place, so a version is whole or not there and two writers never share a
number. Not for merging layers.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from api.corrections import correcting
from api.errors import AlreadyExistsError, InvalidRequestError, NotFoundError
from api.requests import SearchRequest, read_request
from indexer.storage import storage_full, sync_folder
from ranking.checks import check_params
from ranking.nearest import near, nearest
from ranking.params import Params
from ranking.profiles import PROFILES
from ranking.shown import shown

FOLDER: Final = ".profiles"
"""Below the data folder; no collection can be called so."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_REFERENCE: Final = re.compile(r"([^@]*)(?:@([1-9][0-9]{0,8}))?")
_FIELDS: Final = frozenset(field.alias or name for name, field in Params.model_fields.items())
_OTHER: Final = frozenset(SearchRequest.model_fields) - _FIELDS
BUILT_IN_VERSION: Final = 1


class ProfileStore:
    """The profiles of every tenant below one folder. Any number of threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, tenant: str, name: str, payload: Any) -> dict[str, Any]:
        """Store the ranking params of `payload`, which may be a whole request such as `resolved`: what a profile does
        not hold (query, session, place) is left out and named. The newest version is returned when it says the same.

        Raises InvalidRequestError for params that do not validate, AlreadyExistsError for a built-in name.
        """
        _check_name(name)
        if name in PROFILES:
            raise AlreadyExistsError(
                f"{name!r} is a built-in profile", path="name", hint="save it under another name and change that"
            )
        params, ignored = _params_of(payload)
        place = self._folder / tenant / name
        with storage_full(place):
            place.mkdir(parents=True, exist_ok=True)
            while True:
                versions = self._versions(tenant, name)
                if versions and (last := self._read(tenant, name, versions[-1]))["params"] == params:
                    return {**last, "ignored": ignored}
                version = (versions[-1] if versions else 0) + 1
                created = datetime.now(UTC).isoformat(timespec="seconds")
                body = {"name": name, "version": version, "created": created, "params": params}
                if _write_once(place / f"{version}.json", orjson.dumps(body, option=orjson.OPT_INDENT_2)):
                    return {**body, "ignored": ignored}

    def get(self, tenant: str, reference: str) -> dict[str, Any]:
        """`{name, version, created, params}` of `name@version`, or of the newest version of `name`."""
        name, version = _parse(reference)
        if name in PROFILES and version in (None, BUILT_IN_VERSION):
            return {"name": name, "version": BUILT_IN_VERSION, "created": None, "params": dict(PROFILES[name])}
        versions = self._versions(tenant, name)
        if not versions or version not in (None, *versions):
            raise self._unknown(tenant, name, version, versions)
        return self._read(tenant, name, version or versions[-1])

    def list(self, tenant: str) -> list[dict[str, Any]]:
        """Every profile with its versions, by name; the built-in ones first."""
        rows = [{"name": name, "versions": [BUILT_IN_VERSION], "built_in": True} for name in PROFILES]
        return rows + [
            {"name": name, "versions": list(self._versions(tenant, name)), "built_in": False}
            for name in self._names(tenant)
        ]

    def diff(self, tenant: str, one: str, other: str) -> dict[str, Any]:
        """What changes from one profile to the other, by JSON path: `{path: [before, after]}`, null for unset."""
        left, right = self.get(tenant, one), self.get(tenant, other)
        before, after = _flat(left["params"]), _flat(right["params"])
        changed = {
            path: [before.get(path), after.get(path)]
            for path in sorted({*before, *after})
            if before.get(path) != after.get(path)
        }
        return {
            "from": f"{left['name']}@{left['version']}",
            "to": f"{right['name']}@{right['version']}",
            "changes": changed,
        }

    def _read(self, tenant: str, name: str, version: int) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads((self._folder / tenant / name / f"{version}.json").read_bytes())
        return found

    def _versions(self, tenant: str, name: str) -> tuple[int, ...]:
        place = self._folder / tenant / name
        if not _NAME.fullmatch(name) or not place.is_dir():
            return ()
        return tuple(sorted(int(file.stem) for file in place.glob("*.json") if file.stem.isdecimal()))

    def _names(self, tenant: str) -> tuple[str, ...]:
        place = self._folder / tenant
        folders = place.iterdir() if place.is_dir() else ()
        return tuple(sorted(each.name for each in folders if self._versions(tenant, each.name)))

    def _unknown(self, tenant: str, name: str, version: int | None, versions: tuple[int, ...]) -> NotFoundError:
        if version and (versions or name in PROFILES):
            known = ", ".join(map(str, versions[-5:] or (BUILT_IN_VERSION,)))
            return NotFoundError(
                f"the profile {name!r} has no version {version}", path="$.profile", hint=f"its versions are {known}"
            )
        names = (*PROFILES, *self._names(tenant))
        alike = near(name, names)
        return NotFoundError(
            f"there is no profile {shown(name)}",
            path="$.profile",
            hint=f"profiles here: {', '.join(alike or names[:10])}",
            did_you_mean=nearest(name, names),
        )


def _params_of(payload: Any) -> tuple[dict[str, Any], list[str]]:
    """(the fields that a profile holds, as they were sent; the names of those that it does not)."""
    if not isinstance(payload, Mapping):
        raise InvalidRequestError(
            f"a profile is a JSON object, got {type(payload).__name__}", path="$", hint='{"weights": {"recency": 0.2}}'
        )
    wrapped = payload.get("params")
    body = dict(wrapped) if isinstance(wrapped, Mapping) and set(payload) <= {"params", "name"} else dict(payload)
    ignored = sorted(name for name in body if name in _OTHER)
    params = {name: value for name, value in body.items() if name not in _OTHER}
    if not params:
        raise InvalidRequestError(
            "a profile that sets nothing is the default", path="$", hint="set weights, retrieve, fuse, filters, ..."
        )
    with correcting(params):
        request = read_request(SearchRequest, {**params, "query": "profile"})
        check_params(request)
    return params, ignored


def _flat(value: Any, path: str = "$") -> dict[str, Any]:
    """Leaves by JSON path; lists are leaves."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    return {key: leaf for name, inner in value.items() for key, leaf in _flat(inner, f"{path}.{name}").items()}


def _write_once(target: Path, data: bytes) -> bool:
    """False when the file is there already."""
    scratch = target.with_name(f".{target.stem}-{secrets.token_hex(8)}")
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, target)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
    sync_folder(target.parent)
    return True


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{shown(name)} cannot be a profile's name",
            path="name",
            hint="1 to 64 ASCII letters, digits, hyphens, underscores and dots, no dot in front",
        )


def _parse(reference: str) -> tuple[str, int | None]:
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise InvalidRequestError(
            f"{shown(reference)} names no profile", path="$.profile", hint="a name, or name@3 for its version 3"
        )
    return found[1], int(found[2]) if found[2] else None
