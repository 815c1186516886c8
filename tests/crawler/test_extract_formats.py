"""Extraction of other formats and character sets: PDF, plain text, Markdown, and bytes that lie about themselves."""

import time

import pytest

from crawler.charset import decode
from crawler.extract import extract
from crawler.pagedates import date_in_url, parse_date_text, parse_machine_date

URL = "https://example.org/files/notes"
SENTENCE = "Größe und Maß der Kessel: naïve café, élève, señor, Łódź."


def pdf_of(text, information=""):
    """A PDF of one page with one line, written by hand."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< {information} >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n"
    return f"{body}{end}{len(body)}\n%%EOF\n".encode()


def test_a_pdf_gives_its_text_title_author_and_date():
    """The text of a PDF and what it says of itself become a document."""
    body = pdf_of("Boil the water first.", "/Title (On kettles) /Author (Jo Ward) /CreationDate (D:20200102030405Z)")
    document = extract(body, URL, "application/pdf").document
    assert (document.text, document.title, document.author) == ("Boil the water first.", "On kettles", "Jo Ward")
    assert document.published_at == "2020-01-02T03:04:05Z"
    assert document.filetype == "pdf"
    assert document.metadata == {"pages": 1}


def test_a_pdf_is_known_by_its_first_bytes():
    """A PDF that is sent as something else is still a PDF."""
    assert extract(pdf_of("Boil the water."), URL, "application/octet-stream").document.filetype == "pdf"


@pytest.mark.parametrize("body", [b"%PDF-1.4\nbroken", b"%PDF-", pdf_of("x")[:300], pdf_of("")])
def test_a_pdf_without_text_gives_a_reason(body):
    """Broken, cut and empty PDFs are no errors: the reason says what was wrong."""
    found = extract(body, URL, "application/pdf")
    assert found.document is None
    assert "PDF" in found.reason


def test_plain_text_is_kept_as_it_is():
    """Plain text becomes the text, its file name the title, when nothing in it is one."""
    document = extract(b"one  two\r\n\r\n  three\r\n", URL + ".txt", "text/plain").document
    assert (document.text, document.title, document.filetype) == ("one  two\n\n  three", "notes.txt", "txt")


@pytest.mark.parametrize(
    ("text", "title", "start"),
    [
        ("# On kettles #\n\nBoil.", "On kettles", "# On kettles"),
        ("On kettles\n==========\n\nBoil.", "On kettles", "On kettles"),
        ("---\ntitle: 'On kettles'\nauthor: Jo\ndate: 2020-01-02\n---\nBoil.", "On kettles", "Boil."),
    ],
)
def test_markdown_knows_its_title(text, title, start):
    """The first heading or the front matter names a Markdown file; the front matter is no text."""
    document = extract(text.encode(), URL + ".md", "text/plain").document
    assert (document.title, document.filetype) == (title, "md")
    assert document.text.startswith(start)


@pytest.mark.parametrize("content_type", ["image/png", "application/json", "video/mp4", "application/zip", "text/css"])
def test_what_is_no_text_is_refused_by_name(content_type):
    """The reason names the content type that is not read."""
    found = extract(b"\x89PNG\x00\x01", URL, content_type)
    assert found.document is None
    assert content_type in found.reason


@pytest.mark.parametrize(
    ("body", "filetype"),
    [
        (b"<!DOCTYPE html><title>t</title><p>Some words", "html"),
        (b"\n<!-- c --><html><body>Some words", "html"),
        (b"Some words", "txt"),
        (
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body><p>Some words</p></body></html>",
            "html",
        ),
    ],
)
def test_a_body_without_a_type_is_looked_at(body, filetype):
    """A server that says nothing does not cost the page."""
    document = extract(body, "https://example.org/", None).document
    assert document.filetype == filetype
    assert "Some words" in document.text


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1250", "iso-8859-2"])
def test_a_declared_or_marked_charset_is_understood(codec):
    """A byte order mark or the header tells how to read the bytes."""
    text = "Łódź, žluťoučký kůň"
    assert decode(text.encode(codec), f"text/html; charset={codec.removesuffix('-sig')}") == text


def test_the_meta_element_tells_the_charset():
    """Without a header the page's own declaration counts."""
    body = '<meta charset="windows-1251"><p>Чайник кипит на плите, и вода готова для чая.'
    assert "Чайник кипит" in extract(body.encode("cp1251"), URL, "text/html").document.text
    older = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Чайник кипит на плите.'
    assert "Чайник кипит" in decode(older.encode("koi8-r"))


