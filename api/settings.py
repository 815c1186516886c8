"""Settings of a Forage process: given FORAGE_* variables, returns one validated object.

Not for request knobs (ranking/params.py) or crawl and index settings (their packages' settings.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ranking.errors import ParamsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """Every field is the variable FORAGE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="FORAGE_", frozen=True, extra="ignore")

    data: Path = Field(Path("data"), description="folder that holds everything: collections, sessions, crawl jobs")
    api_keys: str = Field("", description="tenant:key,... ; empty: no keys, and only loopback may be bound")
    allow_private: bool = Field(False, description="crawl jobs over HTTP may reach private addresses")
    model: str | None = Field(None, description="embedding model by name or path; empty: the built-in MiniLM")
    redis_url: str | None = Field(None, description="reserved for sessions shared between servers")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=64, description="server processes")
    search_threads: int = Field(
        max(2, os.cpu_count() or 2), ge=1, le=256, description="searches that run at once in a process: one per core"
    )
    max_waiting: int = Field(512, ge=1, le=100_000, description="requests that may wait for a thread; above: 503")
    max_body_bytes: int = Field(16_000_000, ge=1_000, description="largest JSON body; above: 413")
    max_ingest_bytes: int = Field(2_000_000_000, ge=1_000, description="largest NDJSON body, as sent; above: 413")
    session_ttl_s: int = Field(1_800, ge=1, le=86_400, description="idle seconds after which a session expires")
    embedding_cache: int = Field(4_096, ge=0, description="query vectors kept in memory (1.5 KB each)")
    log_level: str = Field("info", description="debug, info, warning or error")

    @field_validator("model", "redis_url", mode="before")
    @classmethod
    def empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    def keys(self) -> dict[str, str]:
        """key -> tenant. ParamsError when FORAGE_API_KEYS is malformed."""
        pairs: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in self.api_keys.split(","))):
            tenant, colon, key = item.partition(":")
            if not (colon and tenant and key):
                raise ParamsError(
                    "FORAGE_API_KEYS has an entry without a tenant or a key",
                    path="FORAGE_API_KEYS",
                    hint="write tenant:key,tenant:key",
                )
            pairs[key] = tenant
        return pairs

    def check_binding(self) -> None:
        """ParamsError when an address beyond loopback would be served without keys."""
        if self.host not in LOOPBACK and not self.keys():
            raise ParamsError(
                f"refusing to listen on {self.host} without API keys",
                path="FORAGE_HOST",
                hint="set FORAGE_API_KEYS=tenant:key or listen on 127.0.0.1",
            )
