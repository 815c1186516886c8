"""What a reader has read, against an index: vectors of what was shown, and texts that were read elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from api.passages import passages_of
from api.session.reading import Reading
from indexer.memory import MemoryIndex
from indexer.settings import IndexSettings
from ranking.constants import COVERED_ROUNDS, NOVELTY_PASSAGES
from ranking.params import Params
from ranking.pipeline import rank
from ranking.plan import plan as make_plan
from ranking.query import parse
from ranking.shingles import shingles
from ranking.types import Document, SessionState, Shown, ShownPassage
from sessions.fold import fold
from tests.contract.samples import HashingEmbedder, page
from tests.sessions.logs import event

SETTINGS = IndexSettings(passage_tokens=300, overlap_tokens=0, section_tokens=300)
PLAIN = Params()


def prose(name: str, paragraphs: int = 1) -> str:
    """Paragraphs of one passage each, whose words stand nowhere else."""
    return "\n\n".join(" ".join(f"{name}{part}x{word}" for word in range(55)) for part in range(paragraphs))


def document(name: str, text: str) -> Document:
    return page(name, f"https://x.org/{name}", "", text)


def index(*documents: Document) -> MemoryIndex:
    return MemoryIndex(documents, HashingEmbedder(), SETTINGS)


def shown(given: Document, *passages: int, texts: Sequence[str] = ()) -> Shown:
    hashed = frozenset[int]().union(*map(shingles, texts))
    return Shown(given.id, given.url, "", 1, 0.5, given.content_hash, given.id, passages, tuple(sorted(hashed)))


def read(*pages: Shown, **more: Any) -> SessionState:
    """The state of a reader who was shown these, one a call."""
    return fold([event(seq, shown=(one,)) for seq, one in enumerate(pages, 1)], **more)


def test_vectors_are_of_the_passages_shown_last() -> None:
    """Latest document first, its passages in order."""
    a, b = document("a", prose("a", 3)), document("b", prose("b", 2))
    held = index(a, b)
    vectors = Reading(read(shown(a, 2, 0), shown(b, 1)), PLAIN).vectors(held)
    assert vectors is not None
    np.testing.assert_array_equal(vectors, held.passage_vectors([("b", 1), ("a", 0), ("a", 2)]))


def test_what_is_gone_or_was_edited_has_no_vector() -> None:
    """The passage of that number is another text now, or none; what is still there has its own."""
    kept, old, gone = document("kept", prose("k")), document("edited", prose("o")), document("gone", prose("g"))
    held = index(kept, document("edited", prose("new")))
    state = read(shown(kept, 0, 7), shown(old, 0), shown(gone, 0))
    vectors = Reading(state, PLAIN).vectors(held)
    assert vectors is not None
    np.testing.assert_array_equal(vectors, held.passage_vectors([("kept", 0)]))
    assert Reading(read(shown(gone, 0)), PLAIN).vectors(held) is None


def test_so_many_vectors_and_no_more() -> None:
    """A long session costs a search what a short one does."""
    pages = [document(f"d{number}", prose(f"d{number}x", 2)) for number in range(NOVELTY_PASSAGES)]
    vectors = Reading(read(*(shown(one, 0, 1) for one in pages)), PLAIN).vectors(index(*pages))
    assert vectors is not None
    assert len(vectors) == NOVELTY_PASSAGES


def test_without_a_log_nothing_was_read() -> None:
    """No session, a new one, one of another reader, and the stateless order."""
    a = document("a", prose("a"))
    state = read(shown(a, 0, texts=[a.text]))
    off = Params.model_validate({"session": {"seen": "off"}})
    for reading in (Reading(SessionState(), PLAIN), Reading(read(), PLAIN), Reading(state, off),
                    Reading(read(shown(a, 0, texts=[a.text]), reader="other"), PLAIN)):  # fmt: skip
        assert not reading
        assert reading.vectors(index(a)) is None
        assert reading.covers([a.text]) == [False]
    assert Reading(state, PLAIN)
    assert Reading(state, PLAIN).vectors(MemoryIndex([a], None, SETTINGS)) is None


def test_a_text_is_known_when_most_of_it_was_shown_in_whatever_pieces() -> None:
    """Half of it in one document and half in another; a text of other words, or of none, is not known."""
    whole = prose("w", 2)
    first, second = whole.split("\n\n")
    a, b = document("a", first), document("b", second)
    reading = Reading(read(shown(a, 0, texts=[first]), shown(b, 0, texts=[second])), PLAIN)
    assert reading.covers([whole, first, prose("other"), f"{first} {prose('other')}", ""]) == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert reading.covers([]) == []
    assert Reading(read(shown(a, 0)), PLAIN).covers([first]) == [False]  # shown without a text


# ---------------------------------------------------------------- which passages are shown


def chosen(
    held: MemoryIndex, state: SessionState, query: str, kind: type[Reading] = Reading, **fields: Any
) -> list[tuple[ShownPassage, ...]]:
    params = Params.model_validate(fields)
    plan = make_plan(parse(query), params, held.statistics, held.term_statistics, HashingEmbedder().encode([query])[0])
    ranking = rank(plan, held.recall(plan), params, state, 0.0)
    return passages_of(ranking.page, plan, held, params, state, kind(state, params))


MIRRORED = prose("m", 2)
SOURCE = document("source", MIRRORED)
MIRROR = document("mirror", f"{MIRRORED}\n\n{prose('own', 2)}")
ALL_READ = read(shown(SOURCE, 0, 1, texts=MIRRORED.split("\n\n")))


def test_a_passage_read_in_another_document_gives_way() -> None:
    """The mirror's own passages come first, although the query's words stand in the mirrored one."""
    held = index(MIRROR)
    (before,) = chosen(held, SessionState(), "m0x7 m1x7")
    assert {(one.passage.ordinal, one.seen) for one in before} == {(0, False), (1, False)}
    (after,) = chosen(held, ALL_READ, "m0x7 m1x7")
    assert {(one.passage.ordinal, one.seen) for one in after} == {(2, False), (3, False)}
    (three,) = chosen(held, ALL_READ, "m0x7 m1x7", content={"passages": 3})
    assert [one.seen for one in three] == [False, False, True]


def test_a_page_of_which_all_was_read_elsewhere_says_so() -> None:
    """It is not left without text."""
    held = index(document("copy", MIRRORED))
    (demoted,) = chosen(held, ALL_READ, "m1x7")
    assert [(one.passage.ordinal, one.seen) for one in demoted] == [(1, True), (0, True)]
    (new,) = chosen(held, ALL_READ, "m1x7", session={"seen": "new_passages"})
    assert [(one.passage.ordinal, one.seen) for one in new] == [(1, True)]


def test_the_stateless_order_reads_nothing() -> None:
    """seen: off shows what a reader without a session is shown."""
    held = index(MIRROR)
    with_log, without = (
        chosen(held, state, "m0x7 m1x7", session={"seen": "off"}) for state in (ALL_READ, SessionState())
    )
    assert with_log == without


def test_what_did_not_change_on_an_edited_page_gives_way_to_what_did() -> None:
    """Its ordinals mean other texts now, but a paragraph that was read has been read."""
    edited = document("source", f"{MIRRORED}\n\n{prose('added')}")
    ((only,),) = chosen(index(edited), ALL_READ, "m0x7", content={"passages": 1})
    assert (only.passage.ordinal, only.seen) == (2, False)


def test_the_search_for_unread_passages_is_bounded() -> None:
    """A long mirror of what was read is not read to its end: the next best is shown as it is."""
    text = prose("m", 40)
    source, held = document("source", text), index(document("mirror", text))
    state = read(shown(source, *range(40), texts=text.split("\n\n")))
    looked_at: list[str] = []

    class Counting(Reading):
        def covers(self, texts: Sequence[str]) -> list[bool]:
            looked_at.extend(texts)
            return super().covers(texts)

    (passages,) = chosen(held, state, "m0x7", Counting)
    assert len(looked_at) == len(set(looked_at)) == 2 * COVERED_ROUNDS
    assert len(passages) == 2
