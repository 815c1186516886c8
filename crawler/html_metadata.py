"""What a page says of itself: given its parser, JSON-LD and elements, returns title, author, dates and more.

Sources in order of trust: JSON-LD of the article, meta elements, marked-up elements, the address. Not for the
text, and not for believing: what is too long or malformed is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from crawler import extraction_settings as settings
from crawler import html_hints as hints
from crawler.html_title import choose_title
from crawler.html_tree import Element
from crawler.pagedates import date_in_url, parse_date_text, parse_machine_date

_ARTICLE_TYPE: Final = re.compile(
    r"article|posting|newsarticle|blogposting|report|webpage|recipe|review|qapage|creativework|book|event|product|howto",
    re.IGNORECASE,
)
_PUBLISHED: Final = (
    "article:published_time",
    "og:published_time",
    "datepublished",
    "article:published",
    "article.published",
    "parsely-pub-date",
    "sailthru.date",
    "publishdate",
    "publish-date",
    "publish_date",
    "pubdate",
    "dc.date.issued",
    "dcterms.created",
    "dc.date.created",
    "dcterms.issued",
    "dc.date",
    "dcterms.date",
    "date",
    "citation_publication_date",
    "citation_date",
    "article.created",
    "article_date_original",
    "cxenseparse:recs:publishtime",
    "bt:pubdate",
    "og:article:published_time",
    "datecreated",
    "doc_date",
    "rnews:datepublished",
    "created",
)
_MODIFIED: Final = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "article:modified",
    "article.updated",
    "dcterms.modified",
    "dc.date.modified",
    "last-modified",
    "lastmod",
    "modified",
    "revised",
    "updated",
    "date-revision",
    "og:modified_time",
)
_AUTHOR: Final = (
    "author",
    "article:author",
    "dc.creator",
    "dcterms.creator",
    "parsely-author",
    "sailthru.author",
    "byl",
    "citation_author",
    "article:author_name",
    "og:author",
    "authors",
    "creator",
    "twitter:data1-author",
)
_TITLE: Final = ("dc.title", "dcterms.title", "og:title", "twitter:title", "parsely-title", "citation_title")
_DATE_TAGS: Final = frozenset(("time", "date"))
_MARKED: Final = hints.META | hints.STATED
_SITE: Final = ("og:site_name", "application-name", "al:android:app_name")
_KEPT: Final = {
    "description": ("description", "og:description", "twitter:description", "dc.description"),
    "keywords": ("keywords", "news_keywords", "parsely-tags"),
    "type": ("og:type",),
    "section": ("article:section",),
    "generator": ("generator",),
    "image": ("og:image",),
}
_BY: Final = re.compile(
    r"^\W*(?:(?:written|posted|published|reported|text|story|words|geschrieben|ein beitrag)\s+)?"
    r"(?:by|von|par|por|di|od|av|door|от|автор:?|autor(?:in)?:?|author:?|text:|redaktion:)\s+",
    re.IGNORECASE,
)
_AFTER_NAME: Final = re.compile(
    r"\s+(?:[|•·–—]|(?:on|am|le|el|il)\s+\d|\d{1,2}[./:]|\d{4}).*$|\s*,?\s*(?:published|updated|posted|aktualisiert|veröffentlicht)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS: Final = re.compile(r"https?://|www\.|@\S+\.\w", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says of itself; "" or None where it says nothing."""

    title: str
    author: str | None
    published_at: str | None
    modified_at: str | None
    language: str | None
    named: Mapping[str, str]  # meta elements: lower-case name to first content
    kept: Mapping[str, str]  # the few that go into a document's metadata


def metadata_of(parser: LexborHTMLParser, structured: Sequence[str], elements: list[Element], url: str) -> Metadata:
    """Everything a page says of itself."""
    named = _named(parser)
    article = _article(structured)
    main_headings = [element for element in elements if element.tag == "h1"]
    title = choose_title(
        _title_element(parser),
        stated=[named.get(name, "") for name in _TITLE],
        headline=_text(article.get("headline")),
        headings=[_all_text(element) for element in sorted(main_headings, key=lambda e: e.dropped)[:3]],
        site=next((named[name] for name in _SITE if named.get(name)), ""),
        url=url,
    )
    published = _first_date([_text(article.get("datePublished"))], named, _PUBLISHED)
    modified = _first_date([_text(article.get("dateModified"))], named, _MODIFIED)
    marked = [element for element in elements if element.hints & _MARKED or element.tag in _DATE_TAGS]
    if published is None:
        published = _marked_date(marked, url)
    html = parser.root
    declared = (html.attributes.get("lang") or html.attributes.get("xml:lang") or "") if html is not None else ""
    kept = {
        key: value[: settings.METADATA_CHARACTERS]
        for key, names in _KEPT.items()
        if (value := next((named[name] for name in names if named.get(name)), ""))
    }
    if site := next((named[name] for name in _SITE if named.get(name)), ""):
        kept["site_name"] = site[: settings.METADATA_CHARACTERS]
    return Metadata(
        title=title,
        author=_author(article, named, marked),
        published_at=published,
        modified_at=modified,
        language=declared or named.get("content-language") or named.get("og:locale") or None,
        named=named,
        kept=kept,
    )


