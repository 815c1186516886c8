"""`forage crawl`: fetch a site into a collection."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ranking.shown import shown


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
    import asyncio

    from api.collections import Collections
    from api.lanes import crawl_into
    from api.settings import Settings
    from cli.notices import tell
    from cli.progress import Reporter
    from crawler.crawl import check
    from crawler.settings import CrawlSettings

    settings = Settings()
    chosen: dict[str, Any] = {
        "max_pages": max_pages,
        "depth": _links(depth),
        "allow_hosts": tuple(allow_host or ()),
        "allow_private": allow_private or settings.allow_private,
        "exclude": tuple(exclude or ()),
    }
    asyncio.run(check(urls, CrawlSettings(**chosen)))  # a crawl that is refused leaves no collection behind
    Collections(settings).ensure("default", collection)
    with Reporter("crawl") as reporter:

        def emit(row: dict[str, Any]) -> None:
            if "pages" in row:
                reporter.update(row["pages"], None, f"{row.get('queued', 0)} queued  {row.get('url') or ''}"[:100])

        report = crawl_into(settings, "default", collection, urls, **chosen, emit=emit)
    tell(report.pop("notices", ()))
    for name, value in report.items():
        if value not in (None, {}, [], ()):
            typer.echo(f"{name.replace('_', ' ')}: {value}")
    typer.echo(f"next: forage index --collection {collection}")


def _links(depth: str) -> int | None:
    """--depth as a number; None for `none`. Raises ParamsError."""
    from api.requests import MAX_LINKS
    from ranking.errors import ParamsError

    if depth == "none":
        return None
    if not (depth.isascii() and depth.isdecimal() and len(depth) <= len(str(MAX_LINKS)) and int(depth) <= MAX_LINKS):
        raise ParamsError(
            f"--depth is {shown(depth)}", path="--depth", hint=f"give a number of links up to {MAX_LINKS:,}, or none"
        )
    return int(depth)
