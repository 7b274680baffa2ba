"""How good a pattern is, estimated from everything that was observed of it.

Tukey's biweight around the weighted median: one wild judgement moves nothing, a single one counts whole,
two that disagree give their mean (Beaton and Tukey, Technometrics 16, 1974). An observation's weight halves every
90 days *relative to the newest one*, so the estimate changes only when something is observed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.pattern import Observation

HALF_LIFE_DAYS = 90.0
_CUTOFF = 4.0
"""Points of score away from the centre at which an observation stops counting."""
_ROUNDS = 5
_DAY_S = 86_400.0


def estimate_quality(observations: Sequence[Observation]) -> float:
    """The quality, 0..10, that one or more ``observations``, in any order, speak for."""
    newest = max(observation.at for observation in observations)
    weighed = sorted(
        (o.score, 0.5 ** ((newest - o.at).total_seconds() / _DAY_S / HALF_LIFE_DAYS))
        for o in observations
    )
    centre = _median(weighed)
    for _ in range(_ROUNDS):
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
    """The weighted median of ``(value, weight)`` sorted by value; the mean of the middle two at a tie."""
    half = sum(weight for _, weight in weighed) / 2
    below = 0.0
    for index, (value, weight) in enumerate(weighed):
        below += weight
        if below > half:
            return value
        if below == half and index + 1 < len(weighed):
            return (value + weighed[index + 1][0]) / 2
    return weighed[-1][0]
