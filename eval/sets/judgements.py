"""Judgements: given files of them, returns the grade of each document for each topic.

Three columns with a header and tabs between them (ours: query_id, doc_id or doc_url, relevance; BEIR: query-id,
corpus-id, score), or TREC's four without a header (topic, anything, document, grade; blanks between them). Not for
what a missing judgement means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from eval.errors import DatasetError
from eval.sets.files import first_line, lines

TOPIC_COLUMNS: Final = frozenset({"query_id", "query-id"})
DOCUMENT_COLUMNS: Final = {"doc_id": False, "doc_url": True, "corpus-id": False}
"""Name of the second column -> whether it holds URLs."""
TABBED: Final = 3
TREC: Final = 4
_GRADE: Final = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Judgement:
    """One line."""

    number: int
    topic: str
    document: str
    grade: int


def judgements(path: Path) -> Iterator[Judgement]:
    """In the order of the file. DatasetError for a line that is none."""
    header = _header(path) is not None
    for number, line in islice(lines(path), int(header), None):
        columns = line.split("\t") if header else line.split()
        wanted = TABBED if header else TREC
        if len(columns) != wanted:
            raise DatasetError(f"{path} line {number}: not {_layout(header)}: {line!r}", hint=_hint(line, header))
        topic, document, grade = columns[0].strip(), columns[-2].strip(), columns[-1].strip()
        if not _GRADE.fullmatch(grade):
            raise DatasetError(
                f"{path} line {number}: the grade {grade!r} is not an integer",
                hint="0 or below is not relevant; 1 and above are degrees of relevance",
            )
        yield Judgement(number, topic, document, int(grade))


def names_urls(path: Path) -> bool:
    """Whether the file judges URLs."""
    return bool(_header(path))


def read_judgements(paths: Iterable[Path]) -> tuple[dict[str, dict[str, int]], bool]:
    """(grades by topic and document, whether documents are URLs). DatasetError also for files without any judgement,
    without any relevant document, and for two grades of the same document for the same topic."""
    paths = tuple(paths)
    qrels: dict[str, dict[str, int]] = {}
    for path in paths:
        for each in judgements(path):
            grades = qrels.setdefault(each.topic, {})
            if grades.setdefault(each.document, each.grade) != each.grade:
                raise DatasetError(
                    f"{path} line {each.number}: topic {each.topic} has document {each.document} already, "
                    f"with the grade {grades[each.document]}",
                    hint="keep one of the two",
                )
    named = ", ".join(map(str, paths))
    if not qrels:
        raise DatasetError(f"{named}: no judgement", hint="without judgements nothing can be measured")
    if not any(grade > 0 for grades in qrels.values() for grade in grades.values()):
        raise DatasetError(f"{named}: no document is relevant for any topic", hint="a grade above 0 means relevant")
    by_url = {names_urls(path) for path in paths}
    if len(by_url) > 1:
        raise DatasetError(f"{named}: some judge ids, some URLs", hint="measure them one after the other")
    return qrels, by_url.pop()


def _header(path: Path) -> bool | None:
    """Whether documents are URLs; None for TREC's four columns, which have no header."""
    line = first_line(path)
    columns = line.split("\t")
    if len(columns) != TABBED and len(line.split()) == TREC:
        return None
    if len(columns) != TABBED or columns[0] not in TOPIC_COLUMNS or columns[1] not in DOCUMENT_COLUMNS:
        raise DatasetError(
            f"{path} line 1: the header must be query_id, doc_id or doc_url, relevance; got {columns}",
            hint=_hint(line, True) + "; lines of TREC have four columns and no header",
        )
    return DOCUMENT_COLUMNS[columns[1]]


def _layout(header: bool) -> str:
    if header:
        return "three columns with an integer grade"
    return "four columns: topic, anything, document, grade"


def _hint(line: str, header: bool) -> str:
    if header and "\t" not in line and len(line.split()) == TABBED:
        return "this line has blanks between its columns: separate them by tabs"
    return "columns are separated by tabs" if header else "columns are separated by blanks"
