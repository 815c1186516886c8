"""Laws of the query language: they hold for any text, and for any query built from the grammar."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ranking.errors import QueryError
from ranking.params import MAX_QUERY_CHARACTERS
from ranking.query import parse
from ranking.render import render
from ranking.text import tokenize
from ranking.types import All, Any_, Node, Not, Phrase, Query, Term

PIECES = [
    " ", "  ", "\n", "\t", "\x00", "\u200b", "(", ")", '"', "“", "”", "-", "+", ":", "*", "^", "^2", "~", "~3", ",",
    ".", "/", "OR", "AND", "NOT", "AROUND(2)", "AROUND(", "site:", "-site:", "intitle:", "url:", "after:",
    "before:2020", "lang:en", "filetype:", "link:", "related:", "x.org", "2020-01-01", "rust", "async", "well-known",
    "a", "b", "東京都", "🙂", "é", "\ud800", "std::", "https://", ":)", "tens*", "to", "the",
]  # fmt: skip
hostile = st.lists(st.sampled_from(PIECES), min_size=1, max_size=60).map("".join)
anything = st.one_of(st.text(min_size=1, max_size=400), hostile)


def content(text: str) -> Query:
    """The query of a text that has content; a text without any is none of a law's business."""
    try:
        return parse(text)
    except QueryError:
        assume(False)
        raise AssertionError from None


@given(anything)
@example("a\ud800" * 3)
@example("((((((((((((((((((((((((((a OR b))))))))))))))))))))))))))")
def test_only_empty_text_is_refused(text: str) -> None:
    """Any text of 1 to 8,000 characters that holds a token parses."""
    if tokenize(text):
        parse(text)
        return
    try:
        parse(text)
    except QueryError as refused:
        empty = str(refused) == "the query is empty"
        assert empty


@given(st.text(min_size=1, max_size=20), st.integers(1, 20))
def test_too_long_text_is_refused(piece: str, more: int) -> None:
    """One character more than the limit is refused."""
    text = (piece * MAX_QUERY_CHARACTERS)[:MAX_QUERY_CHARACTERS] + "x" * more
    with pytest.raises(QueryError, match="at most 8,000"):
        parse(text)


@given(anything)
def test_operator_spans_reproduce_the_text_and_do_not_overlap(text: str) -> None:
    """Each operator is where it says, and no character belongs to two."""
    end = 0
    for operator in content(text).operators:
        assert end <= operator.start < operator.end <= len(text)
        assert text[operator.start : operator.end] == operator.text
        end = operator.end


@given(anything)
def test_parsing_is_deterministic(text: str) -> None:
    """The same text is the same query."""
    assert content(text) == parse(text)


@given(anything)
def test_more_spaces_change_no_term(text: str) -> None:
    """Words may stand as far apart as they like."""
    query, wide = content(text), parse(text.replace(" ", "   "))
    assert wide.terms == query.terms
    assert wide.phrases == query.phrases


@given(anything)
def test_each_token_scores_once_and_comes_from_the_text(text: str) -> None:
    """Terms are distinct, positive, and tokens of the text."""
    query = content(text)
    scored = [term.token for term in query.terms]
    assert len(set(scored)) == len(scored)
    assert all(term.boost > 0 for term in query.terms)
    assert "".join(scored) == "" or tokenize(text)


@given(anything)
def test_meaning_can_be_encoded(text: str) -> None:
    """What the embedder reads is clean UTF-8 in one line."""
    meaning = content(text).meaning
    assert meaning.encode("utf-8").decode() == meaning
    assert meaning == meaning.strip()
    assert "\n" not in meaning


@given(anything)
def test_text_operators_demand_nothing(text: str) -> None:
    """What was read as text has no node, and what is not executed neither."""
    for operator in content(text).operators:
        if operator.kind == "text" or not operator.executed:
            assert operator.node is None


plain_words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs"), exclude_characters='"“”„‟＂():*^~+-'),
    min_size=1,
    max_size=200,
).filter(lambda text: not {"OR", "AND", "NOT"} & set(text.split()))


