"""SVG for a page: given what matplotlib wrote, returns an element that can stand in HTML beside others.

Colours that the plots use become variables of the page; what a page has no use for (prolog, metadata, addresses of
namespaces, ids that nothing refers to) goes; ids that stay are told apart by the figure's number. Not for drawing.
"""

from __future__ import annotations

import html
import re
from typing import Final

INK: Final = "#010101"
RULE: Final = "#020202"
SOFT: Final = "#030303"
PALETTE: Final = tuple(f"#0{place}0{place}0{place}" for place in "45678a")
"""Names of colours while a plot is drawn; STYLE has the colours."""

_VARIABLES: Final = {
    INK: "--ink",
    RULE: "--rule",
    SOFT: "--soft",
    **{colour: f"--c{place}" for place, colour in enumerate(PALETTE, start=1)},
}
STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--rule:#8a929c;--soft:#e3e6ea;--band:#f6f7f9;
--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--c4:#b0568f;--c5:#6b7280;--c6:#b8860b}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--ink:#e6e9ed;--rule:#7d8690;--soft:#31373f;--band:#1c2026;
--c1:#56a8e0;--c2:#f0883e;--c3:#2fc79c;--c4:#dd8fc0;--c5:#a3abb5;--c6:#e3b341}}
"""
"""After Okabe and Ito 2008, for all kinds of colour vision; lighter on dark ground."""

_FONT: Final = re.compile(r"font-family: ?[^;\"]*")
_SHORT_FONT: Final = re.compile(r"(font: (?:\w+ )*[\d.]+px) [^;\"]*")
_ID: Final = re.compile(r' id="([^"]*)"')


def inlined(svg: str, title: str, number: int) -> str:
    """One <svg> with a title; "" of anything that is not drawn."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(?::\w+)?="[^"]*"| version="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = _SHORT_FONT.sub(r"\1 system-ui, sans-serif", _FONT.sub("font-family: system-ui, sans-serif", svg))
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = _ID.sub(lambda found: f' id="f{number}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1f{number}-", svg)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    name = f"figure-{number}"
    return (
        f'<svg {box[0] if box else ""} role="img" aria-labelledby="{name}">'
        f'<title id="{name}">{html.escape(title)}</title>{rest.strip()}'
    )
