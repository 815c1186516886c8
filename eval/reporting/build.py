"""The report, start to end: given result folders, writes OUT/report.html, report.md and report.json, all or none.

Everything is read, checked and drawn before the first file is written. Not for results: it changes none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import orjson

from eval.errors import RunError
from eval.folders import writable, write_whole
from eval.reporting.data import data
from eval.reporting.document import Report, Section
from eval.reporting.figures import Field
from eval.reporting.groups import SessionGroup, check_baseline, run_groups, session_groups
from eval.reporting.latency import latency_section
from eval.reporting.markdown import markdown
from eval.reporting.notes import found_section, limits_section, ran_section, reading_section
from eval.reporting.page import page
from eval.reporting.prefetch import prefetch_section
from eval.reporting.prefetch import sentences as prefetch_sentences
from eval.reporting.results import Prefetch, Result, Tuning, read_result
from eval.reporting.runs import deciding, fields, run_section, tested
from eval.reporting.sessions import deciding as session_deciding
from eval.reporting.sessions import session_fields, session_section, tested_sessions
from eval.reporting.tuning import sentences, tuning_section

TITLE: Final = "Evaluation"
Progress = Callable[[int, int, str], None]


def write_report(
    given: Sequence[str],
    out: Path,
    *,
    baseline: str | None = None,
    measure: str | None = None,
    title: str = TITLE,
    progress: Progress = lambda done, total, note: None,
) -> Report:
    """`given`: folders, or NAME=FOLDER. RunError for what is no result; nothing is written then."""
    if not given:
        raise RunError("no results are given", hint="name folders that forage eval wrote")
    results = []
    for number, each in enumerate(given, start=1):
        results.append(read_result(each))
        progress(number, len(given), "reading")
    progress(0, 0, "comparing")
    report = report_of(results, baseline=baseline, measure=measure, title=title)
    html = page(report, lambda done, total: progress(done, total, "drawing"))
    files = {
        "report.html": html.encode(),
        "report.md": markdown(report).encode(),
        "report.json": orjson.dumps(data(report), option=orjson.OPT_INDENT_2),
    }
    write_whole(writable(out), files)
    return report


def report_of(
    results: Sequence[Result], *, baseline: str | None = None, measure: str | None = None, title: str = TITLE
) -> Report:
    """Sections appear when there is something for them."""
    runs, sessions = run_groups(results, baseline), session_groups(results, baseline)
    check_baseline(baseline, runs, sessions)
    decides = deciding(runs, measure) if runs else ""
    pairs = tested(runs, decides) if runs else ()
    session_pairs = tested_sessions(sessions)
    tunings = [each for each in results if isinstance(each, Tuning)]
    sections: list[Section] = []
    if runs:
        sections.append(run_section(runs, decides, pairs))
        if timed := fields(runs, decides):
            sections.append(latency_section("Quality and time of searches", decides, timed, "searches"))
    for group in sessions:
        own = [each for each in session_pairs if each.set == group.name]
        sections += [session_section(group, own)]
    sections += _session_times(sessions)
    warmed = [each for each in results if isinstance(each, Prefetch)]
    sections += [prefetch_section(each) for each in warmed]
    sections += [tuning_section(each) for each in tunings]
    told = [line for each in warmed for line in prefetch_sentences(each)]
    told += [line for each in tunings for line in sentences(each)]
    return Report(
        title,
        (
            found_section(pairs, session_pairs, told),
            *sections,
            ran_section(results),
            reading_section(results),
            limits_section(results, pairs, session_pairs),
        ),
    )


def _session_times(groups: Sequence[SessionGroup]) -> list[Section]:
    """A section for each deciding measure: one plot has one scale."""
    found: dict[str, list[Field]] = {}
    for group in groups:
        found.setdefault(session_deciding(group), []).extend(session_fields([group]))
    many = len(found) > 1
    return [
        latency_section(f"Quality and time of calls{f': {measure}' if many else ''}", measure, own, "calls")
        for measure, own in found.items()
        if own
    ]
