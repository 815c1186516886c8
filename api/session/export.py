"""A session as a data lake: given its history, yields typed rows of what was asked, shown, read and said.

Rows of one event after the other, oldest first; what is folded into the summary has no rows. A row is a flat JSON-ready
object with the keys of its type (COLUMNS), so that a table of all of them has one column for each key. Texts of
passages, and signals, come from the generation that was searched: where that is gone, a text is null and a notice says
which event has no signals. Not for files (parquet.py) nor for reading one session on a page (sessions/readback.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args

import orjson

from api.collections import OpenIndex
from api.session.replay import RunAgain, run_again
from indexer.collection import DEFAULT
from ranking.errors import ForageError
from ranking.types import Passage
from sessions.errors import HistoryFolded, SessionError
from sessions.events import FEEDBACK, Event
from sessions.readback import instant
from sessions.store import History

What = Literal["all", "queries", "results", "passages", "feedback", "signals"]
Format = Literal["jsonl", "parquet"]
WHATS: Final = get_args(What)
FORMATS: Final = get_args(Format)

Row = dict[str, Any]
Rows = list[Row]

_EVENT: Final = {"type": "text", "session_id": "text", "seq": "whole"}
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "query": {
        **_EVENT, "at": "text", "branch": "text", "reader": "text", "query": "text", "collection": "text",
        "generation": "text", "snapshot_seq": "whole", "results": "whole", "new": "whole", "drifted": "truth",
        "request": "json",
    },
    "result": {
        **_EVENT, "rank": "whole", "document": "text", "url": "text", "title": "text", "score": "number",
        "content_hash": "text", "cluster": "text", "passages": "wholes",
    },
    "passage": {
        **_EVENT, "rank": "whole", "document": "text", "passage": "whole", "id": "text", "heading": "text",
        "text": "text", "start": "whole", "end": "whole",
    },
    "feedback": {
        **_EVENT, "at": "text", "branch": "text", "reader": "text", "kind": "text", "document": "text",
        "passage": "whole", "note": "text",
    },
    "signal": {
        **_EVENT, "rank": "whole", "document": "text", "signal": "text", "value": "number", "missing": "truth",
        "contribution": "number",
    },
    "notice": {**_EVENT, "code": "text", "message": "text"},
}  # fmt: skip
"""Type of a row -> its keys and what they hold; all but type, session_id and seq may be null."""

TYPES: Final[Mapping[What, tuple[str, ...]]] = {
    "all": tuple(COLUMNS),
    "queries": ("query",),
    "results": ("result",),
    "passages": ("passage",),
    "feedback": ("feedback",),
    "signals": ("signal", "notice"),
}
"""What is asked for -> the types of rows it has."""


def rows(history: History, what: What, open_index: OpenIndex, again: RunAgain) -> Iterator[list[Row]]:
    """The rows of each event, made as they are asked for: an export may take longer than anybody waits."""
    wanted, tenant = frozenset(TYPES[what]), history.session.tenant
    signals = _Signals(history, again) if "signal" in wanted else None
    for event in history.events:
        made: list[Row] = []
        if event.kind == "search":
            if "query" in wanted:
                made.append(_query(history, event))
            if "result" in wanted:
                made += _results(history, event)
            if "passage" in wanted:
                made += _passages(history, event, tenant, open_index)
            if signals is not None:
                made += signals.of(event)
        elif "feedback" in wanted and event.kind in FEEDBACK:
            made.append(_feedback(history, event))
        if made:
            yield made


def lines(made: Iterator[list[Row]]) -> Iterator[bytes]:
    """JSON lines, some at a time."""
    for some in made:
        yield b"".join(orjson.dumps(row) + b"\n" for row in some)


def _row(history: History, event: Event, type: str, **more: Any) -> Row:
    return {"type": type, "session_id": history.session.id, "seq": event.seq, **more}


def _query(history: History, event: Event) -> Row:
    return _row(
        history,
        event,
        "query",
        at=instant(event.at),
        branch=event.branch,
        reader=event.who,
        query=event.query,
        collection=_collection(event),
        generation=event.generation,
        snapshot_seq=event.snapshot_seq,
        results=len(event.shown),
        new=event.new,
        drifted=event.drifted,
        request=dict(event.request),
    )


def _results(history: History, event: Event) -> list[Row]:
    return [
        _row(
            history,
            event,
            "result",
            rank=item.rank,
            document=item.document,
            url=item.url or None,
            title=item.title,
            score=float(item.score),
            content_hash=item.content_hash,
            cluster=item.cluster or None,
            passages=[int(ordinal) for ordinal in item.passages],
        )
        for item in event.shown
    ]


def _passages(history: History, event: Event, tenant: str, open_index: OpenIndex) -> list[Row]:
    keys = [(item, int(ordinal)) for item in event.shown for ordinal in item.passages]
    if not keys:
        return []
    try:
        with open_index(tenant, _collection(event), event.generation) as index:
            stored = index.fetch_passages([(item.document, ordinal) for item, ordinal in keys])
        texts = [_text(each.id, each) for each in stored]
    except (ForageError, KeyError):  # the generation, or the collection, is gone
        texts = [_text(f"{item.document}#{ordinal}", None) for item, ordinal in keys]
    return [
        _row(history, event, "passage", rank=item.rank, document=item.document, passage=ordinal, **text)
        for (item, ordinal), text in zip(keys, texts, strict=True)
    ]


def _text(id: str, passage: Passage | None) -> Row:
    if passage is None:
        return {"id": id, "heading": None, "text": None, "start": None, "end": None}
    return {
        "id": id,
        "heading": passage.heading,
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
    }


def _feedback(history: History, event: Event) -> Row:
    return _row(
        history,
        event,
        "feedback",
        at=instant(event.at),
        branch=event.branch,
        reader=event.who,
        kind=event.kind,
        document=event.document,
        passage=event.passage,
        note=event.note or None,
    )


class _Signals:
    """Every signal of every result, for which each call is run again, explained."""

    def __init__(self, history: History, again: RunAgain) -> None:
        self._history, self._again = history, again
        self._made: dict[int, list[Row]] = {}  # of the events that were answered together with the last one

    def of(self, event: Event) -> list[Row]:
        if event.seq not in self._made:
            self._made = self._run(event)
        return self._made[event.seq]

    def _run(self, event: Event) -> dict[int, list[Row]]:
        try:
            calls = run_again(self._history, event, self._again, self._history.session.tenant, explain=True)
        except (ForageError, HistoryFolded, SessionError) as error:
            return {event.seq: [_row(self._history, event, "notice", code="signals_gone", message=error.message)]}
        return {
            call.event.seq: [row for hit in call.entry.outcome.body["results"] for row in self._of_hit(call.event, hit)]
            for call in calls
        }

    def _of_hit(self, event: Event, hit: Mapping[str, Any]) -> Iterator[Row]:
        values, missing = hit["signals"], frozenset(hit["signals_missing"])
        contributions = hit["contributions"]
        for name in dict.fromkeys([*values, *contributions]):
            yield _row(
                self._history,
                event,
                "signal",
                rank=hit["rank"],
                document=hit["id"],
                signal=name,
                value=values.get(name),
                missing=name in missing,
                contribution=contributions.get(name, 0.0),
            )


def _collection(event: Event) -> str:
    return str(event.request.get("collection", DEFAULT))
