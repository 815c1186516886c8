"""`forage eval features` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_commands import forage
from tests.eval.sets import multi_hop


def test_features_are_dumped_and_wrong_files_are_named(tmp_path: Path) -> None:
    """Params come from a file, weights over them; what cannot be read is one line and no folder."""
    data, out, params = multi_hop(tmp_path / "set"), tmp_path / "out", tmp_path / "params.json"
    params.write_text('{"weights": {"recency": 1}, "fuse": {"balance": {"floor": 3}}}')
    told = forage(
        tmp_path / "data", "eval", "features", "--data", str(data), "--out", str(out), "--params", str(params),
        "--weights", "dense=2", "--depth", "4",
    )  # fmt: skip
    assert "set: 3 topics, 12 rows, " in told
    assert "6 relevant documents" in told
    body = json.loads((out / "features.json").read_text())
    assert body["request"] == {"weights": {"recency": 1, "dense": 2.0}, "fuse": {"balance": {"floor": 3}}}
    assert body["resolved"]["fuse"]["balance"]["floor"] == 3.0
    assert len((out / "features.letor").read_text().splitlines()) == 12 + len(body["signals"])

    options = ("eval", "features", "--data", str(data), "--out", str(tmp_path / "none"), "--params", str(params))
    for text, said in [
        ('{\n"weights": ', "params.json line 2: not JSON"),
        ("[1]", "holds no JSON object"),
        ('{"wieghts": {}}', "wieghts"),
    ]:
        params.write_text(text)
        assert said in forage(tmp_path / "data", *options, fails=True)
    assert not (tmp_path / "none").exists()
