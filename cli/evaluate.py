"""`forage eval`: run a test collection, compare two runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.eval_agent import agent
from cli.eval_compare import compare
from cli.eval_features import features
from cli.eval_from_sessions import from_sessions
from cli.eval_measure import measure
from cli.eval_prefetch import prefetch
from cli.eval_report import report
from cli.eval_run import run
from cli.eval_tune import tune

app = typer.Typer(help="Measure ranking on test collections.", no_args_is_help=True)
app.command("run")(run)
app.command("measure")(measure)
app.command("compare")(compare)
app.command("features")(features)
app.command("report")(report)
app.command("tune")(tune)
app.command("agent")(agent)
app.command("prefetch")(prefetch)
app.command("from-sessions")(from_sessions)

Collection = Annotated[str | None, typer.Option(help="search this collection instead of indexing the corpus")]
CORES = os.cpu_count() or 2

Seed = Annotated[int, typer.Option(help="of agents, readers and samples")]
Systems = Annotated[
    list[str] | None,
    typer.Option(
        help="stateless, dedupe, history:first=1,..., session:param=value,..., or a name for several: default (taken "
        "when none is given), baselines, modes, goals, objectives, feedback, tokens, named, histories; repeat for more"
    ),
]
Threads = Annotated[int, typer.Option(help="topics at once", min=1)]
Others = Annotated[
    Path | None, typer.Option("--distractors", help="JSON lines of documents to mix into the set's corpus")
]
OthersFrom = Annotated[
    str | None, typer.Option("--distractors-from", help="a collection whose documents are mixed into it")
]


@app.command("sessions")
def sessions(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a multi-hop set in it")],
    out: Annotated[Path, typer.Option(help="folder for trajectories, per_topic.jsonl, measures.json, report.md")],
    agents: Annotated[
        list[str] | None,
        typer.Option(
            help="keyword and loop when none is given; clauses, evidence, long, decomposition, fan-out; repeat for more"
        ),
    ] = None,
    systems: Systems = None,
    calls: Annotated[int, typer.Option(help="most calls of a session", min=1, max=100)] = 8,
    topics: Annotated[int | None, typer.Option(help="a seeded sample of so many questions", min=1)] = None,
    seed: Seed = 20_261_123,
    tokens: Annotated[
        int | None,
        typer.Option(help="go on after --calls until so many tokens were displayed: recall at equal tokens", min=1),
    ] = None,
    call_tokens: Annotated[
        int, typer.Option(help="of that budget, what each call costs besides what it displays", min=0)
    ] = 0,
    collection: Collection = None,
    distractors: Others = None,
    distractors_from: OthersFrom = None,
    threads: Threads = CORES,
) -> None:
    """Simulated agents search a set in sessions and without; goes on where it was interrupted."""
    from eval.sessions.grid import run_sessions
    from eval.sessions.plan import Plan
    from eval.sessions.systems import systems_of

    chosen = systems_of(systems or ["default"])
    plan = Plan(tuple(agents or ["keyword", "loop"]), chosen, calls, seed, topics, threads, tokens, call_tokens)
    _run_and_show(run_sessions, data / name, out, plan, collection, (distractors, distractors_from))


@app.command("replay")
def replay(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a set in it with a sessions.jsonl")],
    out: Annotated[Path, typer.Option(help="folder for trajectories, per_topic.jsonl, measures.json, report.md")],
    systems: Systems = None,
    topics: Annotated[int | None, typer.Option(help="the logs of a seeded sample of so many topics", min=1)] = None,
    seed: Seed = 20_261_123,
    collection: Collection = None,
    distractors: Others = None,
    distractors_from: OthersFrom = None,
    threads: Threads = CORES,
) -> None:
    """Recorded sessions are asked again, in sessions and without; goes on where it was interrupted."""
    from eval.sessions.plan import Plan
    from eval.sessions.replay import RECORDED, run_replay
    from eval.sessions.systems import systems_of

    plan = Plan((RECORDED,), systems_of(systems or ["default"]), seed=seed, topics=topics, threads=threads)
    _run_and_show(run_replay, data / name, out, plan, collection, (distractors, distractors_from))


def _run_and_show(
    run: Any, data: Path, out: Path, plan: Any, collection: str | None, mixed: tuple[Path | None, str | None]
) -> None:
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.adhoc.report import markdown_table
    from eval.sessions.distractors import Distractors
    from eval.sessions.equal_tokens import budget_table
    from eval.sessions.report import system_table

    others = Distractors(*mixed) if any(mixed) else None
    engine = Engine(Settings())
    try:
        with Reporter("sessions") as reporter:
            body = run(engine, data, out, plan, collection=collection, progress=reporter.update, distractors=others)
    finally:
        engine.close()
    typer.echo(markdown_table(system_table(body)), nl=False)
    if "tokens" in body:
        typer.echo(f"\n{markdown_table(budget_table(body['tokens']))}", nl=False)
    typer.echo(f"written to {out}")
