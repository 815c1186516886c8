"""The command `forage`: one file per command; this one only puts them together.

Imports inside commands are late on purpose: `forage --help` and `forage serve` must start fast.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from cli import crawl, demo, doctor_command, evaluate, index, ingest, search, serve, sessions
from ranking.errors import ForageError

app = typer.Typer(
    name="forage",
    help="A web-search engine for research agents. Settings are FORAGE_* variables; `forage serve --help` lists them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("crawl")(crawl.crawl)
app.command("ingest")(ingest.ingest)
app.command("index")(index.index)
app.command("search")(search.search)
app.command("serve")(serve.serve)
app.add_typer(sessions.app, name="sessions")
app.add_typer(evaluate.app, name="eval")
app.command("demo")(demo.demo)
app.command("doctor")(doctor_command.doctor)


def main() -> None:
    """Run; an error of ours, or of the file system, is one clear line and exit status 1, never a traceback."""
    try:
        app()
    except (ForageError, OSError) as error:
        told = error if isinstance(error, ForageError) else _of_file_system(error)
        print(f"forage: {told.message}", file=sys.stderr)
        if told.hint:
            print(f"        {told.hint}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("forage: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def _of_file_system(error: OSError) -> ForageError:
    """Most of them are about the data folder, which FORAGE_DATA names."""
    from api.settings import data_refusal

    data = Path(os.environ.get("FORAGE_DATA") or "data")
    if error.filename is not None and Path(os.fsdecode(error.filename)).absolute().is_relative_to(data.absolute()):
        return data_refusal(data, error)
    where = f": {os.fsdecode(error.filename)}" if error.filename is not None else ""
    return ForageError(f"{error.strerror or error}{where}", hint="look at that file, its folder and its permissions")


if __name__ == "__main__":
    main()
