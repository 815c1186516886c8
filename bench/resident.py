"""How much memory an engine holds that only searches: given a data folder and queries, prints one line of JSON.

    python -m bench.resident FOLDER SEARCHES < queries.json

A process of its own, for one that measures other things too holds their memory as well. Nothing is recorded, so that
repeats are searched for, and pools are no part of it. Not for how long a search takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.engine import Engine
from api.settings import Settings
from bench.measure import private_mb, rss_mb

MEASURED: Final = (0.1, 1.0)
"""Shares of the searches after which it is looked at."""


def resident(folder: Path, texts: Sequence[str], searches: int) -> list[dict[str, float]]:
    """Resident and private MB of a fresh process after a tenth of the searches and after all."""
    command = [sys.executable, "-m", "bench.resident", str(folder), str(searches)]
    done = subprocess.run(command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True)
    found: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    folder, searches = Path(sys.argv[1]), int(sys.argv[2])
    texts = json.load(sys.stdin)
    engine = Engine(Settings(data=folder))
    found = []
    try:
        for number in range(searches):
            request = {
                "query": texts[number % len(texts)],
                "max_results": 10 + number % 5,
                "session": {"record": False},
            }
            engine.search(request, "default")
            if number + 1 in [round(share * searches) for share in MEASURED]:
                found.append({"resident": rss_mb(os.getpid()), "private": private_mb(os.getpid())})
    finally:
        engine.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
