"""The slow second reader: given a page that the fast one made little of, returns trafilatura's Markdown of it.

trafilatura costs some forty milliseconds a page and half a second to import, so it is imported when first
needed. Not for the ordinary page.
"""

from __future__ import annotations

import logging
import warnings


def read_slowly(markup: str) -> str:
    """trafilatura's reading of a page as Markdown; "" when it finds nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its HTTP client, which is not used, complains of a missing SOCKS library
        import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        text = trafilatura.extract(
            markup, output_format="markdown", include_comments=False, include_formatting=False, with_metadata=False
        )
    except Exception:  # whatever it trips over, the fast reading stands
        return ""
    return text or ""
