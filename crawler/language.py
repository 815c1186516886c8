"""Which language a text is in: given text and what its page declares, returns an ISO 639-1 code or None.

A declaration is checked, because templates outlive translations: where the classifier (py3langid) is sure of
another language, the text wins. Not for mixed texts: the first language of the larger part is the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from crawler.extraction_settings import LANGUAGE_CHARACTERS, LANGUAGE_LEAST_CHARACTERS

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier  # type: ignore[import-untyped]

_CODE: Final = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_].*)?\s*$")
_THREE: Final = {"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt"}
_SAME: Final = {"nb": "no", "nn": "no", "iw": "he", "in": "id"}
_RELATED: Final = (
    frozenset(("no", "da", "sv")),
    frozenset(("cs", "sk")),
    frozenset(("hr", "sr", "bs", "sl")),
    frozenset(("id", "ms")),
    frozenset(("pt", "gl", "es", "ca")),
    frozenset(("ru", "uk", "be", "bg")),
)
"""Languages that the classifier takes for each other: among them a declaration is believed."""
_NOT_WORDS: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|[\d|#*_>\-=+]+", re.DOTALL)
_identifier: LanguageIdentifier | None = None


def language_of(text: str, declared: str | None = None) -> str | None:
    """Language of `text` (Markdown; code is left out), given the `lang` that its page declares."""
    stated = _normal(declared)
    sample = _NOT_WORDS.sub(" ", text[: 4 * LANGUAGE_CHARACTERS])
    sample = " ".join(sample.split())[:LANGUAGE_CHARACTERS]
    if len(sample.encode("utf-8", "ignore")) < LANGUAGE_LEAST_CHARACTERS:
        return stated
    found = _classify(sample)
    if stated is None or found == stated:
        return found
    if any(stated in family and found in family for family in _RELATED):
        return stated
    # Short texts mislead the classifier: against a declaration it needs more of them.
    return found if len(sample) >= 4 * LANGUAGE_LEAST_CHARACTERS or not sample.isascii() else stated


def _normal(declared: str | None) -> str | None:
    match = _CODE.match(declared or "")
    if not match:
        return None
    code = match[1].lower()
    code = _THREE.get(code, code)
    code = _SAME.get(code, code)
    return code if len(code) == 2 else None


def _classify(text: str) -> str:
    global _identifier
    if _identifier is None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        _identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    code = str(_identifier.classify(text)[0])
    return _SAME.get(code, code)
