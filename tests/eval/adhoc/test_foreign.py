"""Runs that others made, measured as trec_eval measures them, and compared with ours."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import ir_measures
import orjson
import pytest

from eval.adhoc.foreign import measure_run
from eval.adhoc.trec_runs import read_run, trec_run
from eval.collections import read_collection, read_judged
from eval.compare import compare_folders
from eval.errors import DatasetError, ForageError, RunError
from eval.measures import MEASURES, parse_measures
from tests.eval.test_set_formats import build, ours, trec

RUN = "1 Q0 d3 1 9.5 lucene\n1 Q0 d1 2 8.5 lucene\n2 Q0 d2 1 3 lucene\n"


def qrels_of(test: Any) -> list[ir_measures.Qrel]:
    return [ir_measures.Qrel(topic, name, grade) for topic in test.qrels for name, grade in test.qrels[topic].items()]


def test_a_run_in_any_order_with_ties_measures_as_trec_eval_does(tmp_path: Path) -> None:
    """pytrec_eval on the same lines is the oracle: ranks in the file are nothing, scores are single precision, ties go
    to the later name."""
    chance = random.Random(7)
    documents = [f"d{number}" for number in range(40)]
    rows, grades = [], []
    for topic in map(str, range(12)):
        grades += [f"{topic} 0 {name} {chance.choice([-1, 0, 1, 2])}\n" for name in chance.sample(documents, 15)]
        near = [chance.choice([1.0, 1.0 + 1e-9, 0.5, 2.0, 7.25]) for _ in documents]
        rows += [f"{topic} Q0 {name} 1 {score:.12f} x\n" for name, score in zip(documents, near, strict=True)]
    chance.shuffle(rows)
    (tmp_path / "run.txt").write_text("".join(rows))
    (tmp_path / "qrels.txt").write_text("".join(grades) + "0 0 d0x 1\n")
    test = read_judged(tmp_path / "qrels.txt")
    measure_run(tmp_path / "run.txt", test, tmp_path / "out")
    ours = {
        row["query_id"]: row["measures"]
        for row in map(orjson.loads, (tmp_path / "out" / "per_query.jsonl").read_bytes().splitlines())
    }
    run = list(ir_measures.read_trec_run(str(tmp_path / "run.txt")))
    for found in ir_measures.iter_calc(MEASURES[:5], qrels_of(test), run):
        assert ours[found.query_id][str(found.measure)] == pytest.approx(found.value), found


def test_our_own_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Ties and moves keep their order."""
    given = {"q": [("b", 0.5), ("a", 0.5), ("c", 0.75)], "r": [("z", -1.0)]}
    (tmp_path / "run").write_bytes(trec_run(given, "x"))
    read = read_run(tmp_path / "run")
    assert {topic: [name for name, _ in ranked] for topic, ranked in read.items()} == {"q": ["b", "a", "c"], "r": ["z"]}


def test_a_run_is_compared_with_another_on_the_same_judgements(tmp_path: Path) -> None:
    """However the judgements were named: the set's folder, or its file alone."""
    folder = build(tmp_path / "set", trec)
    (tmp_path / "a").write_text(RUN)
    (tmp_path / "b").write_text(RUN.replace("9.5", "1.5"))
    measure_run(tmp_path / "a", read_judged(folder / "qrels.robust.txt"), tmp_path / "A")
    body = measure_run(tmp_path / "b", read_collection(folder), tmp_path / "B")
    assert (body["topics"], body["depth"], body["unanswered_topics"], body["unmeasured_topics"]) == (2, 2, 0, 0)
    found = compare_folders(tmp_path / "A", tmp_path / "B")
    first = found.tests[0]
    assert (first.measure, first.wins, first.losses, first.mean_b) == ("nDCG@10", 1, 0, 1.0)
    assert [name for name, _, _ in found.untested] == ["Judged@10"]


def test_topics_that_a_run_does_not_answer_count_nothing(tmp_path: Path) -> None:
    """And are counted; so are those that nobody judged."""
    folder = build(tmp_path / "set", ours)
    with (folder / "queries.jsonl").open("a") as out:
        out.write('{"id": "3", "text": "not judged"}\n')
    (tmp_path / "run").write_text("1 Q0 d1 1 1 x\n3 Q0 d2 1 1 x\n")
    body = measure_run(tmp_path / "run", read_collection(folder), tmp_path / "out", parse_measures("P@1 RR"))
    assert list(body["measures"]) == ["P@1", "RR"]
    assert body["measures"]["RR"]["mean"] == 0.5
    assert (body["unanswered_topics"], body["unmeasured_topics"]) == (1, 1)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("1 Q0 d1 1 9.5\n", "line 1: 5 columns, not 6"),
        ("1 Q0 d1 1 9.5 x\n1 Q0 d2 2 high x\n", "line 2: the score 'high'"),
        ("1 Q0 d1 1 nan x\n", "line 1: the score 'nan'"),
        ("1 Q0 d1 1 9.5 x\n1 Q0 d1 2 9 x\n", "line 2: topic 1 has document d1 already, in line 1"),
        ("", "is empty|holds no line"),
        ("7 Q0 d1 1 9.5 x\n", "answers none of the 2 judged topics"),
        ("1 Q0 d2 1 9.5 x\n2 Q0 d1 1 9 x\n", "holds no document that is judged"),
        (RUN + "9 Q0 d2 1 9.5 x\n", "line 4: the set has no topic 9"),
        (RUN + "2 Q0 d7 1 9.5 x\n", "line 4: the set has no document d7"),
    ],
)
def test_a_run_that_is_none_or_of_another_collection_is_refused(tmp_path: Path, run: str, said: str) -> None:
    """By file and line, and nothing is written."""
    folder = build(tmp_path / "set", ours)
    (tmp_path / "run.txt").write_text(run)
    with pytest.raises(ForageError, match=said) as caught:
        measure_run(tmp_path / "run.txt", read_collection(folder), tmp_path / "out")
    assert caught.value.hint
    assert "run.txt" in caught.value.message
    assert not (tmp_path / "out").exists()


def test_strange_documents_are_let_pass_when_that_is_asked_for(tmp_path: Path) -> None:
    """A run over a larger corpus, say."""
    folder = build(tmp_path / "set", ours)
    (tmp_path / "run.txt").write_text(RUN + "2 Q0 d7 1 0.5 x\n")
    body = measure_run(tmp_path / "run.txt", read_collection(folder), tmp_path / "out", allow_missing=True)
    assert body["topics"] == 2


def test_missing_files_are_named(tmp_path: Path) -> None:
    """The run, and the judgements."""
    with pytest.raises(DatasetError, match=r"there is no .*qrels\.txt"):
        read_judged(tmp_path / "qrels.txt")
    with pytest.raises(RunError, match="there is no run"):
        measure_run(tmp_path / "run.txt", read_collection(build(tmp_path / "set", ours)), tmp_path / "out")
