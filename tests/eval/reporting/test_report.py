"""A report: three files with the same numbers, a page that needs nothing else, all of it or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.errors import RunError
from eval.reporting.build import write_report
from eval.reporting.document import Number, Plot, Points, Report, Section, Table, Text
from eval.reporting.figures import Differences, SortedDifferences
from eval.reporting.markdown import escaped
from eval.reporting.page import page
from tests.eval.reporting.folders import MOMENT, ad_hoc, sessions, tuning
from tests.eval.reporting.reading import Page, json_tables, markdown_tables

A = {"t1": 0.2, "t2": 0.5, "t3": 0.9, "t4": 0.4}
B = {"t1": 0.8, "t2": 0.5, "t3": 0.7, "t4": 0.5}
BEFORE = {"q1": (0.0, 0.5), "q2": (0.5, 0.5), "q3": (0.5, 1.0)}
AFTER = {"q1": (0.5, 1.0), "q2": (0.5, 0.5), "q3": (0.5, 0.5)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Results of every kind."""
    root = tmp_path_factory.mktemp("results")
    return [
        ad_hoc(root / "a", A, request={"profile": "bm25"}, ms=5.0),
        ad_hoc(
            root / "b", B, request={"weights": {"dense": 2.0}}, ms=9.0, texts={"t1": "pipes | <b>bold</b>\nand lines"}
        ),
        sessions(root / "s", {"stateless": BEFORE, "session": AFTER}),
        tuning(root / "tuned"),
    ]


