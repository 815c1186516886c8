"""Natural, hostile and odd text as a query: it stays text, or is refused at once."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ranking.errors import QueryError
from ranking.operators import PREFIXES
from ranking.query import parse
from ranking.types import All, Any_, Filter, Node, Not
from tests.ranking.queries import only, tokens

# ---------------------------------------------------------------- natural text that looks like operators


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("std::vector<int> reserve", ["std", "vector", "int", "reserve"]),
        ("a[0] == b{1}", ["a", "0", "b", "1"]),
        ("meet at 10:30 tomorrow", ["meet", "at", "10", "30", "tomorrow"]),
        ("thanks :) and :-( bye ;)", ["thanks", "and", "bye"]),
        ("C# versus C++ - which", ["c", "versus", "which"]),
        ("see https://docs.python.org/3/?q=a:b", ["see", "https", "docs", "python", "org", "3", "q", "a", "b"]),
        ("Error: cannot open file", ["error", "cannot", "open", "file"]),
        ("git commit --amend --no-edit", ["git", "commit", "amend", "no", "edit"]),
        ("1) first 2) second", ["1", "first", "2", "second"]),
        ("f(x) = g(h(x), y)", ["f", "x", "g", "h", "y"]),
        ('print("hello world")', ["print", "hello", "world"]),
        ('5" pipe and 6" hose', ["5", "pipe", "and", "6", "hose"]),
        ("**bold** and foo.* and *.py", ["bold", "and", "foo", "py"]),
        ("~/.bashrc ~user", ["bashrc", "user"]),
        ("a or b and not c", ["a", "or", "b", "and", "not", "c"]),
        ("x => y -> z", ["x", "y", "z"]),
        ("it's the dog's dinner", ["it", "s", "the", "dog", "dinner"]),
        ("日本語の検索 テスト", ["日本", "本語", "語の", "の検", "検索", "テス", "スト"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("naïve café", ["naive", "cafe"]),
    ],
)
def test_natural_text_is_text(text: str, expected: list[str]) -> None:
    """Code, URLs, times, emoticons and other scripts demand nothing and keep all their words."""
    query = parse(text)
    assert query.condition is None
    assert tokens(query) == expected
    assert {operator.kind for operator in query.operators} <= {"text", "group"}


@pytest.mark.parametrize(
    ("text", "read_as_text"),
    [
        ("std::vector<int> x", ["std::vector<int>"]),
        ("at 10:30", ["10:30"]),
        ("foo:bar baz", ["foo:bar"]),
        ("https://a.b/c", ["https://a.b/c"]),
        ("run --force", ["--force"]),
        ("call f(x) now", ["f(x)"]),
        ('say "hello', ['"']),
        ("(a b", ["("]),
        ("a b)", ["b)"]),
        (")))(((", [")))", "(", "(", "("]),
        ("OR a", ["OR"]),
        ("a NOT", ["NOT"]),
        ("AND", ["AND"]),
        ("a AROUND(x) b", ["AROUND(x)"]),
        ("AROUND(3) b", ["AROUND(3)"]),
        ("plain words only", []),
    ],
)
def test_what_was_read_as_text_is_reported(text: str, read_as_text: list[str]) -> None:
    """Whatever holds operator characters and was no operator is named, with its span."""
    query = parse(text)
    assert [operator.text for operator in query.operators if operator.kind == "text"] == read_as_text
    assert query.condition is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("after:yesterday", "YYYY-MM-DD"),
        ("before:2023-02-29", "no calendar"),
        ("site:???", "no host"),
        ("site: python.org", "no value"),
        ("lang:english", "language code"),
        ("filetype:%%", "file type"),
        ("inurl:!!", "no letter"),
        ("intitle:??", "names no word"),
        ("x^0", "boost"),
        ("x^1000", "boost"),
        ('"a b"~5000', "1,000"),
        ('"a b"^0', "100"),
        ("a*", "at least 2 characters"),
        ('""', "without a word"),
        ('"unclosed', "without its partner"),
        ("(unclosed", "without its partner"),
        ("a OR", "beside it"),
        ("a AROUND(9999) b", ""),
        ("site:x.org AROUND(2) b", "each side"),
        ("sitee:python.org", "did you mean site:?"),
        ("fileype:pdf", "did you mean filetype:?"),
    ],
)
def test_invalid_operators_are_text_with_a_notice(text: str, said: str) -> None:
    """An operator with an invalid value is text, and a notice says what would work."""
    query = parse(text)
    noted = [operator for operator in query.operators if operator.kind == "text"]
    assert noted
    if said:
        assert said in (noted[0].notice or "")
        assert [notice.code for notice in query.notices] == ["operator_read_as_text"]
        assert said in query.notices[0].message


def test_words_of_an_invalid_operator_still_score() -> None:
    """Text is text: its words are searched for."""
    assert tokens(parse("after:yesterday news")) == ["after", "yesterday", "news"]


def test_unexecuted_operator_is_named_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator that is only reserved is read, reported as not executed, and neither filters nor scores."""
    monkeypatch.setitem(PREFIXES, "related", replace(PREFIXES["related"], executed=False))
    query = parse("related:x.org/page python")
    operator = only(query, "related")
    assert (operator.executed, operator.node) == (False, None)
    assert tokens(query) == ["python"]
    assert [notice.code for notice in query.notices] == ["operator_not_executed"]
    for text in ("related:x.org/page python", "a OR related:x.org", "-related:x.org", "-(a related:x.org)"):
        assert parse(text).condition is None


