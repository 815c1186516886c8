"""The query language: each operator does what the contract says, and natural text stays text."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ranking.errors import QueryError
from ranking.operators import PREFIXES
from ranking.query import parse
from ranking.types import All, Any_, Filter, Node, Not, Operator, Phrase, Prefix, Query, Term


def tokens(query: Query) -> list[str]:
    return [term.token for term in query.terms]


def kinds(query: Query) -> list[tuple[str, str]]:
    return [(operator.kind, operator.text) for operator in query.operators]


def only(query: Query, kind: str) -> Operator:
    (found,) = [operator for operator in query.operators if operator.kind == kind]
    return found


# ---------------------------------------------------------------- conditions, one operator each


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("rust async", None),
        ('"borrow checker"', Phrase(("borrow", "checker"))),
        ('"rust"', Phrase(("rust",))),
        ("“borrow checker”", Phrase(("borrow", "checker"))),
        ('"near words"~4', Phrase(("near", "words"), slop=4)),
        ("a AROUND(3) b", Phrase(("a", "b"), slop=3, ordered=False)),
        ("+tokio", Term("tokio")),
        ("+well-known", Phrase(("well", "known"))),
        ("-java", Not(Term("java"))),
        ("NOT java", Not(Term("java"))),
        ('-"java beans"', Not(Phrase(("java", "beans")))),
        ('NOT "java beans"', Not(Phrase(("java", "beans")))),
        ("-(a b)", Not(All((Term("a"), Term("b"))))),
        ("NOT (a OR b)", Not(Any_((Term("a"), Term("b"))))),
        ("-site:x.org", Not(Filter("site", "x.org"))),
        ("NOT -a", Term("a")),
        ("NOT NOT a", Term("a")),
        ("a OR b", Any_((Term("a"), Term("b")))),
        ("a OR b c", Any_((Term("a"), Term("b")))),
        ("a b OR c", Any_((Term("b"), Term("c")))),
        ("a OR b OR c", Any_((Term("a"), Term("b"), Term("c")))),
        ("a OR (b OR c)", Any_((Term("a"), Term("b"), Term("c")))),
        ("a OR OR b", Any_((Term("a"), Term("b")))),
        ("a OR -b", Any_((Term("a"), Not(Term("b"))))),
        ('a OR "b c"', Any_((Term("a"), Phrase(("b", "c"))))),
        ("(a b) OR c", Any_((All((Term("a"), Term("b"))), Term("c")))),
        ("a AND b", None),
        ("(a b)", None),
        ("((a) (b))", None),
        ("+(a b)", All((Term("a"), Term("b")))),
        ("+a +a +a", Term("a")),
        ("site:docs.python.org", Filter("site", "docs.python.org")),
        ("SITE:Docs.Python.ORG", Filter("site", "docs.python.org")),
        ("site:https://docs.python.org/3/library/", Filter("site", "docs.python.org/3/library")),
        ("site:localhost:8000", Filter("site", "localhost")),
        ("site:*.example.org", Filter("site", "example.org")),
        ("site:python.org, please", Filter("site", "python.org")),
        ('site:"python.org"', Filter("site", "python.org")),
        ("site:bücher.example", Filter("site", "xn--bcher-kva.example")),
        ("site:(a.org OR b.org)", Any_((Filter("site", "a.org"), Filter("site", "b.org")))),
        ("site:a.org OR site:b.org", Any_((Filter("site", "a.org"), Filter("site", "b.org")))),
        ("domain:python.org", Filter("domain", "python.org")),
        ("inurl:Tutorial", Filter("inurl", "tutorial")),
        ("url:docs/api", Filter("inurl", "docs/api")),
        ("intitle:rust", Term("rust", "title")),
        ("title:rust", Term("rust", "title")),
        ('intitle:"release notes"', Phrase(("release", "notes"), "title")),
        ("intitle:(a OR b)", Any_((Term("a", "title"), Term("b", "title")))),
        ("intitle:tens*", Prefix("tens", "title")),
        ("heading:install", Term("install", "heading")),
        ("inbody:deprecated", Term("deprecated", "body")),
        ("inanchor:docs", Term("docs", "anchor")),
        ("anchor:docs", Term("docs", "anchor")),
        ("filetype:.PDF", Filter("filetype", "pdf")),
        ("filetype:htm", Filter("filetype", "html")),
        ("lang:en-US", Filter("lang", "en")),
        ("after:2020", Filter("after", "2020")),
        ("before:2024-05-01T12:00:00Z", Filter("before", "2024-05-01T12:00:00Z")),
        ("link:x.org/page", Filter("link", "x.org/page")),
        ("link:https://en.example.org/wiki/X_(y)", Filter("link", "https://en.example.org/wiki/X_(y)")),
        ("tens*", Prefix("tens")),
        ("well-kno*", All((Term("well"), Prefix("kno")))),
        ("東*", Prefix("東")),
        ("term^2", None),
        ("related:x.org/page", Filter("related", "x.org/page")),
    ],
)
def test_operator_demands(text: str, condition: Node | None) -> None:
    """Each operator becomes exactly this condition."""
    assert parse(text).condition == condition


def test_plain_words_score_and_demand_nothing() -> None:
    """A natural question has no condition, and every word of it scores once."""
    query = parse("how do I cancel an asyncio task, and why would I?")
    assert query.condition is None
    assert tokens(query) == ["how", "do", "i", "cancel", "an", "asyncio", "task", "and", "why", "would"]
    assert query.operators == ()
    assert query.meaning == "how do I cancel an asyncio task, and why would I?"


def test_conditions_of_several_operators_hold_together() -> None:
    """Operators side by side are all demanded, in the order in which they stand."""
    query = parse('rust "borrow checker" -java +tokio site:docs.rs after:2020')
    assert query.condition == All(
        (
            Phrase(("borrow", "checker")),
            Not(Term("java")),
            Term("tokio"),
            Filter("site", "docs.rs"),
            Filter("after", "2020"),
        )
    )
    assert tokens(query) == ["rust", "borrow", "checker", "tokio"]


def test_two_sites_without_or_contradict_each_other() -> None:
    """Nothing is relaxed in silence: both are demanded."""
    assert parse("site:a.org site:b.org").condition == All((Filter("site", "a.org"), Filter("site", "b.org")))


def test_around_keeps_a_phrase_in_one_piece() -> None:
    """An operand of several words stays a phrase of its own beside the nearness."""
    query = parse('climate AROUND(3) "sea level" rise')
    assert query.condition == All(
        (Phrase(("sea", "level")), Phrase(("climate", "sea", "level"), slop=3, ordered=False))
    )
    assert tokens(query) == ["climate", "sea", "level", "rise"]


def test_around_chains_and_binds_tighter_than_or() -> None:
    """a AROUND b AROUND c is two conditions; OR takes the whole of it."""
    near = [Phrase(pair, slop=2, ordered=False) for pair in (("a", "b"), ("b", "c"))]
    assert parse("a AROUND(2) b AROUND(2) c").condition == All(tuple(near))
    assert parse("a AROUND(2) b OR c").condition == Any_((near[0], Term("c")))


# ---------------------------------------------------------------- what scores


def test_excluded_words_never_score_nor_reach_the_embedder() -> None:
    """Neither -t nor NOT t nor anything inside an excluded bracket."""
    query = parse('python -java NOT "coffee shop" -(tea OR milk) -intitle:beans')
    assert tokens(query) == ["python"]
    assert query.meaning == "python"
    assert query.phrases == ()


def test_a_word_that_is_excluded_elsewhere_does_not_score() -> None:
    """`a -a` matches nothing that holds a, so a is not looked up either."""
    assert tokens(parse("python snake -python")) == ["snake"]


def test_phrase_words_score_as_written() -> None:
    """Quoted words are exact; one that also stands plain is not."""
    query = parse('checker "borrow checker"')
    assert [(term.token, term.exact) for term in query.terms] == [("checker", False), ("borrow", True)]
    assert query.phrases == (Phrase(("borrow", "checker")),)


def test_field_words_score_in_their_field_only() -> None:
    """intitle:rust scores in titles; rust beside it widens it to all fields."""
    assert [(term.token, term.fields) for term in parse("intitle:rust body:async").terms] == [
        ("rust", ("title",)),
        ("async", ("body",)),
    ]
    assert parse("intitle:rust rust").terms[0].fields == ()


@pytest.mark.parametrize(
    ("text", "token", "boost"),
    [
        ("term^2", "term", 2.0),
        ("term^0.5,", "term", 0.5),
        ('"a term"^3', "term", 3.0),
        ('"near term"~4^2', "term", 2.0),
        ("title:term^4", "term", 4.0),
        ("term^2 term", "term", 2.0 * 9 * 2 / (2 + 8)),
        ("term term term", "term", 9 * 3 / (3 + 8)),
    ],
)
def test_boosts_and_repetition_weigh_a_term(text: str, token: str, boost: float) -> None:
    """The largest boost counts, and n occurrences count n (k3 + 1) / (n + k3) times."""
    (found,) = [term for term in parse(text).terms if term.token == token]
    assert found.boost == pytest.approx(boost)


def test_alternatives_all_score() -> None:
    """Both sides of OR earn score; one of them is required."""
    query = parse("(sqlite OR postgres) backup")
    assert tokens(query) == ["sqlite", "postgres", "backup"]
    assert query.meaning == "sqlite postgres backup"


# ---------------------------------------------------------------- what the embedder reads


def test_meaning_is_the_text_without_operators() -> None:
    """Filters and exclusions go, phrases and required words stay, in order and as written."""
    query = parse('How does Tokio schedule "async tasks", +fairly? site:tokio.rs after:2020 -java tens* term^2')
    assert query.meaning == "How does Tokio schedule async tasks , fairly? tens term"


def test_filter_only_query_has_no_terms_and_no_meaning() -> None:
    """Only-negative and filter-only queries are conditions alone."""
    query = parse("site:x.org -java before:2020")
    assert (query.terms, query.meaning) == ((), "")
    assert query.condition == All((Filter("site", "x.org"), Not(Term("java")), Filter("before", "2020")))


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


# ---------------------------------------------------------------- the report


def test_operators_carry_kind_span_and_node() -> None:
    """Each operator is reported once, with the text it was read from and what it demands alone."""
    query = parse('rust "a b" -java NOT go (c OR site:x.org)')
    assert kinds(query) == [
        ("phrase", '"a b"'),
        ("exclude", "-java"),
        ("exclude", "NOT go"),
        ("group", "("),
        ("or", "OR"),
        ("site", "site:x.org"),
        ("group", ")"),
    ]
    assert only(query, "or").node == Any_((Term("c"), Filter("site", "x.org")))
    assert [operator.node for operator in query.operators if operator.kind == "exclude"] == [
        Not(Term("java")),
        Not(Term("go")),
    ]


def test_an_excluded_filter_keeps_its_kind() -> None:
    """-site:x.org is a site operator whose node is negated."""
    operator = only(parse("a -site:x.org"), "site")
    assert (operator.text, operator.node) == ("-site:x.org", Not(Filter("site", "x.org")))


def test_many_remarks_make_one_notice() -> None:
    """A notice names a few examples and counts the rest."""
    (notice,) = parse(" ".join(f"after:x{i}" for i in range(50))).notices
    assert notice.message.endswith("and 47 more")


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
