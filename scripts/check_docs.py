"""Checks of the documents that need no server: given the checkout, fails when a link in a Markdown file leads nowhere,
a `make` target or a source file that a document names does not exist, or a generated table is stale (make_docs.py).
Not for whether everything is documented: tests/docs/."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts import make_docs  # noqa: E402 (the checkout comes first)

LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"```.*?```", re.DOTALL)
SOURCE: Final = re.compile(r"`((?:ranking|indexer|crawler|sessions|api|eval|cli|bench|scripts|tests)/[\w/]+\.\w+)[`:]")
TARGET: Final = re.compile(r"(?:^|`)\s*make ([a-z][a-z-]*)", re.MULTILINE)
HEADING: Final = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
SKIPPED: Final = {".venv", ".git", "node_modules", ".demo", "data", "build"}


def documents() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        if not SKIPPED & set(path.relative_to(ROOT).parts):
            yield path


def anchors(text: str) -> set[str]:
    """Heading anchors as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def problems(document: Path, targets: set[str]) -> Iterator[str]:
    text = document.read_text("utf-8")
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            yield f"the link {link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8")):
            yield f"the link {link} names a heading that is not there"
    for name in TARGET.findall(text):
        if name not in targets:
            yield f"it says `make {name}`, which is no target of the Makefile"
    for name in SOURCE.findall(text):
        if not (ROOT / name).exists():
            yield f"it names {name}, which is not there"


def main() -> int:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    found = [
        f"{document.relative_to(ROOT)}: {problem}"
        for document in documents()
        for problem in problems(document, targets)
    ]
    print("\n".join(found) or f"documents: {len(list(documents()))} checked")
    return make_docs.main(["--check"]) or int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
