"""Where the content of a page is: given its elements, returns the one that holds it; noise outside is dropped.

Three readings, strictest first: names of noise, comments and by-lines count; only names of noise count; only
tags count. The first that leaves enough running text wins. Then the element is the best of those that say
they hold an article, or the lowest that holds nearly all that is left. Not for noise within (html_prune.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from crawler import extraction_settings as settings
from crawler import html_hints as hints
from crawler.html_tree import HEADINGS, NAVIGATION, Element, drop, restore

_SIDE_TAGS: Final = frozenset("footer aside".split())
_NOISE_ROLES: Final = frozenset(
    "navigation banner contentinfo complementary search dialog alertdialog menu menubar toolbar tablist".split()
)
_NAMES_IGNORED: Final = frozenset(
    "html body main h1 h2 pre code blockquote b i em strong tr tbody thead dt dd br".split()
)
"""Tags whose names remove nothing: what they hold is text by nature, or too much."""
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_STATING: Final = frozenset(("itemprop", "datetime", "pubdate", "rel"))
_BODY_PROPERTIES: Final = ("articleBody", "text")
_TEXT_TAGS: Final = frozenset("p pre ul ol li dl dt dd blockquote figure".split())
"""Elements that are text, not the place of a text: the descent stops above them."""
STRICT, LENIENT, TAGS_ONLY = range(3)


@dataclass(frozen=True, slots=True)
class Content:
    """`element` holds the content; `page_chars` is all text of the page, `reading` how it had to be read."""

    element: Element
    page_chars: int
    reading: int


def find_content(elements: list[Element]) -> Content:
    """The content of the page; elements that are not part of it are marked dropped."""
    root = elements[0]
    chars, prose = root.chars, root.prose
    for element in elements:
        if element.attributes:
            element.hints = _hints(element)
    if prose < max(settings.LIST_PROSE_SHARE * chars, settings.LIST_PROSE_LEAST) or _has_index(elements):
        return _find_list(elements, chars)
    enough = max(settings.ENOUGH_LEAST_CHARACTERS, settings.ENOUGH_SHARE * prose)
    best = (-1, TAGS_ONLY)
    for reading in (STRICT, LENIENT, TAGS_ONLY):
        if reading:
            restore(elements)
        _drop_noise(elements, reading)
        if reading == STRICT and root.prose < settings.LIST_PROSE_SHARE * root.chars:
            restore(elements)
            return _find_list(elements, chars)
        element = _holder(elements)
        if element.prose >= settings.ENOUGH_CHARACTERS or element.prose >= enough:
            return Content(element, chars, reading)
        if element.prose > 2 * best[0]:
            best = (element.prose, reading)
    if best[1] != TAGS_ONLY:
        restore(elements)
        _drop_noise(elements, best[1])
        element = _holder(elements)
    return Content(element, chars, best[1])


def _has_index(elements: list[Element]) -> bool:
    """Whether most of the page is one table of contents or index."""
    least = settings.INDEX_SHARE * elements[0].chars
    return any(element.hints & hints.INDEX and element.chars > least for element in elements)


def _find_list(elements: list[Element], chars: int) -> Content:
    """The content of a page without running text (an index, a table of contents): all text counts as prose does."""
    for element in elements:
        element.prose = element.chars
    _drop_noise(elements, STRICT)
    reading = STRICT
    if elements[0].chars < settings.ENOUGH_SHARE * chars:
        restore(elements)
        for element in elements:
            element.prose = element.chars
        _drop_noise(elements, TAGS_ONLY)
        reading = TAGS_ONLY
    return Content(_holder(elements), chars, reading)


def _hints(element: Element) -> int:
    attributes = element.attributes
    found = 0
    shown = False
    for name, value in attributes.items():
        if name == "class":
            if value:
                found |= hints.verdict(value)
        elif name == "id":
            # The id of a section is the slug of its heading: it tells what the text is about.
            if value and (element.tag != "section" or "class" in attributes) and attributes.get("class") != "section":
                found |= hints.id_verdict(value)
        elif name == "role":
            if value in _NOISE_ROLES:
                found |= hints.NOISE
            elif value == "tabpanel":  # hidden until its tab is chosen, and content all the same
                shown = True
        elif name in _STATING:
            found |= hints.STATED
        elif (
            name == "hidden"
            or (name == "aria-hidden" and value == "true")
            or (name == "style" and value and "n" in value and _HIDDEN.search(value))
        ):
            found |= hints.HIDDEN
    if "-" in element.tag:
        found |= hints.verdict(element.tag)
    return found & ~hints.HIDDEN if shown else found


def _drop_noise(elements: list[Element], reading: int) -> None:
    total = elements[0].prose
    for element in elements:
        if element.dropped:
            continue
        tag, names = element.tag, element.hints
        share = settings.SURE_NOISE_LIMIT
        if tag in NAVIGATION or tag in _SIDE_TAGS:
            noise = True
        elif (not names and tag != "figcaption") or reading == TAGS_ONLY:
            continue
        elif names & hints.HIDDEN:
            noise = True
        elif tag in _NAMES_IGNORED:
            continue
        else:
            noise, share = _named_noise(element, reading)
        limit = max(share * total, settings.NOISE_LEAST_CHARACTERS)
        if noise and tag not in ("html", "body", "main") and element.prose <= limit:
            drop(elements, element)


def _named_noise(element: Element, reading: int) -> tuple[bool, float]:
    """Whether the names of an element make it noise, and the share of the page's prose that it may have then."""
    tag, names = element.tag, element.hints
    noise, share = False, settings.SURE_NOISE_LIMIT
    body = names & hints.BODY
    if names & hints.NOISE and not (body and element.prose > settings.BODY_CHARACTERS):
        noise, share = True, settings.NOISE_LIMIT
    elif reading == STRICT:
        if names & hints.COMMENTS:
            noise, share = True, settings.COMMENTS_LIMIT
        elif names & hints.WEAK and not body:
            linked = element.link_chars > element.chars * settings.WEAK_LINK_SHARE * (2 if tag == "p" else 1)
            noise = (linked or (not element.prose and tag != "p")) and element.prose < settings.WEAK_LIMIT_CHARACTERS
        elif names & hints.META and not body:
            noise = element.chars < settings.META_CHARACTERS
        elif names & hints.CAPTION or tag == "figcaption":
            noise = element.chars < settings.CAPTION_CHARACTERS
    if tag == "article" and names & hints.ARTICLE:
        share = settings.ARTICLE_LIMIT
    return noise, share


