"""Results of `forage eval prefetch` in a report, read back by other eyes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from eval.errors import RunError
from eval.reporting.build import write_report
from tests.eval.reporting.folders import ad_hoc, prefetched


def test_a_report_says_what_was_warm_what_it_cost_and_what_it_saved(tmp_path: Path) -> None:
    """Beside a run: the sentence, the plot, the three tables, and what it is no evidence of."""
    run = ad_hoc(tmp_path / "run", {"a": 0.5, "b": 0.25})
    write_report([run, prefetched(tmp_path / "warm")], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "walks, prefetch: of later calls 0.750 (0.500 to 0.875) had their whole top five in warm pools" in text
    assert "12.5% of the sessions' CPU time" in text
    assert "| all | 0.7500 | 0.9000 | 0.5000 | 0.8750 |" in text
    assert "| 3 | 1.50 | 1 | 0.1250 | 0.1500 | 0.0000 |" in text
    assert "| a guess was the query | 0 | 0 | - | - | - | - | - | - |" in text
    assert "| other later calls | 1 | 3 | 30.0 | 40.0 | 25.0% | 10.0% | 40.0% | 5.0% |" in text
    assert "| no new word | 7 |" in text
    assert "| prefetch | walks | - | g1 |" in text
    assert "how often an agent would take an offer" in text
    assert "0.8750" in (tmp_path / "out" / "report.html").read_text()


def test_a_prefetch_run_alone_is_a_report(tmp_path: Path) -> None:
    """A set without a later call of its own has no plot."""
    folder = Path(prefetched(tmp_path / "warm"))
    body = orjson.loads((folder / "measures.json").read_bytes()) | {"coverage": {}, "interval": None, "misses": {}}
    (folder / "measures.json").write_bytes(orjson.dumps(body))
    write_report([f"night={folder}"], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "## Prefetch: night" in text
    assert "no later call had a query of its own" in text


def test_calls_that_are_not_of_the_summary_are_refused(tmp_path: Path) -> None:
    """Cut off after a line, or in it: nothing is written."""
    rows = Path(prefetched(tmp_path / "warm")) / "per_topic.jsonl"
    whole = rows.read_bytes()
    for cut, said in ((whole.splitlines()[0], "other calls than measures.json"), (whole[:-9], "line 2 is no JSON")):
        rows.write_bytes(cut)
        with pytest.raises(RunError, match=said):
            write_report([str(rows.parent)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
