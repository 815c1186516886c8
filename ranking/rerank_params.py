"""The second opinions that a request may ask for: given the items of `rerank`, returns validated models with defaults.

A stage reads the best `depth` candidates again with a slower model and blends its opinion with their scores. Not for
the models themselves: those are behind the Reranker port.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ranking.knobs import Model, knob

_Model = Annotated[str, Field(min_length=1, max_length=512)]


class _Stage(Model):
    blend: float = knob(0.7, "share", "of the opinion against the score before it, both over their range", ge=0, le=1)


class CrossEncoderStage(_Stage):
    type: Literal["cross_encoder"] = "cross_encoder"
    model: _Model = knob("default", "", "FORAGE_CROSS_ENCODER; or a sentence-transformers name or path")
    depth: int = knob(30, "documents", "a pair costs tens of milliseconds", ge=1, le=1_000)


class LateInteractionStage(_Stage):
    type: Literal["late_interaction"] = "late_interaction"
    model: Literal["default"] = knob("default", "", "token vectors of the embedding model")
    depth: int = knob(10, "documents", "every passage that is compared is encoded anew", ge=1, le=1_000)


class TreesStage(_Stage):
    type: Literal["trees"] = "trees"
    model: _Model = knob(..., "", "an uploaded LightGBM model, name or name@version")
    depth: int = knob(200, "documents", "trees over signals cost microseconds", ge=1, le=10_000)


RerankStage = Annotated[CrossEncoderStage | LateInteractionStage | TreesStage, Field(discriminator="type")]
