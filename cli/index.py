"""`forage index`: make what was crawled or ingested searchable."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def index(
    collection: Annotated[str, typer.Option(help="which collection")] = "default",
    from_warc: Annotated[bool, typer.Option("--from-warc", help="extract the stored responses again first")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="write every segment anew, e.g. for another model")
    ] = False,
) -> None:
    """Build a new generation of the collection and switch to it."""
    from api.lanes import build_index, reextract
    from api.settings import Settings
    from cli.notices import tell
    from cli.progress import Reporter

    settings = Settings()
    with Reporter("index") as reporter:

        def emit(row: dict[str, Any]) -> None:
            if "done" in row:
                reporter.update(row["done"], row.get("total"), row.get("note", ""))

        if from_warc:
            again = reextract(settings, "default", collection, emit=emit)
            tell(again.pop("notices"))
            typer.echo(f"extracted again: {again}")
        report = build_index(settings, "default", collection, rebuild=rebuild, emit=emit)
    tell(report.pop("notices"))
    for name, value in report.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")
    typer.echo(f"next: forage search 'your question' --collection {collection}, or forage serve")
