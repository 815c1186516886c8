"""`forage doctor`: checks install, model, disk and redis."""

from __future__ import annotations

from typing import Final

import typer

MARKS: Final = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor() -> None:
    """Check this installation; exit 1 when something is broken."""
    from api.settings import Settings
    from cli.doctor import run_checks

    failed = False
    settings = Settings()
    for check in run_checks(settings.data, settings.model, settings.redis_url):
        typer.echo(f"{MARKS[check.status]}  {check.name}: {check.detail}")
        if check.status != "ok" and check.advice:
            typer.echo(f"      {check.advice}")
        failed = failed or check.status == "fail"
    if failed:
        raise typer.Exit(1)
