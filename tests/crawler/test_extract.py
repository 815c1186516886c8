"""Extraction of hand-made pages: the Markdown, the metadata, the links and the directives that a person expects."""

import pickle
import subprocess
import sys
import time

import pytest

from crawler.extract import extract
from crawler.urls import document_id

URL = "https://docs.example.org/guide/page.html"
LEAD = "The kettle must be filled with fresh water before it is switched on, for old water tastes stale. "
PROSE = "<p>" + LEAD * 4 + "</p>"


def page(body, head="<title>Kettles</title>", attributes='lang="en"'):
    """A whole page around `body`."""
    return f"<!doctype html><html {attributes}><head>{head}</head><body>{body}</body></html>".encode()


def text_of(body, **options):
    """The Markdown of a page with this body."""
    return extract(page(body, **options), URL, "text/html; charset=utf-8").document.text


def markdown(inner):
    """The Markdown of `inner` within an article, without the paragraphs that make it one."""
    text = text_of(f"<article>{PROSE}{inner}{PROSE}</article>")
    start = text.index(LEAD.strip())
    return text[text.index("\n\n", start) + 2 : text.rindex("\n\n")]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<h2>Filling <i>up</i></h2>", "## Filling up"),
        ('<h3>Safety<a class="headerlink" href="#safety">¶</a></h3>', "### Safety"),
        ("<ul><li>one</li><li>two <b>bold</b></li></ul>", "- one\n- two bold"),
        ("<ol start=3><li>three<li>four</ol>", "3. three\n4. four"),
        (
            "<ul><li>fruit<ul><li>apple</li><li>pear<ol><li>green</li></ol></li></ul></li><li>bread</li></ul>",
            "- fruit\n  - apple\n  - pear\n    1. green\n- bread",
        ),
        ("<ul><li><p>first</p><p>second</p></li><li><p>third</p></li></ul>", "- first\n\n  second\n\n- third"),
        ("<dl><dt>kettle</dt><dd>a pot for water</dd></dl>", "kettle\n: a pot for water"),
        (
            "<dl><dt>boil(water)</dt><dd><p>Heats it.</p><pre>boil(1)</pre></dd></dl>",
            "boil(water)\n\nHeats it.\n\n```\nboil(1)\n```",
        ),
        ("<blockquote><p>Tea first.</p><p>Then milk.</p></blockquote>", "> Tea first.\n>\n> Then milk."),
        (
            '<div class="highlight-python3"><div class="highlight"><pre><span>def</span> f():\n    <b>return</b> 1\n</pre>'
            "</div></div>",
            "```python3\ndef f():\n    return 1\n```",
        ),
        ('<pre><code class="language-rust">fn main() {}</code></pre>', "```rust\nfn main() {}\n```"),
        ("<pre>a ``` b</pre>", "````\na ``` b\n````"),
        ("<p>Call <code>boil()</code> first.</p>", "Call `boil()` first."),
        ("<p>one<br>two<br><br>three</p>", "one\ntwo\n\nthree"),
        ("<p># not a heading</p>", "\\# not a heading"),
        (
            "<table><tr><th>Size<th>Minutes</tr><tr><td>small<td>2 | 3</tr><tr><td colspan=2>big</td></tr></table>",
            "| Size | Minutes |\n| --- | --- |\n| small | 2 \\| 3 |\n| big |  |",
        ),
        (
            "<table><caption>Times</caption><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td>"
            "</tr></tbody></table>",
            "Times\n\n| a | b |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            '<table class="highlighttable"><tr><td class="linenos"><pre>1\n2</pre></td><td class="code"><pre>x\ny</pre></td>'
            "</tr></table>",
            "```\nx\ny\n```",
        ),
        (
            "<p>The <math><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation></math> law.</p>",
            "The $x^2$ law.",
        ),
    ],
)
def test_markup_becomes_the_markdown_a_person_would_write(inner, expected):
    """Each kind of block comes out in its Markdown form."""
    assert markdown(inner) == expected


