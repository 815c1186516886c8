"""URL patterns: given a glob's text, returns what says whether a URL matches it, in time linear in either.

A text holds one pattern a line and fits a URL when any line does. A line must fit the whole URL, whatever the case:

    *       any run of characters, also none
    ^       one separator, i.e. a character that is no letter, no digit and none of _ - . %, or the end of the URL
    ||      at the beginning of a line: the host, or any label of it ("||python.org^*" fits docs.python.org too)
    path=   at the beginning of a line: the rest must fit the path alone, without ?query and #fragment
    tab     between patterns of one line, all of which must fit

and everything else stands for itself. These are the wildcards of ad-block lists and of Brave's Goggles (goggles.py
turns their anchors into this form). `url_glob` and `path_glob` make lines of what a request says. Not for hosts:
those are `site` filters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ranking.errors import ParamsError
from ranking.shown import shown
from ranking.values import address

HOST_ANCHOR: Final = "||"
PATH_ALONE: Final = "path="
_SCHEMES: Final = ("http://", "https://")
_KNOWN_SCHEMES: Final = (*_SCHEMES, "file://")
_UNUSABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_JOINING: Final = frozenset("_-.%")
_WORD: Final = re.compile(r"[a-z0-9]+")
_WHOLE_WORD: Final = re.compile(r"(?<![a-z0-9*])[a-z0-9]+(?![a-z0-9*])")
_EVERYWHERE: Final = frozenset({"http", "https", "www", "com"})
_FEW: Final = 16
"""So many lines are tried one by one before looking up the words of the URL pays."""


@dataclass(frozen=True, slots=True)
class Glob:
    """Lines to try on every URL, and lines to try on the URLs that hold a certain word."""

    everywhere: tuple[_Line, ...]
    by_word: Mapping[str, tuple[_Line, ...]]

    def matches(self, url: str) -> bool:
        """Whether any line fits this URL."""
        text = url.lower()
        if any(line.fits(text) for line in self.everywhere):
            return True
        if not self.by_word:
            return False
        found = (self.by_word.get(word, ()) for word in dict.fromkeys(_WORD.findall(text)))
        return any(line.fits(text) for lines in found for line in lines)


def compile_glob(text: str) -> Glob:
    """The glob of this text; every text is one. Costs many times what a match does: keep it."""
    lines = [(_line(written), written) for written in dict.fromkeys(text.lower().split("\n"))]
    if len(lines) <= _FEW:
        return Glob(tuple(line for line, _ in lines), {})
    everywhere: list[_Line] = []
    by_word: dict[str, list[_Line]] = {}
    for line, written in lines:
        bodies = map(_body, written.split("\t"))
        words = [word for body in bodies for word in _WHOLE_WORD.findall(body) if word not in _EVERYWHERE]
        if words:
            by_word.setdefault(max(words, key=len), []).append(line)
        else:
            everywhere.append(line)
    return Glob(tuple(everywhere), {word: tuple(held) for word, held in by_word.items()})


@dataclass(frozen=True, slots=True)
class _Line:
    """`head`, `middle` in order and `tail` must be there; without an automaton that is all there is to it."""

    path: bool
    host: bool
    head: str
    middle: tuple[str, ...]
    tail: str
    single: bool  # no wildcard: head is the whole text
    automaton: _Automaton | None
    others: tuple[_Line, ...] = ()

    def fits(self, url: str) -> bool:
        return self._fits(url) and (not self.others or all(other._fits(url) for other in self.others))

    def _fits(self, url: str) -> bool:
        text = path_of(url) if self.path else url
        if self.single:
            return text == self.head
        end = len(text) - len(self.tail)
        at = len(self.head)
        if end < at or not text.startswith(self.head) or not text.endswith(self.tail):
            return False
        for piece in self.middle:  # leftmost first: if any place of a piece will do, its first one does
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return self.automaton is None or self.automaton.accepts(text, _labels(text) if self.host else (0,))


@dataclass(frozen=True, slots=True)
class _Automaton:
    """A nondeterministic automaton in the bits of a number, one step a character: Baeza-Yates and Gonnet 1992, with
    loops for `*` (Navarro and Raffinot 1999). Bit i stands for: the first i tokens are matched."""

    taken: Mapping[str, int]  # character of the pattern -> the tokens that take it
    separators: int  # the tokens ^
    loops: int  # bit i: there is a * before token i
    final: int  # from here the end of the text matches the rest

    def accepts(self, text: str, starts: Collection[int]) -> bool:
        begins, last = frozenset(starts), max(starts)
        state, taken, loops = 0, self.taken, self.loops
        for place, character in enumerate(text):
            if place in begins:
                state |= 1
            mask = taken.get(character)
            if mask is None:
                mask = self.separators if _separates(character) else 0
            state = ((state & mask) << 1) | (state & loops)
            if not state and place >= last:
                return False
        if len(text) in begins:
            state |= 1
        return bool(state & self.final)


def _separates(character: str) -> bool:
    return not (character.isalnum() or character in _JOINING)


def _body(written: str) -> str:
    return written.removeprefix(PATH_ALONE).removeprefix(HOST_ANCHOR)


def _line(written: str) -> _Line:
    first, *others = map(_pattern, written.split("\t"))
    return replace(first, others=tuple(others)) if others else first


def _pattern(written: str) -> _Line:
    path = written.startswith(PATH_ALONE)
    body = written.removeprefix(PATH_ALONE)
    host = not path and body.startswith(HOST_ANCHOR)
    body = body[len(HOST_ANCHOR) :] if host else body
    if not host and "^" not in body:
        head, *rest = body.split("*")
        middle, tail = tuple(filter(None, rest[:-1])), rest[-1] if rest else ""
        return _Line(path, host, head, middle, tail, not rest, None)
    return _Line(path, host, "", tuple(filter(None, re.split("[*^]", body))), "", False, _automaton(body))


def _automaton(body: str) -> _Automaton:
    tokens: list[str] = []
    loops = 0
    for character in body:
        if character == "*":
            loops |= 1 << len(tokens)
        else:
            tokens.append(character)
    separators = sum(1 << place for place, token in enumerate(tokens) if token == "^")
    taken: dict[str, int] = {}
    for place, token in enumerate(tokens):
        if token != "^":
            taken[token] = taken.get(token, separators if _separates(token) else 0) | 1 << place
    reached = len(tokens)
    final = 1 << reached
    while reached and tokens[reached - 1] == "^":  # the end of the text stands for any number of them
        reached -= 1
        final |= 1 << reached
    return _Automaton(taken, separators, loops, final)


def path_of(url: str) -> str:
    """The path of a URL, "/" when it has none."""
    rest = url[_host_start(url) :]
    cut = min((at for at in map(rest.find, "?#") if at >= 0), default=len(rest))
    at = rest.find("/", 0, cut)
    return rest[at:cut] if at >= 0 else "/"


def _host_start(url: str) -> int:
    at = url.find("://")
    return at + 3 if at >= 0 else 0


def _labels(url: str) -> tuple[int, ...]:
    """Where the labels of the host begin."""
    start = _host_start(url)
    end = min((at for at in (url.find(mark, start) for mark in "/?#") if at >= 0), default=len(url))
    start = max(start, url.rfind("@", start, end) + 1)
    return (start, *(at + 1 for at in range(start, end) if url[at] == "."))


# ---------------------------------------------------------------- what a request says


def joined(globs: Iterable[str]) -> str:
    """One text that fits what any of these fits, the same for every order of them."""
    return "\n".join(sorted({line for text in globs for line in text.split("\n")}))


def both(one: str, other: str) -> str:
    """A text that fits what both of these fit."""
    return joined(f"{first}\t{second}" for first in one.split("\n") for second in other.split("\n"))


def site_glob(host: str) -> str:
    """A text that fits what a `site` filter of this host fits: its URLs and those of its subdomains."""
    return f"{HOST_ANCHOR}{host}^*"


def url_glob(text: str) -> str:
    """A URL, or a pattern of URLs where `*` or `^` is in it or `||` before it. Without a scheme it is http or https; a
    URL without a path is also the one with the path `/` (RFC 3986, 6.2.3).

    Raises ParamsError for what fits every URL, none, or names no host.
    """
    written = _tidy(text, "URL")
    if written.startswith("/"):
        raise ParamsError(f"no URL begins with {shown(text)}", hint="for a path write `path`, or put * before it")
    if written.startswith(("*", HOST_ANCHOR)):
        return written
    literal = re.split("[*^]", written, maxsplit=1)[0]
    whole = [written]
    if literal == written:
        exact = written if written.startswith("file:") or "[" in written else address(written)
        after = exact[_host_start(exact) :]
        whole = [exact] if any(mark in after for mark in "/?#") else [exact, f"{exact}/"]
    elif any(scheme.startswith(literal) for scheme in _KNOWN_SCHEMES):
        return written
    return joined(whole if "://" in literal else [scheme + one for scheme in _SCHEMES for one in whole])


def path_glob(text: str) -> str:
    """A pattern of paths. Raises ParamsError for what fits every path or none."""
    written = _tidy(text, "path")
    if not written.startswith(("/", "*")):
        raise ParamsError(f"no path begins with {shown(text)}", hint="a path begins with /", did_you_mean=f"/{text}")
    if "?" in written or "#" in written:
        raise ParamsError("a path ends before ? and #", hint="use `url` for what stands behind it")
    if written in ("*", "/*", "*/*"):
        raise _every(text)
    return PATH_ALONE + written


def _tidy(text: str, what: str) -> str:
    written = re.sub(r"\*+", "*", text.strip().lower())
    if not written:
        raise ParamsError(f"an empty {what} fits nothing", hint="leave it out")
    if _UNUSABLE.search(written):
        raise ParamsError(f"no {what} holds a space: {shown(text)}", hint="write %20 for a space")
    if not written.strip("*|"):
        raise _every(text)
    return written


def _every(text: str) -> ParamsError:
    return ParamsError(f"{shown(text)} fits every page", hint="name what the pages have in common")
