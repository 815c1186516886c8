"""`forage eval`: run a test collection, compare two runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.weights import read_weights

app = typer.Typer(help="Measure ranking on test collections.", no_args_is_help=True)

Collection = Annotated[str | None, typer.Option(help="search this collection instead of indexing the corpus")]
CORES = os.cpu_count() or 2


@app.command("run")
def run(
    data: Annotated[Path, typer.Option(help="folder with corpus.jsonl.zst, queries.jsonl, qrels.tsv")],
    out: Annotated[Path, typer.Option(help="folder for run.trec, per_query.jsonl, measures.json, report.*")],
    profile: Annotated[str | None, typer.Option(help="default, bm25, dense")] = None,
    weights: Annotated[str | None, typer.Option(help="e.g. '*=0,bm25=1'")] = None,
    collection: Collection = None,
    limit: Annotated[int | None, typer.Option(help="only the first topics", min=1)] = None,
    operators: Annotated[bool, typer.Option("--operators", help="read topics as queries, not as plain words")] = False,
    threads: Annotated[int, typer.Option(help="searches at once", min=1)] = CORES,
) -> None:
    """Search every topic and measure the answers."""
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.evaluate import evaluate
    from eval.report import markdown_table, rows_of_summary

    request: dict[str, Any] = {}
    if profile:
        request["profile"] = profile
    if weights:
        request["weights"] = read_weights(weights)
    engine = Engine(Settings())
    try:
        with Reporter("eval") as reporter:
            body = evaluate(
                engine,
                data,
                out,
                request,
                collection=collection,
                threads=threads,
                limit=limit,
                operators=operators,
                progress=reporter.update,
            )
    finally:
        engine.close()
    typer.echo(f"{body['collection']}: {body['topics']} topics, generation {body['generation']}")
    typer.echo(markdown_table(rows_of_summary(body)), nl=False)
    typer.echo(f"written to {out}")


@app.command("compare")
def compare(
    out_a: Annotated[Path, typer.Argument(help="a folder of forage eval run")],
    out_b: Annotated[Path, typer.Argument(help="another one, on the same topics")],
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="exit 1 when B is significantly worse")
    ] = False,
) -> None:
    """Paired randomisation test of B against A, Holm-corrected over the measures."""
    from eval.compare import compare as compare_runs
    from eval.compare import read_per_query
    from eval.report import markdown_table, rows_of_comparison

    rows = compare_runs(read_per_query(out_a), read_per_query(out_b))
    typer.echo(markdown_table(rows_of_comparison(rows)), nl=False)
    worse = [row.measure for row in rows if row.significant and row.difference < 0]
    if fail_if_worse and worse:
        typer.echo(f"B is worse on {', '.join(worse)}", err=True)
        raise typer.Exit(1)


Seed = Annotated[int, typer.Option(help="of agents, readers and samples")]
Systems = Annotated[
    list[str] | None,
    typer.Option(
        help="stateless, dedupe, session:param=value,... or baselines, modes, goals, feedback; repeat for more"
    ),
]
Threads = Annotated[int, typer.Option(help="topics at once", min=1)]


@app.command("sessions")
def sessions(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a multi-hop set in it")],
    out: Annotated[Path, typer.Option(help="folder for trajectories, per_topic.jsonl, measures.json, report.md")],
    agents: Annotated[list[str] | None, typer.Option(help="simulated agents; repeat for more")] = None,
    systems: Systems = None,
    calls: Annotated[int, typer.Option(help="most calls of a session", min=1, max=100)] = 8,
    topics: Annotated[int | None, typer.Option(help="a seeded sample of so many questions", min=1)] = None,
    seed: Seed = 20_261_123,
    collection: Collection = None,
    threads: Threads = CORES,
) -> None:
    """Simulated agents search a set in sessions and without; goes on where it was interrupted."""
    from eval.sessions import Plan, run_sessions
    from eval.systems import systems_of

    plan = Plan(tuple(agents or ["keyword", "loop"]), systems_of(systems or ["default"]), calls, seed, topics, threads)
    _run_and_show(run_sessions, data / name, out, plan, collection)


@app.command("replay")
def replay(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a set in it with a sessions.jsonl")],
    out: Annotated[Path, typer.Option(help="folder for trajectories, per_topic.jsonl, measures.json, report.md")],
    systems: Systems = None,
    topics: Annotated[int | None, typer.Option(help="the logs of a seeded sample of so many topics", min=1)] = None,
    seed: Seed = 20_261_123,
    collection: Collection = None,
    threads: Threads = CORES,
) -> None:
    """Recorded sessions are asked again, in sessions and without; goes on where it was interrupted."""
    from eval.replay import RECORDED, run_replay
    from eval.sessions import Plan
    from eval.systems import systems_of

    plan = Plan((RECORDED,), systems_of(systems or ["default"]), seed=seed, topics=topics, threads=threads)
    _run_and_show(run_replay, data / name, out, plan, collection)


def _run_and_show(run: Any, data: Path, out: Path, plan: Any, collection: str | None) -> None:
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.report import markdown_table
    from eval.session_report import system_table

    engine = Engine(Settings())
    try:
        with Reporter("sessions") as reporter:
            body = run(engine, data, out, plan, collection=collection, progress=reporter.update)
    finally:
        engine.close()
    typer.echo(markdown_table(system_table(body)), nl=False)
    typer.echo(f"written to {out}")
