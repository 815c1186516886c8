"""Pages that people write: they name every route, setting, command and file, and no link leads nowhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import APIRoute

from api.http.app import create_app
from api.http.routes.operations import RESERVED
from api.settings import Settings
from cli.main import app as command_line
from scripts import check_docs

ROOT = check_docs.ROOT
PAGES = sorted((ROOT / "docs").glob("*.md"))


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_link_target_and_file_name_is_there() -> None:
    """In every Markdown file of the repository."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))
    found = {str(each.relative_to(ROOT)): list(check_docs.problems(each, targets)) for each in check_docs.documents()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_every_source_file_that_the_architecture_names_exists() -> None:
    """The walks are of this tree, not of the one that was planned."""
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", read("ARCHITECTURE.md")))
    assert len(named) > 60
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_a_broken_link_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a missing heading, a missing target and a missing source are four problems."""
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](gone.md) [b](#there) [c](#here) `make nothing` `api/nothing.py` [d](https://x.org)")
    assert len(list(check_docs.problems(page, {"test"}))) == 4


def test_every_route_is_in_the_http_page(tmp_path: Path) -> None:
    """Method and path as a client writes them; reserved ones are in the page on gaps."""
    app = create_app(Settings(data=tmp_path))
    app.state.engine.close()
    text, gaps = read("docs/http.md"), read("docs/gaps/01-reserved-paths.md")
    routes = {(method, route.path) for route in routes_of(app) for method in route.methods or ()}
    assert len(routes) > 30
    for method, path in sorted(routes - set(RESERVED)):
        assert re.search(rf"`{method} {re.escape(path)}[`?]", text), f"{method} {path}"
    for method, path in RESERVED:
        assert (method, path) in routes
        last = path.replace("{session_id}", "{id}").rpartition("/" if path.count("/") > 2 else "\0")[2]
        assert last in gaps, f"{method} {path}"


def routes_of(holder: Any) -> Iterator[APIRoute]:
    """The routes of an application with those of the routers that it includes: newer FastAPI keeps them apart."""
    for route in holder.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)


def test_every_setting_of_a_process_is_in_the_operations_page() -> None:
    """And every variable that the page names is a setting, or one of the model's folder."""
    text = read("docs/operations.md")
    known = {f"FORAGE_{name.upper()}" for name in Settings.model_fields}
    assert [name for name in sorted(known) if f"`{name}`" not in text] == []
    assert set(re.findall(r"`(FORAGE_[A-Z_]+)`", text)) - known == {"FORAGE_MODELS"}


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    """`forage` and its sub-commands, by the names that people type."""
    text = read("README.md") + "".join(page.read_text("utf-8") for page in PAGES)
    missing = [name for name in commands(command_line) if f"forage {name}" not in text]
    assert missing == []


def commands(group: typer.Typer, prefix: str = "") -> list[str]:
    names = [f"{prefix}{command.name}" for command in group.registered_commands]
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        names += commands(inner.typer_instance, f"{prefix}{inner.name} ")
    return names


def test_every_command_line_of_a_page_can_be_typed() -> None:
    """Each one in a block parses as it stands; of one in a sentence, the options exist."""
    root = typer.main.get_command(command_line)
    blocks = sentences = 0
    for page in check_docs.documents():
        text = page.read_text("utf-8")
        for words in lines_of(text):
            blocks += 1
            command, rest = found(root, words)
            command.make_context(
                " ".join(words), rest
            )  # raises for an option that is not there, or one that is missing
        for said in re.findall(r"`forage ([^`]+)`", check_docs.FENCE.sub("", text)):
            command, rest = found(root, shlex.split(said))
            known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, f"{page}: forage {said}"
            sentences += 1
    assert blocks > 30
    assert sentences > 30


def lines_of(text: str) -> Iterator[list[str]]:
    """The words after `forage` of every command line in a block, without comments and the `&` at its end."""
    for block in check_docs.FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True) if re.match(r"(\.venv/bin/)?forage ", line) else []
            if words:
                yield words[1:-1] if words[-1] == "&" else words[1:]


def found(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the rest of them."""
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_the_two_commands_of_the_readme_are_targets() -> None:
    """A person types what the README says."""
    section = read("README.md").split("## Two commands")[1].split("## ")[0]
    said = re.findall(r"^make ([a-z-]+)", section, re.MULTILINE)
    targets = re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE)
    assert said == ["demo", "test"]
    assert set(said) <= set(targets)


def test_decisions_and_gaps_are_numbered_once() -> None:
    """A number is how a page is named in conversation."""
    for folder, digits in (("adr", 4), ("gaps", 2)):
        names = [path.name for path in (ROOT / "docs" / folder).glob("*.md")]
        numbers = [name[:digits] for name in names]
        assert all(number.isdigit() for number in numbers)
        assert len(set(numbers)) == len(numbers) > 5


def test_the_licence_is_the_one_that_the_package_names() -> None:
    """Apache-2.0, in full."""
    assert 'license = "Apache-2.0"' in read("pyproject.toml")
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
