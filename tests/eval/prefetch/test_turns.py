"""Prefetch, measured: real sessions on a real engine, with guesses and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from api.engine import Engine
from api.settings import Settings
from cli.main import app
from eval.errors import DatasetError
from eval.prefetch.asked import Asked, PrefetchPlan, Session
from eval.prefetch.report import markdown, miss, rows_of, summary
from eval.prefetch.turns import run_prefetch
from eval.prefetch.warm_pools import WarmPool
from eval.sessions.logs import Log, Turn
from tests.eval.sets import multi_hop, write

QUESTION = "Who was the first president of the society which published the Journal of Botany?"
LOGS: list[dict[str, Any]] = [
    {
        "session_id": "s1",
        "goal": QUESTION,
        "target_query_id": "q1",
        "gold": ["m1", "m2"],
        "turns": [
            {"query": "Journal of Botany"},
            {"query": "Northern Plant Society"},
            {"query": "northern plant society"},
            {"query": "moss collector"},
        ],
    },
    {"session_id": "s2", "goal": QUESTION, "target_query_id": "q1", "gold": ["m1"], "turns": [{"query": "president"}]},
]


def logged(folder: Path, rows: list[dict[str, Any]]) -> Path:
    multi_hop(folder, steps=False)
    write(folder / "sessions.jsonl", rows)
    return folder


def named(folder: Path, turns: list[dict[str, str]]) -> Path:
    """One session, with more pages of the name that the best page on the society's president has."""
    logged(folder, [{"session_id": "s", "target_query_id": "q1", "gold": ["m2"], "turns": turns}])
    more = [{"id": f"f{n}", "title": f"Moss {n}", "text": f"In part {n}, moss of Ada Fern grows."} for n in range(4)]
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.writelines(f"{orjson.dumps(row).decode()}\n" for row in more)
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """measures.json, per_topic.jsonl and report.md of a run through the command line."""
    folder = tmp_path_factory.mktemp("prefetch")
    logged(folder / "set", LOGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORAGE_DATA", str(folder / "data"))
        given = ["eval", "prefetch", "--data", str(folder), "--set", "set", "--out", str(folder / "out")]
        done = CliRunner().invoke(app, [*given, "--repeats", "2"])
    assert done.exit_code == 0, done.output
    rows = [orjson.loads(line) for line in (folder / "out" / "per_topic.jsonl").read_bytes().splitlines()]
    return (
        orjson.loads((folder / "out" / "measures.json").read_bytes()),
        rows,
        (folder / "out" / "report.md").read_text(),
    )


def test_every_call_is_asked_and_no_result_differs(measured: tuple[dict[str, Any], list[dict[str, Any]], str]) -> None:
    """A repeated query is counted apart; the goal's pool is warm from the first call on."""
    body, rows, report = measured
    assert [(row["session"], row["call"], row["repeated"]) for row in rows] == [
        ("s1", 1, False), ("s1", 2, False), ("s1", 3, True), ("s1", 4, False), ("s2", 1, False),
    ]  # fmt: skip
    assert (body["calls"], body["later"], body["repeated"], body["unlike"]) == (5, 3, 1, 0)
    assert all("goal" in row["warm"] for row in rows if row["call"] > 1)
    assert body["coverage"]["all"]["whole"] == 1.0  # eight documents: the goal's pool holds all of them
    assert "Calls whose results differ with prefetch and without: 0" in report


def test_guesses_cost_what_the_clock_says(measured: tuple[dict[str, Any], list[dict[str, Any]], str]) -> None:
    """The engine's account beside the process's clock, which also counts what waits for quiet."""
    guesses = measured[0]["guesses"]
    assert guesses["issued"] >= 1
    assert 0 < guesses["cpu_ms"] <= guesses["clock_cpu_ms"] * 1.05
    assert guesses["wasted_cpu_ms"] <= guesses["cpu_ms"]


def test_a_guess_that_was_right_is_timed_in_pairs(tmp_path: Path) -> None:
    """The agent asks for a name that its first page names: the call is served from the guess, and asked again."""
    turns = [{"query": "president of the plant society"}, {"query": "Ada Fern"}]
    data = named(tmp_path / "set", turns)
    body = run_prefetch(
        lambda: Engine(Settings(data=tmp_path / "data")),
        data,
        tmp_path / "out",
        PrefetchPlan(k=1, repeats=3),
        collection=None,
        progress=lambda done, total, note: None,
    )
    predicted = body["saved"]["predicted"]
    assert predicted["calls"] == 1
    assert 1 <= predicted["pairs"] <= 3
    assert body["guesses"]["used"] == 1
    assert body["guesses"]["wasted_cpu_ms"] < body["guesses"]["cpu_ms"]
    assert body["unlike"] == 0
    assert body["saved"]["taken"]["calls"] <= 1


def test_an_offer_that_was_guessed_is_asked(tmp_path: Path) -> None:
    """At the end of a session, in pairs: for its time alone, neither a call of the log nor a prediction of one."""
    data = named(tmp_path / "set", [{"query": "harbour"}, {"query": "president of the plant society"}])
    body = run_prefetch(
        lambda: Engine(Settings(data=tmp_path / "data")),
        data,
        tmp_path / "out",
        PrefetchPlan(k=1, repeats=3),
        collection=None,
        progress=lambda done, total, note: None,
    )
    assert body["calls"] == 2
    assert body["saved"]["predicted"]["calls"] == 0
    lines = (tmp_path / "out" / "per_topic.jsonl").read_bytes().splitlines()
    asked_then = [row["taken"] for row in map(orjson.loads, lines) if "taken" in row]
    assert body["saved"]["taken"]["calls"] == len(asked_then) <= 1  # a fast machine has no time for a guess so dear
    assert not {"harbour", "president of the plant society"} & {*asked_then}


def test_a_set_without_a_second_query_is_refused(tmp_path: Path) -> None:
    """Before anything is opened."""
    data = logged(tmp_path / "set", LOGS[1:])

    def never() -> Engine:
        raise AssertionError("opened")

    with pytest.raises(DatasetError, match="asks twice"):
        run_prefetch(
            never, data, tmp_path / "out", PrefetchPlan(), collection=None, progress=lambda done, total, note: None
        )
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- the summary, by hand


def asked(query: str, ms: float, served: str = "index", guess_ms: float = 2.0, **more: Any) -> Asked:
    given: dict[str, Any] = {"offered": (), "displayed": "", "warm": (), "results": b"[]", "cpu_ms": 10.0} | more
    return Asked(query, served_from=served, ms=ms, guess_ms=guess_ms, **given)


def made() -> Session:
    """Two later calls: a guess served the first, whose page is warm; the other's page is half warm."""
    warm = (WarmPool("guess", "b", ("d1", "d2")), WarmPool("previous", "a", ("d3",)))
    log = Log("s", "t", (Turn("a"), Turn("b"), Turn("c")), (), "goal")
    on = (
        asked("a", 9.0, offered=("b",)),
        asked("b", 4.0, "prefetch", warm=warm, displayed="of Lund"),
        asked("c lund", 12.0, warm=warm),
    )
    off = (asked("a", 9.0), asked("b", 10.0), asked("c lund", 10.0, results=b"[1]"))
    again = ((asked("a", 9.0), asked("b", 6.0, "prefetch"), asked("c", 8.0, "cache")), off)
    account = {"issued": 2, "dropped": 0, "used": 1, "late": 0, "cpu_ms": 6.0, "wasted_cpu_ms": 4.0, "saved_ms": 5.0}
    pages = (("d9",), ("d1", "d3"), ("d3", "d9"))
    taken = ((asked("d", 3.0, "prefetch", cpu_ms=6.0), asked("d", 4.0)), (asked("d", 2.0, "prefetch"), asked("d", 4.0)))
    return Session(log, on, off, account | {"cpu_share": 0.3}, pages, (), (again,), taken)


def test_the_summary_counts_pages_costs_and_times() -> None:
    """Computed by hand from the sessions above."""
    session = made()
    rows = list(rows_of(session))
    holds = {"documents": 8, "passages": 8, "generation": "g"}
    body = summary("set", PrefetchPlan(), holds, [session], rows)
    assert rows[1]["warm"] == {
        "guess": 0.5, "previous": 0.5, "all but guesses": 0.5, "all": 1.0, "all, unbounded": 1.0,
    }  # fmt: skip
    assert body["coverage"]["all"] == {"whole": 0.5, "share": 0.75}
    assert body["coverage"]["guess"] == {"whole": 0.0, "share": 0.25}
    assert body["unlike"] == 1
    predicted = body["saved"]["predicted"]
    assert (predicted["calls"], predicted["pairs"], predicted["with_ms"], predicted["saved"]) == (1, 2, 5.0, 0.5)
    assert body["saved"]["others"]["pairs"] == 1  # the second time it was served from elsewhere
    assert body["saved"]["taken"]["saved"] == pytest.approx(1 - 2.5 / 4)
    assert body["saved"]["taken"]["saved_cpu"] == pytest.approx(1 - 8 / 10)
    assert body["saved"]["taken"]["cpu_interval"] == pytest.approx([0.2, 0.2])
    guesses = body["guesses"]
    assert guesses["waste"] == pytest.approx(4.0 / 36.0)
    assert guesses["waste_by_clock"] == pytest.approx(4.0 / 36.0)
    assert (guesses["sessions_above"], guesses["precision"]) == (1.0, 0.5)
    assert body["misses"] == {"some new words were displayed, none offered": 1} or body["misses"] == {
        "all new words were displayed, none offered": 1
    }
    assert "50.0%" in markdown(body)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("goal words", "no new word"),
        ("Ada Fern", "a new word was offered"),
        ("Olaf Brink", "all new words were displayed, none offered"),
        ("Olaf of Viborg", "some new words were displayed, none offered"),
        ("Wittenberg", "no new word was displayed"),
    ],
)
def test_misses_are_told_apart(query: str, kind: str) -> None:
    before = [asked("words", 1.0, offered=("Ada Fern",), displayed="Olaf Brink, and Ada Fern")]
    assert miss(query, before, "the goal") == kind


def test_engines_share_a_folder_and_nothing_else(tmp_path: Path) -> None:
    """What one learned of predictors the other does not know."""
    opened: list[Engine] = []

    def open_engine() -> Engine:
        opened.append(Engine(Settings(data=tmp_path / "data")))
        return opened[-1]

    data = logged(tmp_path / "set", LOGS)
    plan = PrefetchPlan(repeats=1, objective=False)
    body = run_prefetch(
        open_engine, data, tmp_path / "out", plan, collection=None, progress=lambda done, total, note: None
    )
    assert len(opened) == 2
    assert "goal" not in body["coverage"]
