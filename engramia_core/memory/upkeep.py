"""What is done to one stored pattern: refine, reuse, delete, restore."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engramia_core.errors import NotFound, Refused
from engramia_core.memory.aging import (
    KEPT_AFTER_RESTORE,
    SURVIVAL_PER_WEEK,
    faded,
    forgotten_at,
    reused_survival,
)
from engramia_core.memory.feedback import add_feedback, check_feedback
from engramia_core.memory.pattern import (
    Observation,
    Pattern,
    Trashed,
    TrashReason,
    check_key,
    check_score,
    check_skills,
)
from engramia_core.memory.quality import estimate_quality
from engramia_core.memory.stored import Action, Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope


@dataclass(frozen=True, slots=True)
class Refined:
    """What an observation moved."""

    key: str
    quality_before: float | None
    quality: float
    observations: int


@dataclass(frozen=True, slots=True)
class Reused:
    """What a use moved."""

    key: str
    survival: float
    reuse_count: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A pattern that went into the trash or came out of it."""

    key: str
    task: str


def find(store: PatternStore, scope: Scope, key: str) -> Pattern:
    """The pattern under ``key``, in the trash or not; ``NotFound`` without one."""
    pattern = store.get(scope, [check_key(key)]).get(key)
    if pattern is None:
        raise NotFound(
            f"there is no pattern {key!r} in {scope}", hint="list the keys: engramia patterns list"
        )
    return pattern


def refine(store: PatternStore, scope: Scope, key: str, observation: Observation) -> Refined:
    """Add an observation of a pattern's quality, and what was said to the recurring issues."""
    check_score(observation.score)
    if observation.feedback is not None:
        check_feedback(observation.feedback)
    now = observation.at
    with store.write(scope) as writer:
        before = _live(store, scope, key)
        seen = [*store.observations(scope, key), observation]
        quality = estimate_quality(seen)
        after = replace(before, quality=quality, updated_at=now)
        was = "unrated" if before.quality is None else f"{before.quality:.2f}"
        detail = f"score {observation.score:g}: quality {was} to {quality:.2f}"
        writer.observe(after, [observation], Event(now, Action.OBSERVED, detail))
        if observation.feedback is not None:
            add_feedback(writer, observation.feedback, now)
    return Refined(key, before.quality, quality, len(seen))


def reuse(store: PatternStore, scope: Scope, key: str, *, now: datetime) -> Reused:
    """Count a use: survival as it has faded, plus 0.1, and one more on the counter.

    ``Refused`` when it has faded so far that aging forgets it, whether aging came by already or not.
    """
    with store.write(scope) as writer:
        before = _live(store, scope, key)
        if before.prune_after <= now:
            raise Refused(
                f"pattern {key!r} has faded; the next aging moves it to the trash",
                hint=f"bring it back from there: engramia patterns restore {key}",
            )
        survival = reused_survival(survival_at(before, now))
        after = replace(
            before,
            survival=survival,
            survival_set_at=now,
            prune_after=max(
                before.prune_after, forgotten_at(survival, now, per_week=SURVIVAL_PER_WEEK)
            ),
            reuse_count=before.reuse_count + 1,
            updated_at=now,
        )
        writer.update([after], Event(now, Action.REUSED, f"survival {survival:.2f}"))
    return Reused(key, survival, after.reuse_count)


def register_skills(
    store: PatternStore, scope: Scope, key: str, skills: Sequence[str], *, now: datetime
) -> Pattern:
    """Add skills to those a pattern has."""
    with store.write(scope) as writer:
        before = _live(store, scope, key)
        after = replace(before, skills=check_skills((*before.skills, *skills)), updated_at=now)
        writer.update([after], Event(now, Action.OBSERVED, f"skills {', '.join(after.skills)}"))
    return after


def delete(store: PatternStore, scope: Scope, key: str, *, now: datetime) -> Moved:
    """Put a pattern in the trash, from where ``restore`` brings it back for 30 days."""
    with store.write(scope) as writer:
        before = _live(store, scope, key)
        after = replace(before, trashed=Trashed(now, TrashReason.DELETED))
        writer.update([after], Event(now, Action.TRASHED, "deleted"))
    return Moved(key, before.task)


def restore(store: PatternStore, scope: Scope, key: str, *, now: datetime) -> Moved:
    """Bring a pattern back from the trash as it was; ``Refused`` when it is not there."""
    with store.write(scope) as writer:
        before = find(store, scope, key)
        if before.trashed is None:
            raise Refused(f"pattern {key!r} is not in the trash")
        writer.update([brought_back(before, now)], Event(now, Action.RESTORED))
    return Moved(key, before.task)


def brought_back(pattern: Pattern, now: datetime) -> Pattern:
    """``pattern`` out of the trash, whole; aging leaves it alone for the next 30 days."""
    return replace(
        pattern, trashed=None, prune_after=max(pattern.prune_after, now + KEPT_AFTER_RESTORE)
    )


def survival_at(pattern: Pattern, now: datetime) -> float:
    """What is left of a pattern's survival: ``survival * 0.98 ** weeks``."""
    return faded(pattern.survival, pattern.survival_set_at, now, per_week=SURVIVAL_PER_WEEK)


def _live(store: PatternStore, scope: Scope, key: str) -> Pattern:
    pattern = find(store, scope, key)
    if pattern.trashed is not None:
        raise Refused(
            f"pattern {key!r} is in the trash ({pattern.trashed.reason})",
            hint=f"bring it back first: engramia patterns restore {key}",
        )
    return pattern
