"""What prefetch was worth: given sessions that were asked with it and without, returns a row for each call and the
summary of all.

coverage: of calls after the first that repeat no query, how many have their whole stateless top five in warm pools
(warm_pools.py), and which share of it. waste: CPU time of guesses that no call used, of all CPU time of the sessions.
saved: median over calls of 1 - with/without; `taken` are calls for what was guessed, as an agent makes them that takes
an offer: how long such a call takes, not how often there is one. Not for asking (turns.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from eval.adhoc.report import markdown_table
from eval.measures import BOOTSTRAP_SAMPLES, CONFIDENCE, SEED
from eval.prefetch.asked import Asked, PrefetchPlan, Session
from eval.prefetch.warm_pools import by_origin, counted, share
from sessions.follow_ups import tokens_of

MEDIAN_SAMPLES: Final = 2_000
USED: Final = "prefetch"
ORIGINS: Final = ("previous", "goal", "first", "earlier", "guess")
ALL: Final = "all"
UNBOUNDED: Final = "all, unbounded"
WITHOUT: Final = "all but guesses"

Row = Mapping[str, Any]


def rows_of(session: Session) -> Iterator[dict[str, Any]]:
    """One for each call of a session."""
    queries = [turn.query.lower().split() for turn in session.log.turns]
    for number, (on, off) in enumerate(zip(session.on, session.off, strict=True)):
        before = session.on[:number]
        row: dict[str, Any] = {
            "topic": session.log.topic,
            "session": session.log.id,
            "call": number + 1,
            "query": on.query,
            "repeated": queries[number] in queries[:number],
            "served_from": on.served_from,
            "identical": on.results == off.results,
            "cpu_ms": on.cpu_ms,
            "guess_ms": on.guess_ms,
            **times([(one[number], other[number]) for one, other in _pairs(session, number)]),
            "offered": list(on.offered),
        }
        if number:
            page = session.pages[number]
            row["warm"] = coverage(on, page)
            row["counted"] = len(counted(on.warm))
            if row["warm"][ALL] < 1:
                row["miss"] = miss(on.query, before, session.log.goal)
        yield row


def taken_rows(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """One for each session that was asked what was guessed for it: no call of its log."""
    return [
        {"topic": each.log.topic, "session": each.log.id, "taken": each.taken[0][0].query, **times(each.taken)}
        for each in sessions
        if each.taken
    ]


def times(pairs: Sequence[tuple[Asked, Asked]]) -> dict[str, list[list[float]]]:
    """Milliseconds with prefetch and without, of waiting and of the thread's CPU."""
    return {
        "times": [[on.ms, off.ms] for on, off in pairs],
        "cpu_times": [[on.cpu_ms, off.cpu_ms] for on, off in pairs],
    }


def coverage(call: Asked, page: Sequence[str]) -> dict[str, float]:
    """Share of the page that is warm: in the pools of each origin alone, in all, in all but guesses."""
    found = {origin: share(page, held) for origin, held in by_origin(call.warm)}
    found[WITHOUT] = share(page, counted([pool for pool in call.warm if pool.origin != "guess"]))
    found[ALL] = share(page, counted(call.warm))
    found[UNBOUNDED] = share(page, counted(call.warm, None, None))
    return found


def miss(query: str, before: Sequence[Asked], goal: str) -> str:
    """Why a page was not warm, by the words of its query that neither the goal nor an earlier query has."""
    known = tokens_of(goal).union(*(tokens_of(call.query) for call in before))
    new = {token for token in tokens_of(query) - known if len(token) > 2}
    if not new:
        return "no new word"
    guessed = frozenset[str]().union(*(tokens_of(text) for text in before[-1].offered))
    if new & guessed:
        return "a new word was offered"
    displayed = frozenset[str]().union(*(tokens_of(call.displayed) for call in before))
    if new <= displayed:
        return "all new words were displayed, none offered"
    return "some new words were displayed, none offered" if new & displayed else "no new word was displayed"


