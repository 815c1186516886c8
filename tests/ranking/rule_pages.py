"""Pages as tests of rules write them, and what rules make of them, by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ranking.errors import ParamsError
from ranking.rules import CompiledRules, Rule, RuleEffects, compile_rules, effects, normalise
from ranking.text import tokenize
from ranking.types import All, Any_, Filter, Mask, Node, Not, Phrase, Term
from tests.ranking.test_globs import fits

SITE, GLOB = "site", "url_glob"


@dataclass(frozen=True)
class Page:
    """A document as these tests write it; its site is the host of its URL."""

    url: str
    title: str = ""
    body: str = ""
    language: str = "en"
    filetype: str = "html"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def site(self) -> str:
        return self.url.split("://")[1].split("/")[0]


def satisfies(page: Page, node: Node | None) -> bool:
    """A condition on one page, read off its definition: no index, no stems."""
    match node:
        case None:
            return True
        case All(children):
            return all(satisfies(page, child) for child in children)
        case Any_(children):
            return any(satisfies(page, child) for child in children)
        case Not(child):
            return not satisfies(page, child)
        case Term(token, name):
            return token in tokenize(getattr(page, str(name)))
        case Phrase(tokens, name):
            words = tokenize(getattr(page, str(name)))
            return any(tuple(words[at : at + len(tokens)]) == tokens for at in range(len(words)))
        case Filter("site", value):
            host, _, path = value.partition("/")
            below = page.url.split("://")[1].partition("/")[2]
            inside = page.site == host or page.site.endswith("." + host)
            return inside and (not path or below == path or below.startswith((path + "/", path + "?")))
        case Filter("domain", value):
            return ".".join(page.site.split(".")[-2:]) == value
        case Filter("lang", value):
            return page.language == value
        case Filter("filetype", value):
            return page.filetype == value
        case Filter("metadata", value, name, bound):
            held, wanted = page.metadata.get(name), json.loads(value)
            if bound == "in":
                return held in wanted
            return held is not None and {"eq": held == wanted, "gte": held >= wanted, "lt": held < wanted}[bound]
        case Filter(kind, value) if kind == GLOB:
            return fits(value, page.url)
    raise AssertionError(f"{node} is no condition of a rule")


def rules(*given: dict[str, Any] | str) -> tuple[Rule, ...]:
    return normalise([one if isinstance(one, str) else Rule.model_validate(one) for one in given])


def compiled(*given: dict[str, Any] | str) -> CompiledRules:
    return compile_rules(rules(*given))


def answers(all_rules: CompiledRules, pages: Sequence[Page]) -> Mask:
    """[probes, n] what an index would report."""
    truth = [[satisfies(page, probe) for page in pages] for probe in all_rules.probes]
    return np.array(truth, np.bool_).reshape(len(all_rules.probes), len(pages))


def applied(pages: Sequence[Page], scores: Sequence[float], *given: dict[str, Any] | str) -> RuleEffects:
    all_rules = compiled(*given)
    return effects(all_rules, answers(all_rules, pages), np.array(scores, np.float64))


def node(match: dict[str, Any] | list[dict[str, Any]]) -> Node:
    (probe,) = compiled({"match": match, "do": "boost"}).probes
    return probe


def refused(*given: dict[str, Any] | str) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        rules(*given)
    return caught.value
