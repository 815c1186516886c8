"""How good ranking is: given the data folder, measures BM25 alone, dense alone and the default on every ad-hoc set.

`python -m bench.quality --data DIR [--work DIR] [--write]` prints the table, and writes it into docs/quality.md.
The default is compared with the better of the two single retrievers by a paired randomisation test. Collections are
indexed once in the work folder. Not for tuning.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from api.engine import Engine
from api.settings import Settings
from bench.tables import markdown, replace_table
from eval.adhoc.evaluate import evaluate
from eval.compare import compare, read_per_query

QUALITY: Final = Path(__file__).parent.parent / "docs" / "quality.md"
SETS: Final = ("scifact", "cranfield", "cacm", "mwmbl-web-dev", "msrd-movies-dev", "cosqa-dev")
PROFILES: Final = ("bm25", "dense", "default")
MEASURE: Final = "nDCG@10"
RECALL: Final = "R@100"


def quiet(done: int, total: int, note: str) -> None:
    """Progress that says nothing."""


def measure_set(engine: Engine, folder: Path, work: Path, limit: int | None) -> list[str]:
    """One row: topics, each profile's figures, the difference to the better single retriever and its p."""
    runs = {}
    for profile in PROFILES:
        out = work / "runs" / f"{folder.name}-{profile}"
        runs[profile] = evaluate(
            engine, folder, out, {"profile": profile}, collection=None, threads=os.cpu_count() or 2, limit=limit,
            operators=False, progress=quiet,
        )  # fmt: skip
        print(
            folder.name,
            profile,
            {name: round(row["mean"], 4) for name, row in runs[profile]["measures"].items()},
            flush=True,
        )
    means = {profile: run["measures"][MEASURE]["mean"] for profile, run in runs.items()}
    better = max(PROFILES[:2], key=lambda profile: means[profile])
    rows = compare(*(read_per_query(work / "runs" / f"{folder.name}-{name}") for name in (better, "default")))
    row = next(row for row in rows if row.measure == MEASURE)
    columns = [f"{means[profile]:.4f}" for profile in PROFILES]
    recalls = [f"{runs[profile]['measures'][RECALL]['mean']:.4f}" for profile in PROFILES]
    return [
        folder.name,
        str(runs["default"]["topics"]),
        *columns,
        f"{row.difference:+.4f} ({better})",
        f"{row.p:.4f}",
        *recalls,
    ]


def main() -> None:
    """Print the table; with --write also put it into docs/quality.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORAGE_TEST_DATA"), required=False)
    parser.add_argument("--work", type=Path, default=Path("build/quality"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--limit", type=int, default=None, help="only the first topics")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the data folder with --data or FORAGE_TEST_DATA")
    engine = Engine(Settings(data=options.work / "data"))
    try:
        rows = [measure_set(engine, Path(options.data) / name, options.work, options.limit) for name in options.sets]
    finally:
        engine.close()
    head = ["set", "topics", "bm25", "dense", "default", "default - better single", "p"]
    head += ["R@100 bm25", "R@100 dense", "R@100 default"]
    table = markdown([head, *rows])
    print(table)
    if options.write:
        replace_table(QUALITY, "ad-hoc", "python -m bench.quality --data DATA --write", table)


if __name__ == "__main__":
    main()
