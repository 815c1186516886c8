"""What a signal is: given rows of the catalogue, computes them and checks what came out.

A row says what its signal means, costs, weighs and reads, and which parameters a score expression may set, as in
`recency(half_life_days=30)`; a weight reads a signal with the defaults. Not for the rows: see catalogue.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from ranking.errors import ParamsError, SignalError
from ranking.expression_nodes import SignalCall
from ranking.nearest import nearest
from ranking.signals.input import SignalInput, Values
from ranking.types import Doubles, Mask

Cost = Literal["free", "cheap", "moderate"]
"""CPU per 450 candidates and 10 terms: free below 0.02 ms, cheap below 0.2 ms, moderate up to some ms. Each alone, but
for the frequencies and lengths that all signals of words share."""

SCORE_PATH: Final = "$.score"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a score expression may set, from `least` to `most`. A `default` of None is no number: `reason`
    says what holds instead."""

    default: float | None
    least: float
    most: float
    unit: str
    reason: str
    whole: bool = False  # a count: fractions are refused

    @property
    def range(self) -> str:
        """In words: `1 to 10,000`."""
        return f"{'a whole number ' if self.whole else ''}{self.least:,.12g} to {self.most:,.12g}"


NO_PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """One row. `weight` is the default one; `needs` says what the index must deliver (Plan.needs), and `session` or
    `numbers` (Plan.numbers). `compute` takes the parameters by name; `relative` signals look at all candidates."""

    name: str
    summary: str
    formula: str
    source: str
    cost: Cost
    weight: float
    needs: frozenset[str]
    compute: Callable[..., Values]
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: NO_PARAMETERS)
    forms: tuple[tuple[str, ...], ...] = ()  # which parameters go together, the first of each form always; (): any do
    relative: bool = False
    range: tuple[float, float] = (0.0, 1.0)

    @property
    def of_session(self) -> bool:
        """Whether it depends on what a session did."""
        return "session" in self.needs


@dataclass(frozen=True, slots=True)
class Signals:
    """Columns of S computed signals over n candidates, in the order of the catalogue."""

    names: tuple[str, ...]
    values: Doubles  # [S, n], each in [0, 1]
    missing: tuple[Mask | None, ...]  # per signal; None: every candidate had data

    def column(self, name: str) -> Doubles | None:
        """[n] one signal; None when it was not computed."""
        return self.values[self.names.index(name)] if name in self.names else None


def compute(given: SignalInput, specs: Iterable[SignalSpec]) -> Signals:
    """Compute these signals; SignalError names the signal and the document that came out wrong."""
    chosen = tuple(specs)
    values = np.empty((len(chosen), given.size))
    missing: list[Mask | None] = []
    for index, spec in enumerate(chosen):
        column, without = spec.compute(given)
        values[index] = column
        missing.append(without)
    names = tuple(spec.name for spec in chosen)
    _refuse_unsound(values, names, given)
    return Signals(names, values, tuple(missing))


def compute_call(given: SignalInput, specs: Mapping[str, SignalSpec], call: SignalCall) -> Values:
    """One signal with the parameters that an expression sets. Raises what check_call raises, and SignalError."""
    column, missing = specs[call.name].compute(given, **check_call(specs, call))
    _refuse_unsound(column[None, :], (call.name,), given)
    return column, missing


def check_call(specs: Mapping[str, SignalSpec], call: SignalCall) -> dict[str, float]:
    """The arguments of a call by name. Raises ParamsError for a signal, a parameter or a number that is not allowed;
    what it needs to know is known before the search."""
    spec = specs.get(call.name)
    if spec is None:
        raise ParamsError(
            f"there is no signal named {call.name!r}",
            path=SCORE_PATH,
            hint="GET /v1/signals lists them all",
            did_you_mean=nearest(call.name, specs),
        )
    for name, value in call.arguments:
        parameter = spec.parameters.get(name)
        if parameter is None:
            known = ", ".join(spec.parameters)
            raise ParamsError(
                f"{call.name} has no parameter named {name!r}",
                path=SCORE_PATH,
                hint=f"it has {known}" if known else f"write {call.name}",
                did_you_mean=nearest(name, spec.parameters),
            )
        whole = not parameter.whole or float(value).is_integer()
        if not (parameter.least <= value <= parameter.most and whole):
            raise ParamsError(
                f"{name} of {call.name} is {value:g}, it may be {parameter.range}",
                path=SCORE_PATH,
                hint=f"write {call.name}({name}={_nearest_allowed(value, parameter):.12g})",
            )
    arguments = dict(call.arguments)
    fits = (form[0] in arguments and arguments.keys() <= {*form} for form in spec.forms)
    if arguments and spec.forms and not any(fits):
        written = " or ".join(f"{call.name}({form[0]}=...)" for form in spec.forms)
        what = "mean nothing together" if len(arguments) > 1 else "means nothing alone"
        raise ParamsError(
            f"{', '.join(arguments)} of {call.name} {what}",
            path=SCORE_PATH,
            hint=f"write {written}; {'; '.join(', '.join(form) for form in spec.forms)} go together",
        )
    return arguments


def known_parameters(specs: Mapping[str, SignalSpec]) -> dict[str, tuple[str, ...]]:
    """Signal -> the names of its parameters: what parse_expression knows names by."""
    return {name: tuple(spec.parameters) for name, spec in specs.items()}


def _nearest_allowed(value: float, parameter: Parameter) -> float:
    within = min(max(value, parameter.least), parameter.most)
    return float(round(within)) if parameter.whole else within


def _refuse_unsound(values: Doubles, names: tuple[str, ...], given: SignalInput) -> None:
    """SignalError for the first value of [S, n] that is not in [0, 1]; NaN is not."""
    sound = (values >= 0.0) & (values <= 1.0)
    if sound.all():
        return
    index, row = (int(place) for place in np.argwhere(~sound)[0])
    raise SignalError(
        f"signal {names[index]} of document {given.evidence.ids[row]} is {values[index, row]}, not in [0, 1]",
        path=f"$.weights.{names[index]}",
        hint=f'set this signal\'s weight to 0 and report it: {{"{names[index]}": 0}}',
    )
