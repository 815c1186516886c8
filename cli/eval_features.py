"""`forage eval features`: query x document x signal as LETOR and Parquet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.weights import read_weights
from ranking.errors import ParamsError
from ranking.profiles import merge

CORES = os.cpu_count() or 2


def features(
    data: Annotated[str, typer.Option(help="a test collection, as forage eval run takes it")],
    out: Annotated[Path, typer.Option(help="folder for features.letor, features.parquet, features.json")],
    profile: Annotated[str | None, typer.Option(help="default, bm25, dense, or a saved one")] = None,
    weights: Annotated[str | None, typer.Option(help="e.g. '*=0,bm25=1': they give rank and score")] = None,
    params: Annotated[Path | None, typer.Option(help="JSON file of ranking params, as a profile has them")] = None,
    collection: Annotated[
        str | None, typer.Option(help="search this collection instead of indexing the corpus")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="only so many candidates of each topic, the best", min=1)] = None,
    limit: Annotated[int | None, typer.Option(help="only the first topics", min=1)] = None,
    operators: Annotated[bool, typer.Option("--operators", help="read topics as queries, not as plain words")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="judgements may name topics and documents that are not there")
    ] = False,
    threads: Annotated[int, typer.Option(help="searches at once", min=1)] = CORES,
) -> None:
    """Dump every signal of every candidate of every topic, with grades."""
    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.collections import read_collection
    from eval.frozen.features import Wanted, dump

    wanted = Wanted(request_of(profile, weights, params), collection, depth, limit, operators, allow_missing, threads)
    engine = Engine(Settings())
    try:
        with Reporter("features") as reporter:
            body = dump(engine, read_collection(data), out, wanted, reporter.update)
    finally:
        engine.close()
    typer.echo(
        f"{body['set']}: {body['topics']:,} topics, {body['rows']:,} rows, {len(body['signals'])} signals, "
        f"generation {body['generation']}"
    )
    found, all_ = body["relevant"], body["relevant_judged"]
    typer.echo(f"judged: {body['judged']:,} rows; of {all_:,} relevant documents {found:,} are there")
    typer.echo(f"written to {out}")


def request_of(profile: str | None, weights: str | None, params: Path | None) -> dict[str, Any]:
    """A request of options: profile < the file < weights. ParamsError for a file that holds no JSON object."""
    import orjson

    request: dict[str, Any] = {}
    if params is not None:
        try:
            held = orjson.loads(params.read_bytes())
        except orjson.JSONDecodeError as error:
            raise ParamsError(f"{params} line {error.lineno}: not JSON ({error.msg})", path="--params") from None
        if not isinstance(held, dict):
            raise ParamsError(
                f"{params} holds no JSON object",
                path="--params",
                hint='for example {"fuse": {"balance": {"floor": 1}}}',
            )
        request = held
    if profile:
        request = {**request, "profile": profile}
    return merge(request, {"weights": read_weights(weights)}) if weights else request
