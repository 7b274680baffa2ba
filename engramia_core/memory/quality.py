"""How good a pattern is, estimated from everything that was observed of it.

Tukey's biweight around the weighted median: one wild judgement moves nothing, a single one counts whole,
two that disagree give their mean (Beaton and Tukey, Technometrics 16, 1974). An observation's weight halves every
90 days *relative to the newest one*, so the estimate changes only when something is observed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.pattern import Observation

HALF_LIFE_DAYS = 90.0
_CUTOFF = 4.0
"""Points of score away from the centre at which an observation stops counting."""
_ROUNDS = 5
_TOO_FEW = 2
"""Of so many observations nobody can say which is the wild one."""
_DAY_S = 86_400.0


def estimate_quality(observations: Sequence[Observation]) -> float:
    """The quality, 0..10, that one or more ``observations``, in any order, speak for."""
    newest = max(observation.at for observation in observations)
    weighed = sorted(
        (o.score, 0.5 ** ((newest - o.at).total_seconds() / _DAY_S / HALF_LIFE_DAYS))
        for o in observations
    )
    centre = _median(weighed)
    for _ in range(_ROUNDS if len(weighed) > _TOO_FEW else 0):
        total = moment = 0.0
        for score, weight in weighed:
            distance = (score - centre) / _CUTOFF
            if abs(distance) < 1:
                kept = weight * (1 - distance * distance) ** 2
                total += kept
                moment += kept * score
        if total == 0.0:  # the median of two extremes lies far from both
            break
        centre = moment / total
    return min(max(centre, 0.0), 10.0)


def _median(weighed: list[tuple[float, float]]) -> float:
    """The weighted median of ``(value, weight)`` sorted by value, interpolated between the two values around it."""
    values, weights = np.array(weighed).T
    places = np.cumsum(weights) - weights / 2
    return float(np.interp(weights.sum() / 2, places, values))