def test_emphasis_and_link_targets_are_left_out_of_the_text():
    """Text is what a reader reads; where a link goes is kept beside it."""
    assert (
        markdown('<p>See <a href="/x">the <b>other</b> page</a> for <em>more</em>.</p>')
        == "See the other page for more."
    )


def test_what_surrounds_the_article_is_left_out():
    """Navigation, footers, related pages, sharing, comments and cookie notices are no part of the text."""
    body = f"""<div class="cookie-banner"><p>{LEAD}</p></div><nav><a href=/a>Home</a></nav>
    <div id="sidebar"><ul><li><a href=/p>Popular page</a></ul></div>
    <main><article><h1>Kettles</h1><p class="byline">By Jo Ward</p>{PROSE}
    <div class="share-buttons"><a href=/s>Share it</a></div><p>Read also: <a href=/r>Cups</a></p>{PROSE}
    <div class="related-posts"><h3>Related</h3><p>{LEAD}</p></div></article>
    <section id="comments"><p>{LEAD} I disagree.</p></section></main><footer>© Somebody 2020</footer>"""
    text = text_of(body)
    for noise in ("Home", "Popular", "Jo Ward", "Share", "Cups", "Related", "disagree", "Somebody"):
        assert noise not in text
    assert text.count(LEAD.strip()) == 8
    assert text.startswith("# Kettles")


def test_a_container_named_like_noise_keeps_what_is_most_of_the_page():
    """A class name alone does not remove the text that carries the page."""
    assert LEAD.strip() in text_of(f'<div class="sidebar-layout banner"><p>{LEAD * 6}</p></div>')


def test_documentation_keeps_signatures_code_and_tables():
    """An API page of Sphinx comes out whole: names, parameters, code, tables."""
    body = """<div class="related"><ul><li><a href=x>index</a></ul></div><div class="document"><div class="body"><section id="m">
    <h1>json<a class="headerlink" href="#m">¶</a></h1><p>Encodes and decodes, as the standard says it must be done.</p>
    <dl class="py function"><dt class="sig" id="json.dumps"><span class="sig-prename">json.</span><span>dumps</span>(<em>obj</em>,
    <em>indent=None</em>)<a class="headerlink" href="#json.dumps">¶</a></dt><dd><p>Serialize obj to a string.</p>
    <div class="highlight-python notranslate"><div class="highlight"><pre>json.dumps([1])\n</pre></div></div>
    <table><tr><th>Python</th><th>JSON</th></tr><tr><td>dict</td><td>object</td></tr></table></dd></dl>
    </section></div></div><div class="footer">Created with Sphinx</div>"""
    text = text_of(body)
    assert "json.dumps(obj, indent=None)" in text
    assert "```python\njson.dumps([1])\n```" in text
    assert "| dict | object |" in text
    assert "¶" not in text
    assert "Sphinx" not in text


def test_a_page_of_links_keeps_its_entries():
    """An index is its links: nothing is pruned for being linked."""
    entries = "".join(f"<li><a href=/{n}>Chapter {n}: of kettles</a></li>" for n in range(60))
    text = text_of(f"<nav><a href=/>Home</a></nav><h1>Contents</h1><div class=body><ul>{entries}</ul></div>")
    assert all(f"Chapter {n}: of kettles" in text for n in range(60))


def test_a_page_with_nothing_but_navigation_still_has_text():
    """No page with text comes out without text."""
    assert "Only this" in text_of("<nav><p>Only this</p></nav>")
    assert "Enable it" in text_of("<noscript><p>Enable it</p></noscript>")


def test_a_page_without_text_gives_no_document_and_says_why():
    """An empty page has a reason instead of a document; its links are found all the same."""
    found = extract(page("<a href=/x><img src=y></a>"), URL, "text/html")
    assert found.document is None
    assert found.reason == "no text"
    assert [link.url for link in found.links] == ["https://docs.example.org/x"]
    assert extract(b"", URL, "text/html").document is None


