"""Words around the numbers: given results and pairs, returns what was found, what was run, how to read it, and what it
cannot show.

Written from the results alone: nothing is claimed that a table below does not say. Not for tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from eval.compare import PERMUTATIONS, SIGNIFICANCE
from eval.compare import SEED as PAIRED_SEED
from eval.measures import BOOTSTRAP_SAMPLES, CONFIDENCE
from eval.measures import SEED as BOOTSTRAP_SEED
from eval.reporting.document import Cell, Number, Points, Section, Table
from eval.reporting.pairs import Pair
from eval.reporting.results import AdHoc, Prefetch, Result, Sessions, Tuning

FEW: Final = 50
"""Topics below which a bootstrap interval is known to be too short (Sakai 2016 asks for 50 and more)."""


def found_section(runs: Sequence[Pair], sessions: Sequence[Pair], told: Sequence[str]) -> Section:
    """One line a comparison; `told`: what tunings say of themselves."""
    lines = [_line(each, 1.0, ".4f", "") for each in runs]
    lines += [_line(each, 100.0, ".1f", " points") for each in sessions]
    if not lines and not told:
        lines = ["Nothing is compared: there is one system a set."]
    return Section("What was found", (Points((*lines, *told)),))


def _line(pair: Pair, scale: float, form: str, unit: str) -> str:
    difference, low, high = (f"{scale * each:+{form}}" for each in (pair.difference, pair.low, pair.high))
    figures = f"{difference}{unit} {pair.measure} ({low} to {high}; p {pair.p:.4f}, Holm {pair.p_holm:.4f})"
    who = f"{pair.set}: {pair.name} against {pair.baseline}"
    if pair.significant:
        return f"{who}: {pair.verdict}, {figures}."
    finds = "" if pair.detectable is None else f" Detectable here: {scale * pair.detectable:{form}}{unit}."
    return f"{who}: {pair.verdict}, {figures}.{finds}"


def ran_section(results: Sequence[Result]) -> Section:
    """Every folder, and what was asked."""
    head = ("folder", "of", "set", "topics", "generation", "seed", "at once", "measured at")
    asked = tuple((str(each.folder), each.name, _json(_asked(each))) for each in results)
    return Section(
        "What was run",
        (
            Table("Folders of results", head, tuple(map(_ran, results))),
            Table("What was asked", ("folder", "name", "request or plan"), asked),
        ),
    )


def _ran(each: Result) -> tuple[Cell, ...]:
    body = each.body
    latency = body.get("latency") or {}
    if isinstance(each, AdHoc):
        kind, of, threads = "topics", each.set, latency.get("threads")
    elif isinstance(each, Sessions):
        kind, of = "sessions", each.set
        threads = next((times.get("threads") for times in latency.values()), None)
    elif isinstance(each, Prefetch):
        kind, of, threads = "prefetch", each.set, None
    else:
        kind, of, threads = "tuning", ", ".join(_sets(body)), None
    return (
        str(each.folder),
        kind,
        of,
        Number(body.get("topics"), "d"),
        str(body.get("generation") or (body["collection"]["generation"] if isinstance(each, Prefetch) else "-")),
        Number(_seed(body), "d"),
        Number(threads, "d"),
        each.measured_at,
    )


def _asked(each: Result) -> Any:
    return each.body.get("request" if isinstance(each, AdHoc) else "plan")


def _sets(body: Any) -> list[str]:
    sets = body.get("sets", ())
    return [str(each.get("name", "")) if isinstance(each, dict) else str(each) for each in sets]


def _seed(body: Any) -> Any:
    return body.get("seed", (body.get("plan") or {}).get("seed"))


def _json(value: Any) -> str:
    return orjson.dumps(value or {}).decode()


def reading_section(results: Sequence[Result], compared: bool = True) -> Section:
    """How every number came about; `compared`: there are tests to explain."""
    lines = [
        f"Intervals are bootstrap percentile intervals of {100 * CONFIDENCE:.0f} % over topics, {BOOTSTRAP_SAMPLES:,} "
        f"samples, seed {BOOTSTRAP_SEED}; of a difference, over the differences topic by topic. They are corrected for "
        "nothing: one may leave out zero where the corrected test does not."
    ]
    if compared:
        lines += [
            f"p is of a two-sided paired randomisation test on the mean, {PERMUTATIONS:,} permutations, seed "
            f"{PAIRED_SEED}. p (Holm) is corrected over the rows of its table. A star, and the words better and worse, "
            f"stand for a p (Holm) below {SIGNIFICANCE:g}.",
            "Detectable is the smallest true difference that a test at 0.05 on these topics finds four times in five, "
            "from the spread of the differences that were seen. What is smaller may exist and stay unseen.",
            "Wins and losses count topics, however small their difference.",
        ]
    if any(isinstance(each, Sessions) for each in results):
        lines.append(
            "Points are hundredths. Of sessions a question's value is its mean over agents and readers, so there are "
            "as many independent observations as questions."
        )
    return Section("How to read this", (Points(tuple(lines)),))


def limits_section(results: Sequence[Result], runs: Sequence[Pair], sessions: Sequence[Pair]) -> Section:
    """What nobody should conclude."""
    pairs = [*runs, *sessions]
    lines = []
    unseen = [each for each in pairs if not each.significant]
    if unseen:
        lines.append(
            f"{len(unseen)} of {len(pairs)} comparisons cannot be told from chance. That is no proof that the systems "
            "are equal: see what was detectable."
        )
    few = sorted({each.set for each in pairs if each.topics < FEW})
    if few:
        lines.append(f"{', '.join(few)}: fewer than {FEW} topics; intervals of so few are themselves unsure.")
    if any(isinstance(each, AdHoc) for each in results):
        lines.append(
            "Documents that nobody judged count as not relevant. A system that finds what the judges never saw is "
            "measured too low."
        )
        lines.append("If a system's params were chosen on these topics, its figures here are too good.")
    lines += _generations(results)
    if any(isinstance(each, Sessions) for each in results):
        lines.append(
            "Simulated agents do not understand what they read, and recorded ones would have asked differently after "
            "other answers: no figure of sessions says how a model would react."
        )
        lines.append(
            "Systems of one session run ask many of the same queries one after the other: the first pays for embedding "
            "them. Its times are not comparable with those of the others."
        )
    if any(isinstance(each, Prefetch) for each in results):
        lines.append(
            "Recorded sessions ask what they asked, whatever was warm: how often an agent would take an offer is not "
            "in them, and queries that a program made are no evidence for people."
        )
    if any(isinstance(each, Tuning) for each in results):
        lines.append("In-sample figures of a tuning are always too good; only what was left out while tuning counts.")
    lines.append("Times are of one machine and one moment.")
    return Section("What cannot be concluded", (Points(tuple(lines)),))


def _generations(results: Sequence[Result]) -> list[str]:
    by_set: dict[str, set[str]] = {}
    for each in results:
        if isinstance(each, AdHoc | Sessions) and each.body.get("generation"):
            by_set.setdefault(each.set, set()).add(str(each.body["generation"]))
    return [
        f"{name} was searched in {len(found)} generations of its index ({', '.join(sorted(found))}): differences may "
        "be the index's."
        for name, found in by_set.items()
        if len(found) > 1
    ]