def summary(
    name: str, plan: PrefetchPlan, holds: Mapping[str, Any], sessions: Sequence[Session], rows: Sequence[Row]
) -> dict[str, Any]:
    """measures.json."""
    later = [row for row in rows if row["call"] > 1]
    fresh = [row for row in later if not row["repeated"]]
    return {
        "set": name,
        "plan": {"k": plan.k, "objective": plan.objective, "repeats": plan.repeats, "topics": plan.topics},
        "collection": {key: holds[key] for key in ("documents", "passages", "generation")},
        "sessions": len(sessions),
        "calls": len(rows),
        "later": len(later),
        "repeated": len(later) - len(fresh),
        "coverage": covered(fresh),
        "interval": interval(fresh),
        "misses": dict(Counter(row["miss"] for row in fresh if "miss" in row).most_common()),
        "repeated_coverage": covered([row for row in later if row["repeated"]]).get(ALL),
        "guesses": spent(sessions),
        "saved": saved(rows) | {"taken": ratio(taken_rows(sessions))},
        "unlike": sum(not row["identical"] for row in rows),
    }


def interval(rows: Sequence[Row]) -> list[float] | None:
    """Bootstrap percentile interval of how many pages are wholly warm; topics are drawn, not calls, for sessions of one
    topic are alike."""
    if not rows:
        return None
    topics = sorted({row["topic"] for row in rows})
    warm = np.array([sum(row["warm"][ALL] == 1 for row in rows if row["topic"] == topic) for topic in topics])
    calls = np.array([sum(row["topic"] == topic for row in rows) for topic in topics])
    draws = np.random.default_rng(SEED).integers(0, len(topics), (BOOTSTRAP_SAMPLES, len(topics)))
    shares = warm[draws].sum(axis=1) / calls[draws].sum(axis=1)
    return [float(each) for each in np.quantile(shares, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])]


def covered(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """origin -> how many pages are wholly warm, and the mean share; a call without such a pool has 0 of it."""
    names = [origin for origin in ORIGINS if any(origin in row["warm"] for row in rows)]
    shares = {name: [row["warm"].get(name, 0.0) for row in rows] for name in (*names, WITHOUT, ALL, UNBOUNDED)}
    return {
        name: {"whole": float(np.mean([each == 1 for each in found])), "share": float(np.mean(found))}
        for name, found in shares.items()
        if found
    }


def spent(sessions: Sequence[Session]) -> dict[str, Any]:
    """CPU time of guesses, by the engine's account and by the process's clock; `share_of_a_session` has its worst."""
    accounts = [session.account for session in sessions]
    total = {key: sum(account[key] or 0 for account in accounts) for key in ("issued", "dropped", "used", "late")}
    guessed = sum(account["cpu_ms"] for account in accounts)
    wasted = sum(account["wasted_cpu_ms"] for account in accounts)
    calls = sum(call.cpu_ms for session in sessions for call in session.on)
    clock = sum(call.guess_ms for session in sessions for call in session.on)
    later = sum(len(session.on) - 1 for session in sessions)
    shares = [account["cpu_share"] or 0.0 for account in accounts]
    return total | {
        "a_call": total["issued"] / max(1, later + len(sessions)),
        "cpu_ms": guessed,
        "wasted_cpu_ms": wasted,
        "calls_cpu_ms": calls,
        "waste": wasted / max(1e-9, calls + guessed),
        "clock_cpu_ms": clock,
        "waste_by_clock": (wasted + clock - guessed) / max(1e-9, calls + clock),
        "sessions_above": float(np.mean([share > 0.25 for share in shares])) if shares else 0.0,
        "worst_session": max(shares, default=0.0),
        "coverage": total["used"] / max(1, later),
        "precision": total["used"] / max(1, total["issued"]),
        "saved_ms_accounted": sum(account["saved_ms"] for account in accounts),
    }


def saved(rows: Sequence[Row]) -> dict[str, Any]:
    """Of calls that a guess served, of other later calls, and of all later calls: time with prefetch over time
    without, the medians of a call's pairs."""
    later = [row for row in rows if row["call"] > 1]
    groups = {
        "predicted": [row for row in later if row["served_from"] == USED],
        "others": [row for row in later if row["served_from"] != USED],
    }
    return {name: ratio(found) for name, found in (*groups.items(), ("later calls", later))}


def ratio(rows: Sequence[Row]) -> dict[str, Any]:
    """Medians over calls of their own medians: milliseconds, and the share saved with a bootstrap interval of that
    median; `saved_cpu`: of CPU time, which a busy machine does not lengthen."""
    if not rows:
        nothing = ("with_ms", "without_ms", "saved", "interval", "saved_cpu", "cpu_interval")
        return {"calls": 0, "pairs": 0} | dict.fromkeys(nothing)
    waited = np.array([np.median(np.array(row["times"]), axis=0) for row in rows])
    worked = np.array([np.median(np.array(row["cpu_times"]), axis=0) for row in rows])
    gains, cpu_gains = (1 - each[:, 0] / each[:, 1] for each in (waited, worked))
    return {
        "calls": len(rows),
        "pairs": sum(len(row["times"]) for row in rows),
        "with_ms": float(np.median(waited[:, 0])),
        "without_ms": float(np.median(waited[:, 1])),
        "saved": float(np.median(gains)),
        "interval": median_interval(gains),
        "saved_cpu": float(np.median(cpu_gains)),
        "cpu_interval": median_interval(cpu_gains),
    }


def median_interval(values: NDArray[np.float64]) -> list[float]:
    """Bootstrap percentile interval of the median."""
    draws = np.random.default_rng(SEED).integers(0, len(values), (MEDIAN_SAMPLES, len(values)))
    medians = np.median(values[draws], axis=1)
    return [float(each) for each in np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])]