def test_metadata_is_read_from_where_pages_state_it():
    """Title, author, dates, language, site and description come from meta elements and JSON-LD."""
    head = """<title>Kettles | The Pot</title><meta property="og:title" content="All about kettles">
    <meta property="og:site_name" content="The Pot"><meta name=description content="On kettles.">
    <script type="application/ld+json">{"@context": "x", "@graph": [{"@type": "NewsArticle", "headline": "All about kettles",
    "author": [{"name": "Jo Ward"}, {"name": "Al Pine"}], "datePublished": "2020-05-01T10:00:00+02:00",
    "dateModified": "2021-06-02"}]}</script>"""
    document = extract(page(PROSE, head), URL, "text/html", fetched_at="2024-01-01T00:00:00Z").document
    assert document.title == "All about kettles"
    assert document.author == "Jo Ward, Al Pine"
    assert document.published_at == "2020-05-01T10:00:00+02:00"
    assert document.modified_at == "2021-06-02"
    assert document.language == "en"
    assert document.site == "docs.example.org"
    assert document.filetype == "html"
    assert document.fetched_at == "2024-01-01T00:00:00Z"
    assert document.metadata["description"] == "On kettles."
    assert document.id == document_id(URL)


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("json — JSON encoder — Python 3.11 documentation", "json — JSON encoder¶", "json — JSON encoder"),
        ("Kettles and pots | Example", "", "Kettles and pots"),
        ("Example: kettles", "", "Example: kettles"),
        ("All - about - kettles", "", "All - about - kettles"),
        ("", "Kettles", "Kettles"),
    ],
)
def test_the_name_of_the_site_is_taken_off_the_title(title, heading, expected):
    """What of `title` is the headline is told by the headings and the host."""
    body = (f"<h1>{heading}</h1>" if heading else "") + PROSE
    assert (
        extract(page(body, f"<title>{title}</title>"), "https://www.example.org/", "text/html").document.title
        == expected
    )


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<p class="date">Published March 9, 2017</p>', "2017-03-09"),
        ("<time datetime='2019-02-03T04:05:06Z'>yesterday</time>", "2019-02-03T04:05:06Z"),
        ('<span class="post-date">3. März 2018</span>', "2018-03-03"),
        ('<span class="post-date">31/12/2018</span>', "2018-12-31"),
        ('<span class="post-date">99/99/2018</span>', None),
    ],
)
def test_dates_in_the_page_are_understood(markup, expected):
    """A date that is marked up or stands where dates stand is the day of publication."""
    assert extract(page(markup + PROSE), URL, "text/html").document.published_at == expected


def test_the_address_tells_the_day_when_nothing_else_does():
    """/2015/04/08/ in a path is a date."""
    assert extract(page(PROSE), "https://e.org/2015/04/08/kettles", "text/html").document.published_at == "2015-04-08"


def test_a_wrong_language_declaration_is_corrected_by_the_text():
    """A German text on a template that says `en` is German."""
    german = "<p>" + "Der Kessel muss mit frischem Wasser gefüllt werden, bevor er eingeschaltet wird. " * 5 + "</p>"
    assert extract(page(german), URL, "text/html").document.language == "de"


def test_links_are_absolute_with_text_and_nofollow():
    """`base` is honoured, fragments are cut, other schemes are left out, repeats are one link."""
    body = """<a href="a.html#top">first  <b>one</b></a><a href="/b?q=1" rel="nofollow noopener">b</a><a href="//cdn.org/c">c</a>
    <a href="mailto:x@y">m</a><a href="javascript:go()">j</a><a href="#here">h</a><a href="http://[bad">x</a>
    <a href="../up/./d">d</a><a href="a.html">first one</a><a href="e"><img alt="a picture"></a>"""
    found = extract(page(body + PROSE, '<base href="/base/sub/"><title>t</title>'), URL, "text/html").links
    assert [(link.url, link.text, link.nofollow) for link in found] == [
        ("https://docs.example.org/base/sub/a.html", "first one", False),
        ("https://docs.example.org/b?q=1", "b", True),
        ("https://cdn.org/c", "c", False),
        ("https://docs.example.org/base/up/d", "d", False),
        ("https://docs.example.org/base/sub/e", "a picture", False),
    ]


