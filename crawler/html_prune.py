"""Noise within the content: given the element that holds it, drops what is not part of the text.

Groups of links, rows of teasers, lines like "Read also", bare dates, and what trails off at the end. On a
page that is a list of links, or has hardly any running text, nothing is dropped: there the links are the
content. Not for finding the content (html_content.py).
"""

from __future__ import annotations

from typing import Final

from crawler import extraction_settings as settings
from crawler.html_phrases import is_around, is_date
from crawler.html_tree import BLOCKS, HEADINGS, Element, drop

_GROUPS: Final = frozenset("ul ol div section table nav dl td article a".split())
_LINES: Final = frozenset(("p", *HEADINGS))
_NO_TEASERS: Final = frozenset(("p", "tr", "td", "th", "span", "a", "b", "dt", "dd", *HEADINGS))
_DATA: Final = frozenset("li td th dd dt pre".split())


def prune(elements: list[Element], top: Element) -> None:
    """Marks the noise below `top` as dropped."""
    if top.link_chars > settings.LIST_PAGE_LINK_SHARE * top.chars or top.prose < settings.PRUNED_PROSE:
        return
    within = elements[top.index + 1 : top.last + 1]
    for element in within:
        if len(element.children) >= settings.TEASERS and not element.dropped:
            _drop_teasers(elements, top, element)
    if len(top.children) >= settings.TEASERS:
        _drop_teasers(elements, top, top)
    for element in within:
        if element.link_chars and not element.dropped:
            _drop_links(elements, top, element)
    lines = [element for element in within if not element.dropped and element.own_chars > 0 and element.tag in BLOCKS]
    _drop_phrases(elements, lines)
    _drop_tail(elements, lines)


def _drop_teasers(elements: list[Element], top: Element, element: Element) -> None:
    groups: dict[tuple[str, str], list[Element]] = {}
    for child in element.children:
        if not isinstance(child, str) and child.link_chars and not child.dropped and child.tag not in _NO_TEASERS:
            groups.setdefault((child.tag, child.get("class")), []).append(child)
    for group in groups.values():
        if len(group) < settings.TEASERS or sum(e.prose for e in group) > settings.GROUP_LIMIT * top.prose:
            continue
        if sum(_has_linked_heading(elements, e) for e in group) >= settings.TEASER_SHARE * len(group):
            for teaser in group:
                drop(elements, teaser)


def _has_linked_heading(elements: list[Element], element: Element) -> bool:
    linked_until = -1
    for below in elements[element.index : element.last + 1]:
        if below.tag == "a":
            linked_until = max(linked_until, below.last)
        elif below.tag in HEADINGS and (
            below.index <= linked_until or (below.chars and below.link_chars * 5 >= below.chars * 4)
        ):
            return True
    return False


def _drop_links(elements: list[Element], top: Element, element: Element) -> None:
    chars, tag = element.chars, element.tag
    if not chars:
        return
    if tag in _GROUPS:
        if (
            element.link_chars > settings.LINK_SHARE * chars
            and element.prose * 5 < chars
            and chars < settings.GROUP_LIMIT * top.chars
            and not (tag == "a" and _is_in_line(element))
        ):
            drop(elements, element)
    elif (
        tag in _LINES
        and element.link_chars > settings.LINK_LINE_SHARE * chars
        and chars < settings.LINK_LINE_CHARACTERS
    ):
        drop(elements, element)


def _is_in_line(link: Element) -> bool:
    """Whether a link stands in a line of text rather than alone."""
    above = link.parent
    while above is not None and above.tag not in BLOCKS:
        above = above.parent
    return above is not None and (above.tag == "li" or above.own_chars > link.chars)


def _drop_phrases(elements: list[Element], lines: list[Element]) -> None:
    for line in lines:
        if line.dropped or line.tag == "pre" or line.own_chars > settings.PHRASE_BLOCK_CHARACTERS:
            continue
        if line.chars > settings.PHRASE_BLOCK_CHARACTERS:
            continue
        text = line.text()
        short = len(text) < settings.PHRASE_CHARACTERS
        said = (short or line.own_link_chars * 3 > len(text)) and is_around(text)
        if said or (short and line.tag not in HEADINGS and is_date(text)):
            drop(elements, line)


def _drop_tail(elements: list[Element], lines: list[Element]) -> None:
    for line in reversed(lines):
        if line.dropped or not line.own_chars:
            continue
        if (
            line.tag in HEADINGS
            or (line.tag not in _DATA and line.own_chars < settings.TAIL_CHARACTERS)
            or line.own_link_chars * 2 > line.own_chars
        ):
            drop(elements, line)
        else:
            return