def _pairs(session: Session, number: int) -> list[tuple[Sequence[Asked], Sequence[Asked]]]:
    """The runs of a session in which this call was answered as in the first one."""
    served = session.on[number].served_from
    again = [(on, off) for on, off in session.again if on[number].served_from == served]
    return [(session.on, session.off), *again]


# ------------------------------------------------------------ Markdown


def markdown(body: Mapping[str, Any]) -> str:
    """report.md."""
    held, told = body["collection"], "sent" if body["plan"]["objective"] else "not sent"
    head = (
        f"# Prefetch: {body['set']}\n\n{body['sessions']} sessions, {body['calls']} calls, {body['later']} of them "
        f"after the first, {body['repeated']} of those a repeated query; {held['documents']:,} documents, "
        f"{held['passages']:,} passages; the goal is {told} as objective.\n"
    )
    parts = [head, coverage_table(body), misses_table(body), guesses_table(body), saved_table(body)]
    return "\n".join(parts) + f"\nCalls whose results differ with prefetch and without: {body['unlike']}.\n"


def coverage_table(body: Mapping[str, Any]) -> str:
    rows = [["pools", "whole top five", "share of it"]]
    rows += [[name, f"{one['whole']:.3f}", f"{one['share']:.3f}"] for name, one in body["coverage"].items()]
    return markdown_table(rows)


def misses_table(body: Mapping[str, Any]) -> str:
    return markdown_table([["a page was not warm, and", "calls"], *([k, str(v)] for k, v in body["misses"].items())])


def guesses_table(body: Mapping[str, Any]) -> str:
    one = body["guesses"]
    rows = [["guesses", "a call", "used", "waste", "waste by the process's clock", "sessions above 25%"]]
    figures = [f"{one['a_call']:.2f}", str(one["used"]), f"{one['waste']:.3f}", f"{one['waste_by_clock']:.3f}"]
    rows.append([str(one["issued"]), *figures, f"{one['sessions_above']:.3f}"])
    return markdown_table(rows)


def saved_table(body: Mapping[str, Any]) -> str:
    rows = [["later calls", "calls", "pairs", "ms with", "ms without", "saved", "saved, CPU"]]
    names = {"taken": "a guess that was asked"}
    for name, one in body["saved"].items():
        if one["calls"]:
            times = [f"{one['with_ms']:.2f}", f"{one['without_ms']:.2f}"]
            times += [f"{one['saved']:.1%}", f"{one['saved_cpu']:.1%}"]
            rows.append([names.get(name, name), str(one["calls"]), str(one["pairs"]), *times])
    return markdown_table(rows)