def _title_element(parser: LexborHTMLParser) -> str:
    """The text of `title`: that of the head, for drawings have titles too."""
    node = parser.css_first("head > title") or parser.css_first("title")
    return " ".join(node.text().split()) if node is not None else ""


def _named(parser: LexborHTMLParser) -> dict[str, str]:
    named: dict[str, str] = {}
    for node in parser.css("meta[content]"):
        attributes = node.attributes
        content = attributes["content"]
        if not content:
            continue
        for key in ("property", "name", "itemprop", "http-equiv"):
            if (name := attributes.get(key)) and (lowered := name.strip().lower()) not in named:
                named[lowered] = " ".join(content.split())
    return named


def _article(structured: Sequence[str]) -> dict[str, Any]:
    """The JSON-LD object that describes the page's article; {} without one."""
    best: dict[str, Any] = {}
    for source in structured:
        if len(source) > settings.STRUCTURED_CHARACTERS:
            continue
        try:
            data = json.loads(
                source.strip().removeprefix("<![CDATA[").removesuffix("]]>").strip() or "null", strict=False
            )
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data):
            kinds = node.get("@type")
            kind = " ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds or "")
            if not _ARTICLE_TYPE.search(kind):
                continue
            score = 2 * ("headline" in node) + 2 * ("datePublished" in node) + ("author" in node)
            if score > best.get("", -1):
                best = {**node, "": score}
    return best


def _nodes(data: Any) -> Iterator[dict[str, Any]]:
    stack, seen = [data], 0
    while stack and seen < settings.STRUCTURED_NODES:
        seen += 1
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(
                node[key] for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement") if key in node
            )
        elif isinstance(node, list):
            stack.extend(reversed(node))


def _text(value: Any) -> str:
    return " ".join(unescape(value).split()) if isinstance(value, str) else ""


def _first_date(stated: list[str], named: Mapping[str, str], names: Sequence[str]) -> str | None:
    for text in [*stated, *(named[name] for name in names if name in named)]:
        if text and (date := parse_machine_date(text) or parse_date_text(text)):
            return date
    return None


def _marked_date(elements: list[Element], url: str) -> str | None:
    """The date of the first element marked up as one, else that in the address."""
    in_address = date_in_url(url)
    if in_address and len(in_address) == 10:
        return in_address
    first: str | None = None
    for element in elements:
        attributes = element.attributes
        marked = attributes.get("itemprop") in ("datePublished", "dateCreated") or "pubdate" in attributes
        stated = attributes.get("datetime") or (attributes.get("content") if marked else None)
        if stated and element.tag in ("time", "meta", "span", "date", "div", "abbr", "p"):
            date = parse_machine_date(stated) or parse_date_text(stated)
        elif element.chars < 120 and (marked or element.tag in ("time", "date") or element.hints & hints.META):
            date = parse_date_text(_all_text(element))
        else:
            continue
        if date and marked:
            return date
        first = first or date
    return first or in_address


def _all_text(element: Element) -> str:
    """Text of an element, whether or not it was dropped."""
    pieces: list[str] = []
    stack: list[Element | str] = [element]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
        else:
            pieces.append(" ")
            stack.extend(reversed(node.children))
    return " ".join("".join(pieces).split())


def _author(article: dict[str, Any], named: Mapping[str, str], elements: list[Element]) -> str | None:
    if name := _clean_author(_names(article.get("author")) or _names(article.get("creator"))):
        return name
    for key in _AUTHOR:
        if name := _clean_author(named.get(key, "")):
            return name
    for element in elements:
        attributes = element.attributes
        if element.chars > settings.AUTHOR_CHARACTERS:
            continue
        marked = (attributes.get("rel") == "author" and element.tag == "a") or attributes.get("itemprop") == "author"
        if marked and (name := _clean_author(_all_text(element))):
            return name
    for element in elements:
        if element.hints & hints.META and element.chars <= settings.AUTHOR_CHARACTERS:
            names = f"{element.get('class')} {element.get('id')}".lower()
            if ("author" in names or "byline" in names or "autor" in names) and (
                name := _clean_author(_all_text(element))
            ):
                return name
    return None


def _names(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    found = [_text(v.get("name")) if isinstance(v, dict) else _text(v) for v in values[:10]]
    return ", ".join(name for name in found if name)


def _clean_author(text: str) -> str | None:
    name = _AFTER_NAME.sub("", _BY.sub("", " ".join(text.split()))).strip(" ,;:|-–—·•")
    if not 2 <= len(name) <= settings.AUTHOR_CHARACTERS or _ADDRESS.search(name) or not any(c.isalpha() for c in name):
        return None
    return name
