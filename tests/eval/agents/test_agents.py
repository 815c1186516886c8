"""Simulated agents: deterministic, different in kind, and blind to gold."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from eval.agents.catalogue import AGENTS, agent_of
from eval.agents.long_question import LONGEST, SHORTEST, TEMPLATES
from eval.agents.view import Agent, Asked, Page, Sighting, View
from eval.agents.words import clauses, content_words, folded, names
from eval.errors import SessionRunError
from eval.sessions.calls import Budget, Trajectory
from eval.sessions.displayed import Answer, Item
from eval.sessions.readers import Reader
from eval.sessions.tasks import Step, Task, read_tasks
from eval.sessions.trajectories import run_task

QUESTION = "Who was the first president of the association which published Journal of Psychotherapy Integration?"
PERFECT = Reader(1.0, 1.0, 1.0)
Corpus = dict[str, tuple[str, str]]

CORPUS: Corpus = {
    "g1": ("Journal of Psychotherapy Integration", "A quarterly journal of the American Psychological Association."),
    "g2": ("American Psychological Association", "Its founding president was Granville Stanley Hall, at Clark."),
    "d1": ("Integration by Parts", "A rule of calculus. The first proof is by Brook Taylor."),
    "d2": ("President", "A president leads an association or a state. Published lists name them."),
    "d3": ("Zebra", "Striped animals, unrelated, with hooves."),
}
TASK = Task(
    "t",
    QUESTION,
    {name: folded(" ".join(CORPUS[name])) for name in ("g1", "g2")},
    (
        Step(
            "What company published Journal of Psychotherapy Integration?", "American Psychological Association", "g1"
        ),
        Step("Who was the first president of #1 ?", "G. Stanley Hall", "g2"),
    ),
)


class Overlap:
    """A door that ranks a corpus by shared words and remembers everything it displayed."""

    def __init__(self, corpus: Corpus, k: int = 2) -> None:
        self._corpus, self._k = corpus, k
        self._postings: dict[str, set[str]] = defaultdict(set)
        for name, (title, text) in corpus.items():
            for word in folded(f"{title} {text}"):
                self._postings[word].add(name)
        self.asked: list[tuple[Asked, str, set[str]]] = []
        self._displayed = ""
        self._shown: set[str] = set()

    def search(self, asked: Asked) -> Answer:
        self.asked.append((asked, self._displayed, set(self._shown)))
        hits: dict[str, float] = defaultdict(float)
        for word in folded(asked.query):
            for name in self._postings.get(word, ()):
                hits[name] += 1 / len(self._postings[word])
        best = sorted(hits, key=lambda name: (-hits[name], name))[: self._k]
        self._displayed += "".join(f" {self._corpus[name][0]} {self._corpus[name][1]}" for name in best)
        self._shown.update(best)
        return Answer(tuple(Item(name, *self._corpus[name], 10) for name in best))

    def cite(self, documents: list[str], reader: str | None) -> None:
        pass


def queries_of(agent: Agent, task: Task = TASK, seed: int = 1) -> list[str]:
    run = run_task(Overlap(CORPUS), agent, task, Budget(8), seed, Reader(0, 0, 0) if agent.heeds else None)
    return [call.query for call in run.calls]


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_seed_asks_the_same(name: str) -> None:
    """Every agent is a function of what it is given."""
    first = queries_of(AGENTS[name])
    assert first
    assert all(query.strip() for query in first)
    assert queries_of(AGENTS[name]) == first


@pytest.mark.parametrize("name", ["loop", "evidence"])
def test_another_seed_asks_something_else(name: str) -> None:
    """Where there is chance."""
    assert any(queries_of(AGENTS[name], seed=seed) != queries_of(AGENTS[name]) for seed in (2, 3, 4))


@pytest.mark.parametrize("name", AGENTS)
def test_agents_say_what_they_cannot_show(name: str) -> None:
    """In the catalogue, one sentence each."""
    assert AGENTS[name].does
    assert AGENTS[name].cannot_show


def test_an_unknown_agent_is_named_with_the_nearest() -> None:
    """Among those that there are."""
    with pytest.raises(SessionRunError) as caught:
        agent_of("keywords")
    assert caught.value.did_you_mean == "keyword"


def visible(displayed: str, question: str) -> set[str]:
    """Every word that an agent could have read, and the frame of its own sentences."""
    text = f"{displayed} {question} {' '.join(TEMPLATES)}"
    return {word.lower() for word in re.findall(r"\w+", text)}


def assert_blind(agent: Agent, task: Task, door: Overlap) -> None:
    """No word of a query, and so no run of words, comes from anywhere but the question and displayed text; of the human
    decomposition also from its sub-questions, and from answers whose document was displayed."""
    reader = PERFECT if agent.heeds else None
    run_task(door, agent, task, Budget(8), 1, reader)
    for asked, displayed, shown in door.asked:
        known = visible(displayed, task.question)
        if agent.needs_steps:
            given = [step.text for step in task.steps]
            given += [step.answer for step in task.steps if step.document in shown]
            known |= {word.lower() for text in given for word in re.findall(r"\w+", text)}
        words = {word.lower() for word in re.findall(r"\w+", asked.query)}
        assert words <= known, (agent.name, asked.query, words - known)


@pytest.mark.parametrize("name", AGENTS)
def test_no_query_holds_words_that_were_not_displayed(name: str) -> None:
    """Of gold, least of all."""
    assert_blind(AGENTS[name], TASK, Overlap(CORPUS))


def test_the_leak_test_sees_a_leak() -> None:
    """An agent that knows gold is found out."""
    cheat = Agent("cheat", lambda view: Asked("Granville Stanley Hall"), "cheats", "anything")
    with pytest.raises(AssertionError, match="cheat"):
        assert_blind(cheat, TASK, Overlap(CORPUS))


@pytest.mark.skipif("FORAGE_TEST_DATA" not in os.environ, reason="FORAGE_TEST_DATA is not set: no multi-hop sets")
@pytest.mark.parametrize("name", AGENTS)
def test_no_query_on_a_real_set_holds_words_that_were_not_displayed(name: str) -> None:
    """200 questions over 3,722 paragraphs."""
    test, tasks = read_tasks(Path(os.environ["FORAGE_TEST_DATA"]) / "musique-200", 40, 1)
    corpus = {str(row["id"]): (str(row["title"]), str(row["text"])) for row in test.documents()}
    for task in tasks:
        assert_blind(AGENTS[name], task, Overlap(corpus, 5))


# ---------------------------------------------------------------- each in its kind


def view(*queries: str, question: str = QUESTION, titles: tuple[str, ...] = ()) -> View:
    shown = tuple(Sighting(title, title, "") for title in titles)
    return View("t", question, 1, tuple(Page(Asked(query), shown) for query in queries))


def test_the_keyword_agent_follows_titles_it_has_not_followed() -> None:
    """The best one that adds a word; then a part of the question; then the next."""
    ask = AGENTS["keyword"].ask
    titles = ("Journal of Psychotherapy Integration", "Zebra", "Horse")
    assert ask(view()) == Asked(QUESTION)
    second = ask(view(QUESTION, titles=titles))
    assert second is not None
    assert second.query.endswith("Zebra")
    third = ask(view(QUESTION, second.query, titles=titles))
    assert third == Asked("first president association")
    fourth = ask(view(QUESTION, second.query, third.query, titles=titles))
    assert fourth is not None
    assert fourth.query.endswith("Horse")


def test_the_clause_splitter_ends_when_it_has_no_form_left() -> None:
    """Each clause three times at most."""
    asked = queries_of(AGENTS["clauses"])
    assert len(asked) == len(set(asked))
    assert clauses(QUESTION) == [
        "was the first president",
        "association published Journal of Psychotherapy Integration",
    ]
    assert asked[:2] == clauses(QUESTION)


def test_the_loop_keeps_three_quarters_and_repeats_itself() -> None:
    """Over many topics the share of exact repeats at the eighth call is near 0.43 x 7 / 9."""
    words = set(content_words(QUESTION))
    ask = AGENTS["loop"].ask
    before = [f"query {number}" for number in range(7)]
    repeats = 0
    for number in range(600):
        pages = tuple(Page(Asked(query), ()) for query in before)
        asked = ask(View(f"t{number}", QUESTION, 1, pages))
        assert asked is not None
        repeats += asked.query in before
        assert asked.query in before or len(asked.query.split()) == round(0.75 * len(words))
    assert repeats / 600 == pytest.approx(0.43 * 7 / 9, abs=0.06)


def test_long_questions_are_long() -> None:
    """12 to 20 words."""
    assert all(SHORTEST <= len(query.split()) <= LONGEST for query in queries_of(AGENTS["long"]))


def test_the_decomposition_needs_the_bridge() -> None:
    """Without the first answer the second sub-question is asked only when the first has been given up."""
    first = queries_of(AGENTS["decomposition"])
    assert first[0] == TASK.steps[0].text
    assert "American" not in first[1]
    door = Overlap(CORPUS)
    run = run_task(door, AGENTS["decomposition"], TASK, Budget(8), 1, PERFECT)
    assert run.calls[1].query == "Who was the first president of American Psychological Association ?"


def test_the_fan_out_asks_again_for_what_its_agents_missed() -> None:
    """Sub-agents read alone; the second wave goes to those that noticed nothing."""
    run = run_task(Overlap(CORPUS), AGENTS["fan-out"], TASK, Budget(8), 1, Reader(0, 0, 0))
    readers = [call.reader for call in run.calls]
    assert len(set(readers[:4])) == 4
    assert set(readers[4:]) <= set(readers[:4])
    found = tuple(Page(page.asked, page.shown, found=int(place != 1)) for place, page in enumerate(pages_of(run)))
    asked = AGENTS["fan-out"].ask(View("t", QUESTION, 1, found))
    assert asked is not None
    assert asked.reader == readers[1], "the one that noticed nothing"


def pages_of(run: Trajectory) -> list[Page]:
    """The first wave, as it was displayed."""
    return [
        Page(Asked(call.query, call.reader), tuple(Sighting(name, CORPUS[name][0]) for name, _ in call.shown))
        for call in run.calls[:4]
    ]


def test_names_are_runs_of_capitalised_words() -> None:
    """Function words at the start of a sentence are none."""
    text = "The founder was Granville Stanley Hall. He taught at Clark University."
    assert names(text) == ["Granville Stanley Hall", "Clark University"]
