"""The answer of a search: given an order and what the index stores, returns the JSON-ready body.

One place knows the names of the answer's fields. Not for deciding anything: order, passages and session
effects are settled before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ranking.explain import bm25_weight, term_table
from ranking.params import ContentParams, Params
from ranking.types import (
    Evidence,
    Notice,
    Operator,
    Plan,
    Ranking,
    Scored,
    ShownPassage,
    Stage,
    StoredDocument,
)

CHARACTERS_PER_TOKEN: Final = 4
"""How `max_tokens_*` is counted: no tokenizer of a client's model is known here."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One result, all that is needed to show it. `texts`: of its passages as they are shown, once `trim` cut them."""

    scored: Scored
    stored: StoredDocument
    passages: tuple[ShownPassage, ...]
    texts: tuple[str, ...] = ()


def trim(hits: Sequence[Hit], content: ContentParams) -> tuple[Hit, ...]:
    """The hits with their texts within the caps: whole response first come, first served by rank. A passage that
    finds no room is left out, and so is never taken for shown."""
    caps = [cap for cap in (content.max_chars_total, _characters(content.max_tokens_total)) if cap is not None]
    left_total = min(caps) if caps else None
    trimmed: list[Hit] = []
    for hit in hits:
        left = content.max_chars_per_result
        texts: list[str] = []
        for shown in hit.passages:
            room = min((cap for cap in (left, left_total) if cap is not None), default=None)
            text = cut(shown.passage.text, room)
            if shown.passage.text and not text:
                break
            texts.append(text)
            left = None if left is None else left - len(text)
            left_total = None if left_total is None else left_total - len(text)
        trimmed.append(Hit(hit.scored, hit.stored, hit.passages[: len(texts)], tuple(texts)))
    return tuple(trimmed)


