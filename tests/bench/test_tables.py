"""Tables in documents, and figures in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import PAGE, Table, figure, publish
from bench.tables import markdown, replace_table


def test_replaces_what_stands_between_its_markers_and_nothing_else(tmp_path: Path) -> None:
    """Twice the same table gives the same file; its neighbours stay."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table: x -->\nold\n<!-- end -->\nb\n<!-- table: y -->\nkept\n<!-- end -->\n", "utf-8")
    for _ in range(2):
        replace_table(page, "x", r"run \1 it", markdown([["name", "n"], ["a|b", "1"]]))
    assert page.read_text("utf-8") == (
        "a\n<!-- table: x -->\n`run \\1 it`\n\n| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n<!-- end -->\n"
        "b\n<!-- table: y -->\nkept\n<!-- end -->\n"
    )


@pytest.mark.parametrize("text", ["", "<!-- table: x -->\n", "<!-- table: x -->\n<!-- end -->\n" * 2])
def test_refuses_a_page_without_one_place_for_the_table(tmp_path: Path, text: str) -> None:
    """A table never lands where nobody looks, and nothing is written then."""
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="places for the table 'x'"):
        replace_table(page, "x", "run", "table")
    assert page.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (999.6, "1,000"), (45678, "45,678")],
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    """More digits of a measurement are noise; whole digits are never rounded away."""
    assert figure(value) == shown


def test_the_page_has_a_place_for_every_benchmark_table() -> None:
    """What a benchmark names is what docs/performance.md holds."""
    text = PAGE.read_text("utf-8")
    names = {
        "search", "search-floor", "search-stages", "opened", "opened-memory", "peers", "peers-recall", "coldstart",
        "crawl", "crawl-memory", "sessions", "sessions-state", "sessions-load",
    }  # fmt: skip
    assert names == {part.partition(" -->")[0] for part in text.split("<!-- table: ")[1:]}


def test_publishing_keeps_the_table_and_leaves_the_page_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --write a run only prints, and remembers for bench.report."""
    before = PAGE.read_bytes()
    publish([Table("search", "run it", [["a"], ["1"]], ["Note."])], tmp_path, write=False)
    assert PAGE.read_bytes() == before
    assert "| 1 |" in capsys.readouterr().out
    assert (tmp_path / "results" / "search.json").exists()
