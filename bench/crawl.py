"""Pages per second of a crawl: given the documentation web on loopback, ours against Scrapy with trafilatura, one run.

    python -m bench.crawl WEB [--pages 4000] [--write]

nginx serves real pages (bench/web.py). Ours begins at one seed for each site and reads sitemaps and links, keeps
robots.txt, a durable frontier, WARC and documents. Scrapy is told the URLs that ours fetched, in the same run on the
same server, and only fetches and extracts. nginx' own log says what was missed and what was fetched twice.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from bench.measure import cpu_seconds, private_mb, tree
from bench.peer_venv import peer_python
from bench.report import Table, figure, options, publish
from bench.sites import Web, core_sites
from bench.web import Served, serve
from crawler.crawl import crawl
from crawler.events import CrawlEvent
from crawler.settings import CrawlSettings
from indexer.collection import create_collection

GOAL: Final = 3.0
SAMPLE_S: Final = 0.5
SHARES: Final = (0.25, 0.5, 0.75, 0.95)
HERE: Final = Path(__file__).resolve()


@dataclass(frozen=True)
class Ran:
    """One crawler's run. `memory`: (pages so far or 0, MB) over time, all its processes."""

    pages: int
    seconds: float
    cpu: float
    memory: Sequence[float]

    @property
    def rate(self) -> float:
        return self.pages / self.seconds


def ours(served: Served, seeds: Sequence[str], scratch: Path) -> Ran:
    """Our crawl in a process of its own, as `forage crawl` runs it."""
    job = scratch / "job.json"
    work = {"data": str(scratch / "data"), "seeds": list(seeds), "connect_to": served.connect_to}
    job.write_bytes(orjson.dumps(work))
    ran, out = _watched([sys.executable, str(HERE), "--child", str(job)])
    report = json.loads(out)
    return Ran(report["fetched"], report["seconds"], ran.cpu, ran.memory)


def child(job: Path) -> None:
    """The crawl itself; prints its report."""
    work = orjson.loads(job.read_bytes())
    collection = create_collection(Path(work["data"]), "web")
    settings = CrawlSettings(max_pages=1_000_000, allow_private=True, connect_to=work["connect_to"])

    def ignore(event: CrawlEvent) -> None:
        """Progress is for people."""

    with collection.documents() as documents:
        report = asyncio.run(crawl(work["seeds"], collection.folder, documents, settings, ignore))
    print(json.dumps({"fetched": report.counts.fetched, "seconds": report.seconds}))


def scrapy(served: Served, urls: Sequence[str], scratch: Path, python: Path) -> Ran:
    """Scrapy on the same URLs."""
    listed, out = scratch / "urls.txt", scratch / "scrapy.json"
    listed.write_text("\n".join(urls), "utf-8")
    spider = HERE.with_name("peer_spider.py")
    ran, _ = _watched([str(python), str(spider), str(listed), f"http://{served.address}", str(out)])
    report = json.loads(out.read_text("utf-8"))
    return Ran(report["pages"], report["seconds"], ran.cpu, ran.memory)


def _watched(command: Sequence[str]) -> tuple[Ran, str]:
    """Run to the end, with CPU time and memory of the whole process tree."""
    memory: list[float] = []
    cpu: dict[int, float] = {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            total = 0.0
            for pid in _quietly(tree, process.pid) or []:
                total += _quietly(private_mb, pid) or 0.0
                cpu[pid] = max(cpu.get(pid, 0.0), _quietly(cpu_seconds, pid) or 0.0)
            memory.append(total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} ended with status {process.returncode}")
    return Ran(0, 0.0, sum(cpu.values()), [sample for sample in memory if sample]), out


def _quietly(function: Any, pid: int) -> Any:
    """None for a process that has just ended."""
    try:
        return function(pid)
    except (OSError, ProcessLookupError):
        return None


def limited(web: Web, pages: int) -> Web:
    """Whole sites until there are so many pages, so that every page can be found by links or sitemaps."""
    chosen, count = [], 0
    for site in web.sites:
        if count >= pages:
            break
        chosen.append(site)
        count += sum(1 for _ in site.pages())
    return Web(chosen, web.redirects, web.aliases, web.names)


def tables(mine: Ran, peer: Ran, missed: int, twice: int, existing: int, command: str) -> list[Table]:
    """What is published."""
    rows = [["", "pages", "seconds", "pages/s", "pages per CPU s"]]
    for name, ran in (("Forage", mine), ("Scrapy and trafilatura", peer)):
        rows.append([name, f"{ran.pages:,}", figure(ran.seconds), figure(ran.rate), figure(ran.pages / ran.cpu)])
    rows.append(
        ["ratio", "", "", figure(mine.rate / peer.rate), figure(mine.pages / mine.cpu / (peer.pages / peer.cpu))]
    )
    notes = [
        f"Goal: {GOAL} times the pages per second. {existing:,} pages exist; missed by Forage: {missed}; fetched "
        f"twice: {twice}. Scrapy is told the URLs, follows no links and keeps nothing."
    ]
    flat = [["share of the run", "Forage MB", "Scrapy MB"]]
    flat += [[f"{share:.0%}", *(figure(_at(ran.memory, share)) for ran in (mine, peer))] for share in SHARES]
    return [
        Table("crawl", command, rows, notes),
        Table("crawl-memory", command, flat, ["Private memory of all processes together."]),
    ]


def _at(samples: Sequence[float], share: float) -> float:
    return samples[min(int(share * len(samples)), len(samples) - 1)] if samples else 0.0


def main() -> None:
    if "--child" in sys.argv:
        child(Path(sys.argv[-1]))
        return
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=4_000, help="whole sites, until there are so many pages")
    chosen = parser.parse_args()
    python = peer_python(chosen.cache)
    web = limited(core_sites(chosen.web, chosen.cache / "web"), chosen.pages)
    existing = {f"http://{site.host}{path}" for site in web.sites for path, _ in site.pages()}
    with tempfile.TemporaryDirectory() as folder, serve(web, nginx=True) as served:
        scratch = Path(folder)
        mine = ours(served, web.seeds(), scratch)
        time.sleep(1)  # nginx writes its log
        sent = Counter(unquote(url) for status, url in served.requests() if status == 200)
        fetched = {url: count for url, count in sent.items() if url in existing}
        urls = [f"http://{rest.partition('/')[0]}/{quote(rest.partition('/')[2])}" for rest in (u[7:] for u in fetched)]
        peer = scrapy(served, urls, scratch, python)
    missed, twice = existing - fetched.keys(), [url for url, count in fetched.items() if count > 1]
    for url in (*sorted(missed)[:10], *twice[:10]):
        print(f"{'missed' if url in missed else 'twice'}: {url}", file=sys.stderr)
    command = f"python -m bench.crawl WEB --pages {chosen.pages}"
    publish(tables(mine, peer, len(missed), len(twice), len(existing), command), chosen.cache, chosen.write)


if __name__ == "__main__":
    main()
