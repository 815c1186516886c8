"""Where the tools of a real agent are answered: given JSON-ready requests, an engine in this process or a Forage server
over HTTP, which is then measured from outside.

Both answer the same, or raise the same: Refused for what the model may do better, EvalError for what ends a run. Not
for what is displayed of an answer (desk.py).
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, Protocol
from urllib.parse import quote

import orjson

from api.engine import Engine
from eval.adhoc.runs import TENANT
from eval.errors import EndpointError
from eval.live.wire import Refusal, Wire
from ranking.errors import ForageError

Body = dict[str, Any]

BAD_REQUESTS: Final = range(400, 500)
NOT_THE_MODELS: Final = frozenset({401, 403, 408, 409, 429})
"""Refusals that no other query would have been spared."""


class Refused(Exception):
    """The request was wrong; the message is for the model."""


class Backend(Protocol):
    """What the tools need of a search engine."""

    def search(self, request: Body) -> Body: ...

    def contents(self, request: Body) -> Body:
        """`errors` names what is not there, `documents` may be empty."""
        ...

    def feedback(self, session: str, request: Body) -> None: ...

    def forget(self, session: str) -> None:
        """Erase a session; one that is not there is none."""
        ...

    def generation(self, collection: str) -> str:
        """What is searched, by name. ForageError when there is no such collection."""
        ...


class InProcess:
    """The engine of this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(self, request: Body) -> Body:
        try:
            return _object(orjson.loads(self._engine.search(request, TENANT).body))
        except ForageError as error:
            _refuse(error)

    def contents(self, request: Body) -> Body:
        try:
            return self._engine.contents(request, TENANT)
        except ForageError as error:
            _refuse(error)

    def feedback(self, session: str, request: Body) -> None:
        try:
            self._engine.sessions.feedback(session, request, TENANT)
        except ForageError as error:
            _refuse(error)

    def forget(self, session: str) -> None:
        try:
            self._engine.sessions.delete(session, TENANT)
        except ForageError as error:
            if error.status != 404:
                raise

    def generation(self, collection: str) -> str:
        return str(self._engine.read_collection(collection, TENANT)["generation"])


def _refuse(error: ForageError) -> NoReturn:
    if error.status not in BAD_REQUESTS or error.status in NOT_THE_MODELS:
        raise error
    raise Refused(" ".join(filter(None, (f"{error.message}.", error.hint)))) from None


class Remote:
    """A Forage server: nothing of it is known but its answers."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def search(self, request: Body) -> Body:
        return self._ask("POST", "/v1/search", request)

    def contents(self, request: Body) -> Body:
        return self._ask("POST", "/v1/contents", request)

    def feedback(self, session: str, request: Body) -> None:
        self._ask("POST", f"/v1/sessions/{quote(session, safe='')}/feedback", request)

    def forget(self, session: str) -> None:
        try:
            self._wire.ask("DELETE", f"/v1/sessions/{quote(session, safe='')}", None, lambda body: body)
        except Refusal as refusal:
            if refusal.status != 404:
                raise self._broken(refusal) from None

    def generation(self, collection: str) -> str:
        try:
            path = f"/v1/collections/{quote(collection, safe='')}"
            return str(self._wire.ask("GET", path, None, _object)["generation"])
        except Refusal as refusal:
            raise self._broken(refusal) from None

    def _ask(self, method: str, path: str, request: Body) -> Body:
        try:
            return self._wire.ask(method, path, request, _object)
        except Refusal as refusal:
            if refusal.status in NOT_THE_MODELS:
                raise self._broken(refusal) from None
            error = refusal.body.get("error") if isinstance(refusal.body, dict) else None
            hint = error.get("hint") if isinstance(error, dict) else None
            told = refusal.told.partition(" ")[2] or refusal.told
            raise Refused(" ".join(filter(None, (f"{told}.", hint)))) from None

    def _broken(self, refusal: Refusal) -> EndpointError:
        where = self._wire.where
        hint = (
            f"the key of the server is taken from the variable {where.variable}"
            if refusal.status in (401, 403)
            else None
        )
        return EndpointError(f"the server {where.public} refused: {refusal.told}", hint=hint)


def _object(body: Any) -> Body:
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body
