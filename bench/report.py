"""What a benchmark found: given tables, prints them, keeps them, and with --write puts them into docs/performance.md.

    python -m bench.report [--cache DIR] [--write]     every table of the latest runs again

A table carries the command that made it and the machine it ran on. Not for measuring.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from bench.tables import markdown, replace_table

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
RESULTS: Final = "results"
FIGURE: Final = 3
"""Significant digits of a figure: more is noise."""


@dataclass(frozen=True)
class Table:
    """`rows[0]` is the head. `notes` stand below, each a sentence."""

    name: str
    command: str
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    when: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))

    def text(self) -> str:
        notes = "".join(f"\n\n{note}" for note in (*self.notes, f"{self.when}, {machine()}."))
        return markdown(self.rows) + notes


def default_cache() -> Path:
    """FORAGE_BENCH_CACHE, or a folder of the user's: what benchmarks download and build is kept there."""
    chosen = os.environ.get("FORAGE_BENCH_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "forage-bench"


def figure(value: float) -> str:
    """Three significant digits, no exponent."""
    if value == 0:
        return "0"
    digits = max(0, FIGURE - 1 - int(f"{value:e}".partition("e")[2]))
    return f"{value:,.{digits}f}"


def machine() -> str:
    """Cores, processor and load: what the figures depend on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{os.cpu_count()} cores of {name}, load {os.getloadavg()[0]:.1f}"


def publish(tables: Sequence[Table], cache: Path, write: bool) -> None:
    """Print; keep below `cache`; with `write`, put each into docs/performance.md."""
    folder = cache / RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        text = table.text()
        (folder / f"{table.name}.json").write_bytes(orjson.dumps({**asdict(table), "text": text}))
        print(f"\n{table.name}\n\n{text}", flush=True)
        if write:
            replace_table(PAGE, table.name, table.command, text)


def options(description: str) -> argparse.ArgumentParser:
    """What every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("web", type=Path, help="folder with web-sites-dev.json (and web-known-dev/)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for what is downloaded and built")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    return parser


def main() -> None:
    parser = argparse.ArgumentParser(description="The tables of the latest runs.")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--write", action="store_true", help="put them into docs/performance.md")
    chosen = parser.parse_args()
    for path in sorted((chosen.cache / RESULTS).glob("*.json")):
        kept = orjson.loads(path.read_bytes())
        print(f"\n{kept['name']}\n\n{kept['text']}")
        if chosen.write:
            replace_table(PAGE, kept["name"], kept["command"], kept["text"])


if __name__ == "__main__":
    main()
