"""Notices of long work, for people: given them as the lanes report them, writes one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import typer


def tell(notices: Iterable[Mapping[str, str]]) -> None:
    """One line a notice, on standard error: they are no part of the result."""
    for notice in notices:
        typer.echo(f"notice: {notice['message']}", err=True)
