"""Searching one parameter at a time (coordinate ascent): given a space and trials, climbs from the defaults.

Each pass tries a few values of every parameter around where it is, keeps the best, and goes on until none helps; then
the steps are halved (Metzler and Croft 2007). No chance in it; it finds the top of its own hill. Not for seeing what
parameters do together: that is trials.py.
"""

from __future__ import annotations

from typing import Final

from eval.tuning.record import Trials
from eval.tuning.space import Parameter, Space

FIRST_STEP: Final = 1 / 4
"""Of a parameter's range."""
HALVINGS: Final = 5
"""The last step is a hundred-and-twenty-eighth of the range: less cannot be told from noise."""
ROUNDS: Final = 3
"""At most, over all parameters, for one length of step."""
STEPS: Final = (-2, -1, 1, 2)


def search_coordinates(space: Space, trials: Trials, count: int) -> None:
    """At most `count` trials into `trials`."""
    here = space.defaults()
    best = trials.objective(here)
    for halving in range(HALVINGS + 1):
        share = FIRST_STEP / 2**halving
        for _ in range(ROUNDS):
            before = best
            for parameter in space.parameters:
                for value in _values(parameter, here.get(parameter.name), share):
                    if len(trials.tried) >= count:
                        return
                    there = {**here, parameter.name: value}
                    found = trials.objective(there)
                    if found > best:
                        here, best = there, found
            if best == before:
                break


def _values(parameter: Parameter, now: float | None, share: float) -> list[float]:
    """Around where it stands, within its range; around the middle for a weight that stands under a rule."""
    centre, step = parameter.middle if now is None else now, share * (parameter.high - parameter.low)
    near = [centre + steps * step for steps in STEPS] + ([centre] if now is None else [])
    within = dict.fromkeys(min(max(value, parameter.low), parameter.high) for value in near)
    return [value for value in within if value != now]
