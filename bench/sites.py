"""The documentation web on disk: given a data folder and a cache folder, returns hosts with their pages' files.

`packages(data, cache)` fetches the Debian packages that web-sites-dev.json names (apt-get, checksums checked);
`core_sites(data, cache)` unpacks core-sites-html.tar.zst instead, a quarter of the pages and no apt. What a request
for a host and a path means (file, redirect, nothing) is `Web.answer`; serving is web.py's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

LIST: Final = "web-sites-dev.json"
CORE: Final = "core-sites-html.tar.zst"
FIRST_PAGES: Final = ("index.html", "index.en.html", "en-US/index.html", "en/index.html", "contents.html")
EPOCH: Final = 1_640_995_200  # 2022-01-01: where invented dates begin
YEAR_S: Final = 365 * 86_400


@dataclass(frozen=True)
class Site:
    """One package: the files below `folder` are served at http://host + prefix."""

    host: str
    prefix: str
    folder: Path
    package: str

    def pages(self) -> Iterator[tuple[str, Path]]:
        """(URL path, file) of every HTML page, in order of path."""
        for root, folders, files in os.walk(self.folder, followlinks=True):
            folders.sort()
            below = Path(root).relative_to(self.folder).as_posix()
            for name in sorted(files):
                path = Path(root, name)
                if name.endswith((".html", ".htm")) and path.is_file():  # not a dangling link
                    yield self.prefix + (name if below == "." else f"{below}/{name}"), path

    def first(self) -> str:
        """The path of a page to start from."""
        for name in FIRST_PAGES:
            if (self.folder / name).is_file():
                return self.prefix + name
        return next(self.pages())[0]


@dataclass(frozen=True)
class Web:
    """All sites, and the rules by which other addresses lead to them."""

    sites: Sequence[Site]
    redirects: Sequence[tuple[re.Pattern[str], str]] = ()
    aliases: Sequence[tuple[re.Pattern[str], re.Pattern[str], str, str]] = ()
    names: frozenset[str] = field(default_factory=frozenset)  # hosts that only redirect

    @cached_property
    def by_host(self) -> dict[str, list[Site]]:
        """Host -> its sites, longest prefix first."""
        found: dict[str, list[Site]] = {}
        for site in sorted(self.sites, key=lambda s: -len(s.prefix)):
            found.setdefault(site.host, []).append(site)
        return found

    @property
    def hosts(self) -> list[str]:
        return sorted({*self.by_host, *self.names})

    def seeds(self) -> list[str]:
        """One URL for each site."""
        return [f"http://{site.host}{quote(site.first())}" for site in self.sites]

    def file(self, host: str, path: str) -> Path | None:
        """The file or folder behind a decoded path, or None. Never outside its site."""
        for site in self.by_host.get(host, ()):
            if path.startswith(site.prefix) and ".." not in path.split("/") and "\0" not in path:
                found = site.folder / path[len(site.prefix) :].lstrip("/")
                if found.exists():
                    return found
        return None

    def answer(self, host: str, path: str) -> Path | str | None:
        """A file to send, a URL to redirect to, or None for 404. `path` is decoded and begins with a slash."""
        for pattern, target in self.redirects:
            if match := pattern.match(path):
                return match.expand(target)
        found = self.file(host, path)
        if found is not None and found.is_file():
            return found
        if found is not None and (found / "index.html").is_file():
            return found / "index.html" if path.endswith("/") else f"http://{host}{quote(path)}/"
        for of_host, of_path, to_host, to_path in self.aliases:
            match = of_path.match(path) if of_host.fullmatch(host) else None
            if match is None:
                continue
            target = to_path.format(*(group or "" for group in match.groups()))
            for candidate in (target, target + ".html", target.rstrip("/") + "/index.html"):
                page = self.file(to_host, candidate)
                if page is not None and page.is_file() and (to_host, candidate) != (host, path):
                    return f"http://{to_host}{quote(candidate)}"
        return None

    def robots(self, host: str) -> str:
        return f"User-agent: *\nDisallow: /private/\nSitemap: http://{host}/sitemap.xml\n"

    def sitemap(self, host: str) -> str:
        """Every page of the host, with its date. The largest has some 4,000: far from the protocol's 50,000."""
        rows = [
            f"<url><loc>{escape(f'http://{host}{quote(path)}')}</loc>"
            f"<lastmod>{time.strftime('%Y-%m-%d', time.gmtime(page.stat().st_mtime))}</lastmod></url>"
            for site in self.by_host.get(host, ())
            for path, page in site.pages()
        ]
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        return head + "\n".join(rows) + "\n</urlset>\n"


