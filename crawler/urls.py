"""Given the text of a URL, returns the one form under which a page is known.

Host and port by us (IDNA 2008, trailing dot, numeric IPv4 forms, default ports, no credentials); path by
courlan then w3lib, because neither alone is enough (courlan leaves `..`, w3lib leaves `//`); tracking
parameters by courlan's list, the others sorted by w3lib. Idempotent. Not for deciding whether a URL is worth
fetching: scope.py and traps.py do that. What is fetched is the address as it was found (`fetchable`): a
server may care about what the canonical form evens out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import idna
from courlan import normalize_url
from courlan.clean import TRACKERS_RE
from w3lib.url import canonicalize_url, safe_url_string

from crawler.errors import UrlError
from ranking.shown import shown

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ALREADY: Final = re.compile(
    r"https?://(?:(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,20}|localhost"
    r"|(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!/|:)|(?=[/:]))){4})(?::(?!80/|443/)(?:[1-9]\d{0,3}|[1-5]\d{4}))?"
    r"/(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?)?",
    re.ASCII,
)
"""URLs that are canonical as they stand: the common case, decided without parsing."""
_SESSION: Final = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?]*", re.IGNORECASE)
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_CONTROL: Final = "".join(map(chr, range(0x21))) + "\x7f"
_INNER: Final = re.compile("[\x00-\x20\x7f]")
_NO_LOGIN: Final = "leave out what stands before the @: pages behind a login cannot be crawled"
_ROUNDS: Final = 5  # each round undoes one layer of escaping; real URLs settle in two
_PLACE: Final = "http://h.example"  # stands for the host while courlan and w3lib do the path
_BINARY_ENDINGS: Final = (
    "7z aac apk avi bin bmp bz2 cab class css csv deb dmg doc docx eot epub exe flac gif gz ico iso jar jpeg jpg js "
    "json m4a m4v mjs mkv mov mp3 mp4 mpeg mpg msi odp ods odt ogg ogv otf pcap png ppt pptx psd rar rpm so svg tar "
    "tgz tif tiff ttf wasm wav webm webp wmv woff woff2 xls xlsx xz zip zst"
)
_BINARY: Final = frozenset(_BINARY_ENDINGS.split())
"""File endings that never hold a readable page; a link to one is not followed."""


def canonical(url: str) -> str:
    """The form of `url` that names its page. Raises UrlError unless it is http(s) with a valid host."""
    url = url.partition("#")[0]
    if _ALREADY.fullmatch(url):
        return url
    return _canonical(url)


def seed(url: str) -> str:
    """`canonical` of a URL that is given to a crawl. Raises UrlError, also for one with a user name or password: there
    is no login, and what is secret must be neither kept nor shown."""
    try:
        name = canonical(url)
        secret = "@" in _split(url.partition("#")[0]).netloc
    except UrlError as error:
        if "@" not in url:
            raise
        raise UrlError(
            "not a URL that can be crawled (not repeated here: it may hold a password)", path="urls", hint=_NO_LOGIN
        ) from error
    if secret:
        raise UrlError(f"the URL of {netloc(name)} has a user name or password in it", path="urls", hint=_NO_LOGIN)
    return name


@lru_cache(maxsize=65_536)
def _canonical(url: str) -> str:
    current = url
    for _ in range(_ROUNDS):
        following = _once(current)
        if following == current:
            return current
        current = following
    raise UrlError(f"this URL does not settle on one form: {shown(url, 200)}")


def _once(url: str) -> str:
    parts = _split(url)
    path = _SESSION.sub("", parts.path) or "/"
    pieces = [piece for piece in parts.query.split("&") if piece and not _tracks(piece)]
    try:
        clean = normalize_url(_PLACE + path)
        whole = canonicalize_url(clean + ("?" + "&".join(pieces) if pieces else ""))
    except ValueError as error:
        raise UrlError(f"not a URL that can be fetched: {shown(url, 200)} ({error})") from error
    return f"{parts.scheme}://{authority(parts)}{whole[len(_PLACE) :]}"


def _tracks(piece: str) -> bool:
    return TRACKERS_RE.search(piece.partition("=")[0].lower()) is not None


def _split(url: str) -> SplitResult:
    """Parts of `url`, scheme lower case; UrlError unless it is http(s) with a host."""
    text = url.strip(_CONTROL).replace("\t", "").replace("\n", "").replace("\r", "")
    text = _INNER.sub(lambda match: f"%{ord(match[0]):02X}", text)
    head, mark, query = text.partition("?")
    try:
        parts = urlsplit(head.replace("\\", "/") + mark + query)  # as browsers do for http
        _ = parts.port
    except ValueError as error:
        raise UrlError(f"not a URL: {shown(url, 200)} ({error})") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise UrlError(
            f"only http and https can be crawled, not {shown(url, 200)}",
            hint="write the whole URL: https://example.org/",
        )
    if not parts.hostname:
        raise UrlError(f"this URL names no host: {shown(url, 200)}")
    return parts


def authority(parts: SplitResult) -> str:
    """`host` or `host:port` of a split URL, the default port left out."""
    host = _host(parts.hostname or "")
    port = parts.port
    return host if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def _host(host: str) -> str:
    name = host.rstrip(".").lower()
    if ":" in name:
        try:
            return f"[{ipaddress.IPv6Address(name.partition('%')[0]).compressed}]"
        except ValueError as error:
            raise UrlError(f"not an IPv6 address: {host!r}") from error
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError as error:
            raise UrlError(f"not a host name: {host!r} ({error})") from error
    if _NUMERIC.fullmatch(name):
        # 0x7f.1, 2130706433 and 017700000001 are 127.0.0.1 to every resolver: say so before anything is decided.
        try:
            return socket.inet_ntoa(socket.inet_aton(name))
        except OSError as error:
            raise UrlError(f"not an IPv4 address: {host!r}") from error
    if not _HOST.fullmatch(name) or len(name) > 253 or any(not 0 < len(label) < 64 for label in name.split(".")):
        raise UrlError(f"not a host name: {shown(host, 100)}")
    return name


def fetchable(url: str) -> str:
    """The address to send a request to: `url` without its fragment, made safe, nothing else changed."""
    url = url.partition("#")[0]
    if _ALREADY.fullmatch(url):
        return url
    parts = _split(url)
    try:
        return safe_url_string(parts._replace(netloc=authority(parts), path=parts.path or "/").geturl())
    except ValueError as error:
        raise UrlError(f"not a URL that can be fetched: {shown(url, 200)} ({error})") from error


def absolute(base: str, reference: str) -> str:
    """`reference` (of a Location header) seen from `base`. Raises UrlError."""
    try:
        return urljoin(base, reference.strip())
    except ValueError as error:
        raise UrlError(f"not a URL: {shown(reference, 200)} ({error})") from error


def document_id(url: str) -> str:
    """Id of the page at this canonical URL: 32 hexadecimal digits (BLAKE2b, 16 bytes)."""
    return hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def origin(url: str) -> str:
    """`scheme://authority` of a canonical URL: what one robots.txt speaks for."""
    return url[: url.index("/", 8)]


def netloc(url: str) -> str:
    """`host[:port]` of a canonical URL."""
    return url.split("/", 3)[2]


def host(url: str) -> str:
    """Host of a canonical URL without its port: what one lane serves and what a document's `site` is."""
    name = netloc(url)
    return name if name.endswith("]") else name.partition("]:")[0] + "]" if "]:" in name else name.partition(":")[0]


def port(url: str) -> int:
    """Port of a canonical URL."""
    parts = urlsplit(url)
    return parts.port or DEFAULT_PORTS[parts.scheme]


def looks_binary(url: str) -> bool:
    """Whether the path ends like an image, an archive, a style sheet: not worth a request."""
    path = url.partition("?")[0]
    return path[path.rfind("/") + 1 :].rpartition(".")[2].lower() in _BINARY and "." in path[path.rfind("/") + 1 :]
