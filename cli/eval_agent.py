"""`forage eval agent`: a real agent, behind any OpenAI-compatible chat endpoint, searches a set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def agent(
    data: Annotated[Path, typer.Option(help="folder with sets")],
    name: Annotated[str, typer.Option("--set", help="a multi-hop set in it")],
    out: Annotated[
        Path, typer.Option(help="folder for trajectories, transcripts, per_topic.jsonl, measures.json, report.md")
    ],
    endpoint: Annotated[str, typer.Option(help="what stands before /chat/completions, e.g. http://127.0.0.1:8000/v1")],
    model: Annotated[str, typer.Option(help="a model that the endpoint has, and that calls tools")],
    key_env: Annotated[
        str, typer.Option(help="the variable that holds the key; loopback needs none")
    ] = "OPENAI_API_KEY",
    systems: Annotated[
        list[str] | None, typer.Option(help="stateless, dedupe, session:param=value,...; repeat for more")
    ] = None,
    calls: Annotated[int, typer.Option(help="most searches and opened documents of a question", min=1, max=100)] = 8,
    tokens: Annotated[int, typer.Option(help="displayed tokens after which no call is left", min=1)] = 16_000,
    topics: Annotated[int | None, typer.Option(help="a seeded sample of so many questions", min=1)] = None,
    temperature: Annotated[float, typer.Option(min=0, max=2)] = 0.0,
    seed: Annotated[int, typer.Option(help="of the sample; also sent to the model", min=0)] = 20_261_123,
    sampling: Annotated[bool, typer.Option(help="send temperature and seed; some models take neither")] = True,
    collection: Annotated[
        str | None, typer.Option(help="search this collection instead of indexing the corpus")
    ] = None,
    server: Annotated[str | None, typer.Option(help="a running Forage server to search, with --collection")] = None,
    api_key_env: Annotated[str, typer.Option(help="the variable that holds the server's key, if it has any")] = (
        "FORAGE_API_KEY"
    ),
    timeout: Annotated[float, typer.Option(help="seconds to wait for an answer of the model", min=1)] = 120.0,
    threads: Annotated[int, typer.Option(help="questions at once", min=1, max=64)] = 4,
) -> None:
    """A model searches a set with our tools, in sessions and without; goes on where it was interrupted."""
    from contextlib import ExitStack

    from api.engine import Engine
    from api.settings import Settings
    from cli.progress import Reporter
    from eval.adhoc.report import markdown_table
    from eval.live.backends import Remote
    from eval.live.chat import PATH, Chat, Sampling
    from eval.live.loop import Bounds
    from eval.live.report import found_table
    from eval.live.run import Subject, run_agent
    from eval.live.wire import Wire, address
    from eval.sessions.plan import Plan
    from eval.sessions.systems import systems_of

    plan = Plan((model,), systems_of(systems or ["default"]), calls, seed, topics, threads)
    where = address(endpoint.rstrip("/").removesuffix(PATH), key_env, needs_key=True)
    there = address(server, api_key_env, needs_key=False) if server else None
    drawn = Sampling(temperature, seed) if sampling else Sampling(None, None)
    subject = Subject(model, where.public, drawn, Bounds(calls, tokens))
    with ExitStack() as stack:
        wire = Wire(where, answer_s=timeout)
        stack.callback(wire.close)
        engine, backend = None, None
        if there is None:
            engine = Engine(Settings())
            stack.callback(engine.close)
        else:
            searched = Wire(there)
            stack.callback(searched.close)
            backend = Remote(searched)
        reporter = stack.enter_context(Reporter("agent"))
        body = run_agent(
            engine,
            backend,
            Chat(wire, model, drawn),
            subject,
            data / name,
            out,
            plan,
            collection=collection,
            progress=reporter.update,
        )
    for kind, table in (("displayed", found_table(body)), ("cited", found_table(body["cited"]))):
        typer.echo(f"evidence {kind}:\n{markdown_table(table)}", nl=False)
    typer.echo(f"written to {out}")
