"""Who asks: given a request's headers, returns its tenant or refuses.

Keys are compared by their SHA-256 in constant time. Not for quotas (admission.py).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from fastapi import Request

from api.errors import UnauthorizedError

DEFAULT_TENANT: Final = "default"


class ForbiddenError(UnauthorizedError):
    """A key that nobody was given."""

    code = "forbidden"
    status = 403


class Keys:
    """The API keys of a process, hashed."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._tenants = {_digest(key): tenant for key, tenant in keys.items()}

    @property
    def required(self) -> bool:
        return bool(self._tenants)

    def tenant(self, authorization: str | None, api_key: str | None) -> str:
        """The tenant of `Authorization: Bearer KEY` or `x-api-key: KEY`."""
        if not self.required:
            return DEFAULT_TENANT
        scheme, _, bearer = (authorization or "").partition(" ")
        key = api_key or (bearer.strip() if scheme.lower() == "bearer" else "")
        if not key:
            raise UnauthorizedError(
                "this server needs an API key",
                path="header.authorization",
                hint="send Authorization: Bearer KEY or x-api-key: KEY",
            )
        given = _digest(key)
        for digest, tenant in self._tenants.items():
            if hmac.compare_digest(digest, given):
                return tenant
        raise ForbiddenError(
            "this API key is not known here", path="header.authorization", hint="ask the operator for a key"
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


async def tenant_of(request: Request) -> str:
    """FastAPI dependency: the tenant of this request. Async, for FastAPI sends what is not to a thread."""
    keys: Keys = request.app.state.keys
    return keys.tenant(request.headers.get("authorization"), request.headers.get("x-api-key"))
