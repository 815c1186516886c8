"""Errors of every package from source: given the checkout, returns each subclass of ForageError.

code, status and retryable follow inheritance; the meaning is the class's line in the tree at the top of its
`errors.py`, else its docstring, else its name in words. Read from the source, so that no library is imported. Not for
deciding what an error is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("ranking", "indexer", "crawler", "sessions", "api", "eval", "cli")
ROOT_CLASS: Final = "ForageError"
_BRANCH: Final = re.compile(r"^[│├└─\s]*(?:├──|└──)\s*(\w+)(?:\s{2,}(.+?))?\s*$")


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """`documented`: it stands in a tree or has a docstring."""

    module: str
    name: str
    code: str
    status: int
    retryable: bool
    meaning: str
    documented: bool


@dataclass(frozen=True, slots=True)
class _Found:
    module: str
    bases: tuple[str, ...]
    docstring: str
    set_here: Mapping[str, Any] = field(default_factory=dict)


def errors(root: Path) -> tuple[ErrorClass, ...]:
    """Every subclass of ForageError, itself included. ValueError for two of one name."""
    found: dict[str, _Found] = {}
    trees: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            source = path.read_text("utf-8")
            if "Error" not in source and path.name != "errors.py":
                continue
            tree = ast.parse(source)
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            for name, each in _classes(tree, module):
                if name in found and _is_error(name, found):
                    raise ValueError(f"two classes are named {name}: {found[name].module} and {module}")
                found[name] = each
            if path.name == "errors.py":
                trees.update(_tree(ast.get_docstring(tree) or ""))
    return tuple(_error(name, found, trees) for name in found if _is_error(name, found))


def _classes(tree: ast.Module, module: str) -> Iterator[tuple[str, _Found]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
            values = {
                target.id: statement.value.value
                for statement in node.body
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
            yield node.name, _Found(module, bases, ast.get_docstring(node) or "", values)


def _is_error(name: str, found: Mapping[str, _Found]) -> bool:
    return name == ROOT_CLASS or (name in found and any(_is_error(base, found) for base in found[name].bases))


def _error(name: str, found: Mapping[str, _Found], trees: Mapping[str, str]) -> ErrorClass:
    own = found[name]
    meaning = trees.get(name) or " ".join(own.docstring.split("\n\n")[0].split()) or _words(name)
    return ErrorClass(
        own.module, name, str(_inherited(name, "code", found)), int(_inherited(name, "status", found)),
        bool(_inherited(name, "retryable", found)), meaning, name in trees or bool(own.docstring),
    )  # fmt: skip


def _inherited(name: str, attribute: str, found: Mapping[str, _Found]) -> Any:
    own = found[name]
    if attribute in own.set_here:
        return own.set_here[attribute]
    return next(_inherited(base, attribute, found) for base in own.bases if _is_error(base, found))


def _tree(docstring: str) -> dict[str, str]:
    """Class -> the words beside it, "" for a name that speaks for itself."""
    lines = (_BRANCH.match(line) for line in docstring.splitlines())
    return {line[1]: line[2] or "" for line in lines if line}


def _words(name: str) -> str:
    return " ".join(word.lower() for word in re.findall(r"[A-Z][a-z]+", name.removesuffix("Error")))
