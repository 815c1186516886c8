"""Query parameters: given a request, refuses those that its route does not have.

A mistyped `as_of` that nobody reads would answer with the present. Not for their values: FastAPI reads those by the
route's signature, and as text, for a URL has no numbers.
"""

from __future__ import annotations

from fastapi import Request

from api.errors import InvalidRequestError
from ranking.nearest import nearest
from ranking.shown import cut


async def known_parameters(request: Request) -> None:
    """FastAPI dependency of every route that reads a request. Raises InvalidRequestError with the nearest name."""
    if not request.query_params:
        return
    route = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise InvalidRequestError(
                f"{request.method} {route.path} has no query parameter {cut(name)!r}",
                path=f"query.{cut(name)}",
                hint=f"it has {', '.join(known)}" if known else "it has none: fields go into the JSON body",
                did_you_mean=nearest(name, known),
            )
