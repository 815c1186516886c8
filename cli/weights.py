"""Weights on the command line: given "a=1,b=0.5", returns {"a": 1.0, "b": 0.5}."""

from __future__ import annotations

from ranking.errors import ParamsError


def read_weights(text: str | None) -> dict[str, float]:
    """ParamsError names the part that is not name=number."""
    weights: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in (text or "").split(","))):
        name, equals, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals:
            raise ParamsError(f"{part!r} is not name=number", path="--weights", hint="write '*=0,bm25=1'")
    return weights
