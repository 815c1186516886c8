"""A test collection made of sessions: given topics and how they were made, writes a folder that `forage eval run`
reads.

queries.jsonl and qrels.tsv in our layout, without a corpus: that is the collection that was searched. weights.jsonl has
what each grade was rounded from, and of how many showings and words it is made; judgements.json the counts; README.md
how to read all that. The same sessions give the same bytes. Not for making judgements (topics.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from eval.errors import JudgementError
from eval.folders import writable, write_whole
from eval.judgements.topics import JudgedTopic
from ranking.shown import several, shown

BREAKS: Final = frozenset("\t\r\n")
"""What no cell of a table may hold."""

NAMED: Final = 20
"""Sessions that the page names; of more it says how many."""

MEANING: Final = {
    "cited": (
        "cited 2, opened 1, rejected 0, shown above the lowest opened or cited result and passed over 0 (skip above, "
        "Joachims 2002); the most frequent word counts, of equally frequent ones the highest"
    ),
    "position": (
        "the mean of what was said (cited 2, opened 1, else 0) wherever the document was shown, each weighted by "
        "rank^eta up to 10 (inverse propensity, Joachims and others 2017)"
    ),
    "cascade": (
        "the mean of what was said (cited 2, opened 1, else 0) wherever its reader got so far down the page, which is "
        "to the last document that anything was said of (Craswell and others 2008)"
    ),
}


def write(out: Path, topics: Sequence[JudgedTopic], body: Mapping[str, Any]) -> None:
    """All files or none. JudgementError for an id that a table cannot hold."""
    for topic in topics:
        for each in topic.judgements:
            if BREAKS.intersection(each.document):
                raise JudgementError(
                    f"the document id {shown(each.document)} has a tab or a line break, and qrels.tsv none"
                )
    write_whole(
        writable(out),
        {
            "queries.jsonl": _lines({"id": topic.id, "text": topic.text} for topic in topics),
            "qrels.tsv": _qrels(topics),
            "weights.jsonl": _lines(_weights(topics)),
            "judgements.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
            "README.md": readme(body).encode(),
        },
    )


def _lines(rows: Iterator[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _qrels(topics: Sequence[JudgedTopic]) -> bytes:
    rows = ["query_id\tdoc_id\trelevance"]
    rows += [f"{topic.id}\t{each.document}\t{each.relevance}" for topic in topics for each in topic.judgements]
    return "".join(f"{row}\n" for row in rows).encode()


def _weights(topics: Sequence[JudgedTopic]) -> Iterator[dict[str, Any]]:
    for topic in topics:
        for each in topic.judgements:
            yield {
                "query_id": topic.id,
                "doc_id": each.document,
                **{k: v for k, v in asdict(each).items() if k != "document"},
            }


def readme(body: Mapping[str, Any]) -> str:
    """How it was made, and what it cannot show."""
    eta = f" with eta {body['eta']:g}" if "eta" in body else ""
    collection = body["collection"]
    left = [
        (body["skipped"], "without any feedback, not read: "),
        (body["begin_late"], "whose older events are folded away, read from what is left: "),
    ]
    lines = [
        "# Judgements from sessions",
        "",
        f"{body['judgements']} judgements of {body['topics']} queries, from {body['feedback']} feedback events of "
        f"{len(body['sessions'])} sessions, by the model `{body['model']}`{eta}: {MEANING[body['model']]}.",
        "",
        "```",
        f"forage eval run --data THIS --collection {collection} --operators --out OUT",
        "```",
        "",
        "The corpus is that collection; `--operators` reads the queries as they were asked.",
        *(
            [f"Made for the tenant `{body['tenant']}`: measure it where that collection is one of the default tenant."]
            if body["tenant"] != "default"
            else []
        ),
        "",
        "| what | number |",
        "| --- | --- |",
        f"| searches read | {body['searches']} |",
        f"| of them with filters or rules, which the topics do not have | {body['narrowed']} |",
        f"| searches of other collections, left out | {body['of_other_collections']} |",
        f"| queries of which nothing good is known, left out | {body['without_a_good_document']} |",
        f"| feedback on documents that no search before it showed, left out | {body['unplaced']} |",
        f"| documents that were both taken and rejected for a query | {body['conflicts']} |",
        *(f"| grade {grade} | {count} |" for grade, count in body["grades"].items()),
        "",
        "judgements.json names the sessions, weights.jsonl those behind each judgement.",
        *(f"Sessions {what}{several(names, NAMED)}." for names, what in left if names),
        "",
        "## What it cannot show",
        "",
        "- Only what was shown is judged, and the ranking of that day chose it: a ranking that brings up what nobody",
        "  was shown looks worse than it is. Compare rankings that differ little, and look at `Judged@10`.",
        "- What stands high is opened because it stands high. `position` corrects that if its curve is the reader's,",
        "  `cascade` if readers go down page by page; `cited` does not correct it.",
        "- A citation of an agent is what it believed, not what is true, and its silence may be haste.",
        "- Grades of two models are not to be compared, nor those of two sets of sessions.",
        "",
    ]
    return "\n".join(lines)
