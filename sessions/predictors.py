"""How often each predictor is right: given trials and hits, returns a belief, and whether it still pays.

A Beta posterior per predictor and deployment, in memory: a restart begins anew. Thread-safe. Not for what is predicted
(follow_ups.py).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from sessions.follow_up_settings import DEFAULTS, PREDICTORS, FollowUpSettings


class Predictors:
    """See the module."""

    def __init__(self, settings: FollowUpSettings = DEFAULTS) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._hits = dict.fromkeys(PREDICTORS, 0)
        self._trials = dict.fromkeys(PREDICTORS, 0)

    def count(self, predictor: str, hit: bool) -> None:
        """One call for which it had proposed something, and whether the session then asked for that."""
        with self._guard:
            self._trials[predictor] += 1
            self._hits[predictor] += hit

    def beliefs(self) -> Mapping[str, float]:
        """Predictor -> how likely it is right."""
        with self._guard:
            return {name: self._belief(name) for name in PREDICTORS}

    def paying(self) -> frozenset[str]:
        """Those that are not switched off. The others go on being judged, and can come back."""
        with self._guard:
            return frozenset(name for name in PREDICTORS if self._pays(name))

    def report(self) -> dict[str, dict[str, Any]]:
        """JSON-ready."""
        with self._guard:
            return {
                name: {
                    "trials": self._trials[name],
                    "hits": self._hits[name],
                    "belief": round(self._belief(name), 4),
                    "on": self._pays(name),
                }
                for name in PREDICTORS
            }

    def _belief(self, name: str) -> float:
        hits, misses = self._settings.prior_hits, self._settings.prior_misses
        return (hits + self._hits[name]) / (hits + misses + self._trials[name])

    def _pays(self, name: str) -> bool:
        return self._trials[name] < self._settings.off_after or self._belief(name) >= self._settings.off_below
