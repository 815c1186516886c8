"""`forage crawl`: fetch a site into a collection."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def crawl(
    urls: Annotated[list[str], typer.Argument(help="where to begin; sitemaps are read too")],
    collection: Annotated[str, typer.Option(help="which collection")] = "default",
    max_pages: Annotated[int, typer.Option(help="stop after so many pages", min=1)] = 10_000,
    depth: Annotated[str, typer.Option(help="links away from a seed, or none for no limit")] = "none",
    allow_host: Annotated[list[str] | None, typer.Option(help="a host beside the seeds' own; may be repeated")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="leave out URLs in which this regex is found")] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="reach private and loopback addresses")
    ] = False,
) -> None:
    """Crawl from URLS. An unfinished crawl goes on; a finished one is recrawled conditionally. Then: forage index."""
    from api.collections import Collections
    from api.lanes import crawl_into
    from api.settings import Settings
    from cli.progress import Reporter
    from ranking.errors import ParamsError

    settings = Settings()
    if depth != "none" and not depth.isdigit():
        raise ParamsError(f"--depth is {depth!r}", path="--depth", hint="give a number of links, or none")
    Collections(settings).ensure("default", collection)
    with Reporter("crawl") as reporter:

        def emit(row: dict[str, Any]) -> None:
            if "pages" in row:
                reporter.update(row["pages"], None, f"{row.get('queued', 0)} queued  {row.get('url') or ''}"[:100])

        report = crawl_into(
            settings,
            "default",
            collection,
            urls,
            max_pages=max_pages,
            depth=None if depth == "none" else int(depth),
            allow_hosts=allow_host or (),
            allow_private=allow_private or settings.allow_private,
            exclude=exclude or (),
            emit=emit,
        )
    for name, value in report.items():
        if value not in (None, {}, [], ()):
            typer.echo(f"{name.replace('_', ' ')}: {value}")
    typer.echo(f"next: forage index --collection {collection}")
