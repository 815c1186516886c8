"""One evaluation, start to end: given a test collection and ranking params, writes a folder of results.

Whatever can be refused is refused before anything is indexed. Interrupted, the same call goes on where it was
(partial.py). Not for runs that another program made (foreign.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ir_measures.measures import Measure

from api.engine import Engine
from api.errors import NotFoundError
from eval.adhoc.partial import Partial
from eval.adhoc.results import body_of, topics_hash, write_run
from eval.adhoc.runs import TENANT, Progress, ensure_indexed, query_of, run_topics
from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError
from eval.folders import settle, writable
from eval.latency import percentiles
from eval.measures import MEASURES, measure
from eval.sets.checks import Findings, check_judgements
from ranking.errors import QueryError
from ranking.query import parse

BATCH: Final = 100
"""Documents that are looked for in a collection at once: the most that one call takes."""


def check(
    engine: Engine,
    test: TestCollection,
    out: Path,
    request: Mapping[str, Any],
    collection: str | None,
    operators: bool,
    allow_missing: bool = False,
) -> Findings:
    """Topics, request, `out` (which is made), and judgements against the corpus or the collection, in the order of what
    they cost."""
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
    if collection is None:
        findings = check_judgements(test, allow_missing)
    else:
        findings = _check_collection(engine, replace(test, corpus=None, source=None), collection, allow_missing)
    writable(out)
    return findings


def _check_collection(engine: Engine, test: TestCollection, collection: str, allow_missing: bool) -> Findings:
    """Pages that a crawl did not reach are counted, not refused: they are what the collection is. DatasetError when it
    has none that is relevant."""
    findings = check_judgements(test, allow_missing)
    wanted = sorted({name for topic in test.topics for name, grade in test.qrels[topic.id].items() if grade > 0})
    key = "url" if test.by_url else "id"
    present = set[str]()
    for start in range(0, len(wanted), BATCH):
        asked = {f"{key}s": wanted[start : start + BATCH], "collection": collection}
        try:
            found = engine.contents({**asked, "passages": 0, "text": False, "links": False}, TENANT)
        except NotFoundError:
            continue
        present.update(document[key] for document in found["documents"])
    missing = len(set(wanted) - present)
    if wanted and missing == len(wanted):
        raise DatasetError(
            f"none of the {missing:,} relevant documents is in the collection {collection!r} (e.g. {wanted[0]})",
            hint="name the collection that the judgements are of",
        )
    return replace(findings, missing_documents=missing)


def evaluate(
    engine: Engine,
    data: str | Path | TestCollection,
    out: Path,
    request: Mapping[str, Any],
    *,
    collection: str | None,
    threads: int,
    limit: int | None,
    operators: bool,
    progress: Progress,
    measures: Sequence[Measure] = MEASURES,
    allow_missing: bool = False,
) -> dict[str, Any]:
    """measures.json's body. `collection`: search it instead of indexing the corpus; `limit`: first topics only;
    `allow_missing`: judgements may name topics and documents that are not there.

    Raises DatasetError, RunError, and what a search raises."""
    test = data if isinstance(data, TestCollection) else read_collection(data)
    findings = check(engine, test, out, request, collection, operators, allow_missing)
    settle(out)
    name = collection or ensure_indexed(engine, test, progress)
    request = _pinned(engine, request)
    generation = engine.read_collection(name, TENANT)["generation"]
    test = replace(test, topics=test.topics[:limit])
    dry = engine.plan({**request, "query": "any", "collection": name, "generation": generation}, TENANT)
    specification = {
        "collection": name,
        "generation": generation,
        "request": dry["resolved"],
        "topics": topics_hash([(topic.id, query_of(topic, operators)) for topic in test.topics]),
    }
    with Partial(out, specification) as partial:
        answers = run_topics(
            engine,
            name,
            test,
            {**request, "generation": generation},
            threads,
            progress,
            operators,
            answered=partial.answered,
            keep=partial.keep,
        )
        run = {topic: answer.documents for topic, answer in answers.items()}
        measured = measure(run, test.qrels, [topic.id for topic in test.topics], measures)
        body = body_of(test, measured, request, generation, findings)
        body["latency"] = percentiles([answer.ms for answer in answers.values()], threads)
        write_run(out, test.topics, run, measured, body, {topic: answer.ms for topic, answer in answers.items()})
        partial.remove()
    return body


def _pinned(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the version of its profile: another may be saved while the run goes on, or after it."""
    if not isinstance(named := request.get("profile"), str):
        return dict(request)
    found = engine.read_profile(named, TENANT)
    return {**request, "profile": f"{found['name']}@{found['version']}" if found["created"] else found["name"]}
