"""Patterns that every Python from 3.11 on reads alike."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[\d,]*\})\+")
"""`(?:...)*+`: before 3.11.5 it ends where its last, failed round stopped (gh-106052)."""


def test_no_pattern_repeats_a_group_possessively() -> None:
    """`(?>(?:...)*)` says the same and is right everywhere; of single characters, `[a-z]*+` is right, too."""
    assert POSSESSIVE_GROUP.search(r"(?:a|b)++")
    assert POSSESSIVE_GROUP.search(r"(?>a|b){0,20}+")
    assert not POSSESSIVE_GROUP.search(r"(?>(?:a|b)+)\(\)++[ab]*+")
    parts = ("ranking", "indexer", "crawler", "sessions", "api", "eval", "cli", "bench", "scripts")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for part in parts
        for path in sorted((ROOT / part).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if POSSESSIVE_GROUP.search(line) and not line.lstrip().startswith(("`", '"""', "#"))
    ]
    assert found == []
