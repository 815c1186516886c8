"""A page as a plain tree: given safe markup, returns elements with their attributes, children and text.

The parser is lexbor (HTML5, what browsers do with broken markup); the tree is ours, because one pass over
the parser's nodes and then plain attribute access is several times faster than asking the parser each time.
Elements deeper than MAX_TREE_DEPTH are hung on their ancestor at that depth, so recursion over the tree is
bounded. Not for deciding what matters on a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from crawler.extraction_settings import MAX_TREE_DEPTH

_SPACE: Final = re.compile(r"[ \t\n\r\f\v\xa0\u2000-\u200a\u202f\u205f\u3000]+")
_NOTHING: Final[dict[str, str | None]] = {}
_SKIPPED: Final = frozenset(
    "script style svg noscript template iframe select textarea object embed canvas audio video map frame frameset "
    "noframes applet datalist input source track param area -comment".split()
) | {None}
_BARE: Final = frozenset("p br b i em strong u tr tbody thead li ul ol dt dd small sub sup code html hr".split())
"""Elements whose attributes are still read, but most often have none: no rule here, kept for the reader."""


class Element:
    """One element. `children` holds Elements and strings (white space evened out, except below `pre`)."""

    __slots__ = (
        "attributes", "chars", "children", "depth", "dropped", "hints", "items", "link_chars", "own_chars", "own_link_chars",
        "parent", "preformatted", "prose", "raw", "raw_chars", "raw_link", "hidden", "why", "tag", "value",
    )

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Element | None, depth: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.depth = depth
        self.children: list[Element | str] = []
        self.dropped = False
        self.preformatted = tag == "pre" or (parent is not None and parent.preformatted)

    def get(self, name: str) -> str:
        """Value of an attribute, "" when it is absent or empty."""
        return self.attributes.get(name) or ""

    def walk(self) -> Iterator[Element]:
        """This element and those below it, in document order."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(child for child in reversed(element.children) if not isinstance(child, str))

    def find(self, *tags: str) -> Element | None:
        """The first element below (or this one) with one of these tags."""
        return next((element for element in self.walk() if element.tag in tags), None)

    def text(self) -> str:
        """All text below, white space evened out."""
        pieces: list[str] = []
        stack: list[Element | str] = [self]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                pieces.append(node)
            else:
                stack.extend(reversed(node.children))
        return _SPACE.sub(" ", "".join(pieces)).strip()


def parse(markup: str | bytes) -> tuple[Element, list[Element]]:
    """The root (`html`) and every element in document order, the root first."""
    parser = LexborHTMLParser(markup)
    source = parser.root
    root = Element("html", {}, None, 0)
    elements = [root]
    if source is None:
        return root, elements
    nodes = source.traverse(include_text=True)
    first = next(nodes)
    while first.tag != "html":
        first = next(nodes)
    root.attributes = first.attributes
    by_id: dict[int, Element] = {first.mem_id: root}
    known = by_id.get
    for node in nodes:
        above = node.parent
        parent = None if above is None else known(above.mem_id)
        if parent is None:
            continue
        tag = node.tag
        if tag == "-text":
            text = node.text_content
            if not parent.preformatted:
                words = " ".join(text.split())
                if not words:
                    text = " "
                elif words != text:
                    text = f"{' ' if text[0].isspace() else ''}{words}{' ' if text[-1].isspace() else ''}"
            parent.children.append(text)
        elif tag not in _SKIPPED:
            depth = parent.depth + 1
            if depth > MAX_TREE_DEPTH:
                by_id[node.mem_id] = parent
                continue
            by_id[node.mem_id] = element = Element(tag, node.attributes, parent, depth)
            parent.children.append(element)
            elements.append(element)
    return root, elements
