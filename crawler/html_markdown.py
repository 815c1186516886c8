"""A tree as Markdown: given an element, returns its text with headings, lists, tables, code and quotes.

Emphasis and link targets are left out: they are not text, and the links of a page are kept beside it. Lines
that would read as Markdown and are not are escaped. Elements marked `dropped` are passed over. Not for
deciding what to drop.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.html_tree import BLOCKS, Element

_HEADINGS: Final = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_CODE: Final = frozenset("code kbd samp tt var".split())
_ANCHOR_TEXT: Final = frozenset(
    ("", "¶", "#", "§", "🔗", "∞", "¤", "[link]", "[edit]", "link", "permalink", "anchor", "edit", "top")
)
_ANCHOR_CLASS: Final = re.compile(
    r"headerlink|permalink|header-?anchor|anchor-?link|heading-?link|hash-?link|\banchor\b|edit-?section"
)
_BREAK: Final = re.compile(r" *\n *")
_PARAGRAPH: Final = re.compile(r"\n{2,}")
_RUN: Final = re.compile(r"  +")
_MARKER: Final = re.compile(r"(?=(?:#{1,6}|>|```|~~~|[-*+]|\|)(?:[ \t`]|$)|```|~~~)", re.MULTILINE)
_MARKED: Final = "#>`~-*+|"
_LANGUAGE: Final = re.compile(
    r"(?:^|[\s_-])(?:language|lang|highlight-source|highlight|brush|sourcecode|src|code)[-: ]+([a-z0-9+#.]+)"
)
_NO_LANGUAGE: Final = frozenset(
    "default none text plain plaintext notranslate nohighlight block code highlight wrapper toolbar container".split()
)
_LINE_NUMBERS: Final = re.compile(r"\b(?:linenos?|linenodiv|gutter|line-?numbers?|lnt|rouge-gutter|blob-num)\b")
_SECTIONS: Final = frozenset(("table", "h1", "h2", "h3", "pre", "blockquote", "article", "section"))
_FENCE: Final = re.compile(r"`{3,}")


def to_markdown(element: Element) -> str:
    """Markdown of everything below `element` that was not dropped; "" when nothing is left."""
    return "\n\n".join(_blocks(element))


def _blocks(element: Element) -> list[str]:
    """The Markdown blocks of an element's content, each without surrounding white space."""
    found: list[str] = []
    line: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            line.append(child)
        elif child.dropped:
            continue
        elif child.tag in BLOCKS or child.holds_block:
            if line:
                _flush(line, found)
                line = []
            _block(child, found)
        else:
            _inline(child, line)
    if line:
        _flush(line, found)
    return found


def _flush(line: list[str], found: list[str]) -> None:
    text = "".join(line)
    if text.isspace():
        return
    if "\n" in text:
        text = _BREAK.sub("\n", text)
    if "  " in text:
        text = _RUN.sub(" ", text)
    text = text.strip()
    if not text:
        return
    pieces = _PARAGRAPH.split(text) if "\n\n" in text else (text,)
    found.extend(
        _MARKER.sub(r"\\", piece) if piece[0] in _MARKED or "\n" in piece else piece for piece in pieces if piece
    )


def _inline(element: Element, line: list[str]) -> None:
    tag = element.tag
    if tag == "br":
        line.append("\n")
        return
    if tag == "img" or tag == "input":
        return
    if tag in _CODE:
        text = element.text()
        if text:
            leading = " " if line and line[-1].endswith("`") else ""
            line.append(f"{leading}`{text}`" if "`" not in text else f"{leading}`` {text} ``")
        return
    if tag == "a" and is_anchor_mark(element):
        return
    if tag == "math":
        line.append(_formula(element))
        return
    if tag == "rp":
        return
    for child in element.children:
        if isinstance(child, str):
            line.append(child)
        elif not child.dropped:
            _inline(child, line)


