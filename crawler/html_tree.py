"""A page as a plain tree: given safe markup, returns its elements with attributes, children and measures.

The parser is lexbor (HTML5, what browsers do with broken markup). The tree is ours, because one walk over
the parser's nodes and then plain attribute access is several times faster than asking the parser each time.
Elements deeper than MAX_TREE_DEPTH hang on their ancestor at that depth, so recursion over the tree is
bounded. Not for deciding what matters on a page.
"""

from __future__ import annotations

from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.extraction_settings import (
    MAX_TREE_DEPTH,
    PROSE_CHARACTERS,
    PROSE_HEADING_CHARACTERS,
    PROSE_LINK_SHARE,
)

BLOCKS: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup p pre section "
    "summary table tbody td tfoot th thead tr ul".split()
)
HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SKIPPED: Final = frozenset(
    "script style svg noscript template iframe select textarea object embed canvas audio video map frame frameset "
    "noframes applet datalist input source track param area img head -comment -doctype".split()
)
_TRANSPARENT: Final = frozenset(
    "b strong i em u small big font s strike del ins mark abbr acronym cite q dfn sub sup nobr bdi bdo tt "
    "ruby rb rt rtc wbr hgroup center picture".split()
)
"""Elements that are no more than their content here: text and children go to their parent."""
_UNSPACED: Final = "\u2e80"  # first character of the scripts that need fewer characters for a word


NAVIGATION: Final = frozenset("nav menu dialog button".split())
"""Elements that hold no content by what HTML says of them; `EVERYTHING` reads them all the same."""
EVERYTHING: Final = _SKIPPED - {"noscript"}


class Element:
    """One element. `children` holds Elements and strings (white space evened out, except below `pre`).

    `index` and `last` are positions in document order: the elements below are `elements[index + 1 : last + 1]`.
    Counts are of characters of text: `text_chars` directly in it, `chars` and `link_chars` below, `own_chars` in
    the element's own lines, `prose` in the blocks below that are running text. Dropping an element takes its
    counts off its ancestors.
    """

    __slots__ = (
        "attributes",
        "chars",
        "children",
        "depth",
        "dropped",
        "hints",
        "holds_block",
        "index",
        "last",
        "link_chars",
        "own_chars",
        "own_link_chars",
        "parent",
        "preformatted",
        "prose",
        "tag",
        "text_chars",
    )

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Element | None, index: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.index = self.last = index
        self.children: list[Element | str] = []
        self.dropped = self.holds_block = False
        self.hints = self.text_chars = self.chars = self.link_chars = self.own_chars = self.own_link_chars = (
            self.prose
        ) = 0
        if parent is None:
            self.depth = 0
            self.preformatted = False
        else:
            self.depth = parent.depth + 1
            self.preformatted = parent.preformatted or tag == "pre"

    def get(self, name: str) -> str:
        """Value of an attribute, "" when it is absent or empty."""
        return self.attributes.get(name) or ""

    def text(self) -> str:
        """All text below that was not dropped, white space evened out."""
        pieces: list[str] = []
        _collect(self, pieces)
        return " ".join("".join(pieces).split())


def _collect(element: Element, pieces: list[str]) -> None:
    for child in element.children:
        if isinstance(child, str):
            pieces.append(child)
        elif not child.dropped:
            if child.tag in BLOCKS or child.tag == "br":
                pieces.append(" ")
                _collect(child, pieces)
                pieces.append(" ")
            else:
                _collect(child, pieces)


def parse(markup: str, skipped: frozenset[str] = _SKIPPED | NAVIGATION) -> tuple[LexborHTMLParser, list[Element]]:
    """The parser (for the head and the links) and every element of the body in document order, `html` first."""
    parser = LexborHTMLParser(markup)
    root = Element("html", {}, None, 0)
    elements = [root]
    source = parser.root
    if source is None:
        return parser, elements
    root.attributes = source.attributes
    append = elements.append
    pending: list[tuple[LexborNode | None, Element]] = []
    node: LexborNode | None = source.first_child
    parent = root
    while True:
        if node is None:
            if not pending:
                break
            node, parent = pending.pop()
            continue
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            if not parent.preformatted:
                if text.isspace():
                    text = " "
                else:
                    words = " ".join(text.split())
                    if words != text:
                        text = f"{' ' if text[0].isspace() else ''}{words}{' ' if text[-1].isspace() else ''}"
            parent.children.append(text)
            length = len(text)
            if length > 1:
                parent.text_chars += length if text[length >> 1] < _UNSPACED else 3 * length
            node = node.next
            continue
        if tag is None or tag in skipped:
            node = node.next
            continue
        child = node.first_child
        if tag in _TRANSPARENT or parent.depth >= MAX_TREE_DEPTH:
            element = parent
        else:
            element = Element(tag, node.attributes, parent, len(elements))
            parent.children.append(element)
            append(element)
        if child is None:
            node = node.next
        else:
            pending.append((node.next, parent))
            node, parent = child, element
    measure(elements)
    return parser, elements


def measure(elements: list[Element]) -> None:
    """Fills the counts of fresh elements (all of them 0) from their `text_chars`."""
    blocks, headings = BLOCKS, HEADINGS
    for element in reversed(elements):
        size = element.text_chars
        own = element.own_chars + size
        element.chars = chars = element.chars + size
        tag = element.tag
        links, own_links = element.link_chars, element.own_link_chars
        parent = element.parent
        # A heading that links to itself is a heading, not a link.
        if (
            tag == "a"
            and (target := element.attributes.get("href"))
            and not (target[0] == "#" and parent is not None and parent.tag in headings)
        ):
            element.link_chars = links = chars
            own_links = own
        element.own_chars, element.own_link_chars = own, own_links
        if tag in blocks:
            if tag == "pre" or (
                own >= (PROSE_HEADING_CHARACTERS if tag in headings else PROSE_CHARACTERS)
                and own_links < own * PROSE_LINK_SHARE
            ):
                element.prose += own - own_links
            if parent is not None:
                parent.holds_block = True
        elif parent is not None:
            parent.own_chars += own
            parent.own_link_chars += own_links
            if element.holds_block:
                parent.holds_block = True
        if parent is not None:
            parent.chars += chars
            parent.link_chars += links
            parent.prose += element.prose
            if element.last > parent.last:
                parent.last = element.last


def drop(elements: list[Element], element: Element) -> None:
    """Marks an element and all below as dropped and takes their counts off the ancestors."""
    chars, links, prose = element.chars, element.link_chars, element.prose
    own, own_links = (0, 0) if element.tag in BLOCKS else (element.own_chars, element.own_link_chars)
    above = element.parent
    while above is not None:
        if above.tag == "a" and above.link_chars:
            links, own_links = chars, own
        above.chars -= chars
        above.link_chars -= links
        above.prose -= prose
        if own:
            above.own_chars -= own
            above.own_link_chars -= own_links
            if above.tag in BLOCKS:
                own = own_links = 0
        above = above.parent
    for below in elements[element.index : element.last + 1]:
        below.dropped = True


def restore(elements: list[Element]) -> None:
    """Takes every drop back."""
    for element in elements:
        element.dropped = False
        element.chars = element.link_chars = element.own_chars = element.own_link_chars = element.prose = 0
    measure(elements)
