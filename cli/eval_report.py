"""`forage eval report`: plots and tables of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[list[str], typer.Argument(help="folders of forage eval, or NAME=FOLDER")],
    out: Annotated[Path, typer.Option(help="folder for report.html, report.md, report.json")],
    baseline: Annotated[str | None, typer.Option(help="a name or folder; the first of each set by default")] = None,
    measure: Annotated[str | None, typer.Option(help="of runs: the one that is tested and drawn; nDCG@10")] = None,
    title: Annotated[str, typer.Option(help="of the page")] = "Evaluation",
) -> None:
    """One page with plots of any results, the same as Markdown and JSON; no script, nothing loaded."""
    from cli.progress import Reporter
    from eval.reporting.build import write_report
    from eval.reporting.document import Points

    with Reporter("report") as reporter:
        made = write_report(results, out, baseline=baseline, measure=measure, title=title, progress=reporter.update)
    for block in made.sections[0].blocks:
        if isinstance(block, Points):
            typer.echo("\n".join(block.items))
    typer.echo(f"written to {out}: report.html, report.md, report.json")
