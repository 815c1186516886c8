"""What a crawl may refuse.

ForageError
└── CrawlerError                 anything that the crawler raises
    ├── SettingsError            a setting is wrong or does not go with another
    ├── UrlError                 this text is no URL that a crawler can fetch
    ├── AddressError             the host resolves to an address that may not be reached
    ├── FetchError               one request failed; `retryable` says whether another try may help
    │   └── RobotsUnavailable    robots.txt cannot be had now: nothing of this site may be fetched yet
    ├── ArchiveError             a WARC record cannot be read
    ├── CrawlBusyError           another crawl holds this folder
    ├── FolderGoneError          the folder to crawl into is not there, or was deleted meanwhile
    └── ExtractionError          one page could not be read (crash, time or memory cap)
        └── NoReaderError        the machine has no process to read pages with (503, retry)

One place (api/http/errors.py) maps `code` and `status` to an answer; the crawl loop turns FetchError,
AddressError and ExtractionError of a single page into an event and goes on. NoReaderError says nothing of the page: it
ends a crawl, and the next one reads the page from the archive.
"""

from __future__ import annotations

from typing import Literal

from ranking.errors import ForageError

FetchKind = Literal["connect", "timeout", "protocol", "too_large", "encoding", "status", "unsupported"]


class CrawlerError(ForageError):
    """Anything that the crawler raises."""

    code = "crawler_error"


class SettingsError(CrawlerError):
    code = "invalid_setting"
    status = 422


class UrlError(CrawlerError):
    code = "invalid_url"
    status = 422


class AddressError(CrawlerError):
    code = "address_refused"
    status = 422


class FetchError(CrawlerError):
    """`kind`: connect, timeout, protocol, too_large, encoding, status or unsupported."""

    code = "fetch_failed"
    status = 502

    def __init__(self, message: str, *, kind: FetchKind, retryable: bool, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.seconds = seconds


class RobotsUnavailable(FetchError):
    """`retry_at` is epoch seconds; None when every attempt of this crawl is used up."""

    code = "robots_unavailable"

    def __init__(self, message: str, *, retry_at: float | None) -> None:
        super().__init__(message, kind="status", retryable=retry_at is not None)
        self.retry_at = retry_at


class ArchiveError(CrawlerError):
    code = "archive_unreadable"


class CrawlBusyError(CrawlerError):
    code = "crawl_running"
    status = 409
    retryable = True


class FolderGoneError(CrawlerError):
    code = "collection_not_found"
    status = 404


class ExtractionError(CrawlerError):
    code = "extraction_failed"


class NoReaderError(ExtractionError):
    code = "no_reader"
    status = 503
    retryable = True
