"""Settings of a Forage process: given FORAGE_* variables, returns one validated object.

What cannot be is a ParamsError in one line: the variable, what it holds, what would work. A variable that is empty is
not set. Not for request knobs (ranking/params.py) or crawl and index settings (their packages' settings.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from ranking.errors import ForageError, ParamsError
from ranking.nearest import nearest
from ranking.shown import shown
from sessions.redis_url import WANTED, trouble

LogLevel = Literal["critical", "error", "warning", "info", "debug", "trace"]
PATH_CHARACTERS = 1_000
"""Of a folder in a message: all of it, or nobody could look there."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """Every field is the variable FORAGE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="FORAGE_", env_ignore_empty=True, frozen=True, extra="ignore")

    data: Path = Field(Path("data"), description="folder that holds everything: collections, sessions, crawl jobs")
    api_keys: str = Field("", description="tenant:key,... ; empty: no keys, and only loopback may be bound")
    allow_private: bool = Field(False, description="crawl jobs over HTTP may reach private addresses")
    model: str | None = Field(None, description="embedding model by name or path; empty: the built-in MiniLM")
    cross_encoder: str | None = Field(
        None, description="what `default` means for rerank: a cross-encoder, name or path"
    )
    redis_url: str | None = Field(
        None, description="the Redis that keeps sessions, for several servers; empty: a file in the data folder"
    )
    redis_connect_ms: int = Field(100, ge=1, le=10_000, description="milliseconds to connect to Redis")
    redis_read_ms: int = Field(500, ge=1, le=60_000, description="milliseconds to wait for an answer of Redis")
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
    pool_mb: int = Field(64, ge=0, le=1_000_000, description="MB for candidate pools and pages shown; 0: none are kept")
    log_level: LogLevel = Field("info", description="of the server's own lines, from critical to trace")

    @model_validator(mode="wrap")
    @classmethod
    def in_one_line(cls, given: Any, validated: ModelWrapValidatorHandler[Settings]) -> Settings:
        try:
            return validated(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise _refusal(str(first["loc"][0]), first["input"]) from None

    @field_validator("model", "cross_encoder", "redis_url", mode="before")
    @classmethod
    def empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("redis_url")
    @classmethod
    def of_a_redis(cls, value: str | None) -> str | None:
        wrong = trouble(value) if value else None
        if wrong:  # it may hold a password, so what is wrong is said without quoting it
            raise ParamsError(f"FORAGE_REDIS_URL: {wrong}", path="FORAGE_REDIS_URL", hint=f"write {WANTED}")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def in_any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    def folder(self) -> Path:
        """The data folder, made where it is not there. ParamsError when it cannot be."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise data_refusal(self.data, error) from error
        return self.data

    def keys(self) -> dict[str, str]:
        """key -> tenant. ParamsError when FORAGE_API_KEYS is malformed; it quotes no key."""
        pairs: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in self.api_keys.split(","))):
            tenant, colon, key = item.partition(":")
            if not (colon and tenant and key):
                raise ParamsError(
                    "FORAGE_API_KEYS has an entry without a tenant or a key",
                    path="FORAGE_API_KEYS",
                    hint="write tenant:key,tenant:key",
                )
            from indexer.collection import check_name  # late: it brings the index, and few have keys

            try:
                check_name(tenant, "tenant")
            except ForageError as error:
                raise ParamsError(
                    f"FORAGE_API_KEYS: {error.message}",
                    path="FORAGE_API_KEYS",
                    hint="write tenant:key,tenant:key, with tenants such as acme or team-7",
                    did_you_mean=error.did_you_mean,
                ) from None
            if pairs.get(key, tenant) != tenant:
                raise ParamsError(
                    f"FORAGE_API_KEYS gives one key to {pairs[key]} and to {tenant}",
                    path="FORAGE_API_KEYS",
                    hint="give each tenant a key of its own; one tenant may have several",
                )
            pairs[key] = tenant
        return pairs

    def check_binding(self) -> None:
        """ParamsError when an address beyond loopback would be served without keys, or when the keys are malformed."""
        keys = self.keys()
        if self.host not in LOOPBACK and not keys:
            raise ParamsError(
                f"refusing to listen on {self.host} without API keys",
                path="FORAGE_HOST",
                hint="set FORAGE_API_KEYS=tenant:key or listen on 127.0.0.1",
            )


def data_refusal(data: Path, error: OSError) -> ParamsError:
    """What to say when the file system refuses something in the data folder."""
    in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
    why = "a file is in the way" if in_the_way else error.strerror or str(error)
    where = f" ({error.filename})" if error.filename and str(error.filename) != str(data) else ""
    return ParamsError(
        f"FORAGE_DATA is {shown(str(data), PATH_CHARACTERS)}, which cannot be used as a folder: {why}{where}",
        path="FORAGE_DATA",
        hint="set FORAGE_DATA to a folder that you may write, for example FORAGE_DATA=./data",
    )


def _refusal(name: str, given: Any) -> ParamsError:
    field = Settings.model_fields[name]
    variable = f"FORAGE_{name.upper()}"
    default = str(field.default).lower() if field.annotation is bool else field.default
    return ParamsError(
        f"{variable} is {shown(given)}: it must be {_wanted(field)}",
        path=variable,
        hint=f"for example {variable}={default}, which is the default",
        did_you_mean=nearest(str(given), _choices(field)),
    )


def _wanted(field: FieldInfo) -> str:
    """In words, what a field takes."""
    if field.annotation is bool:
        return "true or false"
    if choices := _choices(field):
        return f"one of {', '.join(choices)}"
    if field.annotation is not int:
        return "text"
    low = next((each.ge for each in field.metadata if hasattr(each, "ge")), None)
    high = next((each.le for each in field.metadata if hasattr(each, "le")), None)
    return "a whole number" + (f", at least {low:,}" if high is None else f" from {low:,} to {high:,}")


def _choices(field: FieldInfo) -> list[str]:
    return [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
