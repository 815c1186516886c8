"""Topics of a test collection: given a file, returns them with their lines.

JSON lines {id or _id, text, type?, split?}, lines of id, tab and text, or TREC SGML (trec.py). Not for choosing which
are measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eval.errors import DatasetError
from eval.sets.files import first_line, lines, objects
from eval.sets.trec import sgml_topics

COLUMNS: Final = 2


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One topic as the file has it."""

    number: int
    id: str
    text: str
    type: str | None = None
    split: str | None = None


def read_topics(path: Path) -> tuple[TopicLine, ...]:
    """In the order of the file. DatasetError for one that is there twice, or has no text, or an id with spaces."""
    begin = first_line(path)
    read = _sgml if begin.startswith("<") else _json if begin.startswith("{") else _tabbed
    found: dict[str, TopicLine] = {}
    for topic in read(path):
        place = f"{path} line {topic.number}"
        if earlier := found.get(topic.id):
            raise DatasetError(
                f"{place}: the topic {topic.id} is there already, in line {earlier.number}",
                hint="every topic has an id of its own",
            )
        if not topic.text.strip():
            raise DatasetError(f"{place}: the topic {topic.id} has no text", hint="leave it out, or give it words")
        if not topic.id or any(letter.isspace() for letter in topic.id):
            raise DatasetError(f"{place}: {topic.id!r} is no id of a topic", hint="a TREC run needs ids without spaces")
        found[topic.id] = topic
    return tuple(found.values())


def _json(path: Path) -> Iterator[TopicLine]:
    for number, row in objects(path):
        name = row.get("id", row.get("_id"))
        if name is None or not isinstance(row.get("text"), str):
            raise DatasetError(
                f"{path} line {number}: not a topic with id and text", hint='{"id": "q1", "text": "what to search for"}'
            )
        yield TopicLine(number, str(name), row["text"], _word(row.get("type")), _word(row.get("split")))


def _tabbed(path: Path) -> Iterator[TopicLine]:
    for number, line in lines(path):
        columns = line.split("\t")
        if len(columns) != COLUMNS:
            raise DatasetError(
                f"{path} line {number}: not two columns, id and text, separated by a tab",
                hint="topics are such lines, JSON lines, or TREC SGML",
            )
        yield TopicLine(number, columns[0].strip(), columns[1])


def _sgml(path: Path) -> Iterator[TopicLine]:
    for number, name, text in sgml_topics(path):
        yield TopicLine(number, name, text)


def _word(value: Any) -> str | None:
    return None if value is None else str(value)
