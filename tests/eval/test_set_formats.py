"""Kinds of files that a test collection may come in: the same set in each of them is read as the same set."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash
import zstandard

from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError
from eval.sets.checks import check_judgements

DOCUMENTS = {
    "d1": ("Cats & dogs", "Cats sleep.\n\nDogs bark < cats."),
    "d2": ("Trains", "Trains run on rails."),
    "d3": ("", "A page without a title."),
}
TOPICS = {"1": "do cats sleep", "2": "rails"}
GRADES = [("1", "d1", 2), ("1", "d3", 0), ("2", "d2", 1)]
NAMES = f"{sum(xxhash.xxh3_64_intdigest(name.encode()) for name in DOCUMENTS) % 2**64:016x}"

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def ours(folder: Path) -> dict[str, str]:
    return {
        "corpus.jsonl": lines({"id": n, "title": t, "text": x, "year": 1} for n, (t, x) in DOCUMENTS.items()),
        "queries.jsonl": lines({"id": n, "text": t} for n, t in TOPICS.items()),
        "qrels.tsv": "query_id\tdoc_id\trelevance\n" + "".join(f"{t}\t{d}\t{g}\n" for t, d, g in GRADES),
    }


def beir(folder: Path) -> dict[str, str]:
    return {
        "corpus.jsonl": lines(
            {"_id": n, "title": t, "text": x, "metadata": {"year": 1}} for n, (t, x) in DOCUMENTS.items()
        ),
        "queries.jsonl": lines(
            {"_id": n, "text": t, "metadata": {}} for n, t in {**TOPICS, "9": "of another split"}.items()
        ),
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\n" + "".join(f"{t}\t{d}\t{g}\n" for t, d, g in GRADES),
        "qrels/train.tsv": "query-id\tcorpus-id\tscore\n9\td1\t1\n",
    }


def trec(folder: Path) -> dict[str, str]:
    escaped = {"d1": ("Cats &amp; dogs", "Cats sleep.\n<P>\nDogs bark &lt; cats.\n</P>")}
    documents = [
        f"<DOC>\n<DOCNO> {n} </DOCNO>\n<DOCID>7</DOCID>\n"
        + (f"<HEADLINE>{title}</HEADLINE>\n" if title else "")
        + f"<TEXT>\n{text}\n</TEXT>\n</DOC>\n"
        for n, (title, text) in {**DOCUMENTS, **escaped}.items()
    ]
    topics = [
        f"<top>\n<num> Number: {n}\n<title> {text}\n\n<desc> Description:\nOf {text}.\n\n<narr> Narrative:\nNo.\n</top>\n"
        for n, text in TOPICS.items()
    ]
    return {
        "docs/part-1": "".join(documents[:2]),
        "docs/part-2": documents[2],
        "topics.301-302.txt": "\n".join(topics),
        "qrels.robust.txt": "".join(f"{t} 0 {d} {g}\n" for t, d, g in GRADES),
    }


def tabbed(folder: Path) -> dict[str, str]:
    return {
        "collection.jsonl": lines({"docno": n, "title": t, "contents": x} for n, (t, x) in DOCUMENTS.items()),
        "queries.tsv": "".join(f"{n}\t{text}\n" for n, text in TOPICS.items()),
        "small.qrels": "".join(f"{t}\tQ0\t{d}\t{g}\n" for t, d, g in GRADES),
    }


def lines(rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)  # type: ignore[attr-defined]


def build(folder: Path, layout: Callable[[Path], dict[str, str]], packing: str = "") -> Path:
    for name, text in layout(folder).items():
        path = folder / (name + packing)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PACK[packing](text.encode()))
    return folder


def texts(test: TestCollection) -> dict[str, tuple[str, str]]:
    return {str(row["id"]): (row["title"], row["text"]) for row in test.documents()}


@pytest.mark.parametrize("packing", list(PACK))
@pytest.mark.parametrize("layout", [ours, beir, trec, tabbed])
def test_every_layout_in_every_packing_is_the_same_set(
    tmp_path: Path, layout: Callable[[Path], dict[str, str]], packing: str
) -> None:
    """Topics, judgements and documents do not depend on how they were written down."""
    test = read_collection(build(tmp_path / "set", layout, packing))
    assert test.name == "set"
    assert {topic.id: topic.text for topic in test.topics} == TOPICS
    assert test.qrels == {"1": {"d1": 2, "d3": 0}, "2": {"d2": 1}}
    assert not test.by_url
    assert texts(test) == DOCUMENTS
    assert check_judgements(test).corpus == NAMES


def test_metadata_of_beir_is_that_of_the_document(tmp_path: Path) -> None:
    """As an unknown field of ours is; a URL in it is the page's."""
    folder = build(tmp_path, beir)
    row = {"_id": "d1", "title": "T", "text": "x", "metadata": {"url": "http://a/", "pubmed_id": 7}}
    (folder / "corpus.jsonl").write_text(json.dumps(row) + "\n")
    (document,) = read_collection(folder).documents()
    assert document == {
        "id": "d1", "title": "T", "text": "x", "url": "http://a/", "metadata": {"pubmed_id": 7},
    }  # fmt: skip