def is_anchor_mark(element: Element) -> bool:
    """Whether a link is the mark beside a heading that points at itself, not text of the page."""
    text = element.text().lower()
    if text in _ANCHOR_TEXT and len(text) < 2:
        return True
    return len(text) < 12 and _ANCHOR_CLASS.search(element.get("class").lower()) is not None and text in _ANCHOR_TEXT


def _formula(element: Element) -> str:
    stack: list[Element] = [element]
    while stack:
        below = stack.pop()
        if below.tag == "annotation" and "tex" in below.get("encoding"):
            return f"${below.text()}$"
        stack.extend(child for child in below.children if not isinstance(child, str))
    return element.text()


def _one_line(element: Element) -> str:
    """The content as one line: for headings, cells and terms."""
    line: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            line.append(child)
        elif not child.dropped:
            if child.tag in BLOCKS:
                line.append(" ")
                line.append(_one_line(child))
                line.append(" ")
            elif child.holds_block:
                line.append(_one_line(child))
            else:
                _inline(child, line)
    return " ".join("".join(line).split())


def _block(element: Element, found: list[str]) -> None:
    tag = element.tag
    if tag in _HEADINGS:
        text = _one_line(element)
        if text:
            found.append(_HEADINGS[tag] + text)
    elif tag == "pre":
        code = _code(element)
        if code:
            found.append(code)
    elif tag == "ul" or tag == "ol" or tag == "menu" or tag == "dir":
        text = _list(element)
        if text:
            found.append(text)
    elif tag == "blockquote":
        inner = _blocks(element)
        if inner:
            found.append("\n".join("> " + line if line else ">" for line in "\n\n".join(inner).split("\n")))
    elif tag == "table":
        _table(element, found)
    elif tag == "dl":
        _definitions(element, found)
    elif tag == "dt":
        text = _one_line(element)
        if text:
            found.append(text)
    elif tag not in ("hr", "colgroup"):  # which say nothing
        found.extend(_blocks(element))


def _code(element: Element) -> str:
    pieces: list[str] = []
    stack: list[Element | str] = [element]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif node.tag == "br":
            pieces.append("\n")
        elif not (node.tag in ("span", "td", "a", "div") and _LINE_NUMBERS.search(node.get("class"))):
            if node.tag in ("div", "li", "tr", "p") and pieces and not pieces[-1].endswith("\n"):
                pieces.append("\n")
            stack.extend(reversed(node.children))
    text = "".join(pieces).replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    if not text.strip():
        return ""
    fence = "```"
    for run in _FENCE.findall(text):
        if len(run) >= len(fence):
            fence = run + "`"
    return f"{fence}{_code_language(element)}\n{text}\n{fence}"


def _code_language(element: Element) -> str:
    """The language that the block, its `code` child or one of the two elements around it names; else ""."""
    first = next((child for child in element.children if not isinstance(child, str)), None)
    around = element.parent
    for candidate in (element, first, around, around.parent if around else None):
        if candidate is None:
            continue
        named = candidate.get("data-lang") or candidate.get("data-language")
        if named and named.isascii() and named.isalnum():
            return named.lower()
        for match in _LANGUAGE.finditer(candidate.get("class").lower()):
            if match[1] not in _NO_LANGUAGE:
                return match[1]
    return ""


def _list(element: Element) -> str:
    ordered = element.tag == "ol"
    start = element.get("start")
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1
    items: list[str] = []
    loose = False
    stray: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            stray.append(child)
            continue
        if child.dropped:
            continue
        if child.tag in ("ul", "ol"):  # a list as the child of a list: it belongs to the item before
            nested = _list(child)
            if nested:
                items.append("\n".join("  " + line if line else "" for line in nested.split("\n")) if items else nested)
            continue
        inner = _blocks(child) if child.tag in BLOCKS or child.holds_block else _line_blocks(child)
        if not inner:
            continue
        mark = f"{number}. " if ordered else "- "
        number += 1
        indent = " " * len(mark)
        text = inner[0]
        for block in inner[1:]:
            tight = _LIST_START.match(block) is not None
            text += ("\n" if tight else "\n\n") + block
            loose = loose or not tight
        items.append(mark + "\n".join(indent + line if line else "" for line in text.split("\n")).lstrip())
    text = ("\n\n" if loose else "\n").join(items)
    if not "".join(stray).isspace() and "".join(stray):
        before: list[str] = []
        _flush(stray, before)
        text = "\n\n".join([*before, text] if text else before)
    return text


