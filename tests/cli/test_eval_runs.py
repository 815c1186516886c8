"""`forage eval run`, `measure` and `compare` as a person runs them: the whole command, in this process to save time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from tests.eval.test_set_formats import beir, build, trec

Forage = Callable[..., str]


@pytest.fixture
def forage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Forage:
    """What `forage eval` says, on either stream."""
    monkeypatch.setenv("FORAGE_DATA", str(tmp_path / "data"))

    def run(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["forage", "eval", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said.err
        return said.out + said.err

    return run


def test_trec_files_are_run_measured_and_compared(tmp_path: Path, forage: Forage) -> None:
    """Files named one by one; a run of another engine on the same judgements; the exit status that CI reads."""
    folder = build(tmp_path / "set", trec)
    files = ("--topics", str(folder / "topics.301-302.txt"), "--qrels", str(folder / "qrels.robust.txt"))
    said = forage(
        "run", *files, "--corpus", str(folder / "docs"), "--out", str(tmp_path / "a"), "--profile", "bm25",
        "--measures", "RR nDCG@3 Judged@1",
    )  # fmt: skip
    assert "set: 2 topics" in said
    assert "| RR | 1.0000 |" in said
    (tmp_path / "lucene.run").write_text("1 Q0 d3 1 2.5 lucene\n2 Q0 d1 1 2.5 lucene\n2 Q0 d3 2 2 lucene\n")
    said = forage(
        "measure", "--run", str(tmp_path / "lucene.run"), files[2], files[3], "--out", str(tmp_path / "b"),
        "--measures", "RR nDCG@3 Judged@1",
    )  # fmt: skip
    assert "lucene.run: 2 topics, at most 2 documents each" in said
    pair = (str(tmp_path / "a"), str(tmp_path / "b"))
    said = forage("compare", *pair, "--fail-if-worse")
    assert "| RR | 2 | 1.0000 | 0.0000 | -1.0000 | 0 | 2 |" in said  # two topics are too few to be sure
    assert "Judged@1: A 1.0000, B 0.5000" in said
    assert json.loads(forage("compare", *pair, "--json"))["tests"][0]["losses"] == 2


def test_a_significant_loss_fails_only_when_that_was_asked_for(tmp_path: Path, forage: Forage) -> None:
    """Twenty topics, all of them worse."""
    judged = "".join(f"{number} 0 d{number} 1\n" for number in range(20))
    (tmp_path / "qrels.txt").write_text(judged)
    for name, ending in (("good", ""), ("bad", "x")):
        rows = [f"{number} Q0 d{number}{ending if number else ''} 1 1 {name}\n" for number in range(20)]
        (tmp_path / name).write_text("".join(rows))
        where = ("--qrels", str(tmp_path / "qrels.txt"), "--out", str(tmp_path / f"{name}.out"))
        forage("measure", "--run", str(tmp_path / name), *where)
    pair = (str(tmp_path / "good.out"), str(tmp_path / "bad.out"))
    assert "-0.9500*" in forage("compare", *pair)
    assert "B is worse on nDCG@10" in forage("compare", *pair, "--fail-if-worse", status=1)
    forage("compare", *reversed(pair), "--fail-if-worse")


def test_params_of_a_file_lie_between_profile_and_weights(tmp_path: Path, forage: Forage) -> None:
    """What is left out of a whole request is told; two profiles are refused; measures says what was asked."""
    folder = build(tmp_path / "set", beir)
    path = tmp_path / "params.json"
    path.write_text(json.dumps({"weights": {"bm25": 1, "recency": 0.1}, "fuse": {"method": "rrf"}, "query": "x"}))
    common = ("run", "--data", str(folder), "--split", "train", "--out", str(tmp_path / "out"), "--params", str(path))
    said = forage(*common, "--profile", "bm25", "--weights", "recency=0.2")
    assert "left out of" in said
    assert "query" in said
    body = json.loads((tmp_path / "out" / "measures.json").read_text())
    assert body["request"] == {
        "profile": "bm25",
        "weights": {"bm25": 1, "recency": 0.2},
        "fuse": {"method": "rrf"},
    }
    assert (body["split"], body["topics"]) == ("train", 1)
    path.write_text(json.dumps({"profile": "dense"}))
    assert "name one of them" in forage(*common, "--profile", "bm25", status=1)


def test_what_cannot_be_run_is_one_line(tmp_path: Path, forage: Forage) -> None:
    """No set, an unknown measure with the one that was meant, an unknown id, a line of judgements."""
    out = ("--out", str(tmp_path / "out"))
    folder = build(tmp_path / "set", beir)
    assert "give --data" in forage("run", *out, status=1)
    said = forage("run", *out, "--data", str(folder), "--measures", "nDGC@10", status=1)
    assert "there is no measure 'nDGC@10'" in said
    assert "nDCG@k" in said
    assert "has no set" in forage("run", *out, "--data", "ir_datasets:no/such/thing", status=1)
    with (folder / "qrels" / "test.tsv").open("a") as qrels:
        qrels.write("1\td77\t1\n")
    said = forage("run", *out, "--data", str(folder), status=1)
    assert "test.tsv line 5: the corpus has no document d77" in said
    assert "--allow-missing" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
