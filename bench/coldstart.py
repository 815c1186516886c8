"""How soon a server answers, and what it holds in memory: given the documentation web, measures `forage serve`.

    python -m bench.coldstart WEB [--starts 7] [--write]

From spawning the process to the first answered search on 50,000 passages, the page cache warm; then resident memory
after 100 different searches in sessions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import cpu_seconds, median, private_mb, rss_mb
from bench.prepared import prepared, queries
from bench.report import Table, figure, options, publish
from bench.server import serving

GOAL_S: Final = 1.5
GOAL_MB: Final = 400
SEARCHES: Final = 100


def start(folder: Path, query: str) -> tuple[float, float]:
    """(seconds from spawn to the first answer, CPU seconds spent on it)."""
    with serving(folder) as server:
        client = server.client()
        client.search({"query": query})
        return time.perf_counter() - server.spawned, cpu_seconds(server.pid)


def memory(folder: Path, texts: Sequence[str]) -> tuple[float, float]:
    """(resident MB, the private part of it) after these searches."""
    with serving(folder) as server:
        client = server.client()
        for number, text in enumerate(texts):
            client.search({"query": text, "session_id": f"coldstart-{number % 10}"})
        return rss_mb(server.pid), private_mb(server.pid)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data folder that is there already; default: one is made")
    parser.add_argument("--starts", type=int, default=7)
    chosen = parser.parse_args()
    folder = chosen.data or prepared(chosen.web, chosen.cache)
    texts = queries(folder, chosen.web, SEARCHES)
    start(folder, texts[0])  # warms the page cache
    starts = [start(folder, text) for text in texts[: chosen.starts]]
    resident, private = memory(folder, texts)
    seconds, cpu = [wall for wall, _ in starts], [spent for _, spent in starts]
    rows = [
        ["", "measured", "goal"],
        ["spawn to first answer, median s", figure(median(seconds)), f"≤ {GOAL_S}"],
        ["fastest and slowest s", f"{figure(min(seconds))} to {figure(max(seconds))}", ""],
        ["CPU s until then, median", figure(median(cpu)), ""],
        [f"resident MB after {SEARCHES} searches", figure(resident), f"≤ {GOAL_MB}"],
        ["of it private MB (the rest is mapped files)", figure(private), ""],
    ]
    command = f"python -m bench.coldstart WEB --starts {chosen.starts}"
    publish(
        [Table("coldstart", command, rows, [f"{chosen.starts} starts, page cache warm."])], chosen.cache, chosen.write
    )


if __name__ == "__main__":
    main()
