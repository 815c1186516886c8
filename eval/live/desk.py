"""The desk of a real agent: given a system and what the model asks for, asks the engine as the system asks, and returns
the text that the model reads.

Requests are those of simulated agents (eval/sessions/desk.py), but for the query, which is taken as it was written,
operators and all, and the model's own wishes. The text of a page is exactly what eval/sessions/displayed.py counts. Not
for conversations (loop.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from eval.errors import EndpointError
from eval.latency import timed
from eval.live.backends import Backend, Refused
from eval.live.records import Turn
from eval.live.tools import Cite, Open, Search, ToolError
from eval.sessions.desk import TRIES, request_of
from eval.sessions.displayed import result_text, stub_text, tokens_of
from eval.sessions.systems import System
from ranking.shown import several, shown

OPENED_TOKENS: Final = 1_500
"""Of one opened document, four characters each: as much as a page of results."""
CUT: Final = "[more of it is left out]\n"
NAMED: Final = 3
"""Wrong names that a message repeats."""


class AgentDesk:
    """One session of one system: every call of one model on one question, which is its objective. close() erases what
    it left behind."""

    def __init__(self, backend: Backend, system: System, collection: str, objective: str) -> None:
        self._backend = backend
        self._system = system
        self._collection = collection
        self._objective = objective if system.tells else ""
        self._session = f"eval-{secrets.token_hex(8)}"
        self._recorded = system.kind == "session"
        self._used = False
        self._shown: set[str] = set()
        self._names: dict[str, str] = {}
        self.turns: list[Turn] = []
        self.displayed = 0
        """Tokens so far."""

    # ------------------------------------------------------------ what costs a call

    def fail(self, tool: str, error: str) -> str:
        """A call that was nonsense is a call."""
        self.turns.append(Turn(tool, "", error=error))
        return error

    def search(self, asked: Search) -> str:
        """The page; ToolError with what the engine says against the query."""
        request = request_of(self._system, self._collection, asked.query)
        request |= {"query": asked.query, "max_results": asked.results or self._system.k}
        if asked.why:
            request["why"] = asked.why
        if self._recorded:
            self._used = True
            request |= {"session_id": self._session}
            if self._objective:
                request["objective"] = self._objective
        try:
            body, ms = self._whole(request)
        except Refused as refused:
            self.turns.append(Turn("search", asked.query, error=str(refused)))
            raise ToolError(str(refused)) from None
        hits = [hit for hit in body["results"] if self._system.kind != "dedupe" or hit["id"] not in self._shown]
        stubs = body.get("stubs") or []
        texts = [result_text(hit) for hit in hits]
        lines = [stub_text(stub) for stub in stubs]
        ranks = tuple(stub["rank_now"] for stub in stubs)
        turn = Turn("search", asked.query, _counted(hits, texts), _counted(stubs, lines), ms=ms, ranks=ranks)
        self._take(turn, [*hits, *stubs])
        return "".join(texts + lines) or _nothing(body)

    def open(self, asked: Open) -> str:
        """The document's text."""
        known = self._names.get(asked.name)
        request = {"collection": self._collection, "passages": 0, "links": False, "max_tokens": OPENED_TOKENS}
        request |= {"ids": [known]} if known else {"urls": [asked.name]}  # which may be an id all the same
        try:
            body, ms = timed(partial(self._backend.contents, request))
        except Refused as refused:
            self.turns.append(Turn("open", "", error=str(refused)))
            raise ToolError(str(refused)) from None
        document = body["documents"][0]
        text = f"{document['title']} {document['url'] or document['id']}\n{document['text']}\n"
        text += CUT if document["truncated"] else ""
        self._take(Turn("open", "", opened=_counted([document], [text]), ms=ms), [document])
        self._tell("open", [document["id"]])
        return text

    # ------------------------------------------------------------ what costs none

    def cite(self, asked: Cite) -> str:
        """What was taken. ToolError when none of the names was ever displayed: a guess is no evidence."""
        known, strange = self.known(asked.names)
        if not known:
            raise ToolError(f"You were never shown {_several(strange)}. {_HOW_TO_NAME}")
        last = self.turns[-1]
        self.turns[-1] = replace(last, cited=tuple(dict.fromkeys((*last.cited, *known))))
        self._tell("cite", known)
        return f"Cited: {len(known)}." + (
            f" Never shown to you: {_several(strange)}. {_HOW_TO_NAME}" if strange else ""
        )

    def known(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Displayed documents by id or address, and names of none."""
        found = [self._names[name] for name in names if name in self._names]
        return list(dict.fromkeys(found)), [name for name in names if name not in self._names]

    def close(self) -> None:
        if self._used:
            self._backend.forget(self._session)
            self._used = False

    # ------------------------------------------------------------ inside

    def _whole(self, request: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """An answer that nothing was left out of, as eval/sessions/desk.py. Each try has a request id, so that one
        whose answer was lost on the way is the same call, and the same query asked again is another."""
        degraded = ""
        for _ in range(TRIES):
            named = {**request, "request_id": f"eval-{secrets.token_hex(8)}"} if self._recorded else request
            body, ms = timed(partial(self._backend.search, named))
            if not body["trace"]["degraded"]:
                return body, ms
            degraded = ", ".join(body["trace"]["degraded"])
        raise EndpointError(f"the engine answered without {degraded}", hint="run it again: what is done is kept")

    def _take(self, turn: Turn, documents: Iterable[dict[str, Any]]) -> None:
        self.turns.append(turn)
        self.displayed += sum(tokens for _, tokens in (*turn.shown, *turn.stubs, *turn.opened))
        self._shown.update(document for document, _ in turn.shown)
        for each in documents:
            self._names |= {each["id"]: each["id"], each["url"] or each["id"]: each["id"]}

    def _tell(self, kind: str, documents: Sequence[str]) -> None:
        """The session learns it, when the system is to know."""
        if self._used and self._system.cites:
            try:
                self._backend.feedback(
                    self._session, {"events": [{"kind": kind, "document": document} for document in documents]}
                )
            except Refused as refused:
                raise EndpointError(f"feedback on displayed documents was refused: {refused}") from None


_HOW_TO_NAME: Final = "Name a document by what stands at the end of the first line of its result."


def _counted(documents: Iterable[dict[str, Any]], texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple((each["id"], tokens_of(text)) for each, text in zip(documents, texts, strict=True))


def _nothing(body: dict[str, Any]) -> str:
    notices = " ".join(f"{notice['message']}." for notice in body.get("notices") or ())
    return " ".join(filter(None, ("Nothing new was found." if body["results"] else "Nothing was found.", notices)))


def _several(names: Sequence[str]) -> str:
    return several([shown(name) for name in names], NAMED)
