from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.errors import InvalidInput
from engramia_core.memory.embedding import Calibration
from engramia_core.memory.floor import FixedFloor
from engramia_core.memory.ranking import (
    Ranking,
    effective_scores,
    quality_factor,
    recency,
    reuse_tier,
)
from engramia_core.testing.builders import START, days

SHARE = st.floats(0, 1)
QUALITY = st.floats(0, 10) | st.just(math.nan)
AGE_DAYS = st.floats(-100, 3000)
RANKINGS = st.builds(Ranking, SHARE, st.floats(0.01, 1000))
CALIBRATION = Calibration(FixedFloor(0.2), adapt=0.5, duplicate=0.9)


def effective(similarity: float, quality: float, age_days: float, ranking: Ranking) -> float:
    set_at = (START - timedelta(days=age_days)).timestamp()
    scores = effective_scores([similarity], [quality], [set_at], ranking=ranking, now=START)
    return float(scores[0])


@pytest.mark.parametrize(
    ("quality", "factor"), [(0.0, 0.5), (10.0, 1.0), (5.0, 0.75), (8.0, 0.9), (math.nan, 0.75)]
)
def test_quality_counts_half_and_the_unrated_lie_in_the_middle(
    quality: float, factor: float
) -> None:
    assert quality_factor(quality) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("age_days", "left"), [(0, 1.0), (30, 0.5), (60, 0.25), (15, math.sqrt(0.5)), (-5, 1.0)]
)
def test_recency_halves_with_every_half_life(age_days: float, left: float) -> None:
    found = recency(days(-age_days).timestamp(), START, half_life_days=30)
    assert found == pytest.approx(left, abs=1e-9)


@pytest.mark.parametrize(
    ("similarity", "quality", "age_days", "weight", "score"),
    [
        (0.8, 10.0, 365, 0.0, 0.8),
        (0.8, math.nan, 0, 0.0, 0.6),
        (0.8, 6.0, 30, 1.0, 0.32),
        (0.8, 6.0, 30, 0.5, 0.64 * math.sqrt(0.5)),
        (0.0, 10.0, 0, 1.0, 0.0),
    ],
)
def test_the_effective_score_is_the_product_of_its_factors(
    similarity: float, quality: float, age_days: float, weight: float, score: float
) -> None:
    ranking = Ranking(weight, half_life_days=30)
    assert effective(similarity, quality, age_days, ranking) == pytest.approx(score, abs=1e-9)


@given(SHARE, QUALITY, AGE_DAYS, RANKINGS)
def test_the_effective_score_is_never_above_the_similarity(
    similarity: float, quality: float, age_days: float, ranking: Ranking
) -> None:
    assert 0 <= effective(similarity, quality, age_days, ranking) <= similarity


@given(SHARE, SHARE, QUALITY, AGE_DAYS, RANKINGS)
def test_more_similar_never_ranks_lower(
    one: float, other: float, quality: float, age_days: float, ranking: Ranking
) -> None:
    lower, higher = sorted((one, other))
    assert effective(lower, quality, age_days, ranking) <= effective(
        higher, quality, age_days, ranking
    )


@given(SHARE, st.floats(0, 10), st.floats(0, 10), AGE_DAYS, RANKINGS)
def test_better_never_ranks_lower(
    similarity: float, one: float, other: float, age_days: float, ranking: Ranking
) -> None:
    lower, higher = sorted((one, other))
    assert effective(similarity, lower, age_days, ranking) <= effective(
        similarity, higher, age_days, ranking
    )


@given(SHARE, QUALITY, AGE_DAYS, AGE_DAYS, RANKINGS)
def test_newer_never_ranks_lower(
    similarity: float, quality: float, one: float, other: float, ranking: Ranking
) -> None:
    newer, older = sorted((one, other))
    assert effective(similarity, quality, older, ranking) <= effective(
        similarity, quality, newer, ranking
    )


def test_many_candidates_are_ranked_as_one_each() -> None:
    ranking = Ranking(0.7, 10)
    rows = [(0.9, 3.0, 5.0), (0.2, math.nan, 0.0), (1.0, 10.0, 40.0)]
    similarity, quality, age_days = (np.array(column) for column in zip(*rows, strict=True))
    set_at = START.timestamp() - age_days * 86_400
    many = effective_scores(similarity, quality, set_at, ranking=ranking, now=START)
    assert many == pytest.approx([effective(*row, ranking) for row in rows])


@pytest.mark.parametrize("weight", [-0.1, 1.1, math.nan, math.inf])
def test_a_recency_weight_outside_0_to_1_is_refused(weight: float) -> None:
    with pytest.raises(InvalidInput, match="recency weight"):
        Ranking(weight)


@pytest.mark.parametrize("half_life", [0.0, -1.0, math.nan])
def test_a_half_life_that_is_not_positive_is_refused(half_life: float) -> None:
    with pytest.raises(InvalidInput, match="half-life"):
        Ranking(0.5, half_life)


@pytest.mark.parametrize(
    ("similarity", "tier"),
    [(1.0, "duplicate"), (0.9, "duplicate"), (0.899, "adapt"), (0.5, "adapt"), (0.499, "fresh")],
)
def test_the_tier_says_what_the_code_is_worth(similarity: float, tier: str) -> None:
    assert reuse_tier(similarity, CALIBRATION) == tier
