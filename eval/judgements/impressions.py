"""What was shown and what became of it: given the rows of a session's export, returns an impression for each search.

Feedback belongs to the latest search before it that showed the document, of the same reader on the same branch where
there is one, else of any: an orchestrator cites what its sub-agents were shown. Feedback on what no search that is kept
showed belongs nowhere, and is counted. Neither notes, nor objectives, nor requests leave this file. Not for what clicks
mean (models.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Word = Literal["cite", "open", "reject"]


@dataclass(frozen=True, slots=True)
class Impression:
    """One answered query. `shown`: documents by rank, best first; `words`: document -> what was said of it last, where
    a cite outlives an open: who cites a page and reads it again has not changed its mind. `narrowed`: the search
    had filters or rules."""

    session: str
    seq: int
    query: str
    collection: str
    shown: tuple[str, ...]
    words: Mapping[str, Word] = field(default_factory=dict)
    narrowed: bool = False

    def clicked(self, document: str) -> bool:
        return self.words.get(document) in ("cite", "open")


@dataclass(frozen=True, slots=True)
class Told:
    """All of one session. `feedback`: its events; `unplaced`: those on documents that no search that is kept showed;
    `first`: the first event that is kept, more than 1 where older ones are folded."""

    session: str
    impressions: tuple[Impression, ...]
    feedback: int
    unplaced: int
    first: int


def told(session: str, rows: Iterable[Mapping[str, Any]]) -> Told:
    """From rows of queries, results and feedback, in any order."""
    searches: dict[int, Mapping[str, Any]] = {}
    pages: dict[int, list[tuple[int, str]]] = {}
    said: list[Mapping[str, Any]] = []
    for row in rows:
        if row["type"] == "query":
            searches[row["seq"]] = row
        elif row["type"] == "result":
            pages.setdefault(row["seq"], []).append((row["rank"], row["document"]))
        elif row["type"] == "feedback":
            said.append(row)
    shown = {seq: tuple(document for _, document in sorted(pages.get(seq, ()))) for seq in searches}
    words: dict[int, dict[str, Word]] = {}
    unplaced = 0
    for row in sorted(said, key=lambda each: each["seq"]):
        seq = _place(row, searches, shown)
        if seq is None:
            unplaced += 1
            continue
        own = words.setdefault(seq, {})
        if not (row["kind"] == "open" and own.get(row["document"]) == "cite"):
            own[row["document"]] = row["kind"]
    made = tuple(
        Impression(session, seq, row["query"], row["collection"], shown[seq], words.get(seq, {}), _narrowed(row))
        for seq, row in sorted(searches.items())
    )
    return Told(session, made, len(said), unplaced, min((*searches, *(row["seq"] for row in said)), default=1))


def _place(
    row: Mapping[str, Any], searches: Mapping[int, Mapping[str, Any]], shown: Mapping[int, tuple[str, ...]]
) -> int | None:
    before = [seq for seq in searches if seq < row["seq"] and row["document"] in shown[seq]]
    own = [
        seq for seq in before if (searches[seq]["branch"], searches[seq]["reader"]) == (row["branch"], row["reader"])
    ]
    return max(own or before, default=None)


def _narrowed(row: Mapping[str, Any]) -> bool:
    """With a filter or a rule; a log has every default beside."""
    request = row.get("request") or {}
    return any((request.get("filters") or {}).values()) or bool(request.get("rules"))
