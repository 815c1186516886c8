"""Test collections of ir_datasets: read from files that the library itself reads, registered under a name of ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ir_datasets
import pytest

from eval.collections import read_collection
from eval.errors import DatasetError
from eval.sets.checks import check_judgements


def registered(folder: Path, qrels: str = "1 0 d1 2\n1 0 d2 0\n", queries: str = "1\tcats\n2\trails\n") -> str:
    """A dataset that the library knows from now on."""
    name = f"forage-test-{uuid.uuid4().hex}"
    (folder / "docs.tsv").write_text("d1\tCats sleep.\nd2\tTrains run.\n")
    (folder / "queries.tsv").write_text(queries)
    (folder / "qrels.txt").write_text(qrels)
    made = ir_datasets.create_dataset(
        docs_tsv=str(folder / "docs.tsv"),
        queries_tsv=str(folder / "queries.tsv"),
        qrels_trec=str(folder / "qrels.txt"),
    )
    ir_datasets.registry.register(name, made)
    return name


def test_a_dataset_is_a_test_collection(tmp_path: Path) -> None:
    """Topics that are judged, judgements, documents; all of it can be checked as a folder's."""
    name = registered(tmp_path)
    test = read_collection(f"ir_datasets:{name}")
    assert test.name == name
    assert [(topic.id, topic.text) for topic in test.topics] == [("1", "cats")]
    assert test.qrels == {"1": {"d1": 2, "d2": 0}}
    assert list(test.documents()) == [
        {"id": "d1", "title": "", "text": "Cats sleep."},
        {"id": "d2", "title": "", "text": "Trains run."},
    ]
    assert check_judgements(test).unjudged_topics == 1


def test_other_documents_have_another_fingerprint(tmp_path: Path) -> None:
    """An index made of one is not taken for the other."""
    name = registered(tmp_path)
    before = read_collection(f"ir_datasets:{name}").fingerprint()
    assert before == read_collection(f"ir_datasets:{name}").fingerprint()
    (tmp_path / "docs.tsv").write_text("d1\tCats sleep.\nd2\tTrains ran.\n")
    assert before != read_collection(f"ir_datasets:{name}").fingerprint()


def test_judgements_of_another_corpus_are_refused(tmp_path: Path) -> None:
    """Without a line to name, by the document."""
    name = registered(tmp_path, qrels="1 0 d1 1\n1 0 d7 1\n")
    with pytest.raises(DatasetError, match="no document d7"):
        check_judgements(read_collection(f"ir_datasets:{name}"))


def test_an_unknown_id_is_corrected() -> None:
    """The library has some 800."""
    with pytest.raises(DatasetError) as caught:
        read_collection("ir_datasets:beir/scifct/test")
    assert caught.value.did_you_mean == "beir/scifact/test"
    assert "beir/scifact/test" in str(caught.value.hint)


def test_a_set_without_judgements_names_its_parts() -> None:
    """The parent of several splits has documents alone."""
    with pytest.raises(DatasetError, match="no topics with judgements") as caught:
        read_collection("ir_datasets:msmarco-passage")
    assert "msmarco-passage/dev/small" in str(caught.value.hint)


def test_the_id_names_the_split(tmp_path: Path) -> None:
    """There is no other way to choose one."""
    with pytest.raises(DatasetError, match="split"):
        read_collection("ir_datasets:beir/scifact/test", split="train")


@pytest.mark.parametrize(
    ("name", "said"), [("queries.tsv", "topics"), ("qrels.txt", "judgements"), ("docs.tsv", "documents")]
)
def test_what_the_library_cannot_read_is_one_clear_error(tmp_path: Path, name: str, said: str) -> None:
    """What it was, the library's reason, and where its files would be; a failed download is the same to us."""
    known = registered(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match=f"cannot read the {said} of '{known}'") as caught:
        check_judgements(read_collection(f"ir_datasets:{known}"))
    assert name in caught.value.message
    assert "IR_DATASETS_HOME" in str(caught.value.hint)


def test_a_download_that_fails_says_so_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library lists every address it tried; nobody reads that."""
    known = registered(tmp_path)
    reasons = [("http://nowhere/" + "x" * 5_000, "refused")] * 3

    def fail() -> Iterator[Any]:
        raise RuntimeError("All download sources failed", reasons)
        yield

    monkeypatch.setattr(ir_datasets.load(known).qrels_handler(), "qrels_iter", fail)
    with pytest.raises(DatasetError, match="All download sources failed") as caught:
        read_collection(f"ir_datasets:{known}")
    assert len(caught.value.message) < 500
