"""`forage crawl` and `forage index --from-warc`, where a site, an archive or an argument is not as it should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_commands import forage
from tests.web.server import Site, page

TEXT = "This page is about {0}; it says so at some length, in words that no other page has: {0} {0}."


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        names = [f"/{number}" for number in range(12)]
        running.routes |= {name: page(name, *names, text=TEXT.format(f"subject{name[1:]}")) for name in ("/", *names)}
        yield running


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{url}",), "--allow-private"),
        (("http://me:secret@127.0.0.1/", "--allow-private"), "user name or password"),
        (("{url}", "--allow-private", "--depth", "\N{SUPERSCRIPT TWO}"), "--depth"),
        (("{url}", "--allow-private", "--depth", "-1"), "--depth"),
        (("{url}", "--allow-private", "--depth", "9" * 5_000), "up to 1,000"),
        (("{url}", "--allow-private", "--allow-host", "exa mple"), "not a host"),
        (("{url}", "--allow-private", "--exclude", "["), "regular expression"),
    ],
)
def test_a_refused_crawl_leaves_nothing_behind(
    tmp_path: Path, site: Site, arguments: tuple[str, ...], said: str
) -> None:
    """One clear line, no traceback, no folder: neither for a new collection nor for the one that always exists."""
    data = tmp_path / "data"
    for more in ((), ("--collection", "new")):
        output = forage(data, "crawl", *(each.replace("{url}", site.url) for each in arguments), *more, fails=True)
        assert said in output
        assert "Traceback" not in output
        assert "secret" not in output
        assert len(output) < 400
    assert not data.exists()
    assert not site.log


def test_an_archive_that_is_damaged_is_read_and_said_to_be(tmp_path: Path, site: Site) -> None:
    """With pages waiting, it ends; what was crawled before stays searchable; the file stays as it is."""
    data = tmp_path / "data"
    forage(data, "crawl", site.url, "--allow-private", "--max-pages", "5", "--collection", "w")
    path = data / "w" / "warc" / "forage-00001.warc.gz"
    with path.open("r+b") as file:
        file.seek(-1500, os.SEEK_END)
        file.write(b"\xff\xff")
    before = path.read_bytes()
    output = forage(data, "index", "--collection", "w", "--from-warc")
    assert "notice: forage-00001.warc.gz is damaged in 1 place, at byte " in output
    assert "documents: 5" in output
    assert path.read_bytes() == before
    output = forage(data, "crawl", site.url, "--allow-private", "--collection", "w")
    assert path.read_bytes() == before
    assert "documents: 13" in forage(data, "index", "--collection", "w")


@pytest.mark.parametrize("junk", [None, b"hello\n"])
def test_an_archive_without_its_frontier(tmp_path: Path, site: Site, junk: bytes | None) -> None:
    """Copied alone and cut, or no archive at all: it ends, and says what it did not read."""
    data = tmp_path / "data"
    forage(data, "crawl", site.url, "--allow-private", "--max-pages", "5", "--collection", "w")
    whole = (data / "w" / "warc" / "forage-00001.warc.gz").read_bytes()
    path = data / "copy" / "warc" / "forage-00001.warc.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[: len(whole) // 2] if junk is None else junk)
    before = path.read_bytes()
    output = forage(data, "index", "--collection", "copy", "--from-warc")
    assert path.name in output
    assert ("is damaged in 1 place" if junk is None else "holds no readable record") in output
    assert path.read_bytes() == before
    forage(data, "crawl", site.url, "--allow-private", "--collection", "copy")
    assert path.read_bytes() == before
    assert "documents: 13" in forage(data, "index", "--collection", "copy")
