"""The query language: each operator does what the contract says, and is reported."""

from __future__ import annotations

import pytest

from ranking.query import parse
from ranking.types import All, Any_, Filter, Node, Not, Phrase, Prefix, Term
from tests.ranking.queries import kinds, only, tokens

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
