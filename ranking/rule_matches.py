"""The match of a rule as a condition: given which pages a rule is about, returns what a document must satisfy.

All keys of a match hold, of the values of a key any, of several matches any. Values mean what they mean to operators
and filters (values.py, filters.py); URLs and paths are globs.py. Not for what happens to the pages: rules.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ranking.errors import ParamsError
from ranking.filters import condition_of
from ranking.globs import both, joined, path_glob, site_glob, url_glob
from ranking.params import FilterParams
from ranking.rule_models import Rule, RuleMatch
from ranking.shown import shown
from ranking.text import tokenize
from ranking.types import All, Filter, FilterKind, Node, Phrase
from ranking.units import conjunction, disjunction, words
from ranking.values import filetype, host, language, site

_FILTERS: Final[Mapping[str, tuple[FilterKind, Callable[[str], str]]]] = {
    "site": ("site", site),
    "domain": ("domain", host),
    "filetype": ("filetype", filetype),
    "language": ("lang", language),
}
_GLOBS: Final[Mapping[str, Callable[[str], str]]] = {"path": path_glob, "url": url_glob}
_HOST: Final = re.compile("[a-z0-9_.-]+")
_QUOTES: Final = re.compile('["\u201c\u201d\u201e\u201f\uff02]')
_NOTED: Final = 60
"""Characters of a value that a note repeats."""


def node_of(rule: Rule, path: str) -> Node:
    """What a document must satisfy for the rule to fit it. `path` is where the rule stands in the request.

    Raises ParamsError for an empty match, which would fit every page, and for a value that no page could have.
    """
    if isinstance(rule.match, RuleMatch):
        return _node_of_match(rule.match, f"{path}.match")
    nodes = [_node_of_match(match, f"{path}.match[{place}]") for place, match in enumerate(rule.match)]
    globs = [_as_glob(node) for node in nodes]
    others = [node for node, glob in zip(nodes, globs, strict=True) if glob is None]
    merged = joined(glob for glob in globs if glob is not None)
    found = disjunction([*others, Filter("url_glob", merged) if merged else None])
    assert found is not None  # the model refuses an empty list
    return found


def _as_glob(node: Node) -> str | None:
    """The glob that fits the same pages, if URLs decide. Thousands of patterns for thousands of sites, as Goggles have
    them, are one filter then, which looks at each URL once."""
    match node:
        case Filter("url_glob", value):
            return value
        case All((Filter("site", host), Filter("url_glob", value))) if _HOST.fullmatch(host):
            return both(site_glob(host), value)
    return None


def keys_of(match: RuleMatch) -> dict[str, Any]:
    """The keys that a match sets, with their values."""
    return {name: value for name in RuleMatch.model_fields if (value := getattr(match, name)) is not None}


def count_of(rule: Rule) -> int:
    """How many values its matches hold."""
    values = [value for match in _alternatives(rule) for value in keys_of(match).values()]
    flat = [part for value in values for part in (value.values() if isinstance(value, dict) else [value])]
    return sum(len(_listed(part)) for part in flat)


def described(rule: Rule) -> str:
    """`site=docs.python.org`; of several values and matches the first, and how many others there are."""
    first, *others = _alternatives(rule)
    parts = []
    for name, value in keys_of(first).items():
        if name == "metadata":
            written, more = json.dumps(value, ensure_ascii=False, separators=(",", ":")), 0
        else:
            written, more = _listed(value)[0], len(_listed(value)) - 1
        cut = written if len(written) <= _NOTED else f"{written[: _NOTED - 1]}\u2026"
        parts.append(f"{name}={cut}" + (f" (or {more:,} more)" if more else ""))
    return " ".join(parts) + (f", or {len(others):,} more" if others else "")


def _alternatives(rule: Rule) -> tuple[RuleMatch, ...]:
    return (rule.match,) if isinstance(rule.match, RuleMatch) else rule.match


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _node_of_match(match: RuleMatch, path: str) -> Node:
    node = conjunction(_node_of_key(name, value, f"{path}.{name}") for name, value in keys_of(match).items())
    if node is None:
        raise ParamsError(
            "an empty match fits every page",
            path=path,
            hint=f"name one of {', '.join(RuleMatch.model_fields)}; {{}} is for a drop with a group",
        )
    return node


def _node_of_key(name: str, value: Any, path: str) -> Node | None:
    if name == "metadata":
        return _metadata(value, path)
    nodes: list[Node] = []
    globs: list[str] = []
    for place, one in enumerate(_listed(value)):
        try:
            if name in _GLOBS:
                globs.append(_GLOBS[name](one))
            elif name in _FILTERS:
                kind, canonical = _FILTERS[name]
                nodes.append(Filter(kind, canonical(one)))
            else:
                nodes.append(_words(one, name))
        except ParamsError as error:
            raise ParamsError(
                error.message,
                path=path if isinstance(value, str) else f"{path}[{place}]",
                hint=error.hint,
                did_you_mean=error.did_you_mean,
            ) from None
    return Filter("url_glob", joined(globs)) if globs else disjunction(nodes)


def _metadata(wanted: Mapping[str, Any], path: str) -> Node:
    """As filters.metadata."""
    try:
        node = condition_of(FilterParams(metadata=dict(wanted)))
    except ParamsError as error:
        where = (error.path or "").removeprefix("$.filters.metadata")
        raise ParamsError(error.message, path=path + where, hint=error.hint, did_you_mean=error.did_you_mean) from None
    if node is None:
        raise ParamsError("it names no metadata field", path=path, hint='write {"year": 2024} or leave it out')
    return node


def _words(text: str, field: str) -> Node:
    """Every word of the text; what stands between two quotes, in a row and as written."""
    parts = _QUOTES.split(text)
    nodes: list[Node | None] = []
    for place, part in enumerate(parts):
        if place % 2 and place < len(parts) - 1:
            tokens = tuple(tokenize(part))
            nodes.append(Phrase(tokens, field) if tokens else None)
        else:
            nodes += [words(tokenize(word), field) for word in part.split()]
    node = conjunction(nodes)
    if node is None:
        raise ParamsError(f"{shown(text)} holds no word", hint="write letters or digits")
    return node