@pytest.mark.parametrize(
    ("head", "headers", "expected"),
    [
        ('<meta name="robots" content="NOINDEX, follow">', {}, (True, False)),
        ('<meta name="robots" content="none">', {}, (True, True)),
        ('<meta name="ForageBot" content="nofollow">', {}, (False, True)),
        ('<meta name="googlebot" content="noindex">', {}, (False, False)),
        ("", {"X-Robots-Tag": "noindex"}, (True, False)),
        ("", {"x-robots-tag": "otherbot: noindex, nofollow"}, (False, False)),
        ("", {"x-robots-tag": "otherbot: noindex, forage: nofollow"}, (False, True)),
        ("", {"x-robots-tag": "unavailable_after: 1 Jan 2030, noindex"}, (True, False)),
    ],
)
def test_directives_to_crawlers_are_read(head, headers, expected):
    """Those for every crawler and for this one count; those for another do not."""
    found = extract(page(PROSE, head), URL, "text/html", headers)
    assert (found.noindex, found.nofollow) == expected


def test_the_canonical_address_comes_from_the_head_or_the_header():
    """rel=canonical in the head wins; one in the body, where visitors write, is ignored."""
    link = {"Link": '</other>; rel="preload", </canonical>; rel="canonical"'}
    assert (
        extract(page(PROSE, "<link rel=canonical href=/c>"), URL, "text/html", link).canonical
        == "https://docs.example.org/c"
    )
    assert extract(page(PROSE), URL, "text/html", link).canonical == "https://docs.example.org/canonical"
    assert extract(page(PROSE + "<link rel=canonical href=/evil>"), URL, "text/html").canonical is None


def test_equal_content_has_an_equal_hash():
    """The hash is of title and text: markup around them does not count."""
    one = extract(page(PROSE), URL, "text/html").document
    other = extract(page("<div><footer>x</footer></div>" + PROSE), "https://other.org/", "text/html").document
    changed = extract(page(PROSE + "<p>More of it, and more, until it is a paragraph.</p>"), URL, "text/html").document
    assert one.content_hash == other.content_hash != changed.content_hash


def test_an_answer_survives_pickling():
    """Answers come out of worker processes."""
    found = extract(page(PROSE + "<a href=/x>y</a>"), URL, "text/html")
    assert pickle.loads(pickle.dumps(found)) == found


def test_importing_the_extractor_is_light():
    """A spawned worker must not pay for the second reader, the PDF reader or the language model."""
    heavy = "trafilatura", "pypdf", "py3langid", "charset_normalizer", "lxml", "htmldate"
    code = f"import sys, crawler.extract; print([name for name in {heavy!r} if name in sys.modules])"
    # courlan, which the crawler's own URL code uses, brings none of them in either.
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"


DEEP = 30_000


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * DEEP + "end",
        "<div>" * DEEP + "end" + "</div>" * DEEP,
        "<ul><li>x" * DEEP,
        "<table><tr><td>x" * DEEP,
        "".join(f"<p><b id={n}>x" for n in range(10_000)),
        "<div " + " ".join(f"a{n}" for n in range(60_000)) + ">end</div>",
        '<a href="' * DEEP,
        "<!--" * DEEP + "x",
        "<" * DEEP,
        "<p>" + "word " * 400_000,
        "<h1>title " * 5_000,
    ],
    ids=[
        "open",
        "closed",
        "lists",
        "tables",
        "formatting",
        "attributes",
        "quotes",
        "comments",
        "brackets",
        "text",
        "h1",
    ],
)
def test_hostile_markup_costs_little(body):
    """Deep nesting, crowded tags and broken syntax are read in linear time and without recursion errors."""
    start = time.process_time()
    extract(body.encode(), URL, "text/html")
    assert time.process_time() - start < 5