@pytest.fixture(scope="module")
def out(folders: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("out")
    write_report(folders, made, title="All <kinds>")
    return made


def tables(out: Path) -> dict[str, dict[str, Any]]:
    return {table["caption"]: table for table in json_tables(json.loads((out / "report.json").read_text()))}


def test_page_markdown_and_data_carry_the_same_numbers(out: Path) -> None:
    """Every table is in all three, cell by cell; a number is that of the JSON to the digits that are shown."""
    shown_tables = Page((out / "report.html").read_text()).tables
    markdown = markdown_tables((out / "report.md").read_text())
    data = list(json_tables(json.loads((out / "report.json").read_text())))
    assert len(shown_tables) == len(markdown) == len(data) > 20
    compared = 0
    for shown, written, full in zip(shown_tables, markdown, data, strict=True):
        assert shown == written
        assert shown[0] == full["head"]
        assert len(shown) == len(full["rows"]) + 1
        for cells, values in zip(shown[1:], full["rows"], strict=True):
            for cell, value in zip(cells, values, strict=True):
                if isinstance(value, int | float):
                    text = cell.rstrip("*").replace(",", "")
                    digits = len(text.partition(".")[2])
                    assert float(text) == pytest.approx(value, abs=0.5 * 10**-digits + 1e-12)
                    compared += 1
                elif value is None:
                    assert cell == "-"
                else:
                    assert cell == " ".join(value.split())
    assert compared > 200


def test_the_figures_of_a_pair_are_those_of_hand(out: Path) -> None:
    """B against A: means .5 and .625; wins t1 and t4, a tie t2, a loss t3."""
    table = tables(out)["nDCG@10 against the baseline of each set"]
    row = dict(zip(table["head"], table["rows"][0], strict=True))
    assert (row["system"], row["against"], row["topics"]) == ("default, weights.dense=2.0", "bm25", 4)
    assert row["mean"] == pytest.approx(0.625)
    assert row["difference"] == pytest.approx(0.125)
    assert row["verdict"] == "not told from chance"
    more = tables(out)["nDCG@10 against the baseline of each set: wins, losses, what was detectable"]
    rest = dict(zip(more["head"], more["rows"][0], strict=True))
    assert (rest["wins"], rest["ties"], rest["losses"]) == (2, 1, 1)
    # differences .6 0 -.2 .1, their squared deviations from .125 add up to .3475
    assert rest["detectable"] == pytest.approx((1.959964 + 0.841621) * (0.3475 / 3) ** 0.5 / 2, abs=1e-5)


def test_wins_and_losses_are_named_with_their_texts(out: Path) -> None:
    """Largest first, with what each system had; ties are neither."""
    caption = "small: largest wins and losses of default, weights.dense=2.0 against bm25, nDCG@10"
    rows = tables(out)[caption]["rows"]
    assert [row[:2] for row in rows] == [["win", "t1"], ["win", "t4"], ["loss", "t3"]]
    assert rows[0][2] == "pipes | <b>bold</b> and lines"
    assert rows[2][3:] == pytest.approx([0.9, 0.7, -0.2])
    figure = next(figure for figure in figures(out) if figure["kind"] == "sorted differences")
    assert figure["panels"][0]["values"] == pytest.approx([0.6, 0.1, 0.0, -0.2])


def figures(out: Path) -> list[dict[str, Any]]:
    def walk(section: Any) -> list[dict[str, Any]]:
        own = [block["figure"] for block in section.get("blocks", ()) if block["kind"] == "figure"]
        return own + [figure for each in section["sections"] for figure in walk(each)]

    return walk(json.loads((out / "report.json").read_text()))


def test_recall_by_call_is_the_mean_over_questions(out: Path) -> None:
    """Of hand: 1/3 and 2/3 stateless, 1/2 and 2/3 in a session; tokens alike."""
    lines = [figure for figure in figures(out) if figure["kind"] == "lines" and figure["x_unit"] == "calls made"]
    (by_call,) = lines
    assert [panel["name"] for panel in by_call["panels"]] == [
        "mean over agents and readers",
        "reader who misses nothing",
        "agent keyword",
        "agent loop",
    ]
    for panel in by_call["panels"]:
        stateless, session = panel["lines"]
        assert stateless["x"] == [1.0, 2.0]
        assert stateless["y"] == pytest.approx([1 / 3, 2 / 3])
        assert session["y"] == pytest.approx([1 / 2, 2 / 3])
        assert all(low <= y <= high for low, y, high in zip(session["low"], session["y"], session["high"], strict=True))


def test_the_grid_of_readers_has_every_agent_and_reader(out: Path) -> None:
    """Differences in points: +50, 0 and -50 over three questions, the same for everyone."""
    table = tables(out)["session: difference in recall to stateless, points"]
    assert table["head"] == ["reader", "keyword", "loop", "mean"]
    assert table["rows"] == [["1/1/stubs 1", 0.0, 0.0, 0.0], ["0.7/0.7/stubs 0", 0.0, 0.0, 0.0]]


def test_the_frontier_is_who_is_not_beaten_in_time_and_quality(out: Path) -> None:
    """The faster run and the better one; of two sessions that are as good, the faster."""
    rows = tables(out)["nDCG@10 and time of searches"]["rows"]
    assert [(row[1], row[3], row[5]) for row in rows] == [
        ("bm25", 6.5, "yes"),
        ("default, weights.dense=2.0", 10.5, "yes"),
    ]
    rows = tables(out)["recall and time of calls"]["rows"]
    assert [(row[1], row[3], row[5]) for row in rows] == [("stateless", 10.0, "yes"), ("session", 11.0, "no")]


def test_a_tuning_shows_what_it_gained_and_how_sensitive_it_is(out: Path) -> None:
    """The curve is told as changes against what was chosen."""
    rows = tables(out)["tpe: nDCG@10, tuned against default"]["rows"]
    assert rows[0] == ["small", 4, 0.5, 0.61, 0.52, 0.02, 0.03]
    curve = next(figure for figure in figures(out) if figure["title"].startswith("Sensitivity"))
    assert curve["panels"][0]["lines"][0]["y"] == pytest.approx([-0.11, 0.0, -0.04])
    assert curve["panels"][0]["lines"][0]["at"] == 0.5
    assert "tuned, tpe: The tuned params beat the defaults out of sample." in (out / "report.md").read_text()


def test_what_was_run_and_when_is_said(out: Path) -> None:
    """Folder, set, generation, seed, the moment that results carry, and the request."""
    rows = tables(out)["Folders of results"]["rows"]
    assert [row[1] for row in rows] == ["topics", "topics", "sessions", "tuning"]
    assert [row[7] for row in rows[:3]] == [MOMENT] * 3
    assert rows[2][5] == rows[3][5] == 7
    assert tables(out)["What was asked"]["rows"][1][2] == '{"weights":{"dense":2.0}}'


def test_the_page_needs_nothing_else(out: Path) -> None:
    """No script, no address, no file; whatever is referred to is in it, once."""
    text = (out / "report.html").read_text()
    found = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "metadata"} & set(found.tags)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for tag, name, value in found.attributes:
        assert name not in ("src", "srcset", "action", "background", "data"), tag
        assert not name.startswith("on"), (tag, name)
        if name.endswith("href"):
            assert value.startswith("#"), (tag, value)
            assert value[1:] in ids
    assert "http" not in text.lower()
    assert "@import" not in text
    assert all(f'id="{name}"' in text for name in {part.split(")")[0] for part in text.split("url(#")[1:]})
    assert "<b>bold</b>" not in text
    assert "All &lt;kinds&gt;" in text


