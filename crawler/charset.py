"""Bytes as text: given a body and what its sender says, returns the characters that were meant.

Order of trust (HTML standard, 13.2.3.2): byte order mark, Content-Type, `meta` in the first bytes, the bytes
themselves. A declaration that the bytes contradict is not believed. Never raises; no lone surrogates or NULs
come out.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_META: Final = re.compile(
    rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,100}?encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE
)
# What pages call a charset, and what browsers read it as (WHATWG Encoding standard).
_BROWSER: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "ks_c-5601-1987": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_WRITTEN_IN_ASCII: Final = frozenset({"iso2022_jp", "hz", "utf-16-le", "utf-16-be"})
"""Codecs whose bytes may all be below 128 and mean other characters."""
_NOT_IN_META: Final = ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-7", "idna", "punycode")
_META_BYTES: Final = 4096
_GUESS_BYTES: Final = 65_536


def decode(body: bytes, content_type: str | None = None) -> str:
    """The text of `body`."""
    return _clean(_decode(body, content_type))


def _clean(text: str) -> str:
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def _codec(name: str) -> str | None:
    """Python's codec for a declared charset, read as browsers read it; None when there is none for text."""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not getattr(info, "_is_text_encoding", True) or info.name in (
        "utf-7",
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "mbcs",
        "oem",
    ):
        return None
    return _BROWSER.get(info.name, info.name)


def _decode(body: bytes, content_type: str | None) -> str:
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    declared: list[str] = []
    if content_type and (match := _HEADER.search(content_type)) and (codec := _codec(match[1])):
        declared.append(codec)
    if (found := _META.search(body, 0, _META_BYTES)) and (codec := _codec(found[1].decode("ascii", "replace"))):
        declared.append("utf-8" if codec in _NOT_IN_META else codec)
    if "utf-8" not in declared:
        declared.append("utf-8")
    # UTF-8 that decodes is UTF-8: other text is almost never valid by chance
    if not body.isascii():
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            if declared[0] == "utf-8" and error.start > len(body) - 4:
                return body.decode("utf-8", "ignore")
    elif declared[0] not in _WRITTEN_IN_ASCII:
        return body.decode("ascii")
    for codec in declared:
        try:
            return body.decode(codec)
        except (UnicodeDecodeError, UnicodeError):
            continue
    text = body.decode(declared[0], "replace")
    if text.count("\ufffd") * 200 <= len(text):
        return text
    return _guess(body) or text


def _guess(body: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(body[:_GUESS_BYTES]).best()
    if best is None:
        return None
    return body.decode(_codec(best.encoding) or "cp1252", "replace")