_LIST_START: Final = re.compile(r"(?:[-*+]|\d+\.) ")


def _line_blocks(element: Element) -> list[str]:
    line: list[str] = []
    _inline(element, line)
    found: list[str] = []
    _flush(line, found)
    return found


def _definitions(element: Element, found: list[str]) -> None:
    """Terms with their definitions: a short one goes below its term after a colon, a long one keeps its blocks."""
    for child in element.children:
        if isinstance(child, str):
            if not child.isspace():
                _flush([child], found)
            continue
        if child.dropped:
            continue
        if child.tag == "dd":
            inner = _blocks(child)
            if (
                len(inner) == 1
                and found
                and "\n" not in inner[0]
                and "\n" not in found[-1]
                and child is not element.children[0]
            ):
                found[-1] += "\n: " + inner[0]
            else:
                found.extend(inner)
        elif child.tag == "div":  # HTML allows div around dt and dd
            _definitions(child, found)
        else:
            _block(child, found)


def _rows(table: Element) -> list[Element]:
    rows: list[Element] = []
    for child in table.children:
        if isinstance(child, str) or child.dropped:
            continue
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows.extend(
                row for row in child.children if not isinstance(row, str) and row.tag == "tr" and not row.dropped
            )
    return rows


def _cells(row: Element) -> list[Element]:
    return [
        cell for cell in row.children if not isinstance(cell, str) and cell.tag in ("td", "th") and not cell.dropped
    ]


def _is_layout(table: Element, rows: list[list[Element]]) -> bool:
    """Whether a table places things rather than relating them: one column, or cells that hold whole sections."""
    if table.get("role") in ("presentation", "none") or max(map(len, rows)) < 2:
        return True
    heavy = 0
    for row in rows:
        for cell in row:
            if _holds_section(cell):
                return True
            if len(cell.children) > 1:
                heavy += (
                    sum(1 for c in cell.children if not isinstance(c, str) and c.tag in ("p", "div", "ul", "ol", "dl"))
                    > 2
                )
    return heavy > 0 and heavy * 2 >= len(rows)


def _holds_section(element: Element) -> bool:
    for child in element.children:
        if not isinstance(child, str) and (child.tag in _SECTIONS or (child.holds_block and _holds_section(child))):
            return True
    return False


def _table(table: Element, found: list[str]) -> None:
    caption = next((c for c in table.children if not isinstance(c, str) and c.tag == "caption"), None)
    if caption is not None and not caption.dropped:
        text = _one_line(caption)
        if text:
            found.append(text)
    rows = [cells for row in _rows(table) if (cells := _cells(row))]
    if not rows:
        found.extend(_blocks(table) if not _rows(table) else [])
        return
    if _is_layout(table, rows):
        for row in rows:
            for cell in row:
                if not _LINE_NUMBERS.search(cell.get("class")):
                    found.extend(_blocks(cell))
        return
    lines: list[str] = []
    width = max(sum(_span(cell) for cell in row) for row in rows)
    for row in rows:
        texts: list[str] = []
        for cell in row:
            texts.append(_one_line(cell).replace("|", "\\|"))
            texts.extend([""] * (_span(cell) - 1))
        if not any(texts):
            continue
        texts.extend([""] * (width - len(texts)))
        lines.append(f"| {' | '.join(texts)} |")
        if len(lines) == 1:
            lines.append("|" + " --- |" * width)
    if lines:
        found.append("\n".join(lines))


def _span(cell: Element) -> int:
    text = cell.get("colspan")
    return min(int(text), 50) if text.isascii() and text.isdigit() and text != "0" and len(text) < 5 else 1
