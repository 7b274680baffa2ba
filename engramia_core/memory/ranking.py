"""The order of an answer: pure arithmetic over similarity, quality and age."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engramia_core.errors import InvalidInput
from engramia_core.memory.pattern import MAX_SCORE, UNRATED_SCORE

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.memory.embedding import Calibration

Floats = npt.NDArray[np.float64]

_DAY_S = 86_400.0


class ReuseTier(StrEnum):
    """What a recalled pattern's code is worth for the new task."""

    DUPLICATE = "duplicate"
    ADAPT = "adapt"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Ranking:
    """How much age matters: not at all with ``recency_weight`` 0, fully with 1."""

    recency_weight: float = 0.0
    half_life_days: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.recency_weight <= 1:
            raise InvalidInput(f"recency weight {self.recency_weight!r} is not from 0 to 1")
        if not self.half_life_days > 0:
            raise InvalidInput(
                f"half-life {self.half_life_days!r} is not a positive number of days"
            )


def quality_factor(quality: npt.ArrayLike) -> Floats:
    """0.5 for quality 0 up to 1.0 for 10; ``nan`` (unrated) counts 0.75."""
    values = np.asarray(quality, dtype=np.float64)
    return 0.5 + 0.5 * np.where(np.isnan(values), UNRATED_SCORE, values) / MAX_SCORE


def recency(updated_at_s: npt.ArrayLike, now: datetime, *, half_life_days: float) -> Floats:
    """0.5 to the power of ages in half-lives, 0..1; times are seconds since 1970, future ones count as age 0."""
    age_days = (now.timestamp() - np.asarray(updated_at_s, dtype=np.float64)) / _DAY_S
    return np.exp2(-np.maximum(age_days, 0.0) / half_life_days)


def effective_scores(
    similarity: npt.ArrayLike,
    quality: npt.ArrayLike,
    updated_at_s: npt.ArrayLike,
    *,
    ranking: Ranking,
    now: datetime,
) -> Floats:
    """``similarity * quality_factor * recency ** recency_weight`` for every candidate; never above similarity."""
    scores = np.asarray(similarity, dtype=np.float64) * quality_factor(quality)
    if ranking.recency_weight:
        age = recency(updated_at_s, now, half_life_days=ranking.half_life_days)
        scores = scores * age**ranking.recency_weight
    return scores


def reuse_tier(similarity: float, calibration: Calibration) -> ReuseTier:
    """The tier of a similarity under the thresholds of the model that gave it."""
    if similarity >= calibration.duplicate:
        return ReuseTier.DUPLICATE
    return ReuseTier.ADAPT if similarity >= calibration.adapt else ReuseTier.FRESH
