"""`forage eval prefetch`: what sessions keep warm for the next query of real agents and people, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prefetch(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a set in it with a sessions.jsonl")],
    out: Annotated[Path, typer.Option(help="folder for per_topic.jsonl, measures.json, report.md")],
    k: Annotated[int, typer.Option(help="results a call", min=1, max=100)] = 5,
    repeats: Annotated[int, typer.Option(help="pairs of a session whose guesses were used, for times", min=1)] = 5,
    taken: Annotated[int, typer.Option(help="sessions that are asked what was guessed, for times", min=0)] = 60,
    objective: Annotated[bool, typer.Option(help="the agent sends the log's goal as its objective")] = True,
    topics: Annotated[int | None, typer.Option(help="the logs of a seeded sample of so many topics", min=1)] = None,
    seed: Annotated[int, typer.Option(help="of the sample")] = 20_261_123,
    collection: Annotated[
        str | None, typer.Option(help="search this collection instead of indexing the corpus")
    ] = None,
    distractors: Annotated[
        Path | None, typer.Option(help="JSON lines of documents to mix into the set's corpus")
    ] = None,
    distractors_from: Annotated[str | None, typer.Option(help="a collection whose documents are mixed into it")] = None,
) -> None:
    """Recorded sessions are asked with prefetch and without, in turns."""
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.prefetch.asked import PrefetchPlan
    from eval.prefetch.report import markdown
    from eval.prefetch.turns import run_prefetch
    from eval.sessions.distractors import Distractors

    mixed = (distractors, distractors_from)
    with Reporter("prefetch") as reporter:
        body = run_prefetch(
            lambda: Engine(Settings()),
            data / name,
            out,
            PrefetchPlan(k, repeats, taken, objective, topics, seed),
            collection=collection,
            progress=reporter.update,
            distractors=Distractors(*mixed) if any(mixed) else None,
        )
    typer.echo(markdown(body), nl=False)
    typer.echo(f"written to {out}")
