"""A session's rows as a Parquet file: given rows of export.py, returns the bytes of one table.

pyarrow comes with make install; where it was left out NotInstalledError says how to get it. Not for what
the rows are.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from api.errors import NotInstalledError
from api.session.export import COLUMNS, TYPES, Row, What

COMPRESSION: Final = "zstd"
ROWS: Final = 10_000
"""Of one row group: some megabytes of text."""
HINT: Final = "make install (or: pip install pyarrow); or export as JSON lines: format=jsonl"


def require() -> None:
    """Raises NotInstalledError."""
    _pyarrow()


def parquet(rows: Iterable[list[Row]], what: What) -> bytes:
    """One table with a column for each key of the types that `what` has; a key that a row lacks is null. `request` is
    JSON text."""
    arrow = _pyarrow()
    from pyarrow.parquet import ParquetWriter

    kinds = columns(what)
    schema = arrow.schema([(name, _type(arrow, kind)) for name, kind in kinds.items()])
    file = io.BytesIO()
    with ParquetWriter(file, schema, compression=COMPRESSION) as writer:
        for some in _tables(rows):
            table = [{name: _cell(row.get(name), kind) for name, kind in kinds.items()} for row in some]
            writer.write_table(arrow.Table.from_pylist(table, schema=schema))
    return file.getvalue()


def columns(what: What) -> dict[str, str]:
    """Name -> what it holds, of the table of `what`."""
    return {name: kind for type in TYPES[what] for name, kind in COLUMNS[type].items()}


def _tables(rows: Iterable[list[Row]]) -> Iterator[list[Row]]:
    gathered: list[Row] = []
    for some in rows:
        gathered += some
        if len(gathered) >= ROWS:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _cell(value: Any, kind: str) -> Any:
    return orjson.dumps(value).decode() if kind == "json" and value is not None else value


def _type(arrow: Any, kind: str) -> Any:
    return {
        "text": arrow.string(),
        "json": arrow.string(),
        "whole": arrow.int64(),
        "number": arrow.float64(),
        "truth": arrow.bool_(),
        "wholes": arrow.list_(arrow.int64()),
    }[kind]


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise NotInstalledError("writing Parquet needs pyarrow, which is not installed", hint=HINT) from None
    return pyarrow