def test_every_plot_says_in_words_what_it_is(out: Path) -> None:
    """A title that the plot is labelled by; colours are the page's, so that they suit its ground."""
    text = (out / "report.html").read_text()
    found = Page(text)
    count = found.tags.count("svg")
    assert count == len(figures(out)) >= 10
    labelled = [value for tag, name, value in found.attributes if tag == "svg" and name == "aria-labelledby"]
    assert len(set(labelled)) == count
    assert found.titles[1:] == [figure["title"] for figure in figures(out)]
    drawn = text[text.index("<svg") :]
    assert "#01010" not in drawn
    assert "#0404" not in drawn
    assert "prefers-color-scheme:dark" in text


def test_the_same_results_give_the_same_bytes(folders: list[str], out: Path, tmp_path: Path) -> None:
    """Of all three files."""
    write_report(folders, tmp_path, title="All <kinds>")
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize("baseline", ["default, weights.dense=2.0", "b"])
def test_a_baseline_is_named_by_what_was_asked_or_by_its_folder(
    folders: list[str], tmp_path: Path, baseline: str
) -> None:
    """Signs turn round."""
    write_report(folders[:2], tmp_path, baseline=baseline)
    row = tables(tmp_path)["nDCG@10 against the baseline of each set"]["rows"][0]
    assert row[1:3] == ["bm25", "default, weights.dense=2.0"]
    assert row[5] == pytest.approx(-0.125)


def test_another_measure_can_be_tested(folders: list[str], tmp_path: Path) -> None:
    """Half of the other here."""
    write_report(folders[:2], tmp_path, measure="P@5")
    assert tables(tmp_path)["P@5 against the baseline of each set"]["rows"][0][5] == pytest.approx(0.0625)


