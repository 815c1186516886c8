"""Tables of prefetch, from results that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.haystack import COLLECTION, DONE
from bench.prefetch_quality import QUALITY, costs_table, coverage_table, misses_table, own_copy, saved_table

NOTHING: dict[str, Any] = {"calls": 0, "saved": None, "interval": None}
SOME: dict[str, Any] = {"calls": 9, "pairs": 12, "saved": 0.5, "interval": [0.4, 0.6]}


def body(**more: Any) -> dict[str, Any]:
    found = {"whole": 0.7, "share": 0.9}
    names = ("previous", "guess", "all but guesses", "all", "all, unbounded")
    return {
        "later": 30,
        "repeated": 4,
        "coverage": dict.fromkeys(names, found),
        "interval": [0.6, 0.8],
        "misses": {"no new word": 8},
        "guesses": {"a_call": 1.2, "waste": 0.2, "waste_by_clock": 0.21, "worst_session": 0.26},
        "saved": {
            "predicted": NOTHING,
            "others": SOME | {"saved_cpu": 0.01, "cpu_interval": [-0.01, 0.02]},
            "taken": NOTHING,
        },
        "unlike": 0,
    } | more


def test_a_row_for_each_set_and_objective() -> None:
    """What was not there is a dash, not a zero: without an objective there is no pool of one."""
    bodies = {("s", True): body(), ("s", False): body(misses={"a new word was offered": 2})}
    head, _, sent, plain = coverage_table(bodies).splitlines()
    assert head.startswith("| set | objective | next queries | repeats | previous | goal | guess |")
    assert sent == "| s | sent | 26 | 4 | 0.700 | - | 0.700 | 0.700 | 0.700 | 0.700 | 0.600 to 0.800 | 0.900 |"
    assert plain.startswith("| s | not sent |")
    costs = costs_table(bodies).splitlines()
    assert costs[2] == "| s | sent | 1.20 | 20.0% | 21.0% | 26.0% | 0 of 30 | 0 |"
    saved = saved_table(bodies).splitlines()
    assert saved[2] == "| s | sent | all others | 9 | 12 | 50.0% | 40.0% to 60.0% | 1.0% | -1.0% to 2.0% |"
    misses = misses_table(bodies).splitlines()
    assert misses[2:] == ["| s | sent | 8 | 8 | 0 |", "| s | not sent | 2 | 0 | 2 |"]


def test_every_table_has_its_place() -> None:
    """Once."""
    text = QUALITY.read_text("utf-8")
    for name in ("prefetch-coverage", "prefetch-costs", "prefetch-saved", "prefetch-misses"):
        assert text.count(f"<!-- table: {name} -->") == 1


def test_a_haystack_is_copied_once_without_its_sessions(tmp_path: Path) -> None:
    """A data folder has one writer."""
    (tmp_path / "hay" / COLLECTION).mkdir(parents=True)
    for name in (f"{COLLECTION}/HEAD", DONE, "sessions.sqlite"):
        (tmp_path / "hay" / name).write_text(name)
    made = own_copy(tmp_path / "hay", tmp_path / "own")
    assert sorted(each.name for each in made.iterdir()) == sorted([COLLECTION, DONE])
    (made / "kept").touch()
    assert (own_copy(tmp_path / "hay", tmp_path / "own") / "kept").exists()
