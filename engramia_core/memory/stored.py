"""What a store keeps and what it answers with, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

    from engramia_core.memory.embedding import Matrix, Vector
    from engramia_core.memory.pattern import Observation, Pattern

NEAREST = 10
"""How many candidates a search by vector returns with their vectors."""
_NONE: Matrix = np.zeros((0, 0), dtype=np.float32)


class Action(StrEnum):
    """What can happen to a pattern; its history is a list of these."""

    LEARNED = "learned"
    IMPORTED = "imported"
    OBSERVED = "observed"
    REUSED = "reused"
    TRASHED = "trashed"
    RESTORED = "restored"
    EMBEDDED = "embedded"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a pattern's history."""

    at: datetime
    action: Action
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The model whose vectors a scope is searched by."""

    model_id: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of which a scope keeps vectors."""

    model: EmbeddingModel
    is_active: bool
    """Whether it is the scope's: the one it is searched by."""
    vectors: int
    """How many patterns have one, in the trash or not."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a store keeps of one pattern. ``vector`` is of one model, the scope's unless another is named."""

    pattern: Pattern
    observations: tuple[Observation, ...] = ()
    vector: Vector | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a store keeps under one key."""

    key: str
    record: Record | None
    """Live or in the trash; ``None`` of a pattern that was purged."""
    history: tuple[Event, ...]
    """Oldest first."""


class Candidates(NamedTuple):
    """What a search found, most similar first (key order at a tie); the first four have the same length ``n``."""

    keys: list[str]
    similarity: npt.NDArray[np.float32]
    """Cosine similarity, clipped to 0..1 (of a lexical search: relevance, 0..1)."""
    quality: npt.NDArray[np.float32]
    """0..10; ``nan`` for an unrated pattern."""
    updated_at_s: npt.NDArray[np.float64]
    """Seconds since 1970."""
    searched: int = 0
    """How many live patterns there were to search, whatever the filters."""
    nearest: Matrix = _NONE
    """The vectors of the first ``NEAREST`` candidates, ``(k, d)`` (of a lexical search: none)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a scope holds."""

    live: int
    trashed: int
    observations: int
    embedded: int
    """Live patterns that have a vector of the scope's model."""
    clusters: int
    broken: int = 0
    """Files of the scope that do not read and are skipped; ``problems`` names them."""


@dataclass(frozen=True, slots=True)
class AgingRun:
    """One run of aging that changed something."""

    run: str
    at: datetime
    pruned: int
    purged: int