def cut(text: str, room: int | None) -> str:
    """The beginning of `text` in at most `room` characters, ending between words where one is near."""
    if room is None or len(text) <= room:
        return text
    if room <= 0:
        return ""
    space = text.rfind(" ", 0, room + 1)
    return text[: space if space > room * 3 // 4 else room].rstrip()


def _characters(tokens: int | None) -> int | None:
    return None if tokens is None else tokens * CHARACTERS_PER_TOKEN


def results(
    hits: Sequence[Hit],
    evidence: Evidence,
    plan: Plan,
    params: Params,
    brought: frozenset[str] = frozenset(),
    others: Evidence | None = None,
) -> list[dict[str, Any]]:
    """The `results` of the contract, of trimmed hits; byte for byte the same for the same generation and request. Rows
    of hits in `brought` are those of `others`."""
    held = [others if others is not None and hit.scored.id in brought else evidence for hit in hits]
    found = [place for place, one in enumerate(held) if one is evidence]
    missing = dict(zip(found, missing_terms(plan, evidence, [hits[place].scored.row for place in found]), strict=True))
    for place, (hit, one) in enumerate(zip(hits, held, strict=True)):
        if place not in missing:
            (missing[place],) = missing_terms(plan, one, [hit.scored.row])
    return [
        _result(place + 1, hit, one, missing[place], plan, params)
        for place, (hit, one) in enumerate(zip(hits, held, strict=True))
    ]


def _result(
    rank: int,
    hit: Hit,
    evidence: Evidence,
    terms_missing: list[str],
    plan: Plan,
    params: Params,
) -> dict[str, Any]:
    scored, document = hit.scored, hit.stored.document
    body: dict[str, Any] = {
        "rank": rank,
        "id": scored.id,
        "url": document.url or None,
        "title": document.title,
        "site": document.site or None,
        "language": document.language,
        "author": document.author,
        "published_at": document.published_at,
        "modified_at": document.modified_at,
        "fetched_at": document.fetched_at,
        "filetype": document.filetype,
        "words": hit.stored.words,
        "inlinks": hit.stored.inlinks,
        "authority": hit.stored.authority,
        "quality": hit.stored.quality,
        "score": scored.score,
        "passages": [_passage(shown, text) for shown, text in zip(hit.passages, hit.texts, strict=True)],
        "found_by": {name: int(ranks[scored.row]) for name, ranks in evidence.ranks.items() if ranks[scored.row]},
        "stateless_rank": scored.stateless_rank,
        "terms_missing": terms_missing,
        "seen": None
        if scored.seen is None
        else {"seq": scored.seen.seq, "rank": scored.seen.rank, "by": list(scored.seen.by)},
        "updated": scored.updated,
        "moves": list(scored.moves),
    }
    if params.content.fields:
        body["metadata"] = {name: document.metadata.get(name) for name in params.content.fields}
    if params.explain:
        body["signals"] = dict(scored.signals)
        body["signals_missing"] = list(scored.signals_missing)
        body["contributions"] = dict(scored.contributions)
        body["terms"] = term_table(plan, evidence, params, scored.row, bm25_weight(scored))
    return body


def _passage(shown: ShownPassage, text: str) -> dict[str, Any]:
    passage = shown.passage
    body = {
        "id": passage.id,
        "text": text,
        "heading": passage.heading,
        "start": passage.start,
        "end": passage.start + len(text) if len(text) < len(passage.text) else passage.end,
        "score": shown.score,
        "seen": shown.seen,
    }
    if len(text) < len(passage.text):
        body["truncated"] = True
    return body


def missing_terms(plan: Plan, evidence: Evidence, rows: Sequence[int]) -> list[list[str]]:
    """For each of these candidates the query terms that stand in no field of it, as the query wrote them."""
    scored = [number for number, planned in enumerate(plan.terms) if planned.scored]
    if not scored:
        return [[] for _ in rows]
    names = [plan.terms[number].term.token for number in scored]
    there = (evidence.tf[:, :, rows].max(axis=0, initial=0.0) > 0)[scored].T.tolist()
    return [list(dict.fromkeys(name for name, found in zip(names, held, strict=True) if not found)) for held in there]


def query_report(
    plan: Plan, operators: Sequence[Operator], matched: Sequence[int], exact: bool | None
) -> dict[str, Any]:
    """What was read as an operator, what as text, what each term weighs."""
    counts = list(matched) + [-1] * (len(operators) - len(matched))
    return {
        "operators": [
            {
                "text": operator.text,
                "kind": operator.kind,
                "matched": count if count >= 0 else None,
                "executed": operator.executed,
                **({"notice": operator.notice} if operator.notice else {}),
            }
            for operator, count in zip(operators, counts, strict=True)
        ],
        "terms": [
            {
                "term": planned.term.token,
                "df": planned.statistics.df,
                "idf": planned.idf,
                "kept": planned.kept,
                "scored": planned.scored,
                "from": planned.term.source,
                **({"why": planned.why} if planned.why else {}),
            }
            for planned in plan.terms
        ],
        "exact": exact,
    }


def stubs(ranking: Ranking, stored: Mapping[str, StoredDocument]) -> list[dict[str, Any]]:
    """One line for each seen document that would have made the page."""
    return [
        {
            "id": stub.id,
            "title": stored[stub.id].document.title,
            "url": stored[stub.id].document.url,
            "shown_at": stub.shown_at,
            "rank_now": stub.rank_now,
        }
        for stub in ranking.stubs
    ]


def trace(
    stages: Sequence[Stage], total_ms: float, postings: int, degraded: Sequence[str], explain: bool
) -> dict[str, Any]:
    """How the answer came about; the stages only on request."""
    rows = []
    if explain:
        for stage in stages:
            row: dict[str, Any] = {"name": stage.name, "ms": round(stage.ms, 3), "in": stage.came, "out": stage.went}
            if stage.postings is not None:
                row["postings"] = stage.postings
            rows.append(row)
    return {"total_ms": round(total_ms, 3), "postings": postings, "stages": rows, "degraded": list(degraded)}


def notices(*groups: Sequence[Notice]) -> list[dict[str, str]]:
    """Every notice once, in order."""
    unique = dict.fromkeys(notice for group in groups for notice in group)
    return [{"code": notice.code, "message": notice.message} for notice in unique]
