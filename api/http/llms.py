"""/llms.txt: given nothing, returns one page that tells an agent how to use this server."""

from __future__ import annotations

from ranking.operators import OPERATORS
from ranking.signals.catalogue import SIGNALS


def llms_text() -> str:
    """Markdown; operators and signals come from their catalogues."""
    operators = "\n".join(f"- `{spec.syntax}`: {spec.meaning}" for spec in OPERATORS)
    signals = ", ".join(f"`{name}`" for name in SIGNALS)
    return f"""# Forage

> A web-search engine for research agents. Every ranking weight is yours per query, and a session remembers what
> you were shown.

## Search

POST /v1/search with {{"query": "..."}}. Queries may have 8,000 characters; long, exact questions are welcome.
Send back the `session_id` you get: results shown before move down (and stand in `stubs`), so that pages bring
what is new (`session.new` counts it). Send a `request_id` to make a retry safe. `"session": {{"record": false}}` is a
stateless call.

Useful fields: `max_results` (1-100), `filters` (include_sites, exclude_sites, after, before, languages, filetypes,
url_prefixes), `weights` (per signal; "*" sets all others), `content` (passages, max_chars_per_result,
max_tokens_total), `explain` (signals, contributions, terms by field, stages), `session.seen` (demote, new_passages,
drop, off), `facets` (site, language, year, a metadata field), `score` (an expression in place of weights:
"bm25 + 0.3*recency(half_life_days=90)"), `rules` (boost, bury, pin, drop; or a Brave Goggle as text), `expand`
(synonyms, fuzzy, prefix, feedback), `rerank`, `diversify`, `budget` (ms, postings), `profile`.

Candidates come from `retrieve`, any number of named retrievers: bm25, dense, phrase, prefix, regex, fuzzy, like (id,
url or text), links (of, in or out), site_listing (prefix), ids (rank my list), session (earlier results). Filters
hold in every one of them.

The answer's `resolved` is the whole request with every default: change one number and send it again.
`query.operators` says what was read as an operator; `terms_missing` of a hit says which words it lacks.

## Operators

{operators}

## Signals

{signals}. GET /v1/signals has each one's formula and default weight.

## More

- POST /v1/plan: the same body, nothing searched: terms, cost, matches
- POST /v1/explain: a search body and {{"document", "target_rank"}}: why it is where it is, and what would bring it up
- POST /v1/similar: {{"id"}}, {{"url"}} or {{"text"}}; POST /v1/terms: {{"terms": [...]}}: df, look-alikes, company
- PUT /v1/profiles/NAME: save params or a whole `resolved`; then `"profile": "NAME@1"`
- POST /v1/contents: {{"ids": [...]}} or {{"urls": [...]}}: Markdown, passages, links
- GET /v1/describe?collection=default: sites, languages, dates
- POST /v1/search/batch: {{"searches": [...]}}: up to 32 queries at once, each document on the page it serves best
- POST /v1/sessions/ID/feedback: {{"events": [{{"kind": "cite", "document": "..."}}]}} (or open, reject)
- POST /v1/sessions/ID/fork: {{"at": 3}} -> {{"branch"}}, then search with it; .../merge: {{"from", "into"}}
- GET /v1/sessions/ID: what the session did and saw; .../replay?seq=3: an answer again; .../export: all of it as rows
- Errors have one shape; `error.corrected_request` can be sent as it is
- GET /openapi.json: every field
"""
