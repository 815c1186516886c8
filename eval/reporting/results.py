"""Result folders: given folders that `forage eval` wrote, returns what is in them, checked.

A folder is known by its files: per_query.jsonl (run, measure), per_topic.jsonl (sessions, replay, agent, prefetch),
tune.json (tune). One that is cut off, or whose files do not belong together, is refused with file and line. Not for
what is said of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from eval.errors import RunError
from eval.folders import how_to_get, settle

KINDS: Final = {
    "per_query.jsonl": "forage eval run",
    "per_topic.jsonl": "forage eval sessions, replay, agent or prefetch",
    "tune.json": "forage eval tune",
}
SUMMARY: Final = "measures.json"
WARM: Final = "coverage"
"""What only the summary of a prefetch run has."""
NAME_LENGTH: Final = 48
"""Characters of a name made of a request; the whole request is in the table of what was run."""


@dataclass(frozen=True, slots=True)
class AdHoc:
    """Of `forage eval run`: `values[measure][topic]`, topics in their order; `ms[topic]` where it was kept."""

    name: str
    folder: Path
    body: Mapping[str, Any] = field(repr=False)
    values: Mapping[str, Mapping[str, float]] = field(repr=False)
    queries: Mapping[str, str] = field(repr=False)
    ms: Mapping[str, float] = field(repr=False)
    measured_at: str

    @property
    def set(self) -> str:
        return str(self.body["collection"])


@dataclass(frozen=True, slots=True)
class Sessions:
    """Of `forage eval sessions` and `replay`: a row for each agent, system, reader and topic."""

    name: str
    folder: Path
    body: Mapping[str, Any] = field(repr=False)
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    measured_at: str

    @property
    def set(self) -> str:
        return str(self.body["set"])


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Of `forage eval prefetch`: measures.json as it is."""

    name: str
    folder: Path
    body: Mapping[str, Any] = field(repr=False)
    measured_at: str

    @property
    def set(self) -> str:
        return str(self.body["set"])


@dataclass(frozen=True, slots=True)
class Tuning:
    """Of `forage eval tune`: tune.json as it is."""

    name: str
    folder: Path
    body: Mapping[str, Any] = field(repr=False)
    measured_at: str


Result = AdHoc | Sessions | Prefetch | Tuning


def read_result(given: str) -> Result:
    """`given` is a folder, or NAME=FOLDER. RunError names the file that is missing or wrong."""
    name, folder = _named(given)
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}", hint="give folders that forage eval wrote")
    settle(folder)
    kind = next((each for each in KINDS if (folder / each).is_file()), None)
    if kind is None:
        raise RunError(
            f"{folder} is no folder of results: it holds no {', no '.join(KINDS)}",
            hint=how_to_get(folder, f"make one with {'; '.join(sorted(set(KINDS.values())))}"),
        )
    if kind == "tune.json":
        return Tuning(name or folder.name, folder, _object(folder / kind, ()), _when({}, folder / kind))
    if not (folder / SUMMARY).is_file():
        raise RunError(
            f"{folder} holds no {SUMMARY}: what wrote {kind} did not get to its end",
            hint=f"run {KINDS[kind]} again with the same --out",
        )
    if kind == "per_query.jsonl":
        return _ad_hoc(name, folder)
    body = _object(folder / SUMMARY, ("set",))
    return _prefetch(name, folder) if WARM in body else _sessions(name, folder)


def _named(given: str) -> tuple[str, Path]:
    """A folder whose own name has "=" is a folder."""
    name, equals, folder = given.partition("=")
    if equals and name and not Path(given).exists():
        return name, Path(folder)
    return "", Path(given)


