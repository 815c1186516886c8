"""Which Redis: given a URL from a setting, returns it checked, or its place without what is secret.

Imports no client, so that a setting can be checked for nothing. Not for connecting (redis_link.py).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

SCHEMES: Final = ("redis", "rediss", "unix")

WANTED: Final = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/redis.sock"


def trouble(url: str) -> str | None:
    """Why this cannot be the URL of a Redis; None when it can. Quotes no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host and port cannot be read"
    if parts.scheme not in SCHEMES:
        return f"it begins with {parts.scheme!r}, and not with {', '.join(SCHEMES)}" if parts.scheme else "no scheme"
    if parts.scheme == "unix":
        return None if parts.path.startswith("/") else "no path of a socket"
    if not parts.hostname:
        return "no host"
    if port == 0:
        return "port 0"
    number = parts.path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        return f"{number!r} is not the number of a database"
    return None


def place(url: str) -> str:
    """The URL without user and password, for people."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
