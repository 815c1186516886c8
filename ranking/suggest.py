"""The name that was meant: given a wrong name or a refused request, returns the nearest valid one.

`correct` turns pydantic's errors into `did_you_mean` and a request that validates, ready to resend. It renames,
moves, clamps and converts, and lets a default stand for an unreadable number; it never drops a field that it does
not know, for a filter that silently vanished would answer another question. Not for wording the error: the door does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from ranking.nearest import near as near
from ranking.nearest import nearest as nearest
from ranking.nearest import plain_name
from ranking.repairs import DEFAULT, MENDERS, TAG_ERRORS, UNCHANGED, choices, discriminator
from ranking.shown import cut

_ROUNDS: Final = 4
"""A corrected request is validated again: one mistake may hide the next one inside it."""
_MENDED: Final = 20
"""Errors: with more of them it is not that request which was meant."""
_MAX_DEPTH: Final = 6

KNOWN_ELSEWHERE: Final[Mapping[str, str]] = {
    "q": "query",
    "search": "query",
    "search_query": "query",
    "search_queries": "query",
    "question": "query",
    "text": "query",
    "k": "max_results",
    "n": "max_results",
    "top_k": "max_results",
    "limit": "max_results",
    "count": "max_results",
    "size": "max_results",
    "num": "max_results",
    "num_results": "max_results",
    "rows": "max_results",
    "index": "collection",
    "namespace": "collection",
    "session": "session_id",
    "conversation_id": "session_id",
    "idempotency_key": "request_id",
    "include_domains": "filters.include_sites",
    "domains": "filters.include_sites",
    "site": "filters.include_sites",
    "sites": "filters.include_sites",
    "include_urls": "filters.url_prefixes",
    "exclude_domains": "filters.exclude_sites",
    "start_date": "filters.after",
    "after_date": "filters.after",
    "since": "filters.after",
    "start_published_date": "filters.after",
    "end_date": "filters.before",
    "before_date": "filters.before",
    "until": "filters.before",
    "end_published_date": "filters.before",
    "language": "filters.languages",
    "lang": "filters.languages",
    "search_lang": "filters.languages",
    "filetype": "filters.filetypes",
    "file_type": "filters.filetypes",
    "max_chars": "content.max_chars_per_result",
    "max_tokens": "content.max_tokens_total",
    "token_budget": "content.max_tokens_total",
    "timeout": "budget.ms",
    "timeout_ms": "budget.ms",
    "signal_coefficients": "weights",
    "boosts": "weights",
    "return_ranking_signals": "explain",
    "debug": "explain",
    "retrievers": "retrieve",
    "mmr": "diversify",
    "collapse": "diversify",
}
"""What other search APIs call it -> our path. A model that knows them writes these."""

Path = tuple[str | int, ...]


def json_path(payload: Any, location: Sequence[str | int], kind: str = "missing") -> Path:
    """pydantic's location of an error of this type, without the tags of unions that it puts in: keys and indices of
    `payload`, and the name of a field that is missing from it."""
    path: list[str | int] = []
    here: Any = payload
    for place, part in enumerate(location):
        if _holds(here, part):
            path.append(part)
            here = here[part]
        elif kind == "missing" and place == len(location) - 1 and isinstance(here, dict):
            path.append(part)
    return tuple(path)


def path_text(path: Path) -> str:
    """`$.retrieve[0].k`; what is long in it is cut."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{cut(part)}" for part in path)


def correct(
    payload: Mapping[str, Any], model: type[BaseModel], errors: Sequence[Mapping[str, Any]]
) -> tuple[str | None, dict[str, Any] | None]:
    """(what the first error probably meant, the corrected request or None when one of the errors cannot be
    mended, or there are more than 20). `errors` are `ValidationError.errors()` of `model` on `payload`, which stays
    as it is."""
    request: dict[str, Any] = copy.deepcopy(dict(payload))
    did_you_mean = _meaning(request, model, errors[:_MENDED])
    pending = list(errors)
    for _ in range(_ROUNDS):
        if len(pending) > _MENDED:
            return did_you_mean, None
        mended = [_mend(request, model, error)[1] for error in pending]
        if not any(mended):
            return did_you_mean, None
        try:
            model.model_validate(request)
        except ValidationError as refused:
            pending = list(refused.errors(include_url=False))
        else:
            return did_you_mean, request
    return did_you_mean, None


def _meaning(payload: Any, model: type[BaseModel], errors: Sequence[Mapping[str, Any]]) -> str | None:
    """What the first error meant; a missing field is best explained by the unknown one that stands in its place."""
    first = errors[0]
    if first["type"] == "missing":
        first = next((error for error in errors if error["type"] == "extra_forbidden"), first)
    return _mend(copy.deepcopy(payload), model, first)[0]


