"""Which patterns a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engramia_core.memory.pattern import UNRATED_SCORE

if TYPE_CHECKING:
    from engramia_core.memory.pattern import Classification, Pattern, Source


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that all must hold; an empty one holds for every pattern.

    ``min_score`` is compared with the quality (an unrated pattern counts 5). A pattern must have every one of
    ``skills``.
    """

    min_score: float | None = None
    skills: tuple[str, ...] = ()
    classification: Classification | None = None
    source: Source | None = None

    def __bool__(self) -> bool:
        return self != _EVERYTHING

    def rejects(self, pattern: Pattern) -> str | None:
        """The rule, with its value, that keeps ``pattern`` out; ``None`` when none does."""
        quality = UNRATED_SCORE if pattern.quality is None else pattern.quality
        if self.min_score is not None and quality < self.min_score:
            return f"quality {quality:.1f} below --min-score {self.min_score:g}"
        missing = set(self.skills) - set(pattern.skills)
        if missing:
            return f"without --skill {', '.join(sorted(missing))}"
        if self.classification is not None and pattern.classification is not self.classification:
            return f"{pattern.classification}, not --classification {self.classification}"
        if self.source is not None and pattern.source is not self.source:
            return f"from {pattern.source}, not --source {self.source}"
        return None


_EVERYTHING = Filters()
