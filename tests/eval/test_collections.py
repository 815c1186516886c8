"""Reading test collections."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from eval.collections import read_collection
from eval.errors import DatasetError


def write(folder: Path, queries: str, qrels: str, corpus: str = "") -> Path:
    (folder / "queries.jsonl").write_text(queries)
    (folder / "qrels.tsv").write_text(qrels)
    if corpus:
        (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(corpus.encode()))
    return folder


def test_only_the_test_split_is_measured(tmp_path: Path) -> None:
    """Topics of other splits are for tuning."""
    folder = write(
        tmp_path,
        '{"id": "1", "text": "one", "split": "train"}\n{"id": "2", "text": "two", "split": "test"}\n',
        "query_id\tdoc_id\trelevance\n1\ta\t1\n2\tb\t1\n",
    )
    assert [topic.id for topic in read_collection(folder).topics] == ["2"]


def test_documents_keep_what_ingest_knows_and_fold_the_rest(tmp_path: Path) -> None:
    """Unknown fields become metadata; a document without text is left out."""
    folder = write(
        tmp_path,
        '{"id": "1", "text": "one"}\n',
        "query_id\tdoc_id\trelevance\n1\ta\t1\n",
        '{"id": "a", "url": null, "title": "A", "text": "", "year": 1958}\n{"id": "b", "title": "", "text": " "}\n',
    )
    documents = list(read_collection(folder).documents())
    assert documents == [{"id": "a", "title": "A", "text": "", "metadata": {"year": 1958}}]


def test_judgements_by_url_are_recognised(tmp_path: Path) -> None:
    """A doc_url column means that runs name URLs."""
    folder = write(tmp_path, '{"id": "1", "text": "one"}\n', "query_id\tdoc_url\trelevance\n1\thttp://a/\t1\n")
    assert read_collection(folder).by_url


@pytest.mark.parametrize(
    ("queries", "qrels", "said"),
    [
        ('{"id": 1}\n', "query_id\tdoc_id\trelevance\n", "line 1"),
        ('{"id": "1", "text": "x"}\n', "q\td\tr\n", "header"),
        ('{"id": "1", "text": "x"}\n', "query_id\tdoc_id\trelevance\n1\ta\n", "line 2"),
        ('{"id": "1", "text": "x"}\n', "query_id\tdoc_id\trelevance\n1\ta\thigh\n", "line 2"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, queries: str, qrels: str, said: str) -> None:
    """The message says where."""
    with pytest.raises(DatasetError, match=said):
        read_collection(write(tmp_path, queries, qrels))


def test_a_folder_that_is_no_collection_is_refused(tmp_path: Path) -> None:
    """The message says what is missing."""
    with pytest.raises(DatasetError, match=r"queries\.jsonl"):
        read_collection(tmp_path)


def test_what_is_no_web_address_is_left_out(tmp_path: Path) -> None:
    """A document with half a URL is still a document."""
    folder = write(
        tmp_path,
        '{"id": "1", "text": "one"}\n',
        "query_id\tdoc_id\trelevance\n1\ta\t1\n",
        '{"id": "a", "url": "tel:+44", "title": "A", "text": "x"}\n{"id": "b", "url": "http://b/", "title": "B", "text": "y"}\n',
    )
    assert [document.get("url") for document in read_collection(folder).documents()] == [None, "http://b/"]
