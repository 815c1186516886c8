"""Results of one run: given a test collection, a run and its measures, writes the folder that `compare` reads.

OUT/run.trec, per_query.jsonl, measures.json, report.md, report.html: all of them or none. Not for results of sessions
(eval/sessions/report.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from eval.adhoc.report import summary
from eval.adhoc.trec_runs import trec_run
from eval.collections import TestCollection, Topic
from eval.folders import write_whole
from eval.latency import now
from eval.measures import Measured, Run
from eval.reporting.markdown import markdown
from eval.reporting.page import page
from eval.reporting.results import AdHoc
from eval.reporting.single import run_report
from eval.sets.checks import Findings


def body_of(
    test: TestCollection, measured: Measured, request: Mapping[str, Any], generation: str | None, findings: Findings
) -> dict[str, Any]:
    """measures.json: what was measured on what. `judgements` says which topics and grades these were: two runs can be
    compared when theirs are the same, and so are the documents (`corpus`), where both name them."""
    body, counts = summary(test.name, measured, dict(request), generation), asdict(findings)
    return body | {
        "split": test.split,
        "judgements": judgements_hash(test),
        "corpus": counts.pop("corpus"),
        "input": counts,
        "measured_at": now(),
    }


def judgements_hash(test: TestCollection) -> str:
    """Of the topics that are measured and of their grades."""
    rows = sorted((topic.id, sorted(test.qrels[topic.id].items())) for topic in test.topics)
    return hashlib.sha256(orjson.dumps(rows)).hexdigest()[:12]


def topics_hash(queries: Sequence[tuple[str, str]]) -> str:
    """Of what is asked: (id, text)."""
    return hashlib.sha256(orjson.dumps(list(queries))).hexdigest()[:12]


def write_run(
    out: Path,
    topics: Sequence[Topic],
    run: Run,
    measured: Measured,
    body: Mapping[str, Any],
    times: Mapping[str, float] | None = None,
) -> None:
    """`times`: milliseconds by topic, where they are known. DatasetError for documents that run.trec cannot hold."""
    texts = {topic.id: topic.text for topic in topics}
    report = run_report(
        AdHoc(out.name, out, body, measured.per_topic, texts, dict(times or {}), str(body["measured_at"]))
    )
    write_whole(
        out,
        {
            "run.trec": trec_run(run, "forage"),
            "per_query.jsonl": b"".join(orjson.dumps(row) + b"\n" for row in _rows(topics, measured, times or {})),
            "report.md": markdown(report).encode(),
            "report.html": page(report).encode(),
            "measures.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
        },
    )


def _rows(topics: Sequence[Topic], measured: Measured, times: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "query_id": topic.id,
            "query": topic.text,
            "type": topic.type,
            "measures": {name: by_topic[topic.id] for name, by_topic in measured.per_topic.items()},
            "ms": times.get(topic.id),
        }
        for topic in topics
    ]