def test_runs_of_other_topics_are_not_compared(tmp_path: Path) -> None:
    """They are groups of their own, named apart."""
    given = [ad_hoc(tmp_path / "a", A), ad_hoc(tmp_path / "few", {"t1": 0.3, "t2": 0.4})]
    write_report(given, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Nothing is compared" in text
    assert "small (2 topics, few)" in text


def test_results_can_be_named(tmp_path: Path) -> None:
    """NAME=FOLDER; two runs of the same request are told apart by folder otherwise."""
    given = [ad_hoc(tmp_path / "a", A), ad_hoc(tmp_path / "b", B)]
    write_report([given[0], f"new={given[1]}"], tmp_path / "out")
    assert "new against default" in (tmp_path / "out" / "report.md").read_text()
    write_report(given, tmp_path / "out")
    assert "b against a" in (tmp_path / "out" / "report.md").read_text()


def test_systems_of_several_folders_meet_one_baseline(tmp_path: Path) -> None:
    """Of the same set, topics, agents, calls and seed; what both have is told apart."""
    given = [
        sessions(tmp_path / "one", {"stateless": BEFORE, "session": AFTER}),
        sessions(tmp_path / "two", {"stateless": BEFORE, "session:seen=drop": AFTER}),
    ]
    write_report(given, tmp_path / "out")
    rows = tables(tmp_path / "out")["recall against the baseline, in points"]["rows"]
    assert [(row[1], row[2]) for row in rows] == [
        ("session", "stateless"),
        ("stateless [two]", "stateless"),
        ("session:seen=drop", "stateless"),
    ]


# ---------------------------------------------------------------- what is refused


def cut(path: Path, characters: int = 9) -> None:
    path.write_text(path.read_text()[:-characters])


def drop_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("kind", "damage", "said"),
    [
        ("run", lambda folder: cut(folder / "per_query.jsonl"), "per_query.jsonl line 4"),
        ("run", lambda folder: drop_line(folder / "per_query.jsonl"), "has 3 topics, and measures.json"),
        ("run", lambda folder: cut(folder / "measures.json"), "measures.json cannot be read"),
        ("run", lambda folder: (folder / "measures.json").unlink(), "holds no measures.json"),
        ("run", lambda folder: (folder / "per_query.jsonl").unlink(), "is no folder of results"),
        ("run", lambda folder: (folder / "measures.json").write_text("{}"), "has no collection, no measures"),
        (
            "run",
            lambda folder: (folder / "per_query.jsonl").write_text('{"query_id":"t1"}\n'),
            "line 1 is no row of a run",
        ),
        ("sessions", lambda folder: cut(folder / "per_topic.jsonl"), "per_topic.jsonl line 24"),
        ("sessions", lambda folder: drop_line(folder / "per_topic.jsonl"), "was cut off"),
        ("tuning", lambda folder: cut(folder / "tune.json"), "tune.json cannot be read"),
        ("tuning", lambda folder: (folder / "tune.json").write_text("[]"), "tune.json has no object"),
    ],
)
def test_what_is_no_result_is_refused_by_name_and_nothing_is_written(
    tmp_path: Path, kind: str, damage: Any, said: str
) -> None:
    """File and line; a hint that helps."""
    made = {
        "run": lambda: ad_hoc(tmp_path / "bad", A),
        "sessions": lambda: sessions(tmp_path / "bad", {"stateless": BEFORE, "session": AFTER}),
        "tuning": lambda: tuning(tmp_path / "bad"),
    }[kind]()
    damage(Path(made))
    good = ad_hoc(tmp_path / "good", A)
    with pytest.raises(RunError, match=said) as caught:
        write_report([good, made], tmp_path / "out")
    assert str(tmp_path / "bad") in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_an_unknown_folder_baseline_or_measure_is_refused(folders: list[str], tmp_path: Path) -> None:
    """With what there is."""
    for results, more, said in (
        ([str(tmp_path / "nowhere")], {}, "there is no folder"),
        ([], {}, "no results"),
        (folders, {"baseline": "statless"}, "'statless'"),
        (folders, {"measure": "nDGC@10"}, "'nDGC@10'"),
        ([folders[0], folders[0]], {}, "given twice"),
    ):
        with pytest.raises(RunError, match=said):
            write_report(results, tmp_path / "out", **more)  # type: ignore[arg-type]
    with pytest.raises(RunError) as caught:
        write_report(folders, tmp_path / "out", baseline="statless")
    assert caught.value.did_you_mean == "stateless"
    assert not (tmp_path / "out").exists()


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full at the second file: all three are the old ones."""
    write_report(folders[:1], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real, calls = Path.open, [0]

    def failing(self: Path, *given: Any, **more: Any) -> Any:
        if self.suffix == ".part":
            calls[0] += 1
            if calls[0] == 2:
                raise OSError(28, "No space left on device")
        return real(self, *given, **more)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(OSError, match="No space"):
        write_report(folders[:2], tmp_path)
    monkeypatch.undo()
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


# ---------------------------------------------------------------- laws


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_cell_of_markdown_is_one_cell(text: str) -> None:
    """Whatever stands in it, it is read back as it was, but for white space."""
    (table,) = markdown_tables(f"| head | {escaped(text) or 'x'} |")
    assert len(table[0]) == 2
    if escaped(text):
        assert table[0][1].replace("&lt;", "<") == " ".join(text.split())


def test_a_number_without_a_value_is_a_dash() -> None:
    """In whatever form."""
    assert Number(None).text == Number(None, "d").text == "-"
    assert Number(0.12345, "+.2f", mark="*").text == "+0.12*"


def test_nothing_that_is_told_becomes_markup() -> None:
    """Names and texts are those of people, requests and data sets."""
    odd = "<script>alert('&')</script>"
    blocks = (Text(odd), Points((odd,)), Table(odd, (odd,), ((odd,),)), Table(odd, (odd,), ((odd,),), folded=True))
    figure = SortedDifferences(odd, odd, (Differences(odd, odd, (0.5, -0.5)),))
    made = page(Report(odd, (Section(odd, (*blocks, Plot(figure, odd, Table(odd, (odd,), ())))), Section(odd))))
    found = Page(made)
    assert "script" not in found.tags
    assert "alert" in made
    assert found.tables[0] == [[odd], [odd]]
