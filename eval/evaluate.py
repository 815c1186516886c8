"""One evaluation, start to end: given a test collection and ranking params, writes a folder of results.

OUT/run.trec, per_query.jsonl, measures.json, report.md, report.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from api.engine import Engine
from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError
from eval.folders import writable
from eval.latency import percentiles
from eval.measures import measure
from eval.report import html_page, markdown_table, rows_of_summary, summary
from eval.runs import TENANT, Progress, ensure_indexed, query_of, run_topics, write_trec
from ranking.errors import QueryError
from ranking.query import parse


def check(
    engine: Engine, test: TestCollection, out: Path, request: Mapping[str, Any], collection: str | None, operators: bool
) -> None:
    """Topics, corpus, request and `out` (which is made), in the order of what they cost."""
    if not test.topics:
        raise DatasetError(
            f"{test.folder} has no topic with a judgement", hint="ids in queries.jsonl and qrels.tsv must agree"
        )
    if collection is None:
        test.check_corpus()
    for topic in test.topics:
        try:
            parse(query_of(topic, operators))
        except QueryError as error:
            raise DatasetError(f"topic {topic.id} cannot be searched for: {error.message}", hint=error.hint) from error
    engine.plan({**request, "query": "any", "collection": collection or "default"}, TENANT)
    writable(out)


def evaluate(
    engine: Engine,
    data: Path,
    out: Path,
    request: Mapping[str, Any],
    *,
    collection: str | None,
    threads: int,
    limit: int | None,
    operators: bool,
    progress: Progress,
) -> dict[str, Any]:
    """measures.json's body. `collection`: search it instead of indexing the corpus; `limit`: first topics only.

    Whatever can be refused is refused before anything is indexed: DatasetError, RunError, and what a search raises."""
    test = read_collection(data)
    check(engine, test, out, request, collection, operators)
    topics = test.topics[:limit] if limit else test.topics
    name = collection or ensure_indexed(engine, test, progress)
    limited = type(test)(test.name, test.folder, topics, test.qrels, test.by_url, test.corpus)
    answers = run_topics(engine, name, limited, request, threads, progress, operators)
    run = {topic: answer.documents for topic, answer in answers.items()}
    measured = measure(run, test.qrels, [topic.id for topic in topics])
    generation = engine.read_collection(name, "default")["generation"]
    body = summary(test.name, measured, dict(request), generation)
    body["latency"] = percentiles([answer.ms for answer in answers.values()], threads)
    write_trec(out / "run.trec", run, "forage")
    with (out / "per_query.jsonl").open("wb") as stream:
        for topic in topics:
            values = {name: by_topic[topic.id] for name, by_topic in measured.per_topic.items()}
            row = {
                "query_id": topic.id,
                "query": topic.text,
                "type": topic.type,
                "measures": values,
                "ms": answers[topic.id].ms,
            }
            stream.write(orjson.dumps(row) + b"\n")
    (out / "measures.json").write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    title = f"{test.name}: {len(topics)} topics"
    table = rows_of_summary(body)
    (out / "report.md").write_text(f"# {title}\n\n{markdown_table(table)}", "utf-8")
    (out / "report.html").write_text(html_page(title, [("Measures", table)]), "utf-8")
    return body