def test_utf8_wins_over_a_wrong_declaration():
    """Bytes that are UTF-8 are UTF-8, whatever the header says."""
    assert decode(SENTENCE.encode(), "text/html; charset=iso-8859-1") == SENTENCE


def test_an_undeclared_charset_is_guessed():
    """Legacy text without any declaration is read by its bytes."""
    text = "Чайник кипит на плите, и вода готова для чая. Хозяйка наливает чашку и садится у окна. " * 8
    assert decode(text.encode("cp1251")) == text


@pytest.mark.parametrize("name", ["no-such-charset", "base64", "utf-7", "idna", "undefined", "\x00", "rot13", ""])
def test_a_charset_that_is_none_is_ignored(name):
    """Nonsense in the header is no reason to lose the page."""
    assert decode(b"plain words", f"text/html; charset={name}") == "plain words"


def test_nuls_and_lone_surrogates_do_not_come_out():
    """What no text may hold is gone from the document."""
    body = b"<title>a\x00b</title><p>one\x00two \xed\xa0\x80 three &#xD800; &#0; &#8203;four &#7; five"
    document = extract(body, URL, "text/html; charset=utf-8").document
    document.text.encode("utf-8")
    assert not any(ord(c) < 32 and c not in "\n\t" for c in document.text + document.title)
    assert "four" in document.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020", "2020"),
        ("2020-05", "2020-05"),
        ("2020-05-04", "2020-05-04"),
        ("20200504", "2020-05-04"),
        ("2020-05-04T03:02", "2020-05-04"),
        ("2020-05-04 03:02:01 +0200", "2020-05-04T03:02:01+02:00"),
        ("2020-05-04T03:02:01.123Z", "2020-05-04T03:02:01Z"),
        ("Mon, 04 May 2020 03:02:01 GMT", "2020-05-04T03:02:01Z"),
        ("2020-13-04", None),
        ("0000-00-00", None),
        ("2020-02-30", None),
        ("2020-05-04T99:99:99Z", "2020-05-04"),
        ("soon", None),
        ("", None),
    ],
)
def test_machine_dates(text, expected):
    """ISO 8601 of any precision and RFC 1123; a time without an offset keeps only its day."""
    assert parse_machine_date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Posted on the 3rd of nothing", None),
        ("1st March 2019", "2019-03-01"),
        ("le 14 juillet 2020 à 10h", "2020-07-14"),
        ("5 de mayo de 2021", "2021-05-05"),
        ("2021年5月6日", "2021-05-06"),
        ("08.04.2015 12:46", "2015-04-08"),
        ("12/31/2018", "2018-12-31"),
    ],
)
def test_written_dates(text, expected):
    """Dates as people write them in several languages."""
    assert parse_date_text(text) == expected


def test_dates_in_addresses():
    """Only whole path segments count."""
    assert date_in_url("https://e.org/2015/04/08/x") == "2015-04-08"
    assert date_in_url("https://e.org/2015/04/x") == "2015-04"
    assert date_in_url("https://e.org/2015/44/x") is None
    assert date_in_url("https://e.org/id/20150408") is None


def test_a_body_of_comments_is_told_from_a_page_in_no_time():
    """Without a type the start of the body decides, and no body makes that take long."""
    started = time.monotonic()
    assert extract(b"<!---->" * 1000 + b"<x", URL, "").document.filetype == "txt"
    assert extract(b" <!-- a --><?xml version='1.0'?>\n<!-- b --><html><p>text", URL, "").document.filetype == "html"
    assert time.monotonic() - started < 2
