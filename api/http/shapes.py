"""Shapes of answers for the OpenAPI document: given nothing, returns a JSON schema by name.

What a client may rely on: these fields are always there, of these types; others may come beside them. Not where answers
are made (api/answers.py), nor what a request may hold (the models of api/requests.py).
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": "number"}
_WHOLE: Final[Schema] = {"type": "integer"}
_TEXT: Final[Schema] = {"type": "string"}
_TRUTH: Final[Schema] = {"type": "boolean"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_MAYBE_WHOLE: Final[Schema] = {"type": ["integer", "null"]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _said(of: Schema, description: str) -> Schema:
    return {**of, "description": description}


def _maybe(of: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, of]}


def _table(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _object(always: Schema, sometimes: Schema | None = None) -> Schema:
    """An object in which the fields of `always` are always there."""
    return {"type": "object", "properties": {**always, **(sometimes or {})}, "required": [*always]}


_NOTICES: Final = _list(_object({"code": _TEXT, "message": _TEXT}))
_FACETS: Final = _table(_list(_object({"value": {}, "count": _WHOLE})))
_ACCOUNT: Final[Schema] = {
    "signals": _table({"type": "number", "minimum": 0, "maximum": 1}),
    "signals_missing": _list(_TEXT),
    "contributions": {**_table(_NUMBER), "description": "they sum to `score`"},
    "terms": _list(
        _object({"term": _TEXT, "df": _WHOLE, "idf": _NUMBER, "contribution": _NUMBER, "fields": _table({})})
    ),
}
_QUERY: Final = _object(
    {
        "operators": _list(_object({"text": _TEXT, "kind": _TEXT, "matched": _MAYBE_WHOLE, "executed": _TRUTH})),
        "terms": _list(_object({"term": _TEXT, "df": _WHOLE, "idf": _NUMBER, "kept": _TRUTH, "from": _TEXT})),
        "exact": {"enum": [True, None]},
    }
)
_RESOLVED: Final[Schema] = {"type": "object", "description": "the whole request with every default filled in"}
_PAGE: Final[Schema] = {
    "id": _TEXT,
    "url": _MAYBE_TEXT,
    "title": _TEXT,
    "site": _MAYBE_TEXT,
    "language": _MAYBE_TEXT,
    "author": _MAYBE_TEXT,
    "published_at": _MAYBE_TEXT,
    "modified_at": _MAYBE_TEXT,
    "fetched_at": _MAYBE_TEXT,
    "words": _WHOLE,
    "inlinks": _WHOLE,
    "authority": _NUMBER,
}
_PASSAGE: Final[Schema] = {"id": _TEXT, "text": _TEXT, "heading": _TEXT, "start": _WHOLE, "end": _WHOLE}

_SEEN: Final = _said(
    _maybe(_object({"seq": _WHOLE, "rank": _WHOLE, "by": _list(_TEXT)})),
    "null: nobody in the session was shown it; `seq`: the call that first showed it to this reader, 0 for none; `by`: "
    "other readers who were",
)
_LEARNED: Final = _object(
    {"term": _TEXT, "weight": _NUMBER, "says": _NUMBER, "from": {"enum": ["goal", "previous", "feedback"]}},
    {"documents": _list(_TEXT)},
)
_SESSION: Final[Schema] = {
    **_object(
        {
            "seq": _said(_WHOLE, "of this call's event in the log"),
            "snapshot_seq": _said(_WHOLE, "the last event that this call knew"),
            "exhausted": _said(
                _TRUTH, "fewer unseen documents were found, at this `k`, than a page takes; of a probe only when exact"
            ),
            "low_yield": _said(_TRUTH, "this call and the one before brought little new, and that was weak"),
            "shown_before": _said(_WHOLE, "results that this reader had been shown as they are now, or a copy of them"),
            "new": _said(_WHOLE, "the other results; both are 0 for a probe, which shows nothing"),
            "served_from": _said({"enum": ["index", "cache", "prefetch", "pool"]}, "where the candidates came from"),
            "profile_terms": _list(_LEARNED),
            "named": _said(
                _list(_object({"id": _TEXT, "in": _list(_TEXT)})),
                "results on the last places because their titles stand in what this reader was shown, and where",
            ),
            "budget_left": {"type": ["object", "null"]},
            "stop": _said(
                _maybe(_object({"now": _TRUTH, "reason": _MAYBE_TEXT})),
                "by the request's `session.stop`, or a spent budget; null: neither",
            ),
        }
    ),
    "type": ["object", "null"],
    "description": "null: the call was not recorded",
}
_HIT: Final = _object(
    {
        "rank": _WHOLE,
        **_PAGE,
        "quality": _NUMBER,
        "score": _NUMBER,
        "passages": _list(_object({**_PASSAGE, "score": _NUMBER, "seen": _TRUTH})),
        "found_by": {**_table(_WHOLE), "description": "retriever -> rank in its list"},
        "stateless_rank": _WHOLE,
        "terms_missing": _list(_TEXT),
        "seen": _SEEN,
        "updated": _said(_TRUTH, "its content is another than what was shown: it counts as new"),
        "moves": _list(_TEXT),
    },
    {"filetype": _MAYBE_TEXT, "metadata": {"type": "object"}, **_ACCOUNT},
)
_PROBE: Final = _object(
    {
        "warm": _TRUTH,
        "exact": _TRUTH,
        "pools": _WHOLE,
        "candidates": _WHOLE,
        "matching": _WHOLE,
        "unseen": _WHOLE,
        "new_on_page": _WHOLE,
    }
)
_STAGE: Final = _object({"name": _TEXT, "ms": _NUMBER}, {"in": _WHOLE, "out": _WHOLE, "postings": _WHOLE})

_SHOWN: Final = _object(
    {
        "document": _TEXT,
        "url": _MAYBE_TEXT,
        "title": _TEXT,
        "rank": _WHOLE,
        "score": _NUMBER,
        "passages": _list(_WHOLE),
        "content_hash": _TEXT,
        "cluster": _TEXT,
    }
)
_EVENT: Final = _object(
    {
        "seq": _WHOLE,
        "at": _TEXT,
        "branch": _TEXT,
        "reader": _TEXT,
        "kind": {"enum": ["search", "open", "cite", "reject", "note"]},
        "snapshot_seq": _WHOLE,
    },
    {
        "query": _TEXT,
        "generation": _MAYBE_TEXT,
        "new": _WHOLE,
        "shown": _list(_SHOWN),
        "drifted": _said(_TRUTH, "it began a new topic: its profile was switched off"),
        "stubs": _list(_object({"id": _TEXT, "shown_at": _MAYBE_WHOLE, "rank_now": _WHOLE})),
        "request": {"type": "object"},
        "document": _MAYBE_TEXT,
        "passage": _MAYBE_WHOLE,
        "note": _TEXT,
        "cost": _table(_NUMBER),
    },
)
_MERGED: Final = _list(_object({"from": _TEXT, "upto": _WHOLE, "at": _WHOLE}))
_READ_BACK: Final = _object(
    {
        "session": _object(
            {
                "id": _TEXT,
                "created": _TEXT,
                "expires": _said(_MAYBE_TEXT, "null: when it is deleted"),
                "keep": _TRUTH,
                "seq": _WHOLE,
                "folded": _said(_WHOLE, "events up to it are only in `seen` and `profile`"),
                "first_query": _MAYBE_TEXT,
                "objective": _MAYBE_TEXT,
                "budget": {"type": ["object", "null"]},
                "budget_left": {"type": ["object", "null"]},
            }
        ),
        "branches": _list(_object({"id": _TEXT, "parent": _MAYBE_TEXT, "parent_seq": _MAYBE_WHOLE, "merged": _MERGED})),
        "events": _list(_EVENT),
        "seen": _said(
            _table(
                _list(
                    _object(
                        {
                            "document": _TEXT,
                            "seq": _WHOLE,
                            "rank": _WHOLE,
                            "calls_ago": _WHOLE,
                            "passages": _list(_WHOLE),
                            "by": _list(_TEXT),
                        }
                    )
                )
            ),
            "reader -> what it was shown, as far as the trunk knows",
        ),
        "profile": _object(
            {"goal": _MAYBE_TEXT, "feedback": _list({"type": "object"}), "terms": _maybe(_list(_LEARNED))}
        ),
        "segments": _list(
            _object({"first_seq": _WHOLE, "branch": _TEXT, "reader": _TEXT, "goal": _TEXT, "queries": _list({})})
        ),
        "pools": _object({"warm": _list({"type": "object"}), "recalls": _table(_WHOLE)}),
        "prefetch": _object(
            {
                **dict.fromkeys(("issued", "dropped", "used", "late"), _WHOLE),
                **dict.fromkeys(("cpu_ms", "wasted_cpu_ms", "saved_ms"), _NUMBER),
                **{name: _maybe(_NUMBER) for name in ("cpu_share", "coverage", "precision", "timeliness")},
            }
        ),
        "predictors": _table(_object({"trials": _WHOLE, "hits": _WHOLE, "belief": _NUMBER, "on": _TRUTH})),
    }
)

SHAPES: Final[dict[str, Schema]] = {
    "Answer": _object(
        {
            "request_id": _TEXT,
            "session_id": _MAYBE_TEXT,
            "generation": _TEXT,
            "results": _list(_HIT),
            "stubs": _list(
                _object(
                    {"id": _TEXT, "title": _TEXT, "shown_at": _MAYBE_WHOLE, "rank_now": _WHOLE},
                    {"search": _WHOLE, "rank_there": _WHOLE},
                )
            ),
            "resolved": _RESOLVED,
            "query": _QUERY,
            "session": _SESSION,
            "follow_ups": _list(
                _object({"query": _TEXT, "why": _TEXT, "covers": _TEXT, "new_expected": _WHOLE, "prefetched": _TRUTH})
            ),
            "facets": _FACETS,
            "trace": _object(
                {"total_ms": _NUMBER, "postings": _WHOLE, "stages": _list(_STAGE), "degraded": _list(_TEXT)}
            ),
            "notices": _NOTICES,
        },
        {"probe": {**_PROBE, "description": "of `effort: probe`"}},
    ),
    "Batch": _object(
        {
            "request_id": _TEXT,
            "session_id": _MAYBE_TEXT,
            "answers": _list(
                {
                    "anyOf": [
                        {"$ref": "#/components/schemas/Answer"},
                        _object({"error": {"type": "object"}, "results": _list({"type": "object"})}),
                    ]
                }
            ),
        }
    ),
    "Feedback": _object({"session_id": _TEXT, "seq": _WHOLE, "accepted": _WHOLE, "notices": _NOTICES}),
    "Fork": _object({"branch": _TEXT, "parent": _TEXT, "parent_seq": _WHOLE}),
    "Merge": _object({"session_id": _TEXT, "branch": _TEXT, "merged": _MERGED}),
    "Session": _READ_BACK,
    "Plan": _object(
        {
            "resolved": _RESOLVED,
            "query": _QUERY,
            "stages": _list(_object({"name": _TEXT, "ms": _NUMBER, "postings": _WHOLE})),
            "predicted_ms": _NUMBER,
            "degraded": _list(_TEXT),
            "matches": _object({"estimate": _WHOLE, "low": _WHOLE, "high": _WHOLE}),
            "facets": _FACETS,
            "generation": _TEXT,
            "notices": _NOTICES,
        }
    ),
    "Explanation": _object(
        {
            "document": _TEXT,
            "rank": _MAYBE_WHOLE,
            "score": _NUMBER,
            **_ACCOUNT,
            "lost_at": {"enum": ["filter", "recall", "rank", "diversify", None]},
            "found_by": _table(_WHOLE),
            "moves": _list(_TEXT),
            "target_rank": _WHOLE,
            "counterfactuals": _list(_object({"change": {"type": "object"}, "rank": _WHOLE})),
            "query": _QUERY,
            "resolved": _RESOLVED,
            "generation": _TEXT,
            "notices": _NOTICES,
        }
    ),
    "Terms": _object(
        {
            "generation": _TEXT,
            "documents": _WHOLE,
            "terms": _list(
                _object(
                    {
                        "term": _TEXT,
                        "df": _WHOLE,
                        "idf": _NUMBER,
                        "cost": _object({"postings": _WHOLE, "ms": _NUMBER}),
                        "expansions": _table(_list(_object({"term": _TEXT, "df": _WHOLE}))),
                        "related": _table(_list(_object({"term": _TEXT}, {"score": _NUMBER, "cosine": _NUMBER}))),
                    }
                )
            ),
        }
    ),
    "Recall": _object(
        {
            "generation": _TEXT,
            "k": _WHOLE,
            "queries": _WHOLE,
            **{
                part: {
                    "oneOf": [
                        {"type": "null"},
                        _object({"avg_recall": _NUMBER, "min_recall": _NUMBER, "avg_ms": _table(_NUMBER)}),
                    ]
                }
                for part in ("dense", "lexical")
            },
        }
    ),
    "Contents": _object(
        {
            "generation": _TEXT,
            "documents": _list(
                _object({**_PAGE, "metadata": {"type": "object"}, "passages": _list(_object(_PASSAGE))})
            ),
            "errors": _list(_object({"reference": _TEXT, "nearest": _list(_TEXT)})),
        }
    ),
}
"""Name -> schema of a whole answer."""
