"""The link graph: given every page's raw links, returns authority, inlink counts and inbound anchor texts per row.

PageRank (Brin and Page 1998) by power iteration on a scipy.sparse matrix, with two departures, both against
boilerplate (one footer can hold 5,463 links to one page):

- A link weighs c^-p, where c is the number of pages of its site that link to the same page. Between sites p = 1: a
  site votes once for a page, from however many pages. Inside a site p = 0.5: links still count, as the root of their
  number, or every page of a site would weigh the same.
- What a page's links lose by that is not shared out among its other links but teleports, like the mass of pages
  without links. So a page that holds nothing but a menu does not hand its whole weight to the menu.

authority = 1 - ln(rank) / ln(pages + 1), rank 1 for the most linked-to page, equal rank for equal PageRank, 0 for a
page that nothing links to: a log-scaled percentile. It is monotone in PageRank, is in [0, 1], and does not move
when one page runs away from all others. Not for query time: all of this is arrays in the overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from indexer.limits import LinkLimits
from indexer.rows import edges_of
from indexer.snapshot import Page
from ranking.types import Doubles, Hashes, Longs

_LARGEST = np.iinfo(np.int64).max
AnchorTexts = Callable[[Sequence[int]], Mapping[int, str]]
"""Keys of anchor texts -> the texts."""


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """Arrays over all N global rows; rows without a live document are 0."""

    authority: Doubles  # [0, 1]
    inlinks: Longs  # distinct pages that link to it, itself not counted
    anchors: Mapping[int, str]  # row -> distinct texts of its inbound links, best first, one a line


@dataclass(frozen=True, slots=True)
class Edges:
    """Followed links whose target is a live page, without links of a page to itself; parallel arrays."""

    source: Longs
    target: Longs
    text: Hashes  # key of the anchor text; 0: none
    site: Longs  # of every row (not of every edge); -1: no live document
    sites: int


def link_graph(
    pages: Iterable[Page],
    aliases: Iterable[tuple[int, str]],
    rows: Mapping[str, int],
    size: int,
    anchor_texts: AnchorTexts,
    limits: LinkLimits | None = None,
) -> LinkGraph:
    """`rows`: document id -> global row of every live document; `size`: N. Pages without a row are left out."""
    limits = limits or LinkLimits()
    edges = resolve(pages, aliases, rows, size)
    source, target, _ = count_pairs(edges.source, edges.target, size)
    rank = pagerank(source, target, edges.site, limits)
    inlinks = np.bincount(target, minlength=size).astype(np.int64)
    return LinkGraph(
        authority=authority_of(rank, inlinks, edges.site >= 0),
        inlinks=inlinks,
        anchors=inbound_texts(edges, anchor_texts, limits),
    )


def resolve(pages: Iterable[Page], aliases: Iterable[tuple[int, str]], rows: Mapping[str, int], size: int) -> Edges:
    """Links to rows, through the URL keys of pages and aliases. Of two pages with one key the smaller id gets it."""
    site = np.full(size, -1, dtype=np.int64)
    numbers: dict[str, int] = {}
    owners: dict[int, str] = {}
    sources: list[int] = []
    counts: list[int] = []
    blobs: list[bytes] = []
    for page in pages:
        row = rows.get(page.id)
        if row is None:
            continue
        site[row] = numbers.setdefault(page.site, len(numbers))
        if page.key is not None and page.id < owners.get(page.key, page.id + "\0"):
            owners[page.key] = page.id
        if page.edges:
            sources.append(row)
            blobs.append(page.edges)
            counts.append(len(page.edges) // 16)
    for key, id in aliases:
        if id in rows:
            owners.setdefault(key, id)
    edges = edges_of(b"".join(blobs))
    source = np.repeat(np.array(sources, dtype=np.int64), counts)
    keys = np.array(sorted(owners), dtype=np.uint64)
    target = np.full(len(edges), -1, dtype=np.int64)
    if len(keys) and len(edges):
        row_of_key = np.array([rows[owners[int(key)]] for key in keys], dtype=np.int64)
        at = np.minimum(np.searchsorted(keys, edges[:, 0]), len(keys) - 1)
        found = keys[at] == edges[:, 0]
        target[found] = row_of_key[at[found]]
    kept = (target >= 0) & (target != source)
    return Edges(source[kept], target[kept], edges[kept, 1], site, len(numbers))


def pagerank(source: Longs, target: Longs, site: Longs, limits: LinkLimits) -> Doubles:
    """PageRank of every row, 1 in all, of distinct (source, target) pairs weighted as in the module."""
    size = len(site)
    live = site >= 0
    if not live.any():
        return np.zeros(size)
    teleport: Doubles = live / live.sum()
    weight = link_weights(source, target, site, limits)
    out = np.bincount(source, minlength=size)
    moves = sparse.csr_array((weight / out[source], (target, source)), shape=(size, size))
    rank: Doubles = teleport
    for _ in range(limits.max_iterations):
        passed = limits.damping * (moves @ rank)
        following = passed + (1.0 - passed.sum()) * teleport
        settled = float(np.abs(following - rank).sum()) < limits.tolerance
        rank = np.asarray(following, dtype=np.float64)
        if settled:
            break
    return rank


def link_weights(source: Longs, target: Longs, site: Longs, limits: LinkLimits) -> Doubles:
    """c^-p of each distinct (source, target) pair."""
    votes = sparse.csr_array(
        (np.ones(len(source)), (site[source], target)), shape=(max(site.max(initial=0) + 1, 1), len(site))
    )
    votes.sum_duplicates()
    count = np.asarray(votes[site[source], target]).reshape(-1)
    own = site[source] == site[target]
    return np.asarray(count ** -np.where(own, limits.own_exponent, limits.foreign_exponent), dtype=np.float64)


def authority_of(rank: Doubles, inlinks: Longs, live: NDArray[np.bool_]) -> Doubles:
    """Log-scaled percentile of PageRank; see the module."""
    authority = np.zeros(len(rank))
    linked = np.flatnonzero(live & (inlinks > 0))
    if not len(linked):
        return authority
    rounded = np.round(rank * live.sum(), 9)  # equal up to the noise of the iteration
    ascending = np.sort(rounded[live])
    above = len(ascending) - np.searchsorted(ascending, rounded[linked], side="right")
    authority[linked] = 1.0 - np.log1p(above) / np.log1p(len(ascending))
    return authority


def inbound_texts(edges: Edges, anchor_texts: AnchorTexts, limits: LinkLimits) -> dict[int, str]:
    """Row -> the texts that name it. A text with which one site names many pages ("next", "permalink") names none
    of them: that is what drops boilerplate, in every language, without a list."""
    spoken = edges.text != 0
    keys, text = np.unique(edges.text[spoken], return_inverse=True)
    if not len(keys):
        return {}
    speech = edges.site[edges.source[spoken]] * len(keys) + text  # a site saying a text
    speech, target, links = count_pairs(speech, edges.target[spoken], len(edges.site))
    starts = np.flatnonzero(np.diff(speech, prepend=-1))
    targets = np.diff(np.append(starts, len(speech)))
    pages_of_site = np.bincount(edges.site[edges.site >= 0], minlength=edges.sites)
    most = np.maximum(limits.anchor_targets, limits.anchor_target_share * pages_of_site[speech[starts] // len(keys)])
    telling = np.repeat(targets <= most, targets)
    named = target[telling] * len(keys) + speech[telling] % len(keys)
    named, group, sites = np.unique(named, return_inverse=True, return_counts=True)
    support = np.bincount(group, weights=links[telling], minlength=len(named))
    target, text = np.divmod(named, len(keys))
    order = np.lexsort((keys[text], -support, -sites, target))
    target, text = target[order], text[order]
    place = np.arange(len(target)) - np.searchsorted(target, target, side="left")
    target, text = target[place < limits.anchor_texts], text[place < limits.anchor_texts]
    words = anchor_texts([int(key) for key in keys[np.unique(text)]])
    return _joined(target, keys[text], words, limits.anchor_total)


def _joined(target: Longs, keys: Hashes, words: Mapping[int, str], room: int) -> dict[int, str]:
    """The texts of each target in order, one a line, as long as they fit into `room` characters."""
    lines: dict[int, list[str]] = {}
    left: dict[int, int] = {}
    for row, key in zip(target.tolist(), keys.tolist(), strict=True):
        line = words.get(key, "")
        remaining = left.get(row, room)
        if line and len(line) <= remaining:
            lines.setdefault(row, []).append(line)
            left[row] = remaining - len(line) - 1
    return {row: "\n".join(found) for row, found in lines.items()}


def count_pairs(first: Longs, second: Longs, size: int) -> tuple[Longs, Longs, Longs]:
    """Distinct (first, second) pairs, sorted, and how often each occurs; 0 <= second < size. One plain sort of
    combined numbers: ten times as fast as sorting an order of them."""
    size = max(size, 1)
    if int(first.max(initial=0)) < _LARGEST // size:
        combined = np.sort(first * size + second)
        starts = np.flatnonzero(np.diff(combined, prepend=-1))
        distinct = combined[starts]
        return *np.divmod(distinct, size), np.diff(np.append(starts, len(combined)))
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    starts = np.flatnonzero((np.diff(first, prepend=-1) != 0) | (np.diff(second, prepend=-1) != 0))
    return first[starts], second[starts], np.diff(np.append(starts, len(first)))
