"""Judgements against topics and documents: given a test collection, returns what does not fit, or refuses it.

Reads the whole corpus once, before anything is indexed, so a corpus that is cut off is found here too. Not for the
form of single files: readers refuse that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Final

import xxhash

from eval.errors import DatasetError
from eval.sets.collection import TestCollection, has_text
from eval.sets.judgements import judgements

NAMED: Final = 3
"""Lines that a message names; the rest is counted."""
_SPACE: Final = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts of what does not fit and does not prevent measuring; and which documents the corpus has."""

    unjudged_topics: int = 0  # of the set, which are not measured
    topics_without_relevant: int = 0  # of those measured: nothing can be found, so every measure is 0
    unknown_topics: int = 0  # judged, and not in the set
    missing_documents: int = 0  # judged, and not in the corpus
    empty_documents: int = 0  # in the corpus, without any text: not indexed
    repeated_documents: int = 0  # in the corpus, under a name that an earlier one has: the last one is indexed
    documents: int = 0  # in the corpus
    corpus: str | None = None  # which documents these are: sixteen hexadecimal digits of all their names, in any order

    def notes(self) -> tuple[str, ...]:
        """For people, of what does not fit."""
        said = (
            (self.unjudged_topics, "topics are not judged, and not measured"),
            (self.topics_without_relevant, "topics have no relevant document: they count 0 in the means"),
            (self.unknown_topics, "judged topics are not in the set"),
            (self.missing_documents, "judged documents are not in the corpus: nothing can find them"),
            (self.empty_documents, "documents have no text, and are not indexed"),
            (self.repeated_documents, "documents have the name of an earlier one, and stand in its place"),
        )
        return tuple(f"{count:,} {what}" for count, what in said if count)


def check_judgements(test: TestCollection, allow_missing: bool = False) -> Findings:
    """DatasetError when judgements name topics that the set has not or documents that the corpus has not, unless
    `allow_missing`; and always when they name none that it has."""
    wanted = {document for grades in test.qrels.values() for document in grades}
    survey = _survey(test, wanted) if test.has_corpus else _Survey(wanted)
    unknown = test.qrels.keys() - test.known if test.known else set[str]()
    missing = wanted - survey.present
    if wanted and not survey.present:
        raise DatasetError(
            f"{test.folder}: none of the {len(wanted):,} judged documents is in the corpus (e.g. {min(wanted)})",
            hint="the judgements are of another corpus",
        )
    if not allow_missing:
        if unknown:
            raise _refusal(test, unknown, set(), "the set has no topic", len(unknown))
        if missing:
            raise _refusal(test, set(), missing, "the corpus has no document", len(missing))
    return Findings(
        unjudged_topics=len(test.known - test.qrels.keys()),
        topics_without_relevant=sum(
            not any(grade > 0 for grade in test.qrels[topic.id].values()) for topic in test.topics
        ),
        unknown_topics=len(unknown),
        missing_documents=len(missing),
        empty_documents=survey.empty,
        repeated_documents=survey.repeated,
        documents=survey.documents,
        corpus=f"{survey.names:016x}" if test.has_corpus else None,
    )


def document_names(test: TestCollection) -> Iterator[tuple[str, str]]:
    """(place, name) of every document, named as judgements name it; those without such a name are left out."""
    key = "url" if test.by_url else "id"
    for place, document in test.rows():
        if name := document.get(key):
            yield place, str(name)


@dataclass(slots=True)
class _Survey:
    """Of the wanted documents those that are there; of all, how many, how many without text, how many named like an
    earlier one, and a sum of names."""

    present: set[str]
    empty: int = 0
    repeated: int = 0
    documents: int = 0
    names: int = 0


def _survey(test: TestCollection, wanted: Set[str]) -> _Survey:
    key = "url" if test.by_url else "id"
    found, hashes = _Survey(set()), set[int]()
    for place, document in test.rows():
        name = str(document.get(key, ""))
        if _SPACE.search(name):
            raise DatasetError(
                f"{place}: the {key} {name!r} has spaces, which a TREC run cannot hold", hint="write them as %20"
            )
        if name in wanted:
            found.present.add(name)
        found.empty += not has_text(document)
        found.documents += 1
        hashed = xxhash.xxh3_64_intdigest(name.encode())
        found.repeated += bool(name) and hashed in hashes
        hashes.add(hashed)
        found.names = (found.names + hashed) % (1 << 64)
    return found


def _refusal(test: TestCollection, topics: Set[str], documents: Set[str], what: str, count: int) -> DatasetError:
    """Names the first lines."""
    named: list[str] = []
    lines = 0
    for path in test.judged_in:
        for each in judgements(path):
            if each.topic in topics or each.document in documents:
                lines += 1
                if len(named) < NAMED:
                    rest = f"{each.document}, which topic {each.topic} needs" if documents else each.topic
                    named.append(f"{path} line {each.number}: {what} {rest}")
    if not named:
        named.append(f"{test.folder}: {what} {min(topics or documents)}")
        lines = count
    more = f"\nand {lines - len(named):,} more lines" if lines > len(named) else ""
    return DatasetError(
        "\n".join(named) + more,
        hint="the judgements are of another set, or a file was cut off; --allow-missing goes on without them",
    )
