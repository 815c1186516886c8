"""`forage eval tune` as a person runs it: real processes."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_eval_sessions import forage
from tests.eval.tuning.test_tune import folder


def test_a_tuning_says_what_it_is_worth_and_its_profile_is_of_use(tmp_path: Path) -> None:
    """The table, progress, the profile; which `forage eval run` takes."""
    folder(tmp_path / "sets" / "small", 1)
    place = ("--data", str(tmp_path / "sets"), "--out", str(tmp_path / "out"), "--folds", "2", "--trials", "6")
    said = forage(tmp_path / "data", "tune", *place, "--best", "--profile-name", "mine", "--params", "weights.rrf=1..2")
    assert "| small | 6 |" in said
    assert "tune: " in said
    assert "out of sample" in said
    assert "Saved as profile mine@1" in said
    assert "every one has the value that the frozen candidates gave" in said
    run = ("--data", str(tmp_path / "sets" / "small"), "--out", str(tmp_path / "run"), "--profile", "mine@1")
    assert "nDCG@10" in forage(tmp_path / "data", "run", *run)


def test_what_cannot_be_tuned_is_one_line(tmp_path: Path) -> None:
    """The nearest name, and nothing written."""
    folder(tmp_path / "sets" / "small", 1)
    place = ("--data", str(tmp_path / "sets"), "--out", str(tmp_path / "out"), "--folds", "2")
    said = forage(tmp_path / "data", "tune", *place, "--params", "weights.bm25.bigam=0..1", status=1)
    assert "weights.<signal>" in said
    assert "Traceback" not in said
    assert "forage: there is no method" in forage(tmp_path / "data", "tune", *place, "--method", "best", status=1)
    assert not (tmp_path / "out").exists()
