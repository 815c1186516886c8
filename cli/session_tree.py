"""A session for a person: given its read-back, draws a tree of its branches with what each call added.

With lines and colours on a terminal, indented plain text elsewhere: a log is read by people too. Not for what a session
is (sessions/readback.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from sessions.events import MAIN

INDENT: Final = "  "


@dataclass
class Node:
    """One line of the tree. `style` counts on a terminal."""

    text: str
    style: str = ""
    inner: list[Node] = field(default_factory=list)

    def add(self, text: str, style: str = "") -> Node:
        node = Node(text, style)
        self.inner.append(node)
        return node


def draw(body: dict[str, Any], console: Console | None = None) -> None:
    """Print the tree of a read-back."""
    console = console or Console(highlight=False)
    root = tree_of(body)
    if not console.is_terminal:
        console.print("\n".join(_lines(root)), markup=False, soft_wrap=True)
        return
    drawn = Tree(_marked(root))
    _grow(drawn, root)
    console.print(drawn)


def tree_of(body: dict[str, Any]) -> Node:
    """The session, its trunk, and every branch at the event where it begins."""
    session = body["session"]
    ends = f", until {session['expires']}" if session["expires"] else ", kept"
    root = Node(f"session {session['id']}: {session['seq']} events{ends}", "bold")
    if session["objective"] or session["first_query"]:
        root.add(f"goal: {body['profile']['goal']}", "dim")
    if session["folded"]:
        root.add(f"events up to {session['folded']} are folded into the summary", "dim")
    terms = body["profile"].get("terms")
    if terms:
        told = ", ".join(f"{term['term']} {term['weight']:.2f} ({term['from']})" for term in terms)
        root.add(f"profile: {told}", "dim")
    branches = {branch["id"]: branch for branch in body["branches"]}
    _branch(root, MAIN, body, branches)
    return root


def _branch(above: Node, name: str, body: dict[str, Any], branches: dict[str, dict[str, Any]]) -> None:
    branch = branches[name]
    since = f" from event {branch['parent_seq']}" if branch["parent"] else ""
    node = above.add(f"{name}{since}", "bold cyan")
    forks = [other for other in branches.values() if other["parent"] == name]
    own = [event for event in body["events"] if event["branch"] == name]
    steps: list[tuple[int, int, Any]] = [(event["seq"], 0, event) for event in own]
    steps += [(merge["at"], 1, merge) for merge in branch["merged"]]
    steps += [(fork["parent_seq"], 2, fork) for fork in forks]
    for _, kind, step in sorted(steps, key=lambda each: each[:2]):
        if kind == 0:
            _event(node, step, _known(step, body["events"], branches))
        elif kind == 1:
            node.add(f"merged {step['from']} up to event {step['upto']}", "magenta")
        else:
            _branch(node, step["id"], body, branches)


def _event(above: Node, event: dict[str, Any], known: list[dict[str, Any]]) -> None:
    reader = f" [{event['reader']}]" if event["reader"] != event["branch"] else ""
    if event["kind"] == "note":
        said = " ".join(filter(None, (f"{event.get('note') or 'note'}{reader}:", event.get("query"))))
        above.add(f"{event['seq']} {said}", "dim")
        return
    if event["kind"] != "search":
        note = f": {event['note']}" if event.get("note") else ""
        above.add(f"{event['seq']} {event['kind']} {event['document']}{reader}{note}", "green")
        return
    shown, stubs = event["shown"], event["stubs"]
    counts = [f"{event['new']} new of {len(shown)}"]
    if stubs:
        counts.append(f"{len(stubs)} held back")
    if event.get("drifted"):
        counts.append("a new topic")
    node = above.add(f"{event['seq']} {event['query']}{reader} ({', '.join(counts)})")
    for item in _added(shown, known):
        node.add(f"+ {item['rank']} {item['title'] or item['document']}", "dim")


def _added(shown: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of `shown` was new to a reader of `known`, as far as the log tells: neither that document with that content,
    nor a near-duplicate (sessions/yields.py)."""
    contents = {item["document"]: item["content_hash"] for item in known}
    clusters = {item["cluster"] for item in known if item["cluster"]}
    return [
        item
        for item in shown
        if (
            contents[item["document"]] != item["content_hash"]
            if item["document"] in contents
            else item["cluster"] not in clusters
        )
    ]


def _known(
    event: dict[str, Any], events: list[dict[str, Any]], branches: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """What the event's reader had been shown, oldest first: under its own name, and for the default reader of a branch,
    what that of its parent had been shown up to the fork."""
    line, name, upto = {}, event["branch"], event["seq"] - 1
    while name is not None:
        line[name] = upto
        upto = min(upto, branches[name]["parent_seq"] or 0)
        name = branches[name]["parent"]
    default = event["reader"] == event["branch"]
    return [
        item
        for other in events
        if other["seq"] <= line.get(other["branch"], 0)
        and (other["reader"] == event["reader"] or (default and other["reader"] == other["branch"]))
        for item in other.get("shown", ())
    ]


def _lines(node: Node, depth: int = 0) -> Iterator[str]:
    yield INDENT * depth + node.text
    for inner in node.inner:
        yield from _lines(inner, depth + 1)


def _grow(drawn: Tree, node: Node) -> None:
    for inner in node.inner:
        _grow(drawn.add(_marked(inner)), inner)


def _marked(node: Node) -> str:
    text = escape(node.text)
    return f"[{node.style}]{text}[/]" if node.style else text
