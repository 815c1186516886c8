"""What is wrong with the files of a test collection: each of it is named, with file and line."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
import zstandard

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed
from eval.collections import read_collection
from eval.errors import DatasetError
from eval.sets.checks import check_judgements
from tests.eval.test_set_formats import beir, build, ours, tabbed, trec

LAYOUTS = {"ours": ours, "beir": beir, "trec": trec, "tabbed": tabbed}


def refused(folder: Path) -> DatasetError:
    """What reading the whole of it says."""
    with pytest.raises(DatasetError) as caught:
        check_judgements(read_collection(folder))
    assert caught.value.hint, caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("layout", "name", "old", "new", "said"),
    [
        # topics
        ("ours", "queries.jsonl", '"id": "2"', '"id": "1"', "line 2: the topic 1 is there already, in line 1"),
        ("beir", "queries.jsonl", '"_id": "2"', '"_id": "1"', "line 2: the topic 1 is there already, in line 1"),
        ("trec", "topics.301-302.txt", "Number: 2", "Number: 1", "line 12: the topic 1 is there already, in line 1"),
        ("tabbed", "queries.tsv", "2\trails", "1\trails", "line 2: the topic 1 is there already, in line 1"),
        ("ours", "queries.jsonl", '"rails"', '" "', "line 2: the topic 2 has no text"),
        ("trec", "topics.301-302.txt", "<title> rails\n\n<desc> Description:\nOf rails.\n", "", "line 12: the topic 2 has no text"),
        ("tabbed", "queries.tsv", "2\trails", "2", "line 2: not two columns"),
        ("tabbed", "queries.tsv", "2\trails", "2\t \t", "line 2: not two columns"),
        ("ours", "queries.jsonl", '"text": "rails"}', '"text": "ra', "line 2: not JSON"),
        ("ours", "queries.jsonl", '"text": "rails"', '"text": 7', "line 2: not a topic with id and text"),
        ("ours", "queries.jsonl", '"id": "2"', '"name": "2"', "line 2: not a topic with id and text"),
        ("ours", "queries.jsonl", '{"id": "2", "text": "rails"}', '["2", "rails"]', "line 2: not an object"),
        ("ours", "queries.jsonl", '"id": "2"', '"id": "2 b"', "line 2: '2 b' is no id of a topic"),
        ("trec", "topics.301-302.txt", "rails.\n\n<narr> Narrative:\nNo.\n</top>\n", "", "line 12: the topic 2 does not end"),
        ("trec", "topics.301-302.txt", "<num> Number: 2", "", "line 12: a topic without <num>"),
        # judgements
        ("ours", "qrels.tsv", "1\td3\t0", "1 d3 0", "line 3: not three columns"),
        ("ours", "qrels.tsv", "1\td3\t0", "1\td3", "line 3: not three columns"),
        ("ours", "qrels.tsv", "1\td3\t0", "1\td3\thigh", "line 3: the grade 'high' is not an integer"),
        ("ours", "qrels.tsv", "1\td3\t0", "1\td3\t0.5", "line 3: the grade '0.5' is not an integer"),
        ("ours", "qrels.tsv", "1\td3\t0", "1\td1\t0", "line 3: topic 1 has document d1 already, with the grade 2"),
        ("beir", "qrels/test.tsv", "1\td3\t0", "1\td3\t-", "line 3: the grade '-' is not an integer"),
        ("trec", "qrels.robust.txt", "1 0 d3 0", "1 d3 0", "line 2: not four columns"),
        ("trec", "qrels.robust.txt", "1 0 d3 0", "1 0 d3 x", "line 2: the grade 'x' is not an integer"),
        ("ours", "qrels.tsv", "query_id\tdoc_id\trelevance\n", "", "line 1: the header must be"),
        ("ours", "qrels.tsv", "query_id\tdoc_id", "query_id doc_id", "line 1: the header must be"),
        ("ours", "qrels.tsv", "1\td1\t2\n1\td3\t0\n2\td2\t1\n", "", "qrels.tsv: no judgement"),
        ("ours", "qrels.tsv", "1\td1\t2\n1\td3\t0\n2\td2\t1\n", "1\td1\t0\n", "no document is relevant for any topic"),
        ("ours", "qrels.tsv", "2\td2", "2\td9", "line 4: the corpus has no document d9, which topic 2 needs"),
        ("trec", "qrels.robust.txt", "2 0 d2", "2 0 d9", "line 3: the corpus has no document d9, which topic 2 needs"),
        ("ours", "qrels.tsv", "2\td2", "3\td2", "line 4: the set has no topic 3"),
        # documents
        ("ours", "corpus.jsonl", '"year": 1}\n{"id": "d3"', '"year": 1}\n{"name": "d3"', "line 3: not a document with an id"),
        ("ours", "corpus.jsonl", '"Trains run on rails."', "[]", "line 2: text is list, not text"),
        ("ours", "corpus.jsonl", '"id": "d3"', '"id": "d 3"', "line 3: the id 'd 3' has spaces"),
        ("ours", "corpus.jsonl", 'without a title.", "year": 1}\n', "wi", "line 3: not JSON"),
        ("trec", "docs/part-1", "</TEXT>\n</DOC>\n<DOC>", "<DOC>", "line 1: the document that begins here does not end"),
        ("trec", "docs/part-2", "</DOC>", "", "line 1: the document that begins here does not end"),
        ("trec", "docs/part-1", "<DOCNO> d2 </DOCNO>", "", "line 12: a document with 0 <DOCNO>"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, layout: str, name: str, old: str, new: str, said: str) -> None:
    """Before anything is indexed."""
    path = build(tmp_path / "set", LAYOUTS[layout]) / name
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))
    error = refused(tmp_path / "set")
    assert said in error.message
    assert path.name in error.message


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_packed_file_that_was_cut_off_is_named(tmp_path: Path, packing: str, name: str) -> None:
    """It is never read as a shorter one, though what is left of it ends with a whole line."""
    path = build(tmp_path / "set", ours, packing) / f"{name}{packing}"
    whole = path.read_bytes()
    for share in (0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        error = refused(tmp_path / "set")
        assert path.name in error.message
        assert re.search(r"line \d+: .*(cut|damaged)", error.message), error.message
    path.write_bytes(whole[:20] + bytes([whole[20] ^ 255]) + whole[21:])
    assert path.name in refused(tmp_path / "set").message


def test_a_file_cut_between_packed_frames_loses_judged_documents_and_is_refused(tmp_path: Path) -> None:
    """Two frames in a row, the second missing: only the judgements can tell."""
    folder = build(tmp_path / "set", ours)
    data = (folder / "corpus.jsonl").read_bytes()
    (folder / "corpus.jsonl").unlink()
    cut = data.index(b"\n") + 1
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(data[:cut]))
    assert "has no document d3" in refused(folder).message
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(data[:cut]) + gzip.compress(data[cut:]))
    check_judgements(read_collection(folder))


def test_the_first_lines_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    """Whoever has thousands of them sees the pattern."""
    folder = build(tmp_path / "set", ours)
    with (folder / "qrels.tsv").open("a") as out:
        out.writelines(f"1\tx{number}\t1\n" for number in range(30))
    error = refused(folder)
    assert "qrels.tsv line 5: the corpus has no document x0" in error.message
    assert "x3" not in error.message
    assert "and 27 more lines" in error.message
    assert "--allow-missing" in str(error.hint)


def test_missing_topics_and_documents_are_let_pass_and_counted(tmp_path: Path) -> None:
    """Where that is what one wants; but never a corpus that has none of what is judged."""
    folder = build(tmp_path / "set", ours)
    with (folder / "qrels.tsv").open("a") as out:
        out.write("1\tx\t1\n2\ty\t1\n7\td1\t1\n")
    findings = check_judgements(read_collection(folder), allow_missing=True)
    assert (findings.missing_documents, findings.unknown_topics) == (2, 1)
    assert len(findings.notes()) == 2
    (folder / "qrels.tsv").write_text("query_id\tdoc_id\trelevance\n1\tx\t1\n2\ty\t1\n")
    with pytest.raises(DatasetError, match="none of the 2 judged documents"):
        check_judgements(read_collection(folder), allow_missing=True)


def test_what_does_not_prevent_measuring_is_counted(tmp_path: Path) -> None:
    """Topics that nobody judged, topics without a relevant document, documents without text."""
    folder = build(tmp_path / "set", ours)
    with (folder / "queries.jsonl").open("a") as out:
        out.write('{"id": "3", "text": "nobody judged this"}\n{"id": "4", "text": "all judged away"}\n')
    with (folder / "qrels.tsv").open("a") as out:
        out.write("4\td1\t0\n4\tempty\t-1\n")
    with (folder / "corpus.jsonl").open("a") as out:
        out.write('{"id": "empty", "title": " ", "text": ""}\n')
    test = read_collection(folder)
    findings = check_judgements(test)
    assert [topic.id for topic in test.topics] == ["1", "2", "4"]
    assert (findings.unjudged_topics, findings.topics_without_relevant, findings.empty_documents) == (1, 1, 1)
    assert "empty" not in {row["id"] for row in test.documents()}


def test_documents_under_one_name_are_counted_and_the_last_is_indexed(tmp_path: Path) -> None:
    """Two pages of one name are told; which of them a search finds is what the note says."""
    folder = build(tmp_path / "set", ours)
    assert check_judgements(read_collection(folder)).repeated_documents == 0
    with (folder / "corpus.jsonl").open("a") as out:
        out.write('{"id": "d1", "title": "Later", "text": "zymurgy"}\n')
    findings = check_judgements(read_collection(folder))
    assert findings.repeated_documents == 1
    assert findings.notes() == ("1 documents have the name of an earlier one, and stand in its place",)
    engine = Engine(Settings(data=tmp_path / "data"))
    try:
        name = ensure_indexed(engine, read_collection(folder), lambda done, total, note: None)
        kept = {row["id"]: row["title"] for row in engine.documents(name, "default")}
    finally:
        engine.close()
    assert kept["d1"] == "Later"


def test_a_line_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    """JSON and tables are UTF-8."""
    folder = build(tmp_path / "set", tabbed)
    (folder / "queries.tsv").write_bytes("1\tcats\n2\tcafé\n".encode("latin-1"))
    assert "queries.tsv line 2: not UTF-8" in refused(folder).message


@pytest.mark.parametrize(
    ("layout", "name", "said"),
    [
        ("ours", "queries.jsonl", "no queries.jsonl"),
        ("ours", "qrels.tsv", "no qrels.tsv"),
        ("ours", "corpus.jsonl", "no corpus file"),
        ("beir", "qrels/test.tsv", None),
        ("trec", "topics.301-302.txt", "no queries.jsonl"),
        ("trec", "qrels.robust.txt", "no qrels.tsv"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, layout: str, name: str, said: str | None) -> None:
    """Of BEIR's splits, one that is there is taken."""
    folder = build(tmp_path / "set", LAYOUTS[layout])
    (folder / name).unlink()
    if said is None:
        assert [topic.id for topic in read_collection(folder).topics] == ["9"]
    else:
        with pytest.raises(DatasetError, match=re.escape(said)) as caught:
            read_collection(folder).check_corpus()
        assert caught.value.hint


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    """Also a packed one of nothing."""
    for name, data in (("queries.jsonl", b""), ("qrels.tsv", b"\n\n"), ("corpus.jsonl", b" ")):
        folder = build(tmp_path / name, ours)
        (folder / name).write_bytes(data)
        assert f"{name} is empty" in refused(folder).message
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(b""))
    assert "corpus.jsonl.zst is empty" in refused(folder).message


@pytest.mark.skipif("FORAGE_TEST_DATA" not in os.environ, reason="FORAGE_TEST_DATA is not set: no real sets")
def test_no_real_set_is_refused() -> None:
    """Whatever has judgements there, over some 50,000 documents: what they lack is told, not refused."""
    folders = sorted(path.parent for path in Path(os.environ["FORAGE_TEST_DATA"]).glob("*/qrels.tsv"))
    assert folders
    for folder in folders:
        findings = check_judgements(read_collection(folder))
        assert (findings.missing_documents, findings.unknown_topics) == (0, 0), folder