def _mend(request: dict[str, Any], model: type[BaseModel], error: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Repair one error in place: (the name or value that was meant, whether it was repaired)."""
    kind, path = error["type"], json_path(request, error["loc"], error["type"])
    parent = _at(request, path[:-1])
    if kind == "missing" or not path or not _holds(parent, path[-1]):
        return None, False
    if kind == "extra_forbidden":
        return _rename(request, model, error["loc"], path)
    given, context = parent[path[-1]], error.get("ctx", {})
    if error["loc"][-1] == "[key]":
        return _rename_key(parent, str(path[-1]), context)
    value = MENDERS[kind](given, context) if kind in MENDERS else UNCHANGED
    if value is UNCHANGED or (value is DEFAULT and isinstance(parent, list)):
        return None, False
    if value is DEFAULT:
        del parent[path[-1]]
        return None, True
    parent[path[-1]] = value
    return _told(kind, value, context), True


def _told(kind: str, value: Any, context: Mapping[str, Any]) -> str | None:
    """How to name a repaired value in a sentence: a choice, a tag or a limit."""
    if kind in ("literal_error", "greater_than_equal", "less_than_equal"):
        return str(value)
    return str(value[discriminator(context)]) if kind in TAG_ERRORS else None


def _rename_key(parent: dict[Any, Any], wrong: str, context: Mapping[str, Any]) -> tuple[str | None, bool]:
    """A wrong key of an object whose keys are a choice."""
    meant = nearest(wrong, choices(context))
    if meant is None or meant in parent:
        return meant, False
    parent[meant] = parent.pop(wrong)
    return meant, True


def _rename(
    request: dict[str, Any], model: type[BaseModel], location: Sequence[str | int], path: Path
) -> tuple[str | None, bool]:
    """An unknown field: a near name beside it, the name that another API has for it, or its place elsewhere."""
    wrong = str(path[-1])
    parent = _at(request, path[:-1])
    owner = _model_at(model, location[:-1], request)
    if owner is None or not isinstance(parent, dict) or wrong not in parent:
        return None, False
    here = path[:-1]
    names = field_names(owner)
    known = KNOWN_ELSEWHERE.get("_".join(plain_name(wrong).split()))
    if (exact := {plain_name(name): name for name in names}.get(plain_name(wrong))) is not None:
        target: Path | None = (*here, exact)
    elif not here and known is not None and _resolves(model, known):
        target = tuple(known.split("."))
    elif (elsewhere := _elsewhere(model, wrong)) is not None and elsewhere[:-1] != here:
        target = elsewhere
    else:
        near_name = nearest(wrong, names)
        target = (*here, near_name) if near_name else None
    if target is None:
        return None, False
    meant = str(target[-1]) if target[:-1] == here else ".".join(str(part) for part in target)
    return meant, _move(request, (*here, wrong), target)


def _move(request: dict[str, Any], source: Path, target: Path) -> bool:
    """Move a value to `target`; refused when something already stands there, which of the two is meant nobody knows."""
    holder: Any = request
    for part in target[:-1]:
        if isinstance(holder, dict):
            holder = holder.setdefault(part, {})
        elif isinstance(holder, list) and isinstance(part, int):
            holder = holder[part]
    parent = _at(request, source[:-1])
    if not isinstance(holder, dict) or target[-1] in holder or not isinstance(parent, dict):
        return False
    holder[target[-1]] = parent.pop(source[-1])
    return True


def field_names(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a JSON object of `model` may have."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def field_paths(model: type[BaseModel], depth: int = _MAX_DEPTH) -> dict[Path, Any]:
    """Every field that is reached through objects alone (not through lists): path -> its annotation."""
    paths: dict[Path, Any] = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        paths[(key,)] = field.annotation
        if depth and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for rest, annotation in field_paths(field.annotation, depth - 1).items():
                paths[(key, *rest)] = annotation
    return paths


def _elsewhere(model: type[BaseModel], name: str) -> Path | None:
    """The only path of `model` that ends in this name."""
    plain = plain_name(name)
    found = [path for path in field_paths(model) if plain_name(str(path[-1])) == plain]
    return found[0] if len(found) == 1 else None


def _resolves(model: type[BaseModel], dotted: str) -> bool:
    return tuple(dotted.split(".")) in field_paths(model)


def _model_at(model: type[BaseModel], location: Sequence[str | int], payload: Any) -> type[BaseModel] | None:
    """The model that owns the object at `location`, through lists and tagged unions."""
    here: Any = model
    for part in location:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            fields.update({name: field.annotation for name, field in here.model_fields.items()})
            if part not in fields:
                return None
            here = fields[part]
        elif isinstance(part, str):  # the tag of a union, or a model's name
            here = _choice(here, part) or here
    models = _models_in(here)
    return models[0] if len(models) == 1 else None


def _choice(annotation: Any, tag: str) -> type[BaseModel] | None:
    """The member of a union whose discriminating Literal, or name, is `tag`."""
    for member in _models_in(annotation):
        literals = [get_args(field.annotation) for field in member.model_fields.values()]
        if member.__name__ == tag or any(values == (tag,) for values in literals):
            return member
    return None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _at(payload: Any, path: Path) -> Any:
    here = payload
    for part in path:
        if not _holds(here, part):
            return None
        here = here[part]
    return here


def _holds(holder: Any, part: str | int) -> bool:
    if isinstance(holder, dict):
        return part in holder
    return isinstance(holder, list) and isinstance(part, int) and 0 <= part < len(holder)
