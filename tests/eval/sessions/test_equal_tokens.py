"""Sessions against baselines tuned for each budget, from values computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.sessions.equal_tokens import EVERY, PERFECT, TUNED, best, budget_table, crossed, equal_tokens, table_of

OTHER = "0.7/0.7/stubs 0"
TOPICS = 20


def rows(values: dict[tuple[str, str, str], list[float]], budget: int = 500) -> list[dict[str, Any]]:
    """(system, agent, reader) -> a value a topic."""
    return [
        {
            "agent": agent,
            "system": system,
            "reader": reader,
            "topic": f"t{number}",
            "measures": {f"recall@{budget}t": value},
        }
        for (system, agent, reader), own in values.items()
        for number, value in enumerate(own)
    ]


def flat(value: float) -> list[float]:
    return [value] * TOPICS


def hand() -> list[dict[str, Any]]:
    """Two agents, two readers. Over agents, `dedupe` is the best baseline of the perfect reader (.55 against .50) and
    `stateless` of the other (.40 against .30); the session has .60 and .38."""
    means = {
        ("stateless", PERFECT): (0.4, 0.6),
        ("dedupe", PERFECT): (0.5, 0.6),
        ("session", PERFECT): (0.7, 0.5),
        ("stateless", OTHER): (0.4, 0.4),
        ("dedupe", OTHER): (0.2, 0.4),
        ("session", OTHER): (0.36, 0.4),
    }
    return rows(
        {
            (system, agent, reader): flat(value)
            for (system, reader), both in means.items()
            for agent, value in zip(("one", "two"), both, strict=True)
        }
    )


def found(body: dict[str, Any], reader: str, system: str = "session") -> dict[str, Any]:
    return next(each for each in body["rows"] if each["reader"] == reader and each["system"] == system)


def test_the_best_baseline_is_chosen_for_each_reader_and_all_agents() -> None:
    """One choice for both agents, though each alone would have chosen otherwise."""
    body = equal_tokens(hand(), ["stateless", "dedupe"], ["session"], [500])
    one, two = found(body, PERFECT), found(body, OTHER)
    assert (one["best"]["baseline"], two["best"]["baseline"]) == ("dedupe", "stateless")
    assert one["best"]["difference"] == pytest.approx(0.60 - 0.55)
    assert two["best"]["difference"] == pytest.approx(0.38 - 0.40)
    assert one["crossed"]["difference"] == pytest.approx(0.05), "where all topics agree, so do all folds"


def test_over_all_readers_the_worst_are_named() -> None:
    """Mean of +5 and -2; the worst reader, and the worst agent with a reader: .5 against .6."""
    every = found(equal_tokens(hand(), ["stateless", "dedupe"], ["session"], [500]), EVERY)["best"]
    assert every["difference"] == pytest.approx(0.015)
    assert every["worst"]["reader"] == OTHER
    assert every["worst"]["difference"] == pytest.approx(-0.02)
    assert (every["worst_cell"]["agent"], every["worst_cell"]["reader"]) == ("two", PERFECT)
    assert every["worst_cell"]["difference"] == pytest.approx(-0.1)


def test_hindsight_is_never_worse_than_crossing() -> None:
    """On noise the best of many is better on the topics that it was chosen on; the crossed choice is not."""
    chance = np.random.default_rng(1)
    values = {(f"k{number}", "one", PERFECT): chance.random(TOPICS).tolist() for number in range(8)}
    table, names = table_of(rows(values), "recall@500t"), [name for name, *_ in values]
    in_hindsight = best(table, PERFECT, names).of(table, PERFECT).mean()
    across = crossed(table, PERFECT, names).of(table, PERFECT).mean()
    assert in_hindsight == max(np.mean(own) for own in values.values())
    assert across < in_hindsight


def test_no_topic_has_a_part_in_its_own_choice() -> None:
    """A baseline that is perfect on one topic alone, and second on the others, is not chosen there."""
    lucky = [0.4] * TOPICS
    lucky[3] = 5.0
    values = {("lucky", "one", PERFECT): lucky, ("steady", "one", PERFECT): flat(0.5)}
    table = table_of(rows(values), "recall@500t")
    assert best(table, PERFECT, ["lucky", "steady"]).name == "lucky"
    assert crossed(table, PERFECT, ["lucky", "steady"]).systems[3] == "steady"


def test_sessions_may_be_tuned_in_the_same_way() -> None:
    """With two of them, the better one on other topics stands for both."""
    values = {("stateless", "one", PERFECT): flat(0.5)}
    values |= {("session", "one", PERFECT): flat(0.55), ("session:k=3", "one", PERFECT): flat(0.6)}
    tuned = found(equal_tokens(rows(values), ["stateless"], ["session", "session:k=3"], [500]), PERFECT, TUNED)
    assert tuned["chosen"] == "session:k=3"
    assert tuned["best"]["difference"] == pytest.approx(0.1)


def test_p_is_corrected_over_budgets_and_systems() -> None:
    """Two budgets alike have twice the p of one."""
    values = {("stateless", "one", PERFECT): flat(0.5)}
    values[("session", "one", PERFECT)] = [0.5 + (0.1 if number % 3 else -0.12) for number in range(TOPICS)]
    both = [
        {**one, "measures": one["measures"] | two["measures"]}
        for one, two in zip(rows(values), rows(values, 1_000), strict=True)
    ]
    body = equal_tokens(both, ["stateless"], ["session"], [500, 1_000])
    tests = [each["best"] for each in body["rows"] if each["reader"] == PERFECT]
    assert all(test["p_holm"] == pytest.approx(min(1, 2 * test["p"])) for test in tests)


def test_topics_that_an_agent_could_not_run_are_left_to_the_others() -> None:
    """An agent that needs sub-questions runs where there are some."""
    values = {("stateless", "one", PERFECT): flat(0.5), ("session", "one", PERFECT): flat(0.6)}
    values |= {("stateless", "few", PERFECT): [0.1], ("session", "few", PERFECT): [0.4]}
    row = found(equal_tokens(rows(values), ["stateless"], ["session"], [500]), PERFECT)
    assert row["best"]["difference"] == pytest.approx((19 * 0.1 + (0.1 + 0.3) / 2) / 20)


def test_the_table_has_a_row_for_each_budget_and_system() -> None:
    """In points, with the baseline that was chosen and the worst places."""
    head, row = budget_table(equal_tokens(hand(), ["stateless", "dedupe"], ["session"], [500]))
    assert len(head) == len(row)
    assert row[:5] == ["500", "session", "0.600", "dedupe 0.550", "+5.0"]
    assert row[-2:] == [f"-2.0 ({OTHER})", f"-10.0 (two, {PERFECT})"]
