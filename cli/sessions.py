"""`forage sessions`: list, show, export, fork, merge and delete sessions of this data folder, no server needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

app = typer.Typer(help="Read back what sessions did, branch them, take them along.", no_args_is_help=True)

TENANT: Final = "default"

SessionId = Annotated[str, typer.Argument(help="as in an answer's session_id")]


@contextmanager
def _sessions() -> Iterator[Any]:
    """What can be done with the sessions of the data folder."""
    from api.engine import Engine
    from api.settings import Settings

    engine = Engine(Settings())
    try:
        yield engine.sessions
    finally:
        engine.close()


@app.command("list")
def listing() -> None:
    """Live sessions, newest first."""
    with _sessions() as sessions:
        for session in sessions.list(TENANT)["sessions"]:
            typer.echo(f"{session['id']}  {session.get('first_query') or ''}")


@app.command("show")
def show(
    session_id: SessionId,
    as_of: Annotated[int | None, typer.Option(help="as it was after this event")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the whole read-back as JSON")] = False,
) -> None:
    """A tree of its branches, with what each call added."""
    import orjson

    from cli.session_tree import draw

    with _sessions() as sessions:
        body = sessions.read(session_id, TENANT, as_of)
    if as_json:
        typer.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
    else:
        draw(body)


@app.command("export")
def export(
    session_id: SessionId,
    format: Annotated[str, typer.Option(help="jsonl or parquet")] = "jsonl",
    what: Annotated[str, typer.Option(help="all, queries, results, passages, feedback or signals")] = "all",
    out: Annotated[Path | None, typer.Option(help="a file; standard output when left out")] = None,
) -> None:
    """Rows of what was asked, shown, read and said."""
    from api.session.export import FORMATS, WHATS, lines

    for given, known, name in ((format, FORMATS, "--format"), (what, WHATS, "--what")):
        if given not in known:
            raise typer.BadParameter(f"{given!r} is none of {', '.join(known)}", param_hint=name)
    with _sessions() as sessions:
        if format == "parquet":
            made = iter([sessions.parquet(session_id, what, TENANT)])
        else:
            made = lines(sessions.export(session_id, what, TENANT))
        if out is None:
            for chunk in made:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        _write(out, made)
    typer.echo(f"wrote {out} ({out.stat().st_size:,} bytes)", err=True)


def _write(out: Path, chunks: Iterator[bytes]) -> None:
    """All of it, or nothing."""
    unfinished = out.with_name(f"{out.name}.part")
    try:
        with unfinished.open("wb") as file:
            file.writelines(chunks)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


@app.command("fork")
def fork(
    session_id: SessionId,
    at: Annotated[int | None, typer.Option(help="the last event that the fork knows; now when left out")] = None,
    source: Annotated[str, typer.Option("--from", help="the branch to fork")] = "main",
    branch: Annotated[str | None, typer.Option(help="its name; one is made when left out")] = None,
) -> None:
    """A new branch; search on it with "branch"."""
    with _sessions() as sessions:
        made = sessions.fork(session_id, {"at": at, "from": source, "branch": branch}, TENANT)
    typer.echo(f"{made['branch']} from event {made['parent_seq']} of {made['parent']}")


@app.command("merge")
def merge(
    session_id: SessionId,
    source: Annotated[str, typer.Option("--from", help="the branch whose events are taken")],
    into: Annotated[str, typer.Option(help="the branch that knows them from now on")] = "main",
) -> None:
    """One branch knows what another knows now."""
    with _sessions() as sessions:
        made = sessions.merge(session_id, {"from": source, "into": into}, TENANT)
    known = ", ".join(f"{each['from']} up to event {each['upto']}" for each in made["merged"])
    typer.echo(f"{made['branch']} knows {known}")


@app.command("delete")
def delete(session_id: SessionId) -> None:
    """Erase a session's log, caches and idempotency keys."""
    with _sessions() as sessions:
        sessions.delete(session_id, TENANT)
    typer.echo(f"deleted {session_id}")