@given(plain_words)
def test_text_without_operator_characters_is_a_bag_of_words(text: str) -> None:
    """No operators, no condition, and exactly the tokens of the text, in order."""
    query = content(text)
    assert query.operators == ()
    assert query.condition is None
    assert [term.token for term in query.terms] == list(dict.fromkeys(tokenize(text)))
    assert query.meaning.split() == text.split()


# ---------------------------------------------------------------- queries built from the grammar

words = st.sampled_from(["rust", "async", "tokio", "wait", "join", "東京"])
phrases = st.lists(words, min_size=1, max_size=3).map(lambda tokens: f'"{" ".join(tokens)}"')
operands = st.one_of(
    words,
    phrases,
    st.tuples(phrases, st.integers(0, 9)).map(lambda pair: f"{pair[0]}~{pair[1]}"),
    st.sampled_from(["tens*", "intitle:rust", 'heading:"a b"', "inbody:wait", "inanchor:docs", "intitle:pre*"]),
    st.sampled_from(
        ["site:x.org/a", "domain:x.org", "lang:en", "filetype:pdf", "after:2020", "inurl:a/b", "link:x.org"]
    ),
    st.tuples(words, st.integers(0, 9), words).map(lambda t: f"({t[0]} AROUND({t[1]}) {t[2]})"),
)


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda parts: f"({' '.join(parts)})"),
        several.map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"-{part}" if part[0] not in "-+" else part),
        inner.map(lambda part: f"+{part}" if part[0] not in "-+" else part),
        inner.map(lambda part: f"(NOT {part})"),
    )


queries = st.lists(st.recursive(operands, combined, max_leaves=8), min_size=1, max_size=5).map(" ".join)


@given(queries)
@example('a OR (b "c d") -(e OR "f g"~3) tens*')
def test_a_rendered_condition_parses_to_itself(text: str) -> None:
    """Parse, write down, parse again: the same demands."""
    query = parse(text)
    again = parse(render(query) or "x")
    assert again.condition == query.condition


@given(queries)
def test_grammar_leaves_nothing_as_text(text: str) -> None:
    """What is built from operators is read as operators."""
    assert "text" not in {operator.kind for operator in parse(text).operators}


@given(queries)
def test_what_is_demanded_scores_and_what_is_excluded_does_not(text: str) -> None:
    """Every word that the whole query demands is a term, unless it is excluded too; no word is both."""
    query = parse(text)
    parts = query.condition.children if isinstance(query.condition, All) else (query.condition,)
    excluded = {part.child.token for part in parts if isinstance(part, Not) and isinstance(part.child, Term)
                and part.child.field is None}  # fmt: skip
    scored = {term.token for term in query.terms}
    assert not scored & excluded
    demanded = {part.token for part in parts if isinstance(part, Term)}
    demanded.update(token for part in parts if isinstance(part, Phrase) for token in part.tokens)
    if text.count("-") + text.count("NOT") <= 1:  # what a double negation demands was never asked for in plain
        assert demanded - excluded <= scored


@given(queries, st.sampled_from(["-", "NOT "]))
def test_negation_is_the_opposite(text: str, sign: str) -> None:
    """-( ) demands the opposite of +( ), and scores nothing."""
    positive, negative = parse(f"+({text})"), parse(f"{sign}({text})")
    assert negative.terms == ()
    assert opposite(negative.condition) == positive.condition


def opposite(node: Node | None) -> Node | None:
    return None if node is None else node.child if isinstance(node, Not) else Not(node)


@given(queries, queries)
def test_alternatives_demand_one_of_them(left: str, right: str) -> None:
    """(l) OR (r) is satisfied exactly when either bracket is."""
    either = parse(f"({left}) OR ({right})").condition
    for side in (left, right):
        node = parse(f"+({side})").condition
        assert node is not None
        alternatives = either.children if isinstance(either, Any_) else (either,)
        inner = node.children if isinstance(node, Any_) else (node,)
        assert set(inner) <= set(alternatives)