def _holder(elements: list[Element]) -> Element:
    """The element that holds the content, given that noise was dropped."""
    root = elements[0]
    least = max(1, root.prose) * settings.CANDIDATE_SHARE
    best: tuple[int, int] = (0, 0)
    found: Element | None = None
    for element in elements:
        if element.prose < least or element.dropped:
            continue
        rank = 0
        if element.hints & hints.BODY:
            rank = 3
        elif element.tag == "article":
            rank = 2
        elif element.tag == "main":
            rank = 1
        if element.attributes:
            if element.attributes.get("itemprop") in _BODY_PROPERTIES:
                rank = 4
            elif not rank and element.attributes.get("role") == "main":
                rank = 1
        if rank and (rank, element.depth) > best:
            best, found = (rank, element.depth), element
    return _with_leads(elements, found if found is not None else _descend(root))


def _descend(element: Element) -> Element:
    """Down from the root while one child holds nearly all running text."""
    while element.prose:
        least = settings.DESCENT_SHARE * element.prose
        inner = [c for c in element.children if not isinstance(c, str) and not c.dropped and c.prose >= least]
        if len(inner) != 1 or inner[0].tag in _TEXT_TAGS or _is_titled_section(element):
            break
        element = inner[0]
    return element


def _is_titled_section(element: Element) -> bool:
    """Whether an element is a section of a document, with its heading: its short paragraphs are text, too."""
    if element.tag != "section" and not element.get("class").startswith(("sect", "chapter")):
        return False
    return any(not isinstance(child, str) and child.tag in HEADINGS and not child.dropped for child in element.children)


def _with_leads(elements: list[Element], held: Element) -> Element:
    """The element with what stands before it and belongs to it: a lead, or parts of the same name beside it.

    What follows it on the way up is dropped, for after an article come other articles.
    """
    top = node = held
    after: list[Element] = []
    while node.parent is not None and node.parent.tag not in ("body", "html"):
        parent = node.parent
        before = lead = 0
        following: list[Element] = []
        seen = False
        for child in parent.children:
            if child is node:
                seen = True
            elif not isinstance(child, str) and not child.dropped:
                if seen:
                    following.append(child)
                else:
                    before += child.chars
                    lead += child.prose
        if before >= settings.SMALL_CHARACTERS and (
            lead <= settings.LEAD_SHARE * before or lead > settings.LEAD_LIMIT * held.prose
        ):
            break
        parts = [child for child in following if child.prose and _same_name(child, node)]
        after.extend(child for child in following if child not in parts)
        node = parent
        if lead or parts:
            top = node
            for child in after:
                drop(elements, child)
            after = []
    return top


def _same_name(first: Element, second: Element) -> bool:
    name = first.get("class")
    return bool(name) and first.tag == second.tag and name == second.get("class") and first.tag not in ("article", "li")
