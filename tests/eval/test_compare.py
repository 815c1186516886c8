"""Paired tests against values worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.compare import compare, compare_folders, holm, randomisation_p, read_per_query, told
from eval.errors import RunError
from eval.reporting.results import read_result


def test_holm_is_the_textbook_example() -> None:
    """Ranks .01, .03, .04 are multiplied by 3, 2, 1 and made monotone."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_equal_runs_differ_by_chance_alone() -> None:
    """No difference at all gives p = 1."""
    values = np.array([0.1, 0.5, 0.9])
    assert randomisation_p(values, values.copy()) == 1.0


def test_exact_p_of_a_small_sample() -> None:
    """Four pairs that all rise by the same step: 2 of 16 sign patterns are as extreme, p = 0.125."""
    a = np.zeros(4)
    assert randomisation_p(a, a + 0.3) == pytest.approx(0.125, abs=0.02)


def test_a_clear_gain_is_significant_and_signed() -> None:
    """B better on 40 of 40 topics is a win with the sign of B - A."""
    a = {"nDCG@10": {str(n): 0.2 for n in range(40)}}
    b = {"nDCG@10": {str(n): 0.2 + n / 100 + 0.01 for n in range(40)}}
    (row,) = compare(a, b)
    assert row.significant
    assert row.difference == pytest.approx(0.205)
    assert (row.wins, row.losses) == (40, 0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_swapping_the_runs_keeps_p(values: list[float]) -> None:
    """The test is two-sided and symmetric."""
    a = np.array(values)
    b = a[::-1].copy()
    assert randomisation_p(a, b) == randomisation_p(b, a)


def test_runs_on_different_topics_are_refused() -> None:
    """The message names a topic that only one run has."""
    with pytest.raises(RunError, match="q2"):
        compare({"P@5": {"q1": 0.0}}, {"P@5": {"q1": 0.0, "q2": 1.0}})


def test_a_folder_without_results_is_refused(tmp_path: object) -> None:
    """The hint says how to make one."""
    with pytest.raises(RunError) as caught:
        read_per_query(tmp_path)  # type: ignore[arg-type]
    assert "forage eval run" in str(caught.value.hint)


def test_an_interrupted_run_is_told_from_a_folder_of_nothing(tmp_path: Path) -> None:
    """By either reader of results: what was begun goes on."""
    (tmp_path / "partial.jsonl").write_text("{}\n")
    for read in (read_per_query, lambda folder: read_result(str(folder))):
        with pytest.raises(RunError) as caught:
            read(tmp_path)
        assert "give the same command again" in str(caught.value.hint)


def results(folder: Path, values: dict[str, dict[str, float]], **body: object) -> Path:
    """A folder as `forage eval run` writes it."""
    folder.mkdir()
    topics = sorted({topic for row in values.values() for topic in row})
    rows = [{"query_id": topic, "measures": {name: row[topic] for name, row in values.items()}} for topic in topics]
    (folder / "per_query.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "measures.json").write_text(json.dumps({"collection": "set", "topics": len(topics), **body}))
    return folder


def test_how_much_was_judged_is_told_and_not_tested(tmp_path: Path) -> None:
    """Showing less that was judged is not worse, and must not cost other measures their correction."""
    names = [str(number) for number in range(30)]
    low, high = dict.fromkeys(names, 0.1), dict.fromkeys(names, 0.9)
    a = results(tmp_path / "a", {"nDCG@10": low, "Judged@10": high})
    b = results(tmp_path / "b", {"nDCG@10": high, "Judged@10": low})
    found = compare_folders(a, b)
    assert [row.measure for row in found.tests] == ["nDCG@10"]
    assert found.tests[0].p == found.tests[0].p_holm
    assert [(name, round(one, 3), round(other, 3)) for name, one, other in found.untested] == [("Judged@10", 0.9, 0.1)]
    said = told(found)
    assert said["tests"][0]["significant"]
    assert said["tests"][0]["wins"] == 30
    assert said["untested"] == [{"measure": "Judged@10", "mean_a": pytest.approx(0.9), "mean_b": pytest.approx(0.1)}]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"judgements": "aa"}, {"judgements": "bb"}, "other topics or judgements"),
        (
            {"judgements": "aa", "corpus": "1"},
            {"judgements": "aa", "corpus": "2"},
            "other documents",
        ),
    ],
)
def test_runs_of_unlike_collections_are_refused(
    tmp_path: Path, one: dict[str, object], other: dict[str, object], said: str
) -> None:
    """Though their topics are called the same."""
    values = {"P@5": {"q1": 0.5}}
    with pytest.raises(RunError, match=said) as caught:
        compare_folders(results(tmp_path / "a", values, **one), results(tmp_path / "b", values, **other))
    assert "same test collection" in str(caught.value.hint)


@pytest.mark.parametrize("other", [{}, {"judgements": "aa"}, {"judgements": "aa", "corpus": None}])
def test_what_a_run_does_not_say_is_no_reason_to_refuse_it(tmp_path: Path, other: dict[str, object]) -> None:
    """Runs of before, of a crawled collection, and of other engines name no corpus."""
    values = {"P@5": {"q1": 0.5}}
    a = results(tmp_path / "a", values, judgements="aa", corpus="1")
    assert compare_folders(a, results(tmp_path / "b", values, **other)).tests[0].p == 1.0


def test_results_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """File and line."""
    values = {"P@5": {"q1": 0.5, "q2": 0.5}}
    a = results(tmp_path / "a", values)
    for name, data, said in (
        ("measures.json", '{\n"a": ', r"measures\.json line 2"),
        ("measures.json", "[]", "not an object"),
        ("per_query.jsonl", '{"query_id": "q1", "measures": {"P@5": 1}}\n{"query', r"per_query\.jsonl line 2"),
    ):
        b = results(tmp_path / f"{name}-{len(data)}", values)
        (b / name).write_text(data)
        with pytest.raises(RunError, match=said):
            compare_folders(a, b)
    (a / "measures.json").unlink()
    with pytest.raises(RunError, match=r"no measures\.json"):
        compare_folders(a, a)