# ---------------------------------------------------------------- refused, and hostile


@pytest.mark.parametrize("text", ["", " ", "\n\t  \r", "\x00\x01\x1f", "\u200b\ufeff", "\u200e\u202a"])
def test_empty_query_is_refused(text: str) -> None:
    """Nothing but white space, control and invisible characters is empty, and the hint says what to write."""
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert refused.value.hint
    assert refused.value.path == "$.query"


def test_the_limit_counts_characters() -> None:
    """8,000 characters of any width are read, 8,001 are refused with both numbers."""
    assert tokens(parse("é" * 8_000)) == ["e" * 64]
    assert parse("🙂" * 8_000).terms == ()
    with pytest.raises(QueryError, match="8,001 characters") as refused:
        parse("a" * 8_001)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("🙂 🚀", "🙂 🚀"), ("???", "???"), ("\ud800 x \udfff", "x"), ("a\x00b", "a b"), ("\ud800", ""), ("...", "...")],
)
def test_odd_characters_are_text(text: str, meaning: str) -> None:
    """Emoji, punctuation, control characters and lone surrogates are accepted; the embedder gets clean text."""
    query = parse(text)
    assert query.condition is None
    assert query.meaning == meaning
    query.meaning.encode("utf-8")


def test_invisible_direction_marks_do_not_hide_an_operator() -> None:
    """Text copied from right-to-left pages carries marks around its words."""
    assert parse("\u200fsite:x.org\u200e שלום").condition == Filter("site", "x.org")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 8_000,
        ")" * 8_000,
        '"' * 8_000,
        "-" * 8_000,
        "+" * 8_000,
        "()" * 4_000,
        "-(" * 4_000,
        "(" * 4_000 + ")" * 4_000,
        "(a OR " * 1_140 + "b" + ")" * 1_140,
        "-(a " * 1_590 + ")" * 1_590,
        "(a OR (b " * 727 + "c" + ")" * 1_454,
        "NOT " * 1_999 + "a",
        "a OR " * 1_599 + "b",
        "a AROUND(1) " * 660 + "b",
        "site:(" * 1_333,
        "sit:b " * 1_333,
        '"a" ' * 2_000,
        "a^2 " * 2_000,
        "ab* " * 2_000,
        "*" * 8_000,
        ":" * 8_000,
        "a:" * 4_000,
        ":(" * 4_000,
        "a" * 8_000,
        "OR " * 2_666,
        "~^" * 4_000,
        "intitle:" * 1_000,
    ],
)
def test_hostile_text_is_read_in_linear_time_and_bounded_depth(text: str) -> None:
    """Thousands of operator characters neither overflow the stack nor make a deep tree nor take long."""
    before = time.thread_time()
    query = parse(text[:8_000])
    repr(query)
    hash(query.condition)
    assert time.thread_time() - before < 2.0
    assert depth(query.condition) <= 60


def depth(node: Node | None) -> int:
    """Nodes on the longest path; recursion here would hide an overflow, so it walks with a list."""
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        here, level = waiting.pop()
        deepest = max(deepest, level)
        if isinstance(here, All | Any_):
            waiting.extend((child, level + 1) for child in here.children)
        elif isinstance(here, Not):
            waiting.append((here.child, level + 1))
    return deepest
