"""A fetched body as a document: given bytes and their headers, returns what there is to index, follow and obey.

HTML and XHTML by our own reading (html_tree, html_content, html_prune, html_markdown) with trafilatura behind
it; plain text, Markdown and PDF. Pure, and it never raises on any body. Not for fetching, and not bounded in
time: the crawl runs it in worker processes that have a deadline.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

from crawler import extraction_settings as settings
from crawler import urls
from crawler.charset import decode
from crawler.errors import UrlError
from crawler.extracted import Extracted
from crawler.html_content import Content, find_content
from crawler.html_guard import bounded, without_scripts
from crawler.html_links import Base, base_of, canonical_of, directives, links_of
from crawler.html_markdown import to_markdown
from crawler.html_metadata import metadata_of
from crawler.html_prune import prune
from crawler.html_tree import EVERYTHING, Element, parse
from crawler.language import language_of
from crawler.pagedates import parse_machine_date
from crawler.pdf import PdfError, read_pdf
from ranking.types import Document

_HTML_TYPES: Final = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
_XML_TYPES: Final = frozenset(("text/xml", "application/xml"))
_TEXT_TYPES: Final = frozenset(("text/plain", "text/x-rst", "text/x-readme", "text/prs.fallenstein.rst"))
_MARKDOWN_TYPES: Final = frozenset(("text/markdown", "text/x-markdown"))
_PDF_TYPES: Final = frozenset(("application/pdf", "application/x-pdf"))
_UNKNOWN_TYPES: Final = frozenset(
    ("", "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown")
)
_MARKDOWN_NAMES: Final = (".md", ".markdown", ".mdown", ".mkd")
_HTML_START: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?>\s|<!--.{0,2000}?-->|<\?xml[^>]{0,200}\?>){0,20})<(?:!doctype\s+html|html|head|body|title|meta|div|p|h1|table|a)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\ufeff\ufffe\uffff\ud800-\udfff]"
)
_FRONT_MATTER: Final = re.compile(r"---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_LINE: Final = re.compile(
    r"^(title|author|date)[ \t]*:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE
)
_FIRST_HEADING: Final = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t#]*|(\S.*)\n(?:=+|-{3,})[ \t]*)$", re.MULTILINE)


def extract(
    body: bytes,
    url: str,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    fetched_at: str | None = None,
) -> Extracted:
    """What the body at `url` gives. `headers`: of the response, any case; `content_type` wins over theirs."""
    named = {name.lower(): value for name, value in (headers or {}).items()}
    stated = content_type if content_type is not None else named.get("content-type")
    kind = _kind(body, url, stated)
    if kind == "html":
        with _collector_at_rest():
            return _read_html(body, url, stated, named, fetched_at)
    noindex, nofollow = directives({}, named)
    canonical = canonical_of(None, Base(url), named)
    if kind == "pdf":
        try:
            found = read_pdf(body)
        except PdfError as error:
            return Extracted(None, canonical, noindex, nofollow, reason=str(error))
        document = _document(
            url,
            found.title,
            found.text,
            "pdf",
            fetched_at,
            author=found.author,
            published_at=found.published_at,
            modified_at=found.modified_at,
            metadata={"pages": found.pages},
        )
        reason = "" if document else "the PDF holds no text (a scan?)"
    elif kind in ("txt", "md"):
        document = _read_text(decode(body, stated), url, kind, fetched_at)
        reason = "" if document else "no text"
    else:
        document, reason = None, f"content type {stated or 'unknown'!r} is not read"
    return Extracted(document, canonical, noindex, nofollow, reason=reason)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A tree is thousands of objects, and the collector would walk them several times; none is left for it."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _kind(body: bytes, url: str, stated: str | None) -> str:
    """html, txt, md, pdf, or "" for what is not read."""
    name = (stated or "").partition(";")[0].strip().lower()
    path = urlsplit(url).path.lower() if "://" in url else url.lower()
    if name in _PDF_TYPES or body[:1024].lstrip()[:5] == b"%PDF-":
        return "pdf"
    if name in _HTML_TYPES:
        return "html"
    if name in _MARKDOWN_TYPES or (name in _TEXT_TYPES and path.endswith(_MARKDOWN_NAMES)):
        return "md"
    if name in _TEXT_TYPES:
        return "txt"
    if name in _XML_TYPES:
        return "html" if b"<html" in body[:4096].lower() else ""
    if name not in _UNKNOWN_TYPES:
        return ""
    if _HTML_START.match(body[:8192]):
        return "html"
    if b"\x00" in body[:4096] and body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return ""
    if path.endswith(_MARKDOWN_NAMES):
        return "md"
    if path.endswith((".html", ".htm", ".xhtml")) or (b"</" in body[:8192] and b"<p" in body[:8192].lower()):
        return "html"
    if path.endswith((".txt", ".rst", ".text")) or not name:
        return "txt" if body.strip() else ""
    return ""


def _read_html(
    body: bytes, url: str, content_type: str | None, headers: Mapping[str, str], fetched_at: str | None
) -> Extracted:
    source = decode(body, content_type)
    markup, structured = without_scripts(source)
    parser, elements = parse(bounded(markup))
    content = find_content(elements)
    base = base_of(parser, url)
    metadata = metadata_of(parser, structured, elements, url)
    prune(elements, content.element)
    text = _text_of(content, source, markup)
    noindex, nofollow = directives(metadata.named, headers)
    links = links_of(parser, base)
    modified = metadata.modified_at
    if modified is None and fetched_at and (stated := parse_machine_date(headers.get("last-modified", ""))):
        modified = stated if stated[:10] < fetched_at[:10] else None
    document = _document(
        url,
        metadata.title,
        text,
        "html",
        fetched_at,
        language=metadata.language,
        author=metadata.author,
        published_at=metadata.published_at,
        modified_at=modified,
        metadata=metadata.kept,
    )
    canonical = canonical_of(parser, base, headers)
    _release(elements)
    if document is None:
        return Extracted(None, canonical, noindex, nofollow, links, "no text")
    return Extracted(replace(document, links=links), canonical, noindex, nofollow, links)


def _text_of(content: Content, source: str, markup: str) -> str:
    """The Markdown of the content; a second reader is asked when the first left little of a page with text."""
    text = to_markdown(content.element)
    if _is_doubtful(content, text) and len(markup) <= settings.FALLBACK_MAX_MARKUP:
        from crawler.html_fallback import read_slowly

        second = read_slowly(source)
        if len(second) > settings.FALLBACK_GAIN * len(text):
            text = second
    if not text:
        text = _everything(markup) or _everything(source)
    return text


def _is_doubtful(content: Content, text: str) -> bool:
    """Whether the fast reading may have missed the content."""
    return len(text) < settings.FALLBACK_CHARACTERS and content.page_chars > settings.FALLBACK_PAGE_CHARACTERS


def _everything(markup: str) -> str:
    """All text of a page as Markdown, navigation and all."""
    _, elements = parse(bounded(markup), EVERYTHING)
    text = to_markdown(elements[0])
    _release(elements)
    return text


def _release(elements: list[Element]) -> None:
    """Lets go of the tree at once: it is full of cycles, and waiting for the collector costs more than this."""
    for element in elements:
        element.parent = None
        element.children = []


def _read_text(text: str, url: str, kind: str, fetched_at: str | None) -> Document | None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    stated: dict[str, str] = {}
    if kind == "md" and (front := _FRONT_MATTER.match(text)):
        stated = {match[1].lower(): match[2] for match in _FRONT_LINE.finditer(front[1])}
        text = text[front.end() :]
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
    title = stated.get("title", "")
    if not title and (match := _FIRST_HEADING.search(text, 0, 4096)):
        title = match[1] or match[2] or ""
    if not title and text.strip():
        title = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) if "://" in url else ""
    return _document(
        url,
        title,
        text,
        kind,
        fetched_at,
        author=stated.get("author"),
        published_at=parse_machine_date(stated.get("date", "")),
    )


def _document(
    url: str,
    title: str,
    text: str,
    filetype: str,
    fetched_at: str | None,
    *,
    language: str | None = None,
    author: str | None = None,
    published_at: str | None = None,
    modified_at: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Document | None:
    """The document, or None when it has neither title nor text."""
    text = _CONTROL.sub("", text[: settings.MAX_TEXT_CHARACTERS]).strip()
    title = " ".join(_CONTROL.sub("", title).split())[: settings.TITLE_CHARACTERS].strip()
    if not text:
        return None
    try:
        address = urls.canonical(url)
        site = urls.host(address)
    except UrlError:
        address, site = url, ""
    return Document(
        id=urls.document_id(address),
        url=address,
        title=title,
        text=text,
        site=site,
        language=language_of(text, language),
        author=_CONTROL.sub("", author) if author else None,
        published_at=published_at,
        modified_at=modified_at,
        fetched_at=fetched_at,
        filetype=filetype,
        content_hash=hashlib.blake2b(f"{title}\0{text}".encode(), digest_size=16).hexdigest(),
        metadata={
            key: _CONTROL.sub("", value) if isinstance(value, str) else value for key, value in (metadata or {}).items()
        },
    )
