"""Values for tests, whole and valid, of which a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engramia_core.memory.feedback import Cluster
from engramia_core.memory.pattern import Classification, Observation, Pattern, Source
from engramia_core.memory.stored import Action, EmbeddingModel, Event, Record

if TYPE_CHECKING:
    from engramia_core.memory.embedding import Vector

START = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
"""The moment at which everything built here happens."""
DIMENSIONS = 8
MODEL = EmbeddingModel("test-model", DIMENSIONS)

_PATTERN = Pattern(
    key="k",
    task="sort a list of numbers",
    code="sorted(numbers)",
    output=None,
    success_score=None,
    run_id=None,
    source=Source.SDK,
    classification=Classification.INTERNAL,
    skills=(),
    created_at=START,
    updated_at=START,
    quality=None,
    survival=5.0,
    survival_set_at=START,
    prune_after=START + timedelta(weeks=193),
)


def days(number: float) -> datetime:
    """The moment so many days after ``START``."""
    return START + timedelta(days=number)


def a_pattern(key: str, task: str | None = None, **changes: Any) -> Pattern:  # noqa: ANN401  any field
    """A live, unrated pattern with the ``changes``; without a task it gets one of its own."""
    return replace(_PATTERN, key=key, task=task or f"the task of {key}", **changes)


def an_observation(day: float = 0, score: float = 7.0, feedback: str | None = None) -> Observation:
    """An observation made so many days after ``START``."""
    return Observation(days(day), score, Source.CLI, f"run-{day:g}", feedback)


def a_vector(seed: int, dimensions: int = DIMENSIONS) -> Vector:
    """A unit vector, always the same one for a seed."""
    drawn = np.random.default_rng(seed).standard_normal(dimensions)
    return np.asarray(drawn / np.linalg.norm(drawn), dtype=np.float32)


def a_record(key: str, task: str | None = None, *, seed: int | None = None) -> Record:
    """A record of ``a_pattern``; with a seed it has that ``a_vector``."""
    return Record(a_pattern(key, task), vector=None if seed is None else a_vector(seed))


def a_cluster(cluster_id: str, text: str = "too slow", **changes: Any) -> Cluster:  # noqa: ANN401  any field
    """Feedback given once, with the ``changes``."""
    return replace(Cluster(cluster_id, text, 1, 1.0, START, START), **changes)


def an_event(action: Action = Action.LEARNED, day: float = 0, detail: str = "") -> Event:
    """An event so many days after ``START``."""
    return Event(days(day), action, detail)
