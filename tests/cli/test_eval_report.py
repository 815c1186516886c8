"""`forage eval report` as a person runs it: real processes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_eval_sessions import forage
from tests.eval.sets import multi_hop


def test_runs_and_sessions_become_one_page(tmp_path: Path) -> None:
    """What was found is printed; times of real searches are on the frontier; a run has a page of its own."""
    folder = multi_hop(tmp_path / "sets" / "small")
    data, out = tmp_path / "data", tmp_path / "out"
    for profile in ("bm25", "default"):
        forage(data, "run", "--data", str(folder), "--out", str(out / profile), "--profile", profile)
    place = ("--data", str(tmp_path / "sets"), "--set", "small", "--out", str(out / "s"))
    forage(
        data, "sessions", *place, "--calls", "2", "--agents", "loop", "--systems", "stateless", "--systems", "session"
    )
    said = forage(
        data, "report", *(str(out / name) for name in ("bm25", "default", "s")), "--out", str(tmp_path / "page")
    )
    assert "small: default against bm25: not told from chance" in said
    assert "small: session against stateless: " in said
    assert "report: " in said
    body = json.loads((tmp_path / "page" / "report.json").read_text())
    titles = [section["title"] for section in body["sections"]]
    assert titles == [
        "What was found",
        "Ad-hoc runs",
        "Quality and time of searches",
        "Sessions: small",
        "Quality and time of calls",
        "What was run",
        "How to read this",
        "What cannot be concluded",
    ]
    frontier = body["sections"][2]["blocks"][1]["figure"]
    assert all(0 < place["p50"] <= place["p95"] for place in frontier["fields"][0]["places"])
    page = (out / "bm25" / "report.html").read_text()
    assert "<svg" in page
    assert "Topics with the lowest nDCG@10" in page
    rows = [json.loads(line) for line in (out / "bm25" / "per_query.jsonl").read_text().splitlines()]
    assert all(row["ms"] > 0 for row in rows)


def test_what_is_no_result_is_one_line(tmp_path: Path) -> None:
    """Which folder, and what would be one."""
    said = forage(tmp_path / "data", "report", str(tmp_path), "--out", str(tmp_path / "page"), status=1)
    assert "is no folder of results" in said
    assert "forage eval run" in said
    assert "Traceback" not in said
    assert not (tmp_path / "page").exists()
