"""One line of an import: given the bytes of a JSON object, returns the Document that it describes.

Pure but for the extractor that the caller passes. Each refusal says which field, what was given and what would work.
The fields are those of FIELDS; null is absent; an unknown one goes into `metadata`, unless it looks like a
misspelling of a field that the line lacks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from indexer.language import detect_language
from indexer.limits import IngestLimits
from indexer.rows import clean, clean_value, content_hash
from indexer.urls import SCHEMES, page_id, site_of
from ranking.dates import parse_date
from ranking.errors import ForageError
from ranking.shown import cut, shown
from ranking.types import Document

FIELDS: Final = (
    "id", "url", "title", "text", "html", "published_at", "modified_at", "fetched_at", "language", "author",
    "filetype", "metadata",
)  # fmt: skip
ExtractHtml = Callable[[str, str], Document]
"""(html, url) -> Document, of which title, text, links, dates, author and language are taken. Raises ForageError or
ValueError; a ForageError that is `retryable` says that the machine failed, and nothing of the html."""
PageId = Callable[[str], str]
"""URL -> the id of its page, equal for all spellings; raises ForageError or ValueError for what is no URL."""

_SYNONYMS: Final = dict.fromkeys(
    ("body", "content", "contents", "markdown", "page_content", "passage", "raw_text"), "text"
)
_ALIKE: Final = 0.75  # of difflib: one slip in a word of four letters or more
_LONGEST: Final = 2 * max(map(len, FIELDS))  # no longer name is _ALIKE to one of ours: 2 * 12 / (12 + 24) is less
_REMEMBERED: Final = 4_096  # names of fields: the lines of a file have the same ones
_SHORT: Final = 60  # characters of a date or language: longer is something else
_LANGUAGE: Final = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]+)*", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TYPES: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}
_EXTENSIONS: Final = {
    "pdf": "pdf",
    "md": "md",
    "markdown": "md",
    "txt": "txt",
    "rst": "txt",
    "doc": "doc",
    "docx": "docx",
}
_SIXTY_FOUR_BITS: Final = 1 << 64
_DIGITS: Final = 24  # more than 64 bits have; int() of many costs their square


class BadLine(Exception):
    """Why a line cannot be a document; `field` is "" for the line as a whole."""

    def __init__(self, field: str, message: str, did_you_mean: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.did_you_mean = did_you_mean


@dataclass(frozen=True, slots=True)
class Read:
    """A document, and what was done to the line to get it."""

    document: Document
    folded: tuple[str, ...] = ()  # unknown fields, now in metadata
    repaired: bool = False  # lone surrogates were replaced


def read_document(
    line: bytes, extract_html: ExtractHtml | None, limits: IngestLimits, name_page: PageId = page_id
) -> Read:
    """Raises BadLine, and what `extract_html` raises that may be retried."""
    given, repaired = _parse(line, limits)
    present = {name: value for name, value in given.items() if value is not None}
    unknown = {name: value for name, value in present.items() if name not in FIELDS}
    if len(unknown) > limits.max_unknown_fields:
        most = f"at most {limits.max_unknown_fields:,} are taken: put them into 'metadata'"
        raise BadLine(next(iter(unknown)), f"{len(unknown):,} fields are not ours, {most}")
    _refuse_misspelled(unknown, present)
    title = _text(present, "title", limits.max_title_characters)
    text = _text(present, "text", limits.max_text_characters)
    url = _url(present, limits)
    base = _extracted(present, url, extract_html, limits)
    if base is None:
        base = Document(id="", url=url, title=title, text=text, filetype=_filetype(url))
    else:
        base = replace(base, url=url, title=title or base.title)
    if not base.title.strip() and not base.text.strip():
        raise BadLine("text", "title and text are both empty: give at least one of them (or html that has text in it)")
    base = replace(
        base,
        id=_id(present, url, name_page, limits),
        site=site_of(url),
        author=_text(present, "author", limits.max_title_characters) or base.author,
        published_at=_date(present, "published_at") or base.published_at,
        modified_at=_date(present, "modified_at") or base.modified_at,
        fetched_at=_date(present, "fetched_at"),
        filetype=_text(present, "filetype", limits.max_id_characters).lower() or base.filetype,
        language=_language(present) or base.language or detect_language(f"{base.title}\n{base.text}", limits),
        metadata=_metadata(present, unknown, base.metadata, limits),
        content_hash=content_hash(base.title, base.text),
    )
    return Read(base, tuple(unknown), repaired)


def _parse(line: bytes, limits: IngestLimits) -> tuple[dict[str, Any], bool]:
    """The object, nested no deeper than metadata may be, and whether lone surrogates had to be replaced."""
    repaired = False
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as strict:
        try:
            value = json.loads(
                line.decode("utf-8", "surrogatepass"), parse_constant=_refuse_constant, parse_int=_integer,
                parse_float=_float,
            )  # fmt: skip
            repaired = True
        except UnicodeDecodeError as error:
            message = f"not UTF-8 at byte {error.start + 1}: save the file as UTF-8"
            raise BadLine("", message) from error
        except (ValueError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else f"{strict.msg}, column {strict.colno}"
            raise BadLine("", f"not JSON ({reason}): {_shown_line(line)}") from error
    if not isinstance(value, dict):
        hint = ": write one object per line, without the array around them" if isinstance(value, list) else ""
        raise BadLine("", f"a line must be a JSON object, got {_kind(value)}{hint}")
    for name, inner in value.items():
        if isinstance(inner, dict | list) and _deeper(inner, limits.max_metadata_depth):
            most = f"at most {limits.max_metadata_depth} are taken"
            raise BadLine(clean(name), f"{cut(clean(name))} is nested too many levels deep, {most}")
    return (clean_value(value) if repaired else value), repaired


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    """As orjson reads it: what 64 bits do not hold is a float."""
    value = int(digits) if len(digits) <= _DIGITS else _SIXTY_FOUR_BITS
    return value if -_SIXTY_FOUR_BITS // 2 <= value < _SIXTY_FOUR_BITS else _float(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("the number is too large")
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects lie in each other more than so many levels deep."""
    layer = [value]
    for _ in range(levels):
        held = [inner for outer in layer for inner in (outer.values() if isinstance(outer, dict) else outer)]
        layer = [inner for inner in held if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


def _refuse_misspelled(unknown: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    has_text = "text" in present or "html" in present
    absent = tuple(name for name in FIELDS if name not in present and not (has_text and name in ("text", "html")))
    for name in unknown:
        plain = name[: _LONGEST + 1].lower().replace("-", "_")
        meant = _SYNONYMS.get(plain) if not has_text else None
        meant = meant or _alike(plain, absent)
        if meant is not None:
            raise BadLine(
                name, f"unknown field {shown(name)}: did you mean {meant!r}? (its own fields go into 'metadata')", meant
            )


@lru_cache(maxsize=_REMEMBERED)
def _alike(name: str, names: tuple[str, ...]) -> str | None:
    """The one of `names` that was probably meant."""
    if len(name) > _LONGEST:
        return None
    return next(iter(get_close_matches(name, names, n=1, cutoff=_ALIKE)), None)


def _text(present: Mapping[str, Any], name: str, longest: int) -> str:
    value = present.get(name, "")
    if not isinstance(value, str):
        fix = f'; write "{value}" in quotes' if isinstance(value, int | float) and not isinstance(value, bool) else ""
        raise BadLine(name, f"{name} must be a string, got {_kind(value)} {shown(value)}{fix}")
    if len(value) > longest:
        raise BadLine(name, f"{name} has {len(value):,} characters, at most {longest:,} are taken: split the document")
    return clean(value)


def _url(present: Mapping[str, Any], limits: IngestLimits) -> str:
    url = _text(present, "url", limits.max_url_characters).strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadLine("url", f"url {shown(url)} cannot be read ({error})") from error
    if parts.scheme in SCHEMES and (parts.hostname or parts.scheme == "file") and not _CONTROL.search(url):
        return url
    if not parts.scheme and "." in url.partition("/")[0]:
        raise BadLine(
            "url", f"url {shown(url)} has no scheme: did you mean {shown(f'https://{url}')}?", f"https://{url}"
        )
    raise BadLine(
        "url",
        f"url {shown(url)} is not absolute http, https or file: write it in full, or leave it out and give an id",
    )


def _id(present: Mapping[str, Any], url: str, name_page: PageId, limits: IngestLimits) -> str:
    id = _text(present, "id", limits.max_id_characters)
    if "id" in present and (not id.strip() or _CONTROL.search(id)):
        raise BadLine("id", f"id {shown(id)} is empty or has control characters in it")
    if not id and not url:
        raise BadLine("id", "neither id nor url: give an id, or a url from which one is made")
    if id:
        return id
    try:
        return name_page(url)
    except (ForageError, ValueError) as error:
        raise BadLine("url", f"url: {error}") from error


def _extracted(
    present: Mapping[str, Any], url: str, extract_html: ExtractHtml | None, limits: IngestLimits
) -> Document | None:
    html = _text(present, "html", limits.max_text_characters)
    if "html" not in present:
        return None
    if present.get("text"):
        raise BadLine("html", "both text and html are given: send one of them")
    if extract_html is None:
        raise BadLine("html", "html is not taken here: send its text as 'text'")
    try:
        return extract_html(html, url)
    except (ForageError, ValueError) as error:
        if isinstance(error, ForageError) and error.retryable:
            raise  # nobody can mend that in a line
        raise BadLine("html", f"the html could not be read: {error}") from error


def _date(present: Mapping[str, Any], name: str) -> str | None:
    value = _text(present, name, _SHORT)
    if not value:
        return None
    try:
        parse_date(value)
    except ForageError as error:
        raise BadLine(name, f"{name}: {error.message}") from error
    return value.strip()


def _language(present: Mapping[str, Any]) -> str | None:
    value = _text(present, "language", _SHORT)
    if not value:
        return None
    match = _LANGUAGE.fullmatch(value.strip().lower())
    if match is None:
        raise BadLine("language", f"language {shown(value)} is not an ISO 639-1 code such as 'en' or 'pt-BR'")
    return match[1]


def _metadata(
    present: Mapping[str, Any], unknown: Mapping[str, Any], extracted: Mapping[str, Any], limits: IngestLimits
) -> dict[str, Any]:
    given = present.get("metadata", {})
    if not isinstance(given, dict):
        raise BadLine("metadata", f"metadata must be an object, got {_kind(given)} {shown(given)}")
    merged = clean_value({**extracted, **unknown, **given})
    try:
        size = len(orjson.dumps(merged, option=orjson.OPT_NON_STR_KEYS))
    except orjson.JSONEncodeError as error:
        raise BadLine("metadata", f"metadata (with unknown fields) cannot be written as JSON: {error}") from error
    if size > limits.max_metadata_bytes:
        most = f"at most {limits.max_metadata_bytes:,} are taken"
        raise BadLine("metadata", f"metadata (with unknown fields) has {size:,} bytes of JSON, {most}")
    return {name: value for name, value in merged.items() if value is not None}


def _filetype(url: str) -> str:
    if not url:
        return "txt"
    extension = urlsplit(url).path.rpartition("/")[2].rpartition(".")[2].lower()
    return _EXTENSIONS.get(extension, "html")


def _kind(value: Any) -> str:
    return "null" if value is None else _TYPES.get(type(value), type(value).__name__)


def _shown_line(line: bytes) -> str:
    return shown(line[:400].decode("utf-8", "replace"))
