"""`forage eval from-sessions`: what agents opened, cited and rejected becomes a test collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NAMED = 10


def from_sessions(
    out: Annotated[Path, typer.Option(help="folder for queries.jsonl, qrels.tsv, weights.jsonl, README.md")],
    session: Annotated[list[str] | None, typer.Option(help="a session by id; repeat for more")] = None,
    every: Annotated[bool, typer.Option("--all", help="all sessions that live")] = False,
    tenant: Annotated[str, typer.Option(help="whose sessions")] = "default",
    collection: Annotated[str | None, typer.Option(help="whose searches count; needed when there are several")] = None,
    model: Annotated[str, typer.Option(help="of clicks and citations: cited, position, cascade")] = "cited",
    eta: Annotated[float, typer.Option(help="of position: looks at rank r are as r^-eta")] = 1.0,
) -> None:
    """Feedback of sessions as judgements: a biased test collection of what agents really asked."""
    from api.engine import Engine
    from api.settings import Settings
    from eval.judgements.run import Plan, from_sessions
    from ranking.shown import several

    if every == bool(session):
        raise typer.BadParameter("name sessions with --session, or take --all")
    engine = Engine(Settings())
    try:
        body = from_sessions(engine, out, Plan(tuple(session) if session else None, tenant, collection, model, eta))
    finally:
        engine.close()
    typer.echo(
        f"{body['judgements']} judgements of {body['topics']} queries, from {body['feedback']} feedback events of "
        f"{len(body['sessions'])} sessions ({body['conflicts']} conflicts)"
    )
    if body["skipped"]:
        typer.echo(f"without any feedback, not read: {several(body['skipped'], NAMED)}")
    if body["begin_late"]:
        typer.echo(f"older events are folded away: {several(body['begin_late'], NAMED)}")
    typer.echo(
        f"written to {out}; forage eval run --data {out} --collection {body['collection']} --operators --out OUT"
    )
