"""Names in passages as MemoryIndex finds them: by walking every page, word by word. Shares what a title's name is with
the index, and neither its tables nor how much a name says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from indexer.memory_pages import Page
from ranking.constants import NAME_SAYS, NAMED_MOST
from ranking.names import name_of
from ranking.text import tokenize
from ranking.types import Passage


def names_in(pages: Mapping[str, Page], passage: Passage) -> tuple[str, ...]:
    """Ids, ascending, of the other pages whose name stands in the passage's text, says enough, and is
    that of NAMED_MOST of them at most."""
    text = tokenize(passage.text)
    found = []
    for id, page in pages.items():
        name = list(name_of(page.document.title))
        stands = any(text[at : at + len(name)] == name for at in range(len(text)))
        if name and id != passage.document and stands and _said(pages, name) >= NAME_SAYS * math.log(len(pages)):
            found.append((id, tuple(name)))
    sharing = Counter(name for _, name in found)
    return tuple(sorted(id for id, name in found if sharing[name] <= NAMED_MOST))


def _said(pages: Mapping[str, Page], name: list[str]) -> float:
    """Sum of ln(1 + (N - df + 0.5) / (df + 0.5)) over the distinct words."""
    said = []
    for word in sorted(set(name)):
        df = sum(
            any(word == written for field in page.tokens.values() for written, _ in field) for page in pages.values()
        )
        said.append(math.log1p((len(pages) - df + 0.5) / (df + 0.5)))
    return math.fsum(said)
