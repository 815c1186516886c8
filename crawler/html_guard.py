"""HTML text made safe to parse: given markup, returns the same page without scripts and within bounds.

An HTML5 parser must, on hostile input, walk its stack of open elements for each tag and rebuild every open
formatting element in each paragraph: quadratic work that markup of a few hundred kilobytes can ask for. The
bounds here keep it linear; no page made for people comes near them. Not for judging content.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.extraction_settings import (
    GUARDED_FORMATTING,
    GUARDED_TAGS,
    LONG_TAG_CHARACTERS,
    MAX_OPEN_ELEMENTS,
    MAX_OPEN_FORMATTING,
    MAX_TAG_ATTRIBUTES,
    MAX_TAG_CHARACTERS,
    SMALL_PAGE_TAGS,
)

_RAW_ELEMENTS: Final = ("script", "style", "svg", "noscript", "template", "iframe", "select", "textarea", "object")
_RAW_START: Final = re.compile(r"<(?:(" + "|".join(_RAW_ELEMENTS) + r")(?=[\s/>])|!--)", re.IGNORECASE)
_RAW_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])[^>]*>", re.IGNORECASE) for name in _RAW_ELEMENTS}
_STRUCTURED: Final = re.compile(r"<script[^>]{1,400}?ld\+json[^>]{0,400}>", re.IGNORECASE)
_TAG: Final = re.compile(
    r"<(/?)([a-zA-Z][^\s/>]*+)((?>(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?)*))(>|\Z)"
)
_ATTRIBUTE: Final = re.compile(r"[^\s/=\"']+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_FORMATTING: Final = frozenset("b big code em font i nobr s small strike strong tt u".split())
_STYLED: Final = re.compile(rf"<(?:{'|'.join(sorted(_FORMATTING))})[\s/]", re.IGNORECASE)
_NEVER_NESTS: Final = frozenset(
    "a p li td th tr tbody thead tfoot dt dd br hr img input link meta col wbr area base embed source track".split()
)


def without_scripts(markup: str) -> tuple[str, list[str]]:
    """The page without scripts, styles, drawings, form fields and comments; and its JSON-LD sources, in order."""
    kept: list[str] = []
    structured: list[str] = []
    position = 0
    missing: set[str] = set()
    search_from = 0
    while match := _RAW_START.search(markup, search_from):
        name = match[1]
        if name is None:
            end = markup.find("-->", match.start() + 2) + 3
            if end == 2:
                if "--" in missing:
                    break
                missing.add("--")
        else:
            name = name.lower()
            close = None if name in missing else _RAW_END[name].search(markup, match.end())
            end = close.end() if close else 2
            if close is None:
                missing.add(name)
            elif name == "script" and (opened := _STRUCTURED.match(markup, match.start())):
                structured.append(markup[opened.end() : close.start()])
        if end == 2:  # never closed: leave it to the parser
            search_from = match.end()
            continue
        kept.append(markup[position : match.start()])
        position = search_from = end
    kept.append(markup[position:])
    return "".join(kept), structured


def bounded(markup: str) -> str:
    """The page with at most MAX_OPEN_ELEMENTS elements open at once; the tags that would go deeper are left out."""
    pieces = markup.split("<")
    if (
        len(pieces) < GUARDED_TAGS
        and not (max(map(len, pieces)) >= LONG_TAG_CHARACTERS and _has_crowded_tag(markup, pieces))
        and (len(pieces) < SMALL_PAGE_TAGS or len(_STYLED.findall(markup)) < GUARDED_FORMATTING)
    ):
        return markup
    opened: dict[str, int] = {}
    left_out: dict[str, int] = {}
    depth = formatting = position = 0
    kept: list[str] = []
    start = -1
    while (start := markup.find("<", start + 1)) >= 0:
        match = _TAG.match(markup, start)
        if match is None:
            continue
        closing, name, attributes, end = match.groups()
        if not end:  # an attribute that never ends: the parser, too, reads the rest of the page as its value
            break
        start = match.end() - 1
        name = name.lower()
        replacement = None
        if _is_crowded(attributes):
            replacement = f"<{name}>"
        if name not in _NEVER_NESTS:
            if closing:
                if left_out.get(name):
                    left_out[name] -= 1
                    replacement = ""
                elif opened.get(name):
                    opened[name] -= 1
                    depth -= 1
                    formatting -= name in _FORMATTING
            elif depth >= MAX_OPEN_ELEMENTS or (name in _FORMATTING and formatting >= MAX_OPEN_FORMATTING):
                left_out[name] = left_out.get(name, 0) + 1
                replacement = ""
            else:
                opened[name] = opened.get(name, 0) + 1
                depth += 1
                formatting += name in _FORMATTING
        if replacement is not None:
            kept.append(markup[position : match.start()])
            kept.append(replacement)
            position = match.end()
    if not kept:
        return markup
    kept.append(markup[position:])
    return "".join(kept)


def _is_crowded(attributes: str) -> bool:
    return len(attributes) > MAX_TAG_CHARACTERS and len(_ATTRIBUTE.findall(attributes)) > MAX_TAG_ATTRIBUTES


def _has_crowded_tag(markup: str, pieces: list[str]) -> bool:
    """Whether one of the long pieces is a tag with more attributes than any page needs."""
    position = -1  # of the `<` before the piece
    for piece in pieces:
        if len(piece) >= LONG_TAG_CHARACTERS and position >= 0:
            match = _TAG.match(markup, position)
            if match is not None and _is_crowded(match[3]):
                return True
        position += len(piece) + 1
    return False
