"""Language identification: given text, returns its ISO 639 code or None when the guess would be noise.

py3langid behind a length and a confidence threshold; its model (0.5 to 1.5 s) is loaded by the first call.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

from indexer.limits import IngestLimits

_UNKNOWN: Final = "zxx"  # the model's "no linguistic content"


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str, limits: IngestLimits) -> str | None:
    """The language of `text` (its beginning is read), or None when it is too short or the model is in doubt."""
    sample = text[: limits.language_characters]
    letters = sum(map(str.isalpha, sample))
    if not sample.isascii():  # a Chinese or Japanese character says as much as three or four Latin letters
        letters += 3 * sum(character >= "\u3040" for character in sample if character.isalpha())
    if letters < limits.language_minimum:
        return None
    language, confidence = _identifier().classify(sample)
    return str(language) if confidence >= limits.language_confidence and language != _UNKNOWN else None
