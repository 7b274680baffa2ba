"""What to do with a task that the memory knows already, or nearly: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engramia_core.memory.pattern import UNRATED_SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.pattern import Draft, Pattern


class OnDuplicate(StrEnum):
    """What the learner wants done when near-duplicate tasks are stored."""

    REPLACE_WITH_BETTER = "replace-with-better"
    KEEP_BOTH = "keep-both"
    SKIP = "skip"


class Outcome(StrEnum):
    """What became of a draft."""

    LEARNED = "learned"
    """It is a new pattern."""
    REPLACED = "replaced"
    """It is a new pattern, and the worse near-duplicates are in the trash."""
    OBSERVED = "observed"
    """The same code was stored for the task: its score counts as one more observation."""
    KEPT_EXISTING = "kept-existing"
    """The near-duplicate that was stored is at least as good."""
    SKIPPED = "skipped"
    """A near-duplicate was stored, and that was reason enough."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, and the stored patterns it is about, best first."""

    outcome: Outcome
    rivals: tuple[Pattern, ...] = ()


def decide(draft: Draft, rivals: Sequence[Pattern], on_duplicate: OnDuplicate) -> Decision:
    """What becomes of ``draft`` beside the live patterns with near-duplicate tasks."""
    if not rivals or on_duplicate is OnDuplicate.KEEP_BOTH:
        return Decision(Outcome.LEARNED)
    ranked = tuple(sorted(rivals, key=lambda pattern: (-_worth(pattern.quality), pattern.key)))
    if on_duplicate is OnDuplicate.SKIP:
        return Decision(Outcome.SKIPPED, ranked)
    twin = next((pattern for pattern in ranked if pattern.code == draft.code), None)
    if twin is not None:
        outcome = Outcome.SKIPPED if draft.score is None else Outcome.OBSERVED
        return Decision(outcome, (twin,))
    if _worth(draft.score) > _worth(ranked[0].quality):
        return Decision(Outcome.REPLACED, ranked)
    return Decision(Outcome.KEPT_EXISTING, ranked)


def _worth(quality: float | None) -> float:
    return UNRATED_SCORE if quality is None else quality
