"""Forgetting: a pure function of time, so that any cron frequency gives the same answer."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from engramia_core.memory.pattern import MAX_SCORE, UNRATED_SCORE

if TYPE_CHECKING:
    from datetime import datetime

SURVIVAL_PER_WEEK = 0.98
CLUSTER_PER_WEEK = 0.90
FORGET_BELOW = 0.1
"""Survival, or a feedback cluster's weight, under which a thing is forgotten."""
REUSE_BONUS = 0.1
TRASH_DAYS = 30
KEPT_AFTER_RESTORE = timedelta(days=30)
"""How long aging leaves a pattern alone that was brought back from the trash."""
DEFAULT_MAX_PRUNE_PERCENT = 20.0

_WEEK_S = 7 * 86_400.0
_MAX_WEEKS = 50 * 52.0


def faded(value: float, set_at: datetime, now: datetime, *, per_week: float) -> float:
    """``value`` as it stands at ``now``: ``value * per_week ** weeks``; a future ``set_at`` counts as now."""
    weeks = max((now - set_at).total_seconds(), 0.0) / _WEEK_S
    return value * math.pow(per_week, weeks)


def forgotten_at(value: float, set_at: datetime, *, per_week: float) -> datetime:
    """The moment at which ``faded`` falls below ``FORGET_BELOW``; ``set_at`` itself when it is below already."""
    if value <= FORGET_BELOW:
        return set_at
    weeks = math.log(FORGET_BELOW / value) / math.log(per_week)
    return set_at + timedelta(seconds=min(weeks, _MAX_WEEKS) * _WEEK_S)


def first_survival(score: float | None) -> float:
    """What a newly learned pattern starts with: its score, or the unrated pattern's."""
    return UNRATED_SCORE if score is None else score


def reused_survival(survival: float) -> float:
    """Survival after one more use; ``survival`` is what it had faded to, and 10 is the most."""
    return min(survival + REUSE_BONUS, MAX_SCORE)


def prune_percent(expired: int, live: int) -> float:
    """Which share of a scope's ``live`` patterns a run would prune, in percent."""
    return 100.0 * expired / live if live else 0.0
