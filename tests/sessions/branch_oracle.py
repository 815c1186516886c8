"""What branches know, in the slowest and most obvious way: given a log and the forks and merges as they were asked
for, counts through all of it. No eras, no trails, no pointers that stand for others: an oracle of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sessions.events import Event


@dataclass
class BranchOracle:
    """`forks`: name -> (source, seq); `merges`: (source, into, seq at which it was asked for)."""

    forks: dict[str, tuple[str, int]] = field(default_factory=dict)
    merges: list[tuple[str, str, int]] = field(default_factory=list)

    def known(self, log: Iterable[Event], branch: str, now: int) -> dict[int, Event]:
        """seq -> event, of what the branch knows when the log ends at `now`."""
        log = list(log)
        found: dict[int, Event] = {}
        visited: set[tuple[str, int]] = set()

        def visit(name: str, then: int) -> None:
            if (name, then) in visited:
                return
            visited.add((name, then))
            found.update({event.seq: event for event in log if event.branch == name and event.seq <= then})
            if name in self.forks:
                source, at = self.forks[name]
                visit(source, min(at, then))
            for source, into, at in self.merges:
                if into == name and at <= then:
                    visit(source, at)

        visit(branch, now)
        return found

    def own(self, log: Iterable[Event], reader: str | None, branch: str, now: int) -> list[Event]:
        """What this reader itself did and was shown, on its own line."""
        who = reader or branch
        line: dict[str, int] = {}
        name, limit = branch, now
        while name in self.forks:
            name, at = self.forks[name]
            limit = min(limit, at)
            line[name] = max(line.get(name, 0), limit)
        return [
            event
            for _, event in sorted(self.known(log, branch, now).items())
            if event.who == who
            or (who == branch and event.who == event.branch and event.seq <= line.get(event.branch, 0))
        ]

    def seen(self, log: list[Event], reader: str | None, branch: str, now: int) -> dict[str, tuple[int, int]]:
        """Document -> (seq of the first showing, searches since the latest)."""
        own = self.own(log, reader, branch, now)
        calls = [event.seq for event in own if event.kind == "search"]
        seen: dict[str, tuple[int, int]] = {}
        for event in own:
            for shown in event.shown:
                first = seen.get(shown.document, (event.seq, 0))[0]
                seen[shown.document] = (first, sum(1 for seq in calls if seq > event.seq))
        return seen

    def others(self, log: list[Event], reader: str | None, branch: str, now: int) -> dict[str, tuple[str, ...]]:
        """Document -> the others who were shown it."""
        own = {event.seq for event in self.own(log, reader, branch, now)}
        others: dict[str, set[str]] = {}
        for event in self.known(log, branch, now).values():
            if event.seq not in own:
                for shown in event.shown:
                    others.setdefault(shown.document, set()).add(event.who)
        return {document: tuple(sorted(names)) for document, names in others.items()}

    def queries(self, log: list[Event], reader: str | None, branch: str, now: int) -> list[str]:
        """Of the running topic."""
        asked = [event for event in self.own(log, reader, branch, now) if event.kind == "search" and event.query]
        begins = max((place for place, event in enumerate(asked) if event.drifted), default=0)
        return [event.query for event in asked[begins:]]

    def marks(self, log: list[Event], branch: str, now: int) -> dict[str, str]:
        """Document -> the kind of the latest word on it."""
        said = [event for event in self.known(log, branch, now).values() if event.document and event.kind != "note"]
        return {event.document: event.kind for event in sorted(said, key=lambda event: (event.at, event.seq))}