def _ad_hoc(name: str, folder: Path) -> AdHoc:
    body = _object(folder / SUMMARY, ("collection", "measures"))
    path = folder / "per_query.jsonl"
    values: dict[str, dict[str, float]] = {measure: {} for measure in body["measures"]}
    queries: dict[str, str] = {}
    ms: dict[str, float] = {}
    for number, row in _lines(path):
        try:
            topic = str(row["query_id"])
            if topic in queries:
                raise RunError(f"{path} line {number}: topic {topic} is there twice", hint="make the run again")
            queries[topic] = str(row.get("query", ""))
            for measure in values:
                values[measure][topic] = float(row["measures"][measure])
            if row.get("ms") is not None:
                ms[topic] = float(row["ms"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{path} line {number} is no row of a run: {error!r}", hint="make the run again") from None
    if not queries or not values or body.get("topics", len(queries)) != len(queries):
        raise RunError(
            f"{path} has {len(queries)} topics, and {SUMMARY} beside it says {body.get('topics')}",
            hint="they are not of one run, or it was cut off: make it again",
        )
    found = name or _of_request(body.get("request"), folder)
    return AdHoc(found, folder, body, values, queries, ms, _when(body, folder / SUMMARY))


def _sessions(name: str, folder: Path) -> Sessions:
    body = _object(folder / SUMMARY, ("set", "systems", "baseline"))
    path = folder / "per_topic.jsonl"
    rows: list[Mapping[str, Any]] = []
    for number, row in _lines(path):
        try:
            _ = [str(row[key]) for key in ("agent", "system", "reader", "topic")]
            _ = [float(value) for value in row["measures"].values()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{path} line {number} is no row of sessions: {error!r}", hint="run it again with the same --out"
            ) from None
        rows.append(row)
    counts = Counter(row["system"] for row in rows)
    topics = {row["topic"] for row in rows}
    if set(counts) != set(body["systems"]) or len(topics) > body.get("topics", len(topics)):
        raise RunError(
            f"{path} has other systems or topics than {SUMMARY} beside it", hint="run it again with the same --out"
        )
    asked = [(row["agent"], row["system"], row["reader"], row["topic"], row.get("session")) for row in rows]
    places = {system: {(a, r, t, s) for a, name_, r, t, s in asked if name_ == system} for system in counts}
    if len(set(asked)) != len(asked) or any(own != places[body["baseline"]] for own in places.values()):
        raise RunError(
            f"{path} was cut off, or lines of it are there twice: systems differ in their rows",
            hint="run it again with the same --out: what was asked is kept",
        )
    return Sessions(name or folder.name, folder, body, tuple(rows), _when(body, folder / SUMMARY))


def _prefetch(name: str, folder: Path) -> Prefetch:
    path = folder / SUMMARY
    body = _object(path, ("plan", "collection", WARM, "misses", "guesses", "saved", "unlike", "calls", "sessions"))
    rows = [row for _, row in _lines(folder / "per_topic.jsonl")]
    if len([row for row in rows if "call" in row]) != body["calls"]:
        raise RunError(
            f"{folder / 'per_topic.jsonl'} has other calls than {SUMMARY} beside it",
            hint="they are not of one run, or it was cut off: make it again",
        )
    return Prefetch(name or folder.name, folder, body, _when(body, path))


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise RunError(
                f"{path} line {number} is no JSON: {error}", hint="the file was cut off: make it again"
            ) from None


def _object(path: Path, keys: Sequence[str]) -> Mapping[str, Any]:
    try:
        body = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RunError(f"{path} cannot be read: {error}", hint="make it again") from None
    missing = [key for key in keys if not isinstance(body, dict) or key not in body]
    if missing or not isinstance(body, dict):
        raise RunError(f"{path} has no {', no '.join(missing) or 'object'}", hint="it is not of forage eval")
    return body


def _when(body: Mapping[str, Any], path: Path) -> str:
    """Minutes, UTC: what was written down, else the file's time."""
    if "measured_at" in body:
        return str(body["measured_at"])
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _of_request(request: Any, folder: Path) -> str:
    """A short name for what was asked: the profile, and what was set over it."""
    if not isinstance(request, dict):
        return folder.name
    rest = {key: value for key, value in request.items() if key != "profile"}
    said = [str(request.get("profile", "default")), *(f"{key}={value}" for key, value in _leaves(rest))]
    name = ", ".join(said)
    return name if len(name) <= NAME_LENGTH else folder.name


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    else:
        yield path, str(value)
