"""PDF files: given their bytes, returns the text page by page, with title, author and dates.

Text only: no layout, no pictures. Not for scanned pages: they have no text, and the reason says so.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from crawler.pagedates import parse_machine_date
from ranking.shown import cut

MAX_PAGES: Final = 5_000  # a book has fewer; the crawl's time cap ends the rest
_HYPHEN: Final = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")
_DATE: Final = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})(\d{2})?)?(?:(Z)|([+-]\d{2})'?(\d{2})?)?")
_PARAGRAPH_END: Final = re.compile(r"[.!?:;»”\")\]]$")


class PdfError(Exception):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class PdfText:
    """`text`: pages joined by empty lines."""

    text: str
    title: str
    author: str | None
    published_at: str | None
    modified_at: str | None
    pages: int


def read_pdf(body: bytes) -> PdfText:
    """Text and metadata of a PDF. Raises PdfError."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs each oddity of each file
    try:
        reader = PdfReader(BytesIO(body), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise PdfError("the PDF needs a password")
        pages = [page.extract_text() for page in reader.pages[:MAX_PAGES]]
        information: Any = reader.metadata or {}
        stated = {str(key): str(value) for key, value in dict(information).items() if value is not None}
    except PdfError:
        raise
    except Exception as error:  # pypdf raises nearly every built-in error on broken files
        raise PdfError(f"the PDF cannot be read ({type(error).__name__}: {cut(str(error), 200)})") from error
    text = "\n\n".join(clean for page in pages if (clean := _page(page)))
    return PdfText(
        text=text,
        title=" ".join(stated.get("/Title", "").split()),
        author=" ".join(stated.get("/Author", "").split()) or None,
        published_at=_date(stated.get("/CreationDate", "")),
        modified_at=_date(stated.get("/ModDate", "")),
        pages=len(pages),
    )


def _page(text: str) -> str:
    """The lines of a page as paragraphs: a line that ends like a sentence, or short, ends one."""
    text = _HYPHEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [" ".join(line.split()) for line in text.split("\n")]
    longest = max((len(line) for line in lines), default=0)
    paragraphs: list[str] = []
    current: list[str] = []
    for line in lines:
        if line:
            current.append(line)
        if current and (
            not line or (len(line) < 0.7 * longest and _PARAGRAPH_END.search(line)) or len(line) < 0.4 * longest
        ):
            paragraphs.append(" ".join(current))
            current = []
    if current:
        paragraphs.append(" ".join(current))
    return "\n\n".join(paragraphs)


def _date(stated: str) -> str | None:
    match = _DATE.match(stated)
    if not match:
        return None
    year, month, day, hour, minute, second, utc, offset, offset_minutes = match.groups()
    text = "-".join(part for part in (year, month, day) if part)
    if day and hour and (utc or offset):
        zone = "Z" if utc else f"{offset}:{offset_minutes or '00'}"
        text += f"T{hour}:{minute}:{second or '00'}{zone}"
    return parse_machine_date(text)
