"""`forage eval tune`: search params on frozen candidates, and say what they are worth out of sample."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.eval_sets import AllowMissing, tell

CORES = os.cpu_count() or 2
GUARD = 1.0


def tune(
    data: Annotated[Path, typer.Option(help="folder with sets, or one set")],
    out: Annotated[Path, typer.Option(help="folder for trials.jsonl, tune.json, profile.json, report.md")],
    names: Annotated[
        list[str] | None, typer.Option("--set", help="a set in it; repeat for more (default: all)")
    ] = None,
    method: Annotated[str, typer.Option(help="tpe, coordinate, trees, or all")] = "tpe",
    trials: Annotated[int, typer.Option(help="of each search", min=1)] = 500,
    params: Annotated[
        list[str] | None,
        typer.Option(help="'weights.bm25.bigram=0..1', 'fuse.balance.decay', or default; repeat for more"),
    ] = None,
    measure: Annotated[str, typer.Option(help="nDCG, P, R, RR or AP, each @1 to @100")] = "nDCG@10",
    guard: Annotated[
        float, typer.Option(help="times what the worst set loses is taken off the mean", min=0, max=100)
    ] = GUARD,
    folds: Annotated[int, typer.Option(help="over the queries of each set", min=2, max=100)] = 5,
    seed: Annotated[int, typer.Option(help="of folds, trials and trees")] = 20_261_123,
    simplest: Annotated[
        bool, typer.Option("--simplest/--best", help="the simplest within one standard error of the best, or the best")
    ] = True,
    profile: Annotated[str | None, typer.Option(help="begin from this profile, not from the defaults")] = None,
    profile_name: Annotated[str, typer.Option(help="save what was chosen as the next version of it")] = "tuned",
    limit: Annotated[int | None, typer.Option(help="only the first topics of each set", min=4)] = None,
    allow_missing: AllowMissing = False,
    check: Annotated[int, typer.Option(help="topics of each set that the engine searches again", min=0)] = 200,
    frozen: Annotated[
        Path | None, typer.Option(help="folder of frozen candidates, to share (default: OUT/frozen)")
    ] = None,
    threads: Annotated[int, typer.Option(help="searches at once", min=1)] = CORES,
) -> None:
    """Tune params over sets, cross-validated; goes on where it was interrupted."""
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.adhoc.report import markdown_table
    from eval.sets.checks import Findings
    from eval.tuning.graded import read_measure
    from eval.tuning.report import engine_lines, method_rows, parameter_rows, profile_line
    from eval.tuning.sets import sets_in
    from eval.tuning.tune import Plan, methods_of
    from eval.tuning.tune import tune as tune_sets

    plan = Plan(
        methods=methods_of(method),
        measure=read_measure(measure),
        params=tuple(params or ()),
        trials=trials,
        folds=folds,
        seed=seed,
        simplify=simplest,
        guard=guard,
        threads=threads,
        limit=limit,
        profile=profile,
        name=profile_name,
        allow_missing=allow_missing,
        checked=check,
        frozen=frozen,
    )
    sources = sets_in(data, names or ())
    engine = Engine(Settings())
    try:
        with Reporter("tune") as reporter:
            body = tune_sets(engine, sources, out, plan, reporter.update)
    finally:
        engine.close()
    for row in body["sets"]:
        tell(tuple(f"{row['set']}: {note}" for note in Findings(**row["input"]).notes()))
    for name, told in body["methods"].items():
        typer.echo(f"{name}: {told['verdict']}")
        typer.echo(markdown_table(method_rows(told)))
    typer.echo(markdown_table(parameter_rows(body)))
    for line in engine_lines(body):
        typer.echo(line)
    typer.echo(profile_line(body))
    typer.echo(f"written to {out}")