def http_date(seconds: float) -> str:
    return formatdate(int(seconds), usegmt=True)


def packages(data: Path, cache: Path, *, sets: Sequence[str] = ("dev",), only: Sequence[str] = ()) -> Web:
    """The whole web from Debian's packages (95 MB to fetch, once). `only`: these packages.

    Raises RuntimeError naming the package when apt-get cannot get that version or its checksum is another.
    """
    listed = json.loads((data / LIST).read_text("utf-8"))
    chosen = [s for s in listed["sites"] if s["set"] in sets and (not only or s["package"] in only)]
    cache.mkdir(parents=True, exist_ok=True)
    missing = [site for site in chosen if not (cache / site["package"] / ".whole").exists()]
    if missing and not _known_to_apt(missing[0]):
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=subprocess.DEVNULL)
    for site in missing:
        _unpack(site, _download(site, cache / "debs"), cache / site["package"])
    sites = [_site(site, cache) for site in chosen]
    return _web(listed, sites)


def core_sites(data: Path, cache: Path) -> Web:
    """4,231 pages of 16 packages, from the archive in the data folder. Pages there carry no date: each gets one
    that depends on its path alone."""
    import zstandard

    listed = json.loads((data / LIST).read_text("utf-8"))
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / "core"
    if not target.exists():
        scratch = cache / f".core-{os.getpid()}"
        with (
            (data / CORE).open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
                archive.extraction_filter = tarfile.data_filter
            archive.extractall(scratch)
        for page in scratch.rglob("*"):
            if page.is_file():
                moment = EPOCH + zlib.crc32(page.relative_to(scratch).as_posix().encode()) % YEAR_S
                os.utime(page, (moment, moment))
        try:
            scratch.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(scratch)
    sites = [_site(site, target) for site in listed["sites"] if (target / site["package"]).exists()]
    return _web(listed, sites)


def _site(entry: dict[str, Any], folder: Path) -> Site:
    return Site(entry["host"], entry["prefix"], folder / entry["package"] / entry["root"].lstrip("/"), entry["package"])


def _web(listed: dict[str, Any], sites: Sequence[Site]) -> Web:
    hosts = {site.host for site in sites}
    aliases = [entry for entry in listed["aliases"] if entry["to_host"] in hosts]
    # a redirect's target is a URL: its host must be one of ours, or the crawl would leave the machine
    redirects = [entry for entry in listed["redirects"] if entry["to"].split("/")[2] in hosts]
    return Web(
        sites,
        [(re.compile(r["from"]), re.sub(r"\$(\d)", r"\\\1", r["to"])) for r in redirects],
        [(re.compile(a["host"]), re.compile(a["path"]), a["to_host"], a["to_path"]) for a in aliases],
        frozenset(name for entry in aliases for name in _names(entry["host"])),
    )


def _names(pattern: str) -> Iterator[str]:
    """The host names that such a pattern means: alternatives, each with an optional www."""
    for alternative in pattern.split("|"):
        plain = alternative.replace("\\.", ".")
        bare = plain.removeprefix("(?:www.)?")
        yield bare
        if bare != plain:
            yield f"www.{bare}"


def _known_to_apt(site: dict[str, Any]) -> bool:
    done = subprocess.run(["apt-cache", "show", f"{site['package']}={site['version']}"], capture_output=True)
    return done.returncode == 0 and bool(done.stdout)


def _download(site: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target: Path = folder / site["deb"]
    if not target.exists():
        wanted = f"{site['package']}={site['version']}"
        done = subprocess.run(["apt-get", "download", "-q", wanted], cwd=folder, capture_output=True, text=True)
        if not target.exists():
            raise RuntimeError(f"apt-get cannot download {wanted}: {done.stderr.strip()[-300:]}")
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != site["deb_sha256"]:
        target.unlink()
        raise RuntimeError(f"{target.name} has the checksum {digest}, not {site['deb_sha256']} as {LIST} says")
    return target


def _unpack(site: dict[str, Any], deb: Path, target: Path) -> None:
    scratch = target.with_name(f".{target.name}-{os.getpid()}")
    subprocess.run(["dpkg-deb", "-x", str(deb), str(scratch)], check=True)
    (scratch / ".whole").touch()
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
