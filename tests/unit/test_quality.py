from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.quality import estimate_quality
from engramia_core.memory.upkeep import refine
from engramia_core.testing.builders import START, days
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, asked, judged, learned_key

if TYPE_CHECKING:
    from engramia_core.memory.pattern import Observation

JUDGED = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 800)), min_size=1, max_size=12)
TRULY = (9.0, 7.0, 5.0)
TASKS, ROUNDS, SEEDS = 12, 10, 40


def quality(*scores: float, apart_days: float = 0.0) -> float:
    """The estimate for scores that come one after another."""
    return estimate_quality([judged(s, days(n * apart_days)) for n, s in enumerate(scores)])


@pytest.mark.parametrize(
    ("scores", "estimate"),
    [
        ([0.0], 0.0),
        ([10.0], 10.0),
        ([7.3], 7.3),
        ([2.0, 8.0], 5.0),
        ([0.0, 10.0], 5.0),
        ([8.0, 8.0, 8.0, 0.0], 8.0),
        ([10.0, 1.0, 1.0, 1.0], 1.0),
        ([7.0, 8.0, 9.0], 8.0),
        ([0.0, 0.0, 10.0, 10.0], 5.0),
    ],
)
def test_the_estimate_of_a_few_observations(scores: list[float], estimate: float) -> None:
    assert quality(*scores) == pytest.approx(estimate, abs=1e-9)
    assert quality(*reversed(scores)) == pytest.approx(estimate, abs=1e-9)


@pytest.mark.parametrize("scores", [(9.0, 1.0), (8.0, 2.0), (6.0, 4.0), (0.0, 10.0)])
def test_of_two_that_disagree_none_counts_for_much_more(scores: tuple[float, float]) -> None:
    assert quality(*scores, apart_days=1) == pytest.approx(sum(scores) / 2, abs=0.1)


@given(st.floats(5, 10), st.floats(0, 10), st.integers(3, 8))
def test_one_wild_judgement_among_many_moves_little(good: float, wild: float, many: int) -> None:
    assert abs(quality(*[good] * many, wild, apart_days=1) - good) < 1


@given(JUDGED)
def test_the_estimate_lies_between_the_observations_in_any_order(
    pairs: list[tuple[float, int]],
) -> None:
    observations = [judged(score, days(day)) for score, day in pairs]
    estimate = estimate_quality(observations)
    assert min(pairs)[0] - 1e-9 <= estimate <= max(pairs)[0] + 1e-9
    assert estimate_quality(observations[::-1]) == estimate


@given(JUDGED, st.integers(0, 5000))
def test_the_estimate_changes_only_when_something_is_observed(
    pairs: list[tuple[float, int]], shift_days: int
) -> None:
    now = [judged(score, days(day)) for score, day in pairs]
    later = [judged(score, days(day + shift_days)) for score, day in pairs]
    assert estimate_quality(later) == pytest.approx(estimate_quality(now), abs=1e-6)


def test_old_observations_count_less() -> None:
    old, new = [judged(3.0, START)] * 3, [judged(9.0, days(400))] * 2
    assert estimate_quality([*old, *new]) > 8
    assert estimate_quality([*old, *[judged(9.0, START)] * 2]) < 6


def test_an_observation_counts_half_after_ninety_days() -> None:
    assert quality(4.0, 7.0, apart_days=90) == pytest.approx((4 * 0.5 + 7) / 1.5)


def feedback(rng: np.random.Generator, truth: float, noise: float) -> float:
    """What somebody says of a candidate: nearly the truth, or with that chance anything."""
    if rng.random() < noise:
        return float(rng.uniform(0, 10))
    return float(np.clip(truth + rng.normal(0, 0.5), 0, 10))


def share_right(noise: float, apart: timedelta) -> list[float]:
    """How often the truly best of three is estimated best, after each round of feedback."""
    right = [0] * ROUNDS
    for seed in range(SEEDS * TASKS):
        rng = np.random.default_rng(seed)
        seen: defaultdict[float, list[Observation]] = defaultdict(list)
        for number in range(ROUNDS):
            for truth in TRULY:
                score = feedback(rng, truth, noise)
                seen[truth].append(judged(score, START + number * apart))
            best, *others = (estimate_quality(seen[truth]) for truth in TRULY)
            right[number] += best > max(others)
    return [count / (SEEDS * TASKS) for count in right]


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(days=1), timedelta(days=14)], ids=str)
@pytest.mark.parametrize(("noise", "wanted"), [(0.2, 0.9), (0.4, 0.8)])
def test_noisy_feedback_finds_the_best_of_three_and_does_not_lose_it(
    noise: float, wanted: float, apart: timedelta
) -> None:
    right = share_right(noise, apart)
    after_5, after_10 = right[4], right[9]
    chance = 2 * math.sqrt(after_5 * (1 - after_5) / (SEEDS * TASKS))
    assert after_5 >= wanted
    assert after_10 >= wanted
    assert after_10 >= after_5 - chance


@pytest.mark.parametrize(("noise", "wanted"), [(0.2, 0.9), (0.4, 0.8)])
def test_recall_puts_the_best_of_three_on_top_after_noisy_feedback(
    noise: float, wanted: float
) -> None:
    rng = np.random.default_rng(7)
    right = 0
    for number in range(4 * TASKS):
        store = MemoryStore()
        task = f"task number {number} is to sort a list of numbers"
        keys = [learned_key(store, task, f"answer {truth}") for truth in TRULY]
        for day in range(1, ROUNDS + 1):
            for key, truth in zip(keys, TRULY, strict=True):
                refine(store, SCOPE, key, judged(feedback(rng, truth, noise), days(day)))
        (match,) = asked(store, task, at=days(ROUNDS)).matches
        right += match.pattern.key == keys[0]
    assert right / (4 * TASKS) >= wanted
