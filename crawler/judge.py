"""What an answer says of its page, its body unread: the same for one that came just now and for one in the archive.

Given page and answer, returns the Outcome. Pure. Not for answers after which the page is asked for again (visit.py).
"""

from __future__ import annotations

import hashlib
from typing import Final

from crawler import urls
from crawler.errors import UrlError
from crawler.fetch import Fetched
from crawler.frontier import Page
from crawler.outcomes import Outcome
from crawler.reading import Reading
from crawler.scope import Scope
from crawler.settings import CrawlSettings

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_GOOD: Final = frozenset({200, 203})


def judge(page: Page, answer: Fetched) -> Outcome:
    """gone, failed, unchanged (304), unread (by its type), or archived: the body is to be kept and read."""
    status = answer.status
    etag, modified = answer.header("etag"), answer.header("last-modified")
    if status == 304 and (page.etag or page.modified):
        return Outcome(page, "unchanged", status, etag=etag, modified=modified)
    if status in _GONE:
        return Outcome(page, "gone", status, f"status {status}")
    if status not in _GOOD:
        return Outcome(page, "failed", status, f"status {status}")
    if answer.unread:
        return Outcome(page, "unread", status, reading=Reading(reason=f"{answer.content_type} holds no page"))
    return Outcome(
        page, "archived", status, at=answer.at, etag=etag, modified=modified, payload=_digest(answer.body),
        size=len(answer.raw),
    )  # fmt: skip


def redirect(
    page: Page, answer: Fetched, scope: Scope, settings: CrawlSettings, *, anywhere: bool = False
) -> tuple[Outcome | None, Scope]:
    """Where a redirect leads (None: to the same page under another spelling), and the scope, which grows when a seed
    leads to another host. `anywhere`: the scope is not known yet, so that no page is outside."""
    try:
        found = urls.absolute(answer.address, answer.header("location") or "")
        target, address = urls.canonical(found), urls.fetchable(found)
    except UrlError as error:
        return Outcome(page, "failed", answer.status, f"redirects to nowhere: {error.message}"), scope
    other_scheme = target.partition(":")[2] == page.url.partition(":")[2] and target != page.url
    if page.seed and (other_scheme or not (scope.allows(target) or settings.allow_hosts)):
        scope = scope.with_page(target)
    elif not other_scheme:
        target = scope.name(target)
        address = target[: target.index(":")] + address[address.index(":") :]
    if target == page.url:
        return None, scope
    inside = anywhere or scope.allows(target)
    reason = "" if inside else f"redirects out of the crawl's hosts: {target}"[:500]
    target = target if inside else ""
    return Outcome(page, "redirect", answer.status, reason, target=target, target_address=address), scope


def _digest(body: bytes) -> bytes:
    """What tells whether a body is the same again (20 bytes)."""
    return hashlib.sha1(body, usedforsecurity=False).digest()
