"""How similar a pattern must be to a question to be relevant at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engramia_core.memory.embedding import Matrix, Vector
    from engramia_core.memory.ranking import Floats

_ALIKE = 10
"""How many background texts of each field say where a text belongs."""
_SOFTNESS = 0.1
"""A pattern this much less similar than the best counts ``1/e`` of it."""


class Floor(Protocol):
    """Says how similar a pattern must be to a question to be relevant at all."""

    def __call__(self, query: Vector, nearest: Matrix, patterns: int) -> float:
        """The floor for this question in a memory of so many patterns; ``nearest`` are a search's vectors."""
        ...


@dataclass(frozen=True, slots=True)
class FixedFloor:
    """The same floor for every question and every memory."""

    value: float

    def __call__(self, query: Vector, nearest: Matrix, patterns: int) -> float:  # noqa: ARG002 -- the protocol's
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class FieldFloor:
    """Higher for questions from another field than the nearest patterns, and in larger memories.

    ``base + growth * ln(patterns) + distance * d``, kept between ``lowest`` and ``highest``; ``d`` is how far the
    question lies from the nearest patterns on the line between technical work and everyday life. Where a text lies is
    told by ``background``, whose first half are technical texts and whose second half are everyday ones. It works both
    ways: a memory about cooking is treated as one about databases. What is less similar than ``beside`` times the best
    is no answer beside it. See docs/why/calibration.md.
    """

    background: Matrix
    base: float
    growth: float
    distance: float
    beside: float
    lowest: float
    highest: float

    def __call__(self, query: Vector, nearest: Matrix, patterns: int) -> float:
        """The floor for this question in a memory of so many patterns."""
        floor = self.base + self.growth * math.log(max(patterns, 1))
        if len(nearest):
            similarity = nearest @ query
            floor += self.distance * self._apart(query, nearest, similarity)
            floor = max(floor, self.beside * float(similarity.max()))
        return min(max(floor, self.lowest), self.highest)

    def _apart(self, query: Vector, nearest: Matrix, similarity: Vector) -> float:
        """How far the question's field is from that of the nearest patterns, the nearer the more weight."""
        weights = np.exp((similarity - similarity.max()) / _SOFTNESS)
        fields = self.fields(nearest)
        return abs(float(self.fields([query])[0] - weights @ fields / weights.sum()))

    def fields(self, vectors: Iterable[Vector]) -> Floats:
        """Where each of ``vectors`` lies: above 0 with the technical texts, below 0 with the everyday ones."""
        # Row by row: a product of two matrices this small waits for threads that a busy machine does not give.
        cosines = np.array([self.background @ vector for vector in vectors])
        halves = cosines.reshape(len(cosines), 2, -1)
        alike = min(_ALIKE, halves.shape[2])
        likeness = np.partition(halves, -alike, axis=2)[:, :, -alike:].mean(axis=2)
        fields: Floats = (likeness[:, 0] - likeness[:, 1]).astype(np.float64)
        return fields
