"""Multi-hop tasks: given a test collection, returns questions with the documents that all have to be found.

A task is a topic with at least two relevant documents that is no sub-question itself; where sessions.jsonl has the
human sub-questions of a topic they come with it. Everything that is wrong with a set is refused before anything is
indexed, with file and line. Not for logs of real agents (logs.py).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eval.agents.words import folded
from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError
from eval.sets.files import objects, packed
from eval.sets.judgements import judgements

SESSIONS: Final = "sessions.jsonl"
SUB_QUERY: Final = "sub-query"
EVIDENCE: Final = 2
"""Relevant documents that make a question multi-hop."""


@dataclass(frozen=True, slots=True)
class Step:
    """A sub-question as people wrote it (#n: the answer of step n), its answer, and the document that holds it."""

    text: str
    answer: str
    document: str


@dataclass(frozen=True, slots=True)
class Task:
    """`evidence`: document -> its content words, which only readers may look at; `type`: as the set calls its kind."""

    id: str
    question: str
    evidence: Mapping[str, frozenset[str]] = field(repr=False)
    steps: tuple[Step, ...] = ()
    type: str = ""


def read_tasks(folder: Path, topics: int | None, seed: int) -> tuple[TestCollection, tuple[Task, ...]]:
    """The set and its tasks, or a seeded sample of so many of them, in the set's order."""
    test = read_collection(folder)
    test.check_corpus()
    multi_hop = [
        topic
        for topic in test.topics
        if topic.type != SUB_QUERY and sum(grade > 0 for grade in test.qrels[topic.id].values()) >= EVIDENCE
    ]
    if not multi_hop:
        raise DatasetError(
            f"{folder} has no question with {EVIDENCE} or more relevant documents",
            hint="simulated sessions need multi-hop questions; forage eval run measures the others",
        )
    if topics is not None and topics < len(multi_hop):
        chosen = set(random.Random(seed).sample(range(len(multi_hop)), topics))
        multi_hop = [topic for place, topic in enumerate(multi_hop) if place in chosen]
    judged = {topic.id: [doc for doc, grade in test.qrels[topic.id].items() if grade > 0] for topic in multi_hop}
    words = evidence_words(test, {doc for documents in judged.values() for doc in documents})
    check_evidence(test, judged, words)
    steps = read_steps(packed(folder, SESSIONS))
    return test, tuple(
        Task(
            topic.id,
            topic.text,
            {doc: words[doc] for doc in judged[topic.id]},
            steps.get(topic.id, ()),
            topic.type or "",
        )
        for topic in multi_hop
    )


def evidence_words(test: TestCollection, wanted: set[str]) -> dict[str, frozenset[str]]:
    """Of those of the wanted documents that the corpus has."""
    return {
        str(row["id"]): folded(f"{row['title']} {row['text']}") for row in test.documents() if str(row["id"]) in wanted
    }


def check_evidence(test: TestCollection, judged: Mapping[str, list[str]], words: Mapping[str, frozenset[str]]) -> None:
    """Every judged document of the tasks is in the corpus, with a text."""
    for path in test.judged_in:
        for each in judgements(path):
            if each.document in judged.get(each.topic, ()) and each.document not in words:
                raise DatasetError(
                    f"{path} line {each.number}: the corpus has no document {each.document}, "
                    f"which topic {each.topic} needs",
                    hint="the judgements are of another corpus, or the corpus is cut off",
                )


def read_steps(path: Path | None) -> dict[str, tuple[Step, ...]]:
    """topic -> its human sub-questions; nothing for a set whose sessions have none."""
    found: dict[str, tuple[Step, ...]] = {}
    if path is None:
        return found
    for number, row in objects(path):
        turns = row.get("turns")
        if not isinstance(turns, list):
            raise DatasetError(f"{path} line {number}: not a session with turns")
        if not turns or not all("query_raw" in turn for turn in turns):
            continue
        try:
            found[str(row["target_query_id"])] = tuple(
                Step(str(turn["query_raw"]), str(turn["answer"]), str(turn["gold"][0])) for turn in turns
            )
        except (KeyError, IndexError, TypeError) as error:
            raise DatasetError(f"{path} line {number}: not a session with answers and gold ({error!r})") from None
    return found
