"""Canonical values: what a person writes for a host, a type or a language becomes one form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ranking.errors import ParamsError
from ranking.values import address, filetype, host, language, site


@pytest.mark.parametrize(
    ("canonical", "given", "expected"),
    [
        (host, "Docs.Python.ORG", "docs.python.org"),
        (host, "https://user@docs.python.org:443/3?x#y", "docs.python.org"),
        (host, "*.example.org", "example.org"),
        (host, ".gov", "gov"),
        (host, "example.org.", "example.org"),
        (host, "localhost:8000", "localhost"),
        (host, "127.0.0.1:80", "127.0.0.1"),
        (host, "[::1]:80", "::1"),
        (host, "bücher.example", "xn--bcher-kva.example"),
        (host, "my_host-1.local", "my_host-1.local"),
        (site, "x.org/Docs/", "x.org/Docs"),
        (site, "x.org/", "x.org"),
        (site, "https://x.org/a/b?q=1#f", "x.org/a/b"),
        (address, "HTTPS://X.org:81/A?b=C", "https://x.org:81/A?b=C"),
        (address, "x.org", "x.org"),
        (filetype, ".PDF", "pdf"),
        (filetype, "markdown", "md"),
        (filetype, "tar-gz", "tar-gz"),
        (language, "EN", "en"),
        (language, "zh_Hant-TW", "zh"),
        (language, "deu", "deu"),
    ],
)
def test_canonical_form(canonical: Callable[[str], str], given: str, expected: str) -> None:
    """Spelling varies, the value does not; a canonical form is its own canonical form."""
    assert canonical(given) == expected
    if canonical is not host or expected != "::1":
        assert canonical(expected) == expected


@pytest.mark.parametrize(
    ("canonical", "given"),
    [
        (host, ""), (host, "a b"), (host, "-x.org"), (host, "x..org"), (host, "x.org\x00"), (host, "a" * 64 + ".org"),
        (host, ".".join(["a"] * 200)), (host, "x.org:y"), (host, "ü" * 70), (host, "\ud800.org"), (site, "/path"),
        (filetype, ""), (filetype, "p d f"), (filetype, "a" * 17), (language, "english"), (language, "e"),
        (language, "en-"), (language, ""), (address, "///"),
    ],
)  # fmt: skip
def test_impossible_value_is_refused_with_a_hint(canonical: Callable[[str], str], given: str) -> None:
    """The error repeats what was given and shows what would work."""
    with pytest.raises(ParamsError) as refused:
        canonical(given)
    assert refused.value.hint
