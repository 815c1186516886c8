"""Reference pages: everything that a caller can send, meet or set is documented, and no page is stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from api.requests import CollectionRequest, ContentsRequest, CrawlRequest, SearchRequest, SessionRequest
from api.search import search
from indexer.memory import MemoryIndex
from ranking.constants import CONSTANTS
from ranking.operators import OPERATORS
from ranking.params import Params
from ranking.signals.catalogue import SIGNALS
from ranking.tables import parameters
from ranking.types import Document, SessionState
from scripts import make_docs
from scripts.error_trees import errors
from scripts.setting_tables import settings_of

ROOT = make_docs.ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def first_cells(text: str) -> set[str]:
    """What stands in backticks at the beginning of a table's rows."""
    return set(re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE))


def test_no_generated_page_is_stale() -> None:
    """What is committed is what the generator writes: `python scripts/make_docs.py` mends it."""
    assert make_docs.stale() == []
    assert all((ROOT / name).read_text("utf-8").startswith(make_docs.HEAD) for name in make_docs.PAGES)


def test_a_changed_table_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """--check fails on a page that somebody edited, and on one that is missing; a run mends both."""
    (tmp_path / "docs").mkdir()
    for name in make_docs.PAGES:
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    pages = {name: lambda name=name: (ROOT / name).read_text("utf-8") for name in make_docs.PAGES}
    monkeypatch.setattr(make_docs, "PAGES", pages)
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    edited = tmp_path / "docs" / "signals.md"
    edited.write_text(edited.read_text("utf-8").replace("| free |", "| cheap |"), "utf-8")
    (tmp_path / "docs" / "errors.md").unlink()
    monkeypatch.setattr("tests.docs.test_reference.ROOT", ROOT)
    assert make_docs.main(["--check"]) == 1
    assert "docs/signals.md is stale" in capsys.readouterr().out
    assert make_docs.main([]) == 0
    assert make_docs.main(["--check"]) == 0


def test_every_parameter_constant_signal_and_operator_has_a_row() -> None:
    """Names come from the code that runs, not from the generator."""
    rows = first_cells(page("params.md"))
    assert set(CONSTANTS) <= rows
    assert set(SearchRequest.model_fields) - set(Params.model_fields) <= rows
    for name in Params.model_fields:
        assert any(row == _alias(name) or row.startswith((f"{name}.", f"{name}[")) for row in rows), name
    assert set(SIGNALS) <= first_cells(page("signals.md"))
    operators = page("operators.md")
    for spec in OPERATORS:
        assert f"`{spec.syntax}`" in operators
        assert all(f"`{name}:`" in operators for name in spec.prefixes[1:])


def _alias(name: str) -> str:
    return Params.model_fields[name].alias or name


def test_every_setting_has_a_row_with_a_reason() -> None:
    """Also those that are no fields of a request: crawler, extraction, index, sessions."""
    text = page("params.md")
    for _, source in make_docs.SETTINGS:
        rows = settings_of(ROOT / source)
        assert rows
        for row in rows:
            assert f"| `{row.name}` | `{row.default}` |".replace("|", "¦") in text.replace("|", "¦")
            assert row.reason


def test_a_setting_without_a_reason_is_refused(tmp_path: Path) -> None:
    """The table is the test: a number without a comment does not pass."""
    source = tmp_path / "settings.py"
    source.write_text('GOOD: Final = 1\n"""because"""\nALSO: Final = 2  # for this\nBAD: Final = 3\n')
    with pytest.raises(ValueError, match="BAD in line 4 has no reason"):
        settings_of(source)


def test_every_error_is_documented_with_code_and_status() -> None:
    """The page agrees with the classes, and each of them stands in its package's tree or says what it is."""
    found = {error.name: error for error in errors(ROOT)}
    text = page("errors.md")
    assert [error.name for error in found.values() if not error.documented] == []
    for kind in _subclasses():
        error = found[kind.__name__]
        assert (error.code, error.status, error.retryable) == (kind.code, kind.status, kind.retryable)
        assert re.search(rf"^\| `{error.code}` \| {error.status} \| .*\.{error.name}` \|$", text, re.MULTILINE), kind


def _subclasses() -> list[Any]:
    """Every error class that the trees' modules define."""
    import api.errors
    import api.http.auth
    import cli.demo
    import crawler.errors
    import eval.errors
    import indexer.errors
    import ranking.errors
    import sessions.errors

    modules = (api.errors, api.http.auth, cli.demo, crawler.errors, eval.errors, indexer.errors, ranking.errors)
    return [
        value
        for module in (*modules, sessions.errors)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ranking.errors.ForageError)
    ]


@pytest.mark.parametrize("model", [ContentsRequest, CrawlRequest, SessionRequest, CollectionRequest])
def test_every_field_of_the_smaller_requests_is_in_the_http_page(model: type[BaseModel]) -> None:
    """They have no table of their own."""
    text = page("http.md")
    assert [name for name in model.model_fields if f"`{name}`" not in text and f'"{name}"' not in text] == []


def test_parameters_that_do_nothing_yet_are_marked_with_their_gap() -> None:
    """A mark names a parameter that exists and a file that says why."""
    names = {row.name for row in parameters(Params)}
    assert make_docs.NOT_YET.keys() <= names
    assert all((ROOT / "docs" / "gaps" / file).is_file() for file in make_docs.NOT_YET.values())


@pytest.mark.parametrize(
    "sent",
    [
        {"effort": "probe"},
        {"session": {"use_profile": False, "prefetch": False, "follow_ups": False, "overlap": "allow"}},
        {"session": {"goal_weight": 0.3, "feedback_weight": 0}},
    ],
)
def test_what_the_gaps_call_without_effect_has_none(sent: dict[str, Any]) -> None:
    """The answer is that of the plain request, but for what says how it came about."""
    plain, changed = answer({}), answer(sent)
    for body in (plain, changed):
        body.pop("resolved")
        body.pop("trace")
        body.pop("notices")
    assert plain == changed
    assert plain["results"]
    assert plain["facets"] == {}
    assert plain["follow_ups"] == []


def answer(sent: dict[str, Any]) -> dict[str, Any]:
    """The body of a stateless search over three documents."""
    documents = [
        Document(id=name, url=f"https://x.org/{name}", title=name, text=f"{name} and a word", site="x.org")
        for name in ("one", "two", "three")
    ]
    request = SearchRequest.model_validate({"query": "word", **sent})
    return search(request, MemoryIndex(documents, generation="g"), None, SessionState(), 0.0).body