def test_a_split_is_chosen_by_name(tmp_path: Path) -> None:
    """test where there is one; any other, or all of them, when it is named; the corpus is one."""
    folder = build(tmp_path / "set", beir)

    def measured(split: str | None) -> list[str]:
        return [topic.id for topic in read_collection(folder, split=split).topics]

    assert measured(None) == measured("test") == ["1", "2"]
    assert measured("train") == ["9"]
    assert measured("all") == ["1", "2", "9"]
    with pytest.raises(DatasetError, match="no split 'dev'") as caught:
        read_collection(folder, split="dev")
    assert "test, train" in str(caught.value.hint)
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    assert measured(None) == ["1", "2", "9"]


def test_a_split_may_be_a_field_of_the_topics(tmp_path: Path) -> None:
    """Topics of no split belong to all alone."""
    folder = build(tmp_path / "set", ours)
    rows = [{"id": "1", "text": "a", "split": "test"}, {"id": "2", "text": "b"}]
    (folder / "queries.jsonl").write_text(lines(rows))
    assert [topic.id for topic in read_collection(folder).topics] == ["1"]
    assert [topic.id for topic in read_collection(folder, split="all").topics] == ["1", "2"]
    assert read_collection(folder).split == "test"
    with pytest.raises(DatasetError, match="no split 'train'"):
        read_collection(folder, split="train")


def test_files_may_be_named_one_by_one(tmp_path: Path) -> None:
    """Without a folder, or in place of one of its files."""
    folder = build(tmp_path / "set", trec)
    topics, qrels = folder / "topics.301-302.txt", folder / "qrels.robust.txt"
    test = read_collection(None, topics=topics, qrels=qrels, corpus=folder / "docs" / "part-1")
    assert list(texts(test)) == ["d1", "d2"]
    assert not read_collection(None, topics=topics, qrels=qrels).has_corpus
    (folder / "qrels.other.txt").write_text("1 0 d2 1\n")
    with pytest.raises(DatasetError, match="several files that may be qrels") as caught:
        read_collection(folder)
    assert "--qrels" in str(caught.value.hint)
    assert read_collection(folder, qrels=folder / "qrels.other.txt").qrels == {"1": {"d2": 1}}
    with pytest.raises(DatasetError, match="there is no"):
        read_collection(folder, qrels=folder / "qrels.nowhere.txt")
    with pytest.raises(DatasetError, match="no test collection"):
        read_collection(None)


def test_topics_of_the_web_track_are_read_too(tmp_path: Path) -> None:
    """Elements of XML with the number as an attribute; entities are letters."""
    folder = build(tmp_path, trec)
    (folder / "topics.301-302.txt").write_text(
        '<topics>\n<topic number="1" type="faceted">\n<query>cats &amp; dogs</query>\n<description>d</description>\n'
        '</topic>\n<topic number="2"><query>rails</query></topic>\n</topics>\n'
    )
    assert {topic.id: topic.text for topic in read_collection(folder).topics} == {"1": "cats & dogs", "2": "rails"}


def test_topics_without_a_title_are_searched_by_their_description(tmp_path: Path) -> None:
    """Some tracks have no titles."""
    folder = build(tmp_path, trec)
    (folder / "topics.301-302.txt").write_text(
        "<top><num> 1 </num><desc> Description: what cats\ndo </desc></top>\n<top><num>2<title>\nrails</top>\n"
    )
    assert {topic.id: topic.text for topic in read_collection(folder).topics} == {"1": "what cats do", "2": "rails"}


def test_documents_older_than_utf_8_are_read(tmp_path: Path) -> None:
    """Latin-1, as TREC's disks are."""
    folder = build(tmp_path, trec)
    (folder / "docs" / "part-2").write_bytes("<DOC><DOCNO>d3</DOCNO><TEXT>Café.</TEXT></DOC>\n".encode("latin-1"))
    assert texts(read_collection(folder))["d3"] == ("", "Café.")


@pytest.mark.parametrize("layout", [ours, beir, tabbed, trec])
def test_line_ends_of_windows_and_a_byte_order_mark_are_no_part_of_anything(
    tmp_path: Path, layout: Callable[[Path], dict[str, str]]
) -> None:
    """Files that passed through an editor there are the same set."""
    folder = build(tmp_path / "set", layout)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    test = read_collection(folder)
    assert {topic.id: topic.text for topic in test.topics} == TOPICS
    assert test.qrels == {"1": {"d1": 2, "d3": 0}, "2": {"d2": 1}}
    assert texts(test) == DOCUMENTS
