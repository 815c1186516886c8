"""Result folders written by hand, as `forage eval` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READERS = ("1/1/stubs 1", "0.7/0.7/stubs 0")
MOMENT = "2026-01-02T03:04:05+00:00"


def ad_hoc(
    folder: Path,
    values: Mapping[str, float],
    *,
    set_: str = "small",
    request: Mapping[str, Any] | None = None,
    ms: float | None = None,
    texts: Mapping[str, str] | None = None,
) -> str:
    """A run whose nDCG@10 are `values`, and whose P@5 are half of them."""
    folder.mkdir(parents=True)
    rows = [
        {
            "query_id": topic,
            "query": (texts or {}).get(topic, f"text of {topic}"),
            "type": None,
            "measures": {"nDCG@10": value, "P@5": value / 2},
            "ms": None if ms is None else ms + place,
        }
        for place, (topic, value) in enumerate(values.items())
    ]
    lines(folder / "per_query.jsonl", rows)
    body = {
        "collection": set_,
        "topics": len(rows),
        "generation": "g1",
        "request": request or {},
        "measures": {"nDCG@10": {}, "P@5": {}},
        "measured_at": MOMENT,
    }
    (folder / "measures.json").write_text(json.dumps(body))
    return str(folder)


def sessions(folder: Path, recalls: Mapping[str, Mapping[str, tuple[float, float]]], set_: str = "hops") -> str:
    """`recalls[system][topic]`: recall after the first and after the second call, the same for every reader."""
    folder.mkdir(parents=True)
    rows = [
        {
            "agent": agent,
            "system": system,
            "reader": reader,
            "topic": topic,
            "measures": {"recall@1": one, "recall@2": two, "recall@500t": one, "recall@1000t": two, "recall": two},
        }
        for system, topics in recalls.items()
        for agent in ("keyword", "loop")
        for reader in READERS
        for topic, (one, two) in topics.items()
    ]
    lines(folder / "per_topic.jsonl", rows)
    first = next(iter(recalls))
    body = {
        "set": set_,
        "topics": len(recalls[first]),
        "generation": "g1",
        "plan": {"agents": ["keyword", "loop"], "systems": list(recalls), "calls": 2, "seed": 7},
        "baseline": first,
        "systems": {system: {} for system in recalls},
        "latency": {
            system: {"calls": 4, "threads": 1, "p50": 10.0 + place, "p95": 20.0, "mean": 12.0}
            for place, system in enumerate(recalls)
        },
        "questions": {topic: f"question {topic}" for topic in recalls[first]},
        "measured_at": MOMENT,
    }
    (folder / "measures.json").write_text(json.dumps(body))
    return str(folder)


def prefetched(folder: Path) -> str:
    """Two calls, the second of which had its page in the warm pools of the first."""
    folder.mkdir(parents=True)
    lines(folder / "per_topic.jsonl", [{"topic": "t", "session": "s", "call": call} for call in (1, 2)])
    nothing = {"calls": 0, "pairs": 0} | dict.fromkeys(("with_ms", "without_ms", "saved", "interval", "saved_cpu"))
    times = {"calls": 1, "pairs": 3, "with_ms": 30.0, "without_ms": 40.0, "saved": 0.25, "interval": [0.1, 0.4]}
    costs = {"issued": 3, "a_call": 1.5, "used": 1, "waste": 0.125, "waste_by_clock": 0.15, "sessions_above": 0.0}
    body = {
        "set": "walks",
        "plan": {"k": 5, "objective": True, "repeats": 3, "topics": None},
        "collection": {"documents": 1234, "passages": 2345, "generation": "g1"},
        "sessions": 1,
        "calls": 2,
        "later": 1,
        "coverage": {"previous": {"whole": 0.0, "share": 0.8}, "all": {"whole": 0.75, "share": 0.9}},
        "interval": [0.5, 0.875],
        "misses": {"no new word": 7},
        "guesses": costs,
        "saved": {"predicted": nothing, "others": {**times, "saved_cpu": 0.05}},
        "unlike": 0,
        "measured_at": MOMENT,
    }
    (folder / "measures.json").write_text(json.dumps(body))
    return str(folder)


def tuning(folder: Path) -> str:
    """tune.json with one method, one changed parameter, its curve."""
    folder.mkdir(parents=True)
    held = {"mean": 0.52, "difference": 0.02, "p": 0.01, "p_holm": 0.03}
    body = {
        "measure": "nDCG@10",
        "seed": 7,
        "chosen": "tpe",
        "profile": "tuned@1",
        "sets": [{"set": "small", "topics": 4}],
        "methods": {
            "tpe": {
                "sets": [
                    {
                        "set": "small",
                        "topics": 4,
                        "default": 0.5,
                        "in_sample": 0.61,
                        "queries": held,
                        "left_out": None,
                    }
                ],
                "objective": {"default": 0.5, "in_sample": 0.61, "queries": held, "left_out": None},
                "verdict": "The tuned params beat the defaults out of sample.",
            }
        },
        "parameters": [
            {
                "name": "weights.proximity",
                "low": 0.0,
                "high": 1.0,
                "default": 0.0,
                "chosen": 0.5,
                "changed": True,
                "importance": 0.75,
                "lost_without": 0.11,
                "curve": {
                    "values": [0.0, 0.5, 1.0],
                    "objective": [0.5, 0.61, 0.57],
                    "sets": {"small": [0.5, 0.61, 0.57]},
                },
            }
        ],
        "gains": {},
    }
    (folder / "tune.json").write_text(json.dumps(body))
    return str(folder)


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
