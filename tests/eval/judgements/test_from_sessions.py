"""Sessions of a real engine become a test collection that the same engine is measured on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.evaluate import evaluate
from eval.collections import read_collection
from eval.errors import JudgementError, RunError
from eval.judgements.run import Plan, from_sessions
from ranking.errors import ForageError
from tests.eval.sets import PAGES

SECRET = "the takeover of Lund harbour"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    pages = [{"id": name, "title": title, "text": text} for name, (title, text) in PAGES.items()]
    made.ingest_objects("default", pages, "default")
    made.create_collection({"name": "other"}, "default")
    made.ingest_objects("other", pages[:3], "default")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forget(engine: Engine) -> Iterator[None]:
    yield
    for each in engine.sessions.list("default", 1_000)["sessions"]:
        engine.sessions.delete(each["id"], "default")


def search(engine: Engine, session: str, query: str, **more: Any) -> list[str]:
    """The documents shown, best first."""
    quiet = {"prefetch": False, "follow_ups": False, "on_repeat": "continue", "seen": "off", "use_profile": False}
    request = {"query": query, "session_id": session, "max_results": 4, "session": quiet, "why": SECRET, **more}
    body = json.loads(engine.search(request, "default").body)
    return [hit["id"] for hit in body["results"]]


def say(engine: Engine, session: str, *events: tuple[str, str], **more: Any) -> None:
    told = [{"kind": kind, "document": document, "note": SECRET} for kind, document in events]
    engine.sessions.feedback(session, {"events": told, **more}, "default")


def qrels(out: Path) -> dict[str, dict[str, int]]:
    """text of the query -> judgements."""
    texts = {row["id"]: row["text"] for row in map(json.loads, (out / "queries.jsonl").read_text().splitlines())}
    return {texts[name]: grades for name, grades in read_collection(out).qrels.items()}


def test_known_feedback_becomes_known_judgements(engine: Engine, tmp_path: Path) -> None:
    """By hand: under every model. Aliases are kinds."""
    first = search(engine, "one", "harbour", objective=SECRET)
    assert len(first) == 4
    say(engine, "one", ("opened", first[1]), ("useful", first[2]))
    second = search(engine, "one", "plants")
    say(engine, "one", ("useless", second[0]), ("cite", second[1]))
    out = tmp_path / "out"
    body = from_sessions(engine, out, Plan(("one",)))
    assert qrels(out) == {
        "harbour": {first[0]: 0, first[1]: 1, first[2]: 2},
        "plants": {second[0]: 0, second[1]: 2},
    }
    assert (body["topics"], body["judgements"], body["feedback"], body["conflicts"]) == (2, 5, 4, 0)
    from_sessions(engine, out, Plan(("one",), model="position", eta=1.0))
    assert qrels(out)["harbour"] == {first[0]: 0, first[1]: 2, first[2]: 6, first[3]: 0}
    from_sessions(engine, out, Plan(("one",), model="cascade"))
    assert qrels(out)["plants"] == {second[0]: 0, second[1]: 2}


def test_what_was_made_is_measured_at_once(engine: Engine, tmp_path: Path) -> None:
    """`forage eval run` takes the folder, and finds what was cited where it stood."""
    shown = search(engine, "one", '"journal of botany" OR harbour', why=None)
    say(engine, "one", ("cite", shown[1]))
    from_sessions(engine, tmp_path / "made", Plan(None))
    body = evaluate(
        engine, tmp_path / "made", tmp_path / "run", {}, collection="default", threads=1, limit=None, operators=True,
        progress=lambda done, total, note: None,
    )  # fmt: skip
    assert body["measures"]["RR"]["mean"] == 0.5


def test_the_same_query_in_several_sessions_is_one_topic(engine: Engine, tmp_path: Path) -> None:
    """In any spacing and case; what disagrees is counted; no order of sessions changes a byte."""
    pages = {
        name: search(engine, name, query)
        for name, query in (("a", "harbour"), ("b", " Harbour"), ("c", "harbour"), ("d", "harbour"))
    }
    top, next_ = pages["a"][:2]
    say(engine, "a", ("cite", top))
    say(engine, "b", ("reject", top), ("open", next_))
    say(engine, "c", ("reject", top))
    say(engine, "d", ("reject", next_))
    body = from_sessions(engine, tmp_path / "one", Plan(("a", "b", "c", "d")))
    assert qrels(tmp_path / "one") == {"harbour": {top: 0, next_: 1}}
    assert body["conflicts"] == 2
    from_sessions(engine, tmp_path / "two", Plan(("d", "b", "c", "a")))
    from_sessions(engine, tmp_path / "all", Plan(None))
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["README.md", "judgements.json", "qrels.tsv", "queries.jsonl", "weights.jsonl"]
    for name in names:
        whole = (tmp_path / "one" / name).read_bytes()
        assert (tmp_path / "two" / name).read_bytes() == whole
        assert (tmp_path / "all" / name).read_bytes() == whole


def test_what_agents_thought_does_not_leave(engine: Engine, tmp_path: Path) -> None:
    """Neither an objective, nor a why, nor a note."""
    shown = search(engine, "one", "harbour", objective=SECRET)
    say(engine, "one", ("cite", shown[0]))
    from_sessions(engine, tmp_path / "out", Plan(("one",)))
    assert all(SECRET.encode() not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_weights_say_where_a_judgement_comes_from(engine: Engine, tmp_path: Path) -> None:
    """One row each, in the order of the judgements."""
    rule = {"match": {"site": "example.org"}, "do": "boost", "by": 1.5}
    search(engine, "one", "harbour", filters={"languages": []}, weights={"recency": 0.1})
    shown = search(engine, "one", "harbour", rules=[rule])
    say(engine, "one", ("open", shown[0]), ("cite", "x1" if "x1" not in shown else "m1"))
    body = from_sessions(engine, tmp_path / "out", Plan(("one",)))
    (row,) = [json.loads(line) for line in (tmp_path / "out" / "weights.jsonl").read_text().splitlines()]
    assert row["doc_id"] == shown[0]
    assert (row["relevance"], row["estimate"], row["opened"], row["ranks"], row["sessions"]) == (
        1,
        1.0,
        1,
        [1, 1],
        ["one"],
    )
    assert body["unplaced"] == 1
    assert body["narrowed"] == 1
    assert json.loads((tmp_path / "out" / "judgements.json").read_text()) == body


def test_sub_agents_and_branches_are_read_too(engine: Engine, tmp_path: Path) -> None:
    """What a sub-agent was shown is cited by whoever got its report."""
    shown = search(engine, "one", "harbour", reader="sub")
    engine.sessions.fork("one", {"branch": "side"}, "default")
    say(engine, "one", ("cite", shown[1]), branch="side")
    from_sessions(engine, tmp_path / "out", Plan(("one",)))
    assert qrels(tmp_path / "out")["harbour"] == {shown[0]: 0, shown[1]: 2}


def test_sessions_without_feedback_are_named_and_skipped(engine: Engine, tmp_path: Path) -> None:
    """And nothing at all is an error, which leaves no folder."""
    search(engine, "silent", "harbour")
    with pytest.raises(JudgementError, match="without any feedback: silent"):
        from_sessions(engine, tmp_path / "out", Plan(None))
    shown = search(engine, "heard", "harbour")
    say(engine, "heard", ("reject", shown[0]))
    with pytest.raises(JudgementError, match="nothing is judged"):
        from_sessions(engine, tmp_path / "out", Plan(None))
    assert not (tmp_path / "out").exists()
    say(engine, "heard", ("open", shown[1]))
    body = from_sessions(engine, tmp_path / "out", Plan(None))
    assert body["skipped"] == ["silent"]
    assert "silent" in (tmp_path / "out" / "README.md").read_text()


def test_searches_of_several_collections_need_a_choice(engine: Engine, tmp_path: Path) -> None:
    """The others are counted and left out."""
    shown = search(engine, "one", "plants")
    say(engine, "one", ("cite", shown[0]))
    there = search(engine, "two", "plants", collection="other")
    say(engine, "two", ("cite", there[1]))
    with pytest.raises(JudgementError, match=r"default \(1 searches\), other \(1 searches\)"):
        from_sessions(engine, tmp_path / "out", Plan(None))
    body = from_sessions(engine, tmp_path / "out", Plan(None, collection="other"))
    assert (body["topics"], body["of_other_collections"]) == (1, 1)
    with pytest.raises(JudgementError, match="searched nowhere"):
        from_sessions(engine, tmp_path / "out", Plan(None, collection="nowhere"))


def test_what_cannot_be_made_is_refused_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    """A session that is not there, a model that is none, a curve that is none, a folder that cannot be written."""
    with pytest.raises(ForageError, match="nobody"):
        from_sessions(engine, tmp_path / "out", Plan(("nobody",)))
    with pytest.raises(JudgementError, match="no sessions"):
        from_sessions(engine, tmp_path / "out", Plan(None))
    shown = search(engine, "one", "plants")
    say(engine, "one", ("cite", shown[0]))
    with pytest.raises(JudgementError, match="casade") as caught:
        from_sessions(engine, tmp_path / "out", Plan(None, model="casade"))
    assert caught.value.did_you_mean == "cascade"
    for eta in (-1.0, 9.0, float("nan")):
        with pytest.raises(JudgementError, match="eta"):
            from_sessions(engine, tmp_path / "out", Plan(None, eta=eta))
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        from_sessions(engine, tmp_path / "file", Plan(None))


def test_all_sessions_are_all(engine: Engine, tmp_path: Path) -> None:
    """Also more than a list shows."""
    for number in range(103):
        name = f"many-{number}"
        engine.sessions.create({"session_id": name}, "default")
    shown = search(engine, "many-0", "plants")
    say(engine, "many-0", ("cite", shown[0]))
    assert len(from_sessions(engine, tmp_path / "out", Plan(None))["skipped"]) == 102
