"""`forage sessions`: list, show and delete sessions of this data folder."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(help="Read back what sessions did.", no_args_is_help=True)


def _engine() -> Any:
    from api.engine import Engine
    from api.settings import Settings

    return Engine(Settings())


@app.command("list")
def listing() -> None:
    """Live sessions, newest first."""
    engine = _engine()
    try:
        for session in engine.list_sessions("default")["sessions"]:
            typer.echo(f"{session['id']}  {session.get('first_query') or ''}")
    finally:
        engine.close()


@app.command("show")
def show(
    session_id: Annotated[str, typer.Argument(help="as in an answer's session_id")],
    as_json: Annotated[bool, typer.Option("--json", help="the whole read-back as JSON")] = False,
) -> None:
    """Each call of a session with what it showed."""
    import orjson

    engine = _engine()
    try:
        body = engine.read_session(session_id, "default", None)
    finally:
        engine.close()
    if as_json:
        typer.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(f"{session_id}: {len(body['events'])} events")
    for event in body["events"]:
        typer.echo(f"  {event['seq']:>3} {event['kind']} ({event['reader']}): {event.get('query') or ''}")
        for shown in event.get("shown", ()):
            typer.echo(f"        {shown['rank']:>2} {shown.get('title') or shown['document']}")


@app.command("delete")
def delete(session_id: Annotated[str, typer.Argument(help="which session")]) -> None:
    """Erase a session's log, caches and idempotency keys."""
    engine = _engine()
    try:
        engine.delete_session(session_id, "default")
    finally:
        engine.close()
    typer.echo(f"deleted {session_id}")
