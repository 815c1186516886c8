"""How a session's branches change: given its branches and a wish, returns them with a fork or a merge more.

Both are pointers: no event is read or copied. Pure, and the same for all stores. Not for who sees what (fold.py).
"""

from __future__ import annotations

from dataclasses import replace

from sessions.errors import BranchExists, EventError, HistoryFolded, TooManyBranches
from sessions.events import Branch, Merge
from sessions.fold import find_branch, reach_of
from sessions.ledger import Ledger
from sessions.names import checked
from sessions.settings import SessionSettings

Branches = tuple[Branch, ...]


def forked(
    branches: Branches,
    *,
    source: str,
    at: int | None,
    name: str | None,
    seq: int,
    folded: int,
    limits: SessionSettings,
) -> tuple[Branches, Branch]:
    """The branches with the new one, and the new one. `seq`: the session's last, `folded`: the summary's.

    Raises BranchNotFound, BranchExists, TooManyBranches, EventError for an `at` that is not in the log, HistoryFolded
    for one that lies inside the summary.
    """
    parent = find_branch(branches, source, "from")
    at = seq if at is None else at
    if not 0 <= at <= seq:
        raise EventError(f"there is no seq {at} to fork at; the log ends at {seq}", path="at", hint=f"0 to {seq}")
    if at < folded:
        raise HistoryFolded(
            f"events up to {folded} are folded into the summary; nothing can fork at {at}",
            path="at",
            hint=f"fork at {folded} or later",
        )
    if len(branches) >= limits.branches:
        raise TooManyBranches(
            f"the session has {len(branches)} branches, as many as it may have", path="branch", hint="merge into one"
        )
    taken = {branch.id for branch in branches}
    if name is None:
        name = next(f"b{number}" for number in range(2, len(taken) + 3) if f"b{number}" not in taken)
    elif checked("branch", name) in taken:
        raise BranchExists(f"there is a branch {name!r} already", path="branch", hint="leave it out to have one named")
    while parent.parent is not None and at < parent.parent_seq:
        parent = find_branch(branches, parent.parent)
    branch = Branch(name, parent.id, at)
    return (*branches, branch), branch


def merged(
    branches: Branches, ledger: Ledger, *, source: str, into: str, folded: int, limits: SessionSettings
) -> tuple[Branches, Branch]:
    """The branches with the merge at the ledger's seq, and the branch that has it; the very same branches when that
    merge is there already. Raises BranchNotFound, TooManyBranches, and EventError for a merge with itself."""
    giver, taker = find_branch(branches, source, "from"), find_branch(branches, into, "into")
    if source == into:
        raise EventError(f"branch {into!r} cannot be merged into itself", path="into", hint="name another branch")
    now = ledger.seq
    earlier = [merge for merge in taker.merged if merge.source == source]
    last = max(earlier, key=lambda merge: merge.upto, default=None)
    if last is not None and last.upto == now:
        return branches, taker
    if last is not None and not _has_news(giver, ledger, last.upto):
        merges = tuple(replace(merge, upto=now) if merge is last else merge for merge in taker.merged)
    else:
        merges = (*taker.merged, Merge(source, now, now))
    after = _needed(
        tuple(replace(branch, merged=merges) if branch is taker else branch for branch in branches), into, folded
    )
    taker = find_branch(after, into)
    if sum(len(branch.merged) for branch in after) > limits.merges:
        raise TooManyBranches(
            f"the session has {limits.merges} merges, as many as it may have", path="from", hint="merge less often"
        )
    return after, taker


def splits(ledger: Ledger, branch: str, at: int) -> bool:
    """Whether a cut of `branch` at `at` goes through one of its trails: then the log has to be folded anew."""
    return any(
        key.branch == branch and key.era < at and trail.touched is not None and trail.touched.seq > at
        for key, trail in ledger.trails.items()
    )


def _has_news(giver: Branch, ledger: Ledger, since: int) -> bool:
    """Whether anything was added to the branch, or merged into it, after `since`."""
    if any(merge.at > since for merge in giver.merged):
        return True
    return any(
        key.branch == giver.id and trail.touched is not None and trail.touched.seq > since
        for key, trail in ledger.trails.items()
    )


def _needed(branches: Branches, into: str, folded: int) -> Branches:
    """The branches without those merges of `into` that a later one of the same source stands for. No as-of and no fork
    can go back before `folded`; what every branch knows there is what it knew, so all that it knows later is, too."""
    known = _reaches(branches, folded)
    for merge in find_branch(branches, into).merged:
        if not any(
            other.source == merge.source and merge.at < other.at <= folded
            for other in find_branch(branches, into).merged
        ):
            continue
        fewer = tuple(
            replace(branch, merged=tuple(kept for kept in branch.merged if kept is not merge))
            if branch.id == into
            else branch
            for branch in branches
        )
        if _reaches(fewer, folded) == known:
            branches = fewer
    return branches


def _reaches(branches: Branches, seq: int) -> list[dict[str, int | None]]:
    return [reach_of(branch.id, branches, seq)[0] for branch in branches]
