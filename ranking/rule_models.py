"""A rule as a request holds it: given JSON, returns which pages it is about and what happens to them.

Shape only: whether a value can fit a page is settled by rules.py, which also gives a rule its meaning. Apart from it so
that params.py can name these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from ranking.constants import (
    MAX_METADATA_FIELDS,
    MAX_PIN_PLACE,
    MAX_RULE_FACTOR,
    MAX_RULE_VALUE_CHARACTERS,
    MAX_RULE_VALUES,
)
from ranking.knobs import Fields, Model, Name, knob

Action = Literal["boost", "bury", "pin", "drop"]
Text = Annotated[str, Field(min_length=1, max_length=MAX_RULE_VALUE_CHARACTERS)]
Texts = Text | Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_RULE_VALUES)]
"""One value, or several of which any will do."""


class _Short(Model):
    """Written without the keys that were left out: `resolved` shows a rule as short as it was sent."""

    @model_serializer(mode="wrap")
    def without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class RuleMatch(_Short):
    """All keys must hold; of the values of one key, any."""

    site: Texts | None = knob(None, "hosts", "a host with its subdomains; a /path may follow, as in site:")
    domain: Texts | None = knob(None, "hosts", "a registrable domain, as in domain:")
    path: Texts | None = knob(None, "globs", 'the whole path, * is any run: "/tag/*"')
    url: Texts | None = knob(
        None, "URLs or globs", 'one URL, or with * in it a pattern of whole URLs: "*.example.org/*"'
    )
    title: Texts | None = knob(None, "words", 'all of these words in the title; "quoted" ones in a row, as written')
    body: Texts | None = knob(None, "words", "all of these words in the text, as title")
    metadata: Fields | None = knob(
        None,
        "values",
        "as filters.metadata: a value, a list of values, or {gte, gt, lte, lt}",
        max_length=MAX_METADATA_FIELDS,
    )
    filetype: Texts | None = knob(None, "extensions", "a kind of file")
    language: Texts | None = knob(None, "ISO 639-1", "a language")


def _one_or_list(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "RuleMatch"


Matches = Annotated[
    Annotated[RuleMatch, Tag("RuleMatch")]
    | Annotated[tuple[RuleMatch, ...], Field(min_length=1, max_length=MAX_RULE_VALUES), Tag("list")],
    Discriminator(_one_or_list),
]
"""Told apart before they are read, so that an error is about the one that was written."""


class Rule(_Short):
    """What happens to the pages that a match fits. Rules act in order, each on the score that the one before left."""

    match: Matches = knob(..., "", "which pages: one match, or a list of which any fits")
    do: Action = knob(..., "", "boost and bury multiply and divide, pin places, drop leaves out before anything ranks")
    by: float | None = knob(
        None, "factor", "of boost and bury: 2 unless given", ge=1, le=MAX_RULE_FACTOR, allow_inf_nan=False
    )
    at: int | None = knob(None, "rank", "of pin: 1 unless given; the next free place if taken", ge=1, le=MAX_PIN_PLACE)
    group: Name | None = knob(
        None,
        "",
        "of the rules of one group only the strongest acts on a page: drop, then the greatest boost, then the least "
        "bury; in a group {} with drop stands for all that no boost or bury of it fits, and by may be 1",
    )
