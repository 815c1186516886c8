"""Many URLs at once: given the text of a glob (ranking.globs), returns which of them it fits.

Says exactly what compile_glob(text).matches says of each, and mostly faster: a line without wildcards is looked up; of
others the longest run of characters is searched for, and where it is there, RE2 scans all URLs in one pass, which is
linear. They are scanned in order, neighbours that fit being one hit. What RE2 is not asked (URLs beyond ASCII, long
patterns, many lines) goes to the matcher one by one. Not for the meaning of a glob.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from indexer.patterns import literal, runs
from ranking.globs import HOST_ANCHOR, PATH_ALONE, Glob, compile_glob, path_of
from ranking.types import Longs, Mask

SCANNED_LINES: Final = 16
"""Up to so many lines are scanned for one by one; more are cheaper to try at each URL, which looks up its words."""

SCANNED_WILDCARDS: Final = 16
SCANNED_CHARACTERS: Final = 512
"""Of a pattern for RE2: more could fill its memory, and make it slower than the matcher."""

_WILDCARDS: Final = re.compile(r"[*^]")
_PLAIN: Final = re.compile(r"[!-9;-?A-~]*://[!-\"$-.0->A-~]*(?:[/?#][!-~]*)?")
"""ASCII without spaces, with a scheme, and nothing before the host."""

_SEPARATOR: Final = r"[^a-z0-9_.%\n-]"
_ANY: Final = r"[^\n]*"
_HOST: Final = r"[^\n:]*://(?:[^/?#\n.]*\.)*"


_LISTS: Final = 8
"""Of many lines, as a Goggle has, that are kept compiled: one may take tens of megabytes."""

_list: Final = lru_cache(_LISTS)(compile_glob)


class UrlTexts:
    """URLs, in the order of the masks."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [url.lower() for url in urls]

    def matching(self, glob: str) -> Mask:
        """[urls] whether any line of the glob fits."""
        mask = np.zeros(len(self._urls), np.bool_)
        patterns = []
        for line in dict.fromkeys(glob.lower().split("\n")):
            if line.startswith((HOST_ANCHOR, PATH_ALONE)) or _WILDCARDS.search(line) or "\t" in line:
                patterns.append(line)
            else:
                mask[self._whole.equal_to(line)] = True
                mask[[row for row in self._others.tolist() if self._urls[row] == line]] = True
        if len(patterns) > SCANNED_LINES:
            self._try(_list("\n".join(patterns)), np.flatnonzero(~mask), mask)
        else:
            for line in patterns:
                self._fit(line, mask)
        return mask

    def _fit(self, line: str, mask: Mask) -> None:
        """Raise the mask where one line fits."""
        parts = [(part.removeprefix(PATH_ALONE), part.startswith(PATH_ALONE)) for part in line.split("\t")]
        scans = [(self._paths if path else self._whole, _Part.of(body, path)) for body, path in parts]
        if not all(part.scannable for _, part in scans):
            self._try(compile_glob(line), np.flatnonzero(~mask), mask)
            return
        if all(scan.may_hold(part) for scan, part in scans):
            mask |= np.logical_and.reduce([scan.matching(part) for scan, part in scans])
        if len(self._others):
            self._try(compile_glob(line), self._others[~mask[self._others]], mask)

    def _try(self, glob: Glob, rows: Longs, mask: Mask) -> None:
        """Raise the mask at those of the rows that the glob fits, one by one."""
        mask[[row for row in rows.tolist() if glob.matches(self._urls[row])]] = True

    @cached_property
    def _plain(self) -> Mask:
        plain = (_PLAIN.fullmatch(url) is not None for url in self._urls)
        return np.fromiter(plain, np.bool_, len(self._urls))

    @cached_property
    def _others(self) -> Longs:
        return np.flatnonzero(~self._plain)

    @cached_property
    def _whole(self) -> _Scan:
        return _Scan(self._urls, self._plain)

    @cached_property
    def _paths(self) -> _Scan:
        return _Scan([path_of(url) for url in self._urls], self._plain)


class _Scan:
    """Texts of the `plain` rows in one run of bytes, sorted, a line each."""

    def __init__(self, texts: Sequence[str], plain: Mask) -> None:
        rows = sorted(np.flatnonzero(plain).tolist(), key=texts.__getitem__)
        lines = [f"{texts[row]}\n".encode("ascii") for row in rows]
        self._size = len(texts)
        self._rows = np.array(rows, np.int64)
        self._bytes = b"".join(lines)
        self._starts = np.cumsum([0, *map(len, lines)])

    def equal_to(self, text: str) -> Longs:
        """The plain rows of just this text."""
        line, places = f"{text}\n".encode("utf-8", "surrogatepass"), range(len(self._rows))
        first = bisect_left(places, line, key=self._line)
        found: Longs = self._rows[first : bisect_right(places, line, lo=first, key=self._line)]
        return found

    def _line(self, place: int) -> bytes:
        return self._bytes[self._starts[place] : self._starts[place + 1]]

    def may_hold(self, part: _Part) -> bool:
        """False when it fits none for sure: its longest run of characters is nowhere."""
        return part.body.isascii() and part.literal in self._bytes

    def matching(self, part: _Part) -> Mask:
        """[texts] which of the plain ones it fits."""
        mask = np.zeros(self._size, np.bool_)
        for span in runs(part.expression(), self._bytes):
            first, last = np.searchsorted(self._starts, span)
            mask[self._rows[first:last]] = True
        return mask


@dataclass(frozen=True, slots=True)
class _Part:
    """One pattern of a line."""

    body: str
    host: bool

    @property
    def literal(self) -> bytes:
        """The longest run of characters in it."""
        return max(_WILDCARDS.split(self.body), key=len).encode()

    @staticmethod
    def of(pattern: str, path: bool) -> _Part:
        host = not path and pattern.startswith(HOST_ANCHOR)
        body = pattern.removeprefix(HOST_ANCHOR) if host else pattern
        return _Part(body, host)

    @property
    def scannable(self) -> bool:
        return len(self.body) <= SCANNED_CHARACTERS and len(_WILDCARDS.findall(self.body)) <= SCANNED_WILDCARDS

    def expression(self) -> str:
        """The RE2 pattern of a line that fits. From its last run of wildcards on, the end of the text may stand for
        all of them."""
        tokens = re.findall(r"[*^]|[^*^]+", self.body)
        tail = len(tokens)
        while tail and tokens[tail - 1] in "*^":
            tail -= 1
        rest = r"\n"
        for token in reversed(tokens[tail:]):
            rest = _ANY + rest if token == "*" else rf"(?:\n|{_SEPARATOR}{rest})"
        written = {"*": _ANY, "^": _SEPARATOR}
        return (_HOST if self.host else "") + "".join(written.get(one) or literal(one) for one in tokens[:tail]) + rest
