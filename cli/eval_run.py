"""`forage eval run`: search every topic of a test collection and measure the answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.eval_sets import AllowMissing, Corpus, Data, Measures, Qrels, Split, Topics, read_set, tell
from cli.weights import read_weights

CORES = os.cpu_count() or 2


def run(
    out: Annotated[Path, typer.Option(help="folder for run.trec, per_query.jsonl, measures.json, report.*")],
    data: Data = None,
    split: Split = None,
    topics: Topics = None,
    qrels: Qrels = None,
    corpus: Corpus = None,
    profile: Annotated[
        str | None, typer.Option(help="default, bm25, dense, or a saved one: name, name@version")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="JSON file of ranking params; over the profile")] = None,
    weights: Annotated[str | None, typer.Option(help="e.g. '*=0,bm25=1'; over the params")] = None,
    measures: Measures = None,
    collection: Annotated[
        str | None, typer.Option(help="search this collection instead of indexing the corpus")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="only the first topics", min=1)] = None,
    operators: Annotated[bool, typer.Option("--operators", help="read topics as queries, not as plain words")] = False,
    allow_missing: AllowMissing = False,
    threads: Annotated[int, typer.Option(help="searches at once", min=1)] = CORES,
) -> None:
    """Search every topic and measure the answers; goes on where it was interrupted."""
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.adhoc.evaluate import evaluate
    from eval.adhoc.report import markdown_table, rows_of_summary
    from eval.measures import MEASURES, parse_measures
    from eval.sets.checks import Findings

    chosen = parse_measures(measures) if measures is not None else MEASURES
    request = request_of(profile, params, weights)
    test = read_set(data, split, topics, qrels, corpus)
    engine = Engine(Settings())
    try:
        with Reporter("eval") as reporter:
            body = evaluate(
                engine,
                test,
                out,
                request,
                collection=collection,
                threads=threads,
                limit=limit,
                operators=operators,
                progress=reporter.update,
                measures=chosen,
                allow_missing=allow_missing,
            )
    finally:
        engine.close()
    tell(Findings(**body["input"]).notes())
    typer.echo(f"{body['collection']}: {body['topics']} topics, generation {body['generation']}")
    typer.echo(markdown_table(rows_of_summary(body)), nl=False)
    typer.echo(f"written to {out}")


def request_of(profile: str | None, params: Path | None, weights: str | None) -> dict[str, Any]:
    """Weights over params over the profile. RunError for a file that holds none, ParamsError for two profiles."""
    from eval.adhoc.request_files import read_params
    from ranking.errors import ParamsError
    from ranking.profiles import merge

    request: dict[str, Any] = {"profile": profile} if profile else {}
    if params is not None:
        given, left_out = read_params(params)
        if profile and given.get("profile", profile) != profile:
            raise ParamsError(
                f"--profile is {profile!r} and {params} names {given['profile']!r}",
                path="--profile",
                hint="name one of them",
            )
        if left_out:
            typer.echo(f"note: left out of {params}, as every run sets them itself: {', '.join(left_out)}", err=True)
        request = merge(request, given)
    return merge(request, {"weights": read_weights(weights)}) if weights else request
