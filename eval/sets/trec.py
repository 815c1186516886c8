"""TREC's SGML: given a file of documents or of topics, returns what it holds, with lines.

Documents: <DOC> with <DOCNO>, a title where there is one (<TITLE>, <HEADLINE>, <TI>, <HL>), the rest as text. Topics:
<top> with <num> and <title> (or <desc>), closed or not, and <topic number="..."> with <query>. Not a general SGML
parser: these files are none, which is also why no library for XML reads them; the one of ir_datasets knows no lines.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from eval.errors import DatasetError
from eval.sets.files import CUT_OFF, byte_lines

_BEGIN: Final = re.compile(r"<DOC\b", re.I)
_END: Final = re.compile(r"</DOC\s*>", re.I)
_NUMBER: Final = re.compile(r"<DOCNO\s*>(.*?)</DOCNO\s*>", re.I | re.S)
_TITLE: Final = re.compile(r"<(TITLE|HEADLINE|HEAD|TI|HL)\b[^>]*>(.*?)</\1\s*>", re.I | re.S)
_URL: Final = re.compile(r"<URL\s*>(.*?)</URL\s*>", re.I | re.S)
_APART: Final = re.compile(r"<(DOCID|DOCHDR|DOCOLDNO)\b[^>]*>.*?</\1\s*>", re.I | re.S)
_PARAGRAPH: Final = re.compile(r"</?P\b[^>]*>", re.I)
_TAG: Final = re.compile(r"</?[A-Za-z!][^<>]*>")
_TOPIC: Final = re.compile(r"<(top|topic)\b([^>]*)>(.*?)(?:(</\1\s*>)|(?=<\1\b)|\Z)", re.I | re.S)
_TOPIC_NUMBER: Final = re.compile(r"<num\s*>\s*(?:Number\s*:)?\s*([^\s<]+)", re.I)
_TOPIC_ATTRIBUTE: Final = re.compile(r"""\b(?:number|id)\s*=\s*["']?([^\s"'>]+)""", re.I)
_TOPIC_FIELDS: Final = tuple(
    re.compile(rf"<{name}\s*>\s*(?:{label}\s*:)?([^<]*)", re.I)
    for name, label in (
        ("title", "Topic"),
        ("query", "Query"),
        ("desc", "Description"),
        ("description", "Description"),
        ("question", "Question"),
    )
)
"""The first that is there is searched for."""


def sgml_documents(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line of its beginning, {id, title, text, url?}). DatasetError for one without a number, or without an end."""
    begun, parts, found, last = 0, list[str](), False, 0
    for number, line in _text_lines(path):
        if _BEGIN.search(line):
            if begun:
                raise _unfinished(path, begun)
            begun = number
        if begun:
            parts.append("\n" * min(2, number - last) + line if parts else line)
        last = number
        if begun and _END.search(line):
            yield begun, _document("".join(parts), f"{path} line {begun}")
            begun, found = 0, True
            parts.clear()
    if begun:
        raise _unfinished(path, begun)
    if not found:
        raise DatasetError(f"{path} has no <DOC>", hint="documents are TREC SGML or JSON lines")


def sgml_topics(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line of its beginning, number, text). DatasetError for one without a number."""
    numbered = dict(_text_lines(path))
    text = "\n".join(numbered.get(number, "") for number in range(1, max(numbered, default=0) + 1))
    found = None
    for found in _TOPIC.finditer(text):
        number = text.count("\n", 0, found.start()) + 1
        name = _TOPIC_NUMBER.search(found[3]) or _TOPIC_ATTRIBUTE.search(found[2])
        if name is None:
            raise DatasetError(f"{path} line {number}: a topic without <num>", hint="<top><num> 1 <title> words </top>")
        if not found[4]:
            raise DatasetError(f"{path} line {number}: the topic {name[1]} does not end", hint=CUT_OFF)
        texts = (
            " ".join(html.unescape(field[1]).split()) for each in _TOPIC_FIELDS if (field := each.search(found[3]))
        )
        yield number, name[1], next(filter(None, texts), "")
    if found is None:
        raise DatasetError(f"{path} has no <top>", hint="topics are TREC SGML, lines of id and text, or JSON lines")


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """TREC's own disks are older than UTF-8: a line that is none is read as Latin-1, where every byte is a letter."""
    for number, line in byte_lines(path):
        try:
            yield number, line.decode()
        except UnicodeDecodeError:
            yield number, line.decode("latin-1")


def _document(text: str, place: str) -> dict[str, Any]:
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1:
        raise DatasetError(
            f"{place}: a document with {len(numbers)} <DOCNO>", hint="<DOC><DOCNO> a1 </DOCNO> ... </DOC>"
        )
    title, url = _TITLE.search(text), _URL.search(text)
    rest = text
    for found in filter(None, (title, url)):
        rest = rest.replace(found[0], "", 1)
    rest = _PARAGRAPH.sub("\n\n", _APART.sub("", _NUMBER.sub("", rest)))
    row = {"id": numbers[0].strip(), "title": " ".join(_plain(title[2]).split()) if title else "", "text": _plain(rest)}
    return {**row, "url": _plain(url[1])} if url else row


def _plain(text: str) -> str:
    """Without tags; lines stay lines, and never more than one is empty."""
    stripped = "\n".join(" ".join(line.split()) for line in html.unescape(_TAG.sub(" ", text)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", stripped).strip()


def _unfinished(path: Path, begun: int) -> DatasetError:
    return DatasetError(f"{path} line {begun}: the document that begins here does not end", hint=CUT_OFF)
