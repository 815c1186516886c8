"""An answer for a person: given the body of a search, prints it."""

from __future__ import annotations

import textwrap
from typing import Any

from rich.console import Console
from rich.markup import escape

SNIPPET_CHARACTERS = 220


def show_answer(answer: dict[str, Any], snippets: bool = True, replayed: bool = False) -> None:
    """Results with what the session did to them, then stubs, notices and timing. `replayed`: it was made before."""
    console = Console(highlight=False, soft_wrap=True)
    for hit in answer["results"]:
        marks = []
        if hit["seen"]:
            marks.append(f"[yellow]seen in call {hit['seen']['seq']}[/yellow]")
        if hit["stateless_rank"] != hit["rank"]:
            marks.append(f"[dim]rank {hit['stateless_rank']} without the session and caps[/dim]")
        console.print(
            f"[bold]{hit['rank']:>3}[/bold] {escape(hit['title'] or '(no title)')}  "
            f"[dim]{hit['score']:.3f}[/dim] {' '.join(marks)}"
        )
        console.print(f"    [blue]{escape(hit['url'] or hit['id'])}[/blue]")
        if snippets and hit["passages"]:
            text = " ".join(hit["passages"][0]["text"].split())
            console.print(
                textwrap.indent(escape(textwrap.shorten(text, SNIPPET_CHARACTERS, placeholder=" ...")), "    ")
            )
        if hit.get("contributions"):
            parts = ", ".join(f"{name} {value:.3f}" for name, value in hit["contributions"].items() if value)
            console.print(f"    [dim]{escape(parts)}[/dim]")
    for stub in answer["stubs"]:
        console.print(
            f"  [dim]- shown in call {stub['shown_at']}, would rank {stub['rank_now']}: {escape(stub['title'])}[/dim]"
        )
    for notice in answer["notices"]:
        console.print(f"  [yellow]{notice['code']}[/yellow]: {escape(notice['message'])}")
    session = answer["session"]
    if session:
        console.print(
            f"  [dim]session {answer['session_id']}: call {session['seq']}, "
            f"{'as answered before, ' if replayed else ''}{session['new']} new, "
            f"{session['shown_before']} shown before, {answer['trace']['total_ms']:.1f} ms[/dim]"
        )
    else:
        console.print(f"  [dim]{answer['trace']['total_ms']:.1f} ms, no session[/dim]")
