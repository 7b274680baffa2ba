"""What is asked of the memory, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import MAX_TASK_CHARS, Pattern, check_text
from engramia_core.memory.ranking import Ranking

if TYPE_CHECKING:
    from engramia_core.memory.ranking import ReuseTier

MAX_LIMIT = 1_000


class Method(StrEnum):
    """How the candidates were found."""

    VECTOR = "vector"
    LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the memory."""

    task: str
    limit: int = 5
    filters: Filters = field(default_factory=Filters)
    ranking: Ranking = field(default_factory=Ranking)
    include_irrelevant: bool = False
    """Answer candidates below the model's floor too."""
    explain: bool = False
    """Name the candidates that were rejected, with the rule."""

    def __post_init__(self) -> None:
        check_text("task", self.task, max_chars=MAX_TASK_CHARS, min_chars=1)
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInput(f"limit {self.limit} is not from 1 to {MAX_LIMIT:,}")


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern that was recalled, with every factor of its place."""

    pattern: Pattern
    similarity: float
    quality_factor: float
    recency: float
    effective_score: float
    tier: ReuseTier
    near_duplicates: tuple[str, ...]
    """Keys of patterns with nearly the same task, over which this one was preferred."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was not answered, and the rule that kept it out."""

    key: str
    task: str
    similarity: float
    effective_score: float
    rule: str


@dataclass(frozen=True, slots=True)
class RecallReport:
    """The answer: matches by descending effective score; without any, nothing relevant is known."""

    task: str
    method: Method
    note: str | None
    """Why the method is not the usual one, or what could not be searched."""
    floor: float
    """The similarity under which nothing counts as relevant."""
    recency_weight: float
    matches: tuple[Match, ...]
    rejected: tuple[Rejected, ...] = ()
