"""`forage search`: one search in this process, no server needed."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def search(
    query: Annotated[str, typer.Argument(help="the query, operators allowed")],
    collection: Annotated[str, typer.Option(help="which collection")] = "default",
    max_results: Annotated[int, typer.Option("--max-results", "-n", help="1 to 100")] = 10,
    session: Annotated[str | None, typer.Option(help="session id to go on with (see also: forage sessions)")] = None,
    profile: Annotated[
        str | None, typer.Option(help="default, bm25, dense, or a saved one: name, name@version")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="e.g. '*=0,bm25=1'; over the profile")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="signals, contributions and stages")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the whole answer as JSON")] = False,
) -> None:
    """Search a collection."""
    import orjson

    from api.engine import Engine
    from api.settings import Settings
    from cli.show import show_answer
    from cli.weights import read_weights

    payload: dict[str, Any] = {
        "query": query,
        "collection": collection,
        "max_results": max_results,
        "explain": explain,
        "weights": read_weights(weights),
    }
    if profile:
        payload["profile"] = profile
    if session:
        payload["session_id"] = session
    else:
        payload["session"] = {"record": False}
    engine = Engine(Settings())
    try:
        reply = engine.search(payload, "default")
    finally:
        engine.close()
    answer = orjson.loads(reply.body)
    if as_json:
        typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        show_answer(answer, replayed=reply.replayed)
