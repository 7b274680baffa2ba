"""Filling any store with synthetic patterns, as a bulk import would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engramia_core.memory.stored import Action, EmbeddingModel, Event
from engramia_core.scope import Scope
from tests.bench.corpus import DIMENSIONS, records, tasks, vectors

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

_CHUNK = 5_000


def fill(store: PatternStore, count: int, *, fading: float = 0.0) -> None:
    """Add ``count`` patterns to the default scope; a share of ``fading`` is due to be pruned."""
    made = list(records(tasks(count, 1), vectors(count, 2), fading=fading))
    event = Event(datetime.now(UTC), Action.LEARNED)
    with store.write(Scope()) as writer:
        writer.choose_model(EmbeddingModel("given", DIMENSIONS))
    for start in range(0, count, _CHUNK):
        with store.write(Scope()) as writer:
            writer.insert(made[start : start + _CHUNK], event)
