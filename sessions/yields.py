"""When to stop searching: given what calls brought, says what was new, whether the yield is low, and stops.

Pure arithmetic on a reader's state and progress; not for deciding what is shown (ranking/seen).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ranking.types import SessionState, Shown
from sessions.fold import Progress
from sessions.settings import WEAK_SCORE, WEAK_SHARE


def is_new(state: SessionState, shown: Shown) -> bool:
    """Not shown to this reader before: neither it with this content, nor a near-duplicate."""
    seen = state.seen.get(shown.document)
    if seen is not None:
        return seen.content_hash != shown.content_hash
    return not shown.cluster or shown.cluster not in state.clusters


def gain(state: SessionState, shown: Iterable[Shown]) -> tuple[int, float]:
    """How many of these are new to the reader, and the best score among the new (0 when none is)."""
    scores = [item.score for item in shown if is_new(state, item)]
    return len(scores), max(scores, default=0.0)


def exhausted(unseen: int, max_results: int) -> bool:
    """Fewer unseen documents were recalled, at the request's k, than one page shows."""
    return unseen < max_results


def low_yield(progress: Progress, shown: int, new: int, best_new: float) -> bool:
    """Two searches in a row, the latest of `progress` and this one, brought little new, and that was weak:
    fewer than WEAK_SHARE of the results new, their best score below WEAK_SCORE x the best ever shown."""
    latest, best = progress.latest, progress.best
    if latest is None or best is None or best <= 0:  # without a positive best there is nothing to be weak against
        return False
    return _weak(latest.shown, latest.new, latest.best_new, best) and _weak(shown, new, best_new, best)


def _weak(shown: int, new: int, best_new: float, best: float) -> bool:
    return new < WEAK_SHARE * max(shown, 1) and best_new < WEAK_SCORE * best


def stop(*, min_new: int, min_gain: float, new: int, best_new: float, exhausted: bool) -> dict[str, Any] | None:
    """The answer's `session.stop` for the request's rule; None when the rule is empty (both 0)."""
    if not min_new and not min_gain:
        return None
    reasons = []
    if new < min_new:
        reasons.append(f"{new} new results, fewer than {min_new}")
    if best_new < min_gain:
        reasons.append(f"the best new score is {best_new:.3f}, below {min_gain:g}")
    if reasons and exhausted:
        reasons.append("no unseen document is left at this k")
    return {"now": bool(reasons), "reason": "; ".join(reasons) or None}
