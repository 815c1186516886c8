"""What a page is called: given its `title`, its headings and what it states elsewhere, returns one title.

`title` elements carry the name of the site ("Headline | The Paper"); it is taken off where something else on
the page shows which part is the headline. Not for pages without any of these: they have no title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from crawler.extraction_settings import TITLE_CHARACTERS

_SEPARATOR: Final = re.compile(r"\s+[|\-–—»«·•:/\\>~]+\s+|\s*[|»«•]\s*")
_TAIL_WORDS: Final = 4
_HEAD_WORDS: Final = 3
_WORD: Final = re.compile(r"\w+")
_LETTERS: Final = re.compile(r"[\W_]+")


def choose_title(title: str, stated: Sequence[str], headline: str, headings: Sequence[str], site: str, url: str) -> str:
    """The title of a page; "" for one that says nothing. `stated`: what its meta elements call it, best first;
    `headline`: what its JSON-LD does, which some sites use for a description."""
    title = _one_line(title)
    for text in map(_one_line, stated):  # written to stand alone, where a link to the page is shared
        if text and _plain(text) != _plain(site):
            return _without_site(text, site, url)
    headings = [text for text in map(_one_line, (headline, *headings)) if len(_plain(text)) >= 2]
    if not title:
        return headings[-1] if headings else ""
    whole = _plain(title)
    known = [(text, _plain(text)) for text in headings]
    for text, plain in known:
        if whole != plain and whole.startswith(plain):
            return text
    for text, plain in known:
        if whole != plain and whole.endswith(plain) and 2 * len(plain) > len(whole):
            return text
    shorter = _without_site(title, site, url)
    return shorter if shorter != title else _without_tail(title)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:TITLE_CHARACTERS].rstrip("¶#§🔗 ")


def _plain(text: str) -> str:
    return _LETTERS.sub("", text).lower()


def _without_tail(title: str) -> str:
    """The title without a short last part, where what is left still says something."""
    found = list(_SEPARATOR.finditer(title))
    if not found:
        return title
    rest, tail = title[: found[-1].start()].strip(), title[found[-1].end() :]
    return rest if len(tail.split()) <= _TAIL_WORDS and len(_WORD.findall(rest)) >= _HEAD_WORDS else title


def _without_site(title: str, site: str, url: str) -> str:
    """The title without its first or last part, if that names the site."""
    parts = [part for part in _SEPARATOR.split(title) if part.strip()]
    if len(parts) < 2:
        return title
    names = {_plain(site)} if site else set()
    host = urlsplit(url).hostname or "" if "://" in url else ""
    labels = [label for label in host.split(".")[:-1] if label not in ("www", "m", "blog", "news", "docs")]
    names.update(_plain(label) for label in labels if len(label) > 2)
    names.add(_plain(host.removeprefix("www.")))
    names.discard("")
    for side in (-1, 0):
        part = _plain(parts[side])
        if part and any(
            part == name or (len(name) > 4 and (name in part or part in name) and len(part) > 3) for name in names
        ):
            rest = title[: title.rfind(parts[side])] if side else title[title.find(parts[side]) + len(parts[side]) :]
            rest = rest.strip(" |-–—»«·•:/\\>~")
            if rest:
                return rest
    return title
