"""`forage eval compare`: paired tests between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    out_a: Annotated[Path, typer.Argument(help="a folder of forage eval run or measure")],
    out_b: Annotated[Path, typer.Argument(help="another one, on the same topics")],
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="exit 1 when B is significantly worse")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="print the tests as JSON")] = False,
) -> None:
    """Paired randomisation test of B against A, Holm-corrected over the measures; wins and losses count topics."""
    import orjson

    from eval.adhoc.report import markdown_table, rows_of_comparison
    from eval.compare import compare_folders, told

    found = compare_folders(out_a, out_b)
    worse = [row.measure for row in found.tests if row.significant and row.difference < 0]
    if json:
        typer.echo(orjson.dumps(told(found), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(markdown_table(rows_of_comparison(found.tests)), nl=False)
        for name, a, b in found.untested:
            typer.echo(f"{name}: A {a:.4f}, B {b:.4f} (how much of what they show is judged; not tested)")
    if fail_if_worse and worse:
        typer.echo(f"B is worse on {', '.join(worse)}", err=True)
        raise typer.Exit(1)
