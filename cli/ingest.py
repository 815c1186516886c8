"""`forage ingest`: put a file of documents into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ingest(
    file: Annotated[Path, typer.Argument(help="JSONL, plain, .gz or .zst; - for standard input")],
    collection: Annotated[str, typer.Option(help="which collection; made when absent")] = "default",
) -> None:
    """Ingest FILE, all or nothing, and build the index."""
    import sys

    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from ranking.errors import ParamsError

    if str(file) != "-" and not file.is_file():
        raise ParamsError(f"there is no file {file}", path="FILE", hint="give a JSONL file, or - for standard input")
    engine = Engine(Settings())
    try:
        engine.ensure_collection(collection, "default")
        with Reporter("ingest") as reporter:
            if str(file) == "-":
                report = engine.ingest_stream(collection, sys.stdin.buffer, "default", reporter.update)
            else:
                with file.open("rb") as stream:
                    report = engine.ingest_stream(collection, stream, "default", reporter.update)
    finally:
        engine.close()
    for name, value in report.items():
        if value not in (None, [], {}):
            typer.echo(f"{name.replace('_', ' ')}: {value}")
