"""Runs on disk: what another program measures on run.trec is what we measured."""

from __future__ import annotations

from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.adhoc.trec_runs import trec_run
from eval.errors import DatasetError
from eval.measures import MEASURES, measure

QRELS = {"q1": {"b": 2, "c": 1}, "q2": {"d": 1}}
TIED = {
    "q1": [("a", 0.5), ("b", 0.5), ("c", 0.5), ("d", 0.25)],
    "q2": [("z", 13.123456789), ("d", 13.123456788), ("e", 1e-9)],
}


def read(path: Path) -> list[ir_measures.ScoredDoc]:
    return list(ir_measures.read_trec_run(str(path)))


def test_the_file_measures_as_the_run_did(tmp_path: Path) -> None:
    """Ties, in which ir_measures and trec_eval would reorder documents by name, stand as they were answered."""
    (tmp_path / "run.trec").write_bytes(trec_run(TIED, "tag"))
    ours = measure(TIED, QRELS, ["q1", "q2"])
    judged = [ir_measures.Qrel(topic, name, grade) for topic in QRELS for name, grade in QRELS[topic].items()]
    for found in ir_measures.iter_calc(MEASURES, judged, read(tmp_path / "run.trec")):
        assert found.value == pytest.approx(ours.per_topic[str(found.measure)][found.query_id]), found


def test_scores_that_differ_are_the_answers_own(tmp_path: Path) -> None:
    """A person reads the numbers that the search gave, as precisely as trec_eval does."""
    (tmp_path / "run.trec").write_bytes(trec_run({"q": [("a", 4.25), ("b", 0.1), ("c", 0.0), ("d", -3.5)]}, "tag"))
    lines = (tmp_path / "run.trec").read_text().splitlines()
    assert lines == ["q Q0 a 1 4.25 tag", "q Q0 b 2 0.1 tag", "q Q0 c 3 0.0 tag", "q Q0 d 4 -3.5 tag"]


@given(st.lists(st.floats(-2_000, 2_000), max_size=30))
def test_any_order_is_kept_in_single_and_double_precision(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float]
) -> None:
    """Also where a later result has the higher score, because diversification moved it."""
    path = tmp_path_factory.mktemp("run") / "run.trec"
    path.write_bytes(trec_run({"q": [(f"d{place}", score) for place, score in enumerate(scores)]}, "tag"))
    written = [one.score for one in read(path)]
    assert [one.doc_id for one in read(path)] == [f"d{place}" for place in range(len(scores))]
    assert np.all(np.diff(written) < 0)
    assert np.all(np.diff(np.array(written, np.float32)) < 0)
    if written:
        assert written[0] == pytest.approx(scores[0], rel=1e-6)


def test_a_document_name_with_spaces_is_refused(tmp_path: Path) -> None:
    """The format has no way to write it."""
    with pytest.raises(DatasetError, match="'a b'"):
        trec_run({"q": [("a b", 1.0)]}, "tag")
