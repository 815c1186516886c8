"""Made-up logs for the tests of sessions: short constructors, and hypothesis strategies for events."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from ranking.types import Shown
from sessions.events import Draft, Event

READERS = ("main", "a", "b")


class StoppedClock:
    """`ranking.ports.Clock` that a test moves."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.time = start

    def now(self) -> float:
        return self.time


def shown(document: str, rank: int = 1, score: float = 0.5, **changes: object) -> Shown:
    """One result; its content hash and cluster follow from its name."""
    plain = Shown(
        document=document,
        url=f"https://example.org/{document}",
        title=f"Title {document}",
        rank=rank,
        score=score,
        content_hash=f"hash-{document}",
        cluster=f"cluster-{document}",
        passages=(0,),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def page(*documents: str) -> tuple[Shown, ...]:
    """A page of results in this order."""
    return tuple(shown(document, rank, 1.0 - rank / 100) for rank, document in enumerate(documents, 1))


def search(query: str, *documents: str, **changes: object) -> Draft:
    """A draft of a search that showed these documents."""
    base: dict[str, object] = {
        "query": query,
        "body": f"body of {query}",
        "shown": page(*documents),
        "new": len(documents),
    }
    return Draft(**(base | changes))  # type: ignore[arg-type]


def event(seq: int, *documents: str, **changes: object) -> Event:
    """A search event at this seq."""
    base: dict[str, object] = {
        "seq": seq,
        "at": 1_700_000_000.0 + seq,
        "reader": "main",
        "query": f"query {seq}",
        "shown": page(*documents),
        "answer": seq,
        "snapshot_seq": seq - 1,
    }
    return Event(**(base | changes))  # type: ignore[arg-type]


texts = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
scores = st.floats(-5, 5, allow_nan=False)


KINDS = ("search", "search", "search", "open", "cite", "reject", "note")
CHOICES = st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3), st.integers(0, 255), st.integers(0, 2**32))
"""Of one event: kind, branch, reader, which of eight documents, and a seed for the rest. Few draws: they are slow."""


def results(mask: int, seed: int) -> tuple[Shown, ...]:
    """A page of the documents in the mask, in any order, in fewer clusters, with content that may change."""
    random = Random(seed)
    names = [name for name in range(8) if mask >> name & 1]
    random.shuffle(names)
    return tuple(
        Shown(
            document=f"d{name}",
            url=f"https://example.org/{name}",
            title=random.choice(("", "Title", "\u4e2d\u6587 \U0001f50d")),
            rank=rank,
            score=random.uniform(-1, 5),
            content_hash=f"h{random.randrange(2)}",
            cluster=random.choice(("", f"c{name % 3}", f"c{name % 2}")),
            passages=tuple(random.choices(range(6), k=random.randrange(4))),
            shingles=tuple(random.choices((0, 1, 7, 2**31, 2**32 - 1), k=random.randrange(4))),
        )
        for rank, name in enumerate(names, 1)
    )


def made(seq: int, choice: tuple[int, int, int, int, int], branches: tuple[str, ...]) -> Event:
    """The event that these choices stand for."""
    kind, branch = KINDS[choice[0]], branches[choice[1] % len(branches)]
    mask, seed = choice[3:]
    random = Random(seed)
    return Event(
        kind=kind,  # type: ignore[arg-type]
        branch=branch,
        reader=(branch, *READERS)[choice[2]],
        query=random.choice(("", "words", "\u4e2d\u6587")) if kind == "search" else "",
        body=random.choice(("", "x", "y")),
        shown=results(mask, seed) if kind == "search" else (),
        new=random.randrange(7),
        best_new=random.uniform(-1, 5),
        document=f"d{mask % 8}" if kind != "search" else "",
        passage=random.choice((None, 0, 5)),
        cost={name: float(random.randrange(9)) for name in ("calls", "tokens") if random.random() < 0.5},
        drifted=kind == "search" and random.random() < 0.2,
        seq=seq,
        at=random.choice((0.0, 5.5, 1.7e9 + seq, random.uniform(0, 2e9))),
        snapshot_seq=max(0, seq - 1 - random.randrange(3)),
        answer=seq,
    )


def events(
    min_size: int = 0, max_size: int = 12, branches: tuple[str, ...] = ("main",)
) -> st.SearchStrategy[list[Event]]:
    """A log with seqs 1, 2, 3..., several readers, searches and feedback."""
    return st.lists(CHOICES, min_size=min_size, max_size=max_size).map(
        lambda choices: [made(seq, choice, branches) for seq, choice in enumerate(choices, 1)]
    )
