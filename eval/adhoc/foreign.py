"""Runs of other engines: given a TREC run that anyone made, and judgements, writes results as of a run of our own.

A run of another collection is refused: by its topics and documents where the set is known, by what is judged where only
judgements are. Topics that the run does not answer count 0. Not for making runs (evaluate.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ir_measures.measures import Measure

from eval.adhoc.results import body_of, write_run
from eval.adhoc.trec_runs import RunLine, read_run, run_lines
from eval.collections import TestCollection
from eval.errors import DatasetError, RunError
from eval.folders import writable
from eval.measures import MEASURES, measure
from eval.sets.checks import NAMED, check_judgements, document_names
from ranking.shown import several


def measure_run(
    path: Path,
    test: TestCollection,
    out: Path,
    measures: Sequence[Measure] = MEASURES,
    allow_missing: bool = False,
) -> dict[str, Any]:
    """measures.json's body. `allow_missing`: the run and the judgements may name what the set has not.

    Raises DatasetError for the set, RunError for the run, before anything is written."""
    if not path.is_file():
        raise RunError(f"there is no run {path}", hint="look at its name")
    if not test.topics:
        raise DatasetError(
            f"{test.folder} has no topic with a judgement", hint="ids of topics and judgements must agree"
        )
    run = read_run(path)
    check_alike(path, run, test)
    findings = check_judgements(test, allow_missing)
    if not allow_missing and (strange := list(_strangers(path, run, test))):
        raise RunError(
            several([f"{path} line {line.number}: the set has no {what}" for line, what in strange], NAMED),
            hint="this is a run of another collection; --allow-missing measures it all the same",
        )
    writable(out)
    topics = [topic.id for topic in test.topics]
    measured = measure(run, test.qrels, topics, measures)
    body = body_of(test, measured, {}, None, findings) | {
        "run": path.name,
        "depth": max(len(ranked) for ranked in run.values()),
        "unanswered_topics": len(set(topics) - run.keys()),
        "unmeasured_topics": len(run.keys() - set(topics)),
    }
    write_run(out, test.topics, {topic: run[topic] for topic in topics if topic in run}, measured, body)
    return body


def check_alike(path: Path, run: dict[str, list[tuple[str, float]]], test: TestCollection) -> None:
    """RunError for a run that answers no judged topic, or finds no judged document at all."""
    answered = [topic.id for topic in test.topics if topic.id in run]
    if not answered:
        raise RunError(
            f"{path} answers none of the {len(test.topics):,} judged topics (it answers {several(list(run), NAMED)}; "
            f"judged are {several([topic.id for topic in test.topics], NAMED)})",
            hint="this is a run of another collection, or the judgements are",
        )
    if not any(document in test.qrels[topic] for topic in answered for document, _ in run[topic]):
        found, judged = run[answered[0]][0][0], next(iter(test.qrels[answered[0]]))
        raise RunError(
            f"{path} holds no document that is judged for its topic (it has {found}; judged is {judged})",
            hint="this is a run of another collection, or it names documents in another way",
        )


def _strangers(path: Path, run: Collection[str], test: TestCollection) -> Iterator[tuple[RunLine, str]]:
    """Lines whose topic or document the set has not, where it is known what it has."""
    present = {name for _, name in document_names(test)} if test.has_corpus else None
    for line in run_lines(path):
        if test.known and line.topic not in test.known:
            yield line, f"topic {line.topic}"
        elif present is not None and line.document not in present:
            yield line, f"document {line.document}"
