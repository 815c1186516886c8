"""Multi-hop tasks: what is read from a set, and what of a bad one is named, with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from eval.errors import DatasetError
from eval.sessions.logs import read_logs
from eval.sessions.tasks import read_tasks
from tests.eval.sets import multi_hop, write


def test_tasks_are_questions_with_several_relevant_documents(tmp_path: Path) -> None:
    """Sub-questions are no tasks; they come with the question that they are of."""
    _, tasks = read_tasks(multi_hop(tmp_path / "set"), None, 1)
    assert [task.id for task in tasks] == ["q1", "q2"]
    assert set(tasks[0].evidence) == {"m1", "m2"}
    assert "quarterly" in tasks[0].evidence["m1"]
    assert [(step.text, step.answer, step.document) for step in tasks[1].steps] == [
        ("Who designed the Harbour of Lund?", "Olaf Brink", "m3"),
        ("Where was #1 born?", "Viborg", "m4"),
    ]


def test_a_sample_is_seeded(tmp_path: Path) -> None:
    """The same seed takes the same questions; more than there are is all of them."""
    folder = multi_hop(tmp_path / "set", steps=False)
    chosen = {seed: [task.id for task in read_tasks(folder, 1, seed)[1]] for seed in range(8)}
    assert all(len(each) == 1 for each in chosen.values())
    assert len({each[0] for each in chosen.values()}) == 2
    assert chosen[3] == [task.id for task in read_tasks(folder, 1, 3)[1]]
    assert len(read_tasks(folder, 99, 1)[1]) == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("qrels.tsv", "q2\tm4", "q2\tm9", "qrels.tsv line 5: the corpus has no document m9"),
        ("queries.jsonl", '"q2"', '"q1"', "queries.jsonl line 2: the topic q1 is there already"),
        ("queries.jsonl", "In which town was the engineer born who designed the Harbour of Lund?", " ", "line 2"),
        ("queries.jsonl", '"type": "sub-query"}', '"type": "sub-qu', "queries.jsonl line 3"),
        ("sessions.jsonl", '"turns"', '"turn"', "sessions.jsonl line 1: not a session with turns"),
        ("sessions.jsonl", '"answer"', '"reply"', "sessions.jsonl line 1: not a session with answers"),
        ("sessions.jsonl", '"gold": ["m4"]}]}', '"gold": ["m', "sessions.jsonl line 2: not JSON"),
        ("qrels.tsv", "q1\tm1\t1\nq1\tm2\t1\nq2\tm3\t1\nq2\tm4\t1\n", "", "no question with 2 or more"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, old: str, new: str, said: str) -> None:
    """With the file and the line."""
    path = multi_hop(tmp_path / "set") / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DatasetError, match=said):
        read_tasks(path.parent, None, 1)


@pytest.mark.parametrize("name", ["qrels.tsv", "queries.jsonl", "corpus.jsonl"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """Whichever it is."""
    folder = multi_hop(tmp_path / "set")
    (folder / name).unlink()
    with pytest.raises(DatasetError, match=name.partition(".")[0]):
        read_tasks(folder, None, 1)


def test_a_packed_set_has_the_same_tasks_and_logs(tmp_path: Path) -> None:
    """Every file of it may be zstd."""
    folder = multi_hop(tmp_path / "set")
    rows = [json.loads(line) for line in (folder / "sessions.jsonl").read_text().splitlines()]
    for row in rows:
        row["turns"] = [{**turn, "query": turn["query_raw"]} for turn in row["turns"]]
    write(folder / "sessions.jsonl", rows)
    before, logs = read_tasks(folder, None, 1)[1], read_logs(folder)[1]
    assert before[0].steps
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.zst").write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes()))
        path.unlink()
    assert read_tasks(folder, None, 1)[1] == before
    assert read_logs(folder)[1] == logs
