"""Every constant of extraction, once, with its unit and its reason. Not for behaviour."""

from __future__ import annotations

from typing import Final

# ---- bounds of the parser
GUARDED_TAG_COUNT: Final = 2_000
MAX_OPEN_ELEMENTS: Final = 400
MAX_OPEN_FORMATTING: Final = 32
MAX_TAG_CHARACTERS: Final = 1_000
MAX_TAG_ATTRIBUTES: Final = 100
MAX_TREE_DEPTH: Final = 120
