"""Where two default weights come from: given the data folder, tunes them with each dev set left out, writes
docs/quality.md's table.

    python -m bench.tuned --data DIR [--work DIR] [--write]

Optuna's TPE over the weight of pairs of words and the floor of the weight of dense, from the defaults as they were
before (no pairs, floor 0.5). What was frozen and tried before is taken from the work folder. Not for other params: that
is `forage eval tune`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.engine import Engine
from api.settings import Settings
from bench.quality import QUALITY, SETS
from bench.session_quality import Told
from bench.tables import markdown, replace_table
from eval.adhoc.runs import TENANT
from eval.tuning.graded import read_measure
from eval.tuning.sets import sets_in
from eval.tuning.tune import Plan, methods_of, tune

BEFORE: Final[Mapping[str, Any]] = {"weights": {"bm25.bigram": 0.0}, "fuse": {"balance": {"floor": 0.5}}}
PAIRS: Final = "weights.bm25.bigram"
FLOOR: Final = "fuse.balance.floor"
METHOD: Final = "tpe"
TRIALS: Final = 200
COMMAND: Final = "python -m bench.tuned --data DATA --write"


def table_of(body: Mapping[str, Any]) -> str:
    """One row a set: before, and with what the other sets chose; then the mean over sets."""
    told = body["methods"][METHOD]
    rows = [["set", "topics", "before", "pairs", "floor", "chosen without it", "difference", "p (Holm)"]]
    for each in told["sets"]:
        chosen, held = told["splits"][f"without {each['set']}"], each["left_out"]
        params = [f"{chosen.get(name, default):.2f}" for name, default in ((PAIRS, 0.0), (FLOOR, 0.5))]
        row = [each["set"], f"{each['topics']:,}", f"{each['default']:.4f}", *params, f"{held['mean']:.4f}"]
        rows.append([*row, f"{held['difference']:+.4f}", f"{held['p_holm']:.4f}"])
    mean, held = told["objective"], told["objective"]["left_out"]
    params = [f"{told['params'].get(name, default):.2f}" for name, default in ((PAIRS, 0.0), (FLOOR, 0.5))]
    row = ["mean of sets (params: chosen on all)", "", f"{mean['default']:.4f}", *params, f"{held['mean']:.4f}"]
    rows.append([*row, f"{held['difference']:+.4f}", f"{held['p']:.4f}"])
    return markdown(rows)


def main() -> None:
    """Print the table; with --write also put it into docs/quality.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORAGE_TEST_DATA"))
    parser.add_argument("--work", type=Path, default=Path("build/quality"))
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("name the data folder with --data or FORAGE_TEST_DATA")
    engine = Engine(Settings(data=chosen.work / "data"))
    try:
        version = engine.put_profile("before", BEFORE, TENANT)["version"]
        plan = Plan(
            methods=methods_of(METHOD),
            measure=read_measure("nDCG@10"),
            params=(f"{PAIRS}=0..1", f"{FLOOR}=0..1"),
            trials=TRIALS,
            threads=os.cpu_count() or 1,
            profile=f"before@{version}",
            checked=50,
            frozen=chosen.work / "frozen",
        )
        body = tune(engine, sets_in(Path(chosen.data), list(SETS)), chosen.work / "tuned", plan, Told())
    finally:
        engine.close()
    table = table_of(body)
    print(table)
    if chosen.write:
        replace_table(QUALITY, "ad-hoc-left-out", COMMAND, table)


if __name__ == "__main__":
    main()
