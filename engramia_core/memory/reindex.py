"""Embedding again: for another model, or for patterns that have no vector yet. Resumable at any point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engramia_core.memory.store import Action, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.store import EmbeddingModel, PatternStore
    from engramia_core.scope import Scope

_BATCH = 256


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a reindex did, or with ``planned`` would do."""

    planned: bool
    model_before: str
    model: str
    live: int
    embedded: int
    """Patterns that got a vector, or would."""
    characters: int
    """The length of their tasks in all, by which a paid model's cost is estimated."""


def plan_reindex(store: PatternStore, embedder: Embedder, scope: Scope) -> ReindexReport:
    """What a reindex would embed; it spends and changes nothing."""
    before = store.model(scope)
    live = store.live_count(scope)
    if before == embedder.model:
        tasks = [pattern.task for pattern in store.without_vector(scope, limit=max(live, 1))]
    else:
        every = [record.pattern.task for record in store.records(scope, with_vectors=False)]
        known = embedder.stored(scope, every)
        tasks = [task for task in every if task not in known]
    characters = sum(map(len, tasks))
    return ReindexReport(True, _name(before), _name(embedder.model), live, len(tasks), characters)


def reindex(
    store: PatternStore,
    embedder: Embedder,
    scope: Scope,
    *,
    now: datetime,
    owner: str,
    progress: Callable[[int], None] = lambda _: None,
) -> ReindexReport:
    """Give every live pattern a vector of the embedder's model.

    Killed half-way, the same call goes on where it stopped: patterns that have their vector are left alone.
    Until the end the search by vector finds only those. ``Busy`` when another reindex is under way.
    """
    before = store.model(scope)
    live = store.live_count(scope)
    embedded = characters = 0
    with store.alone(scope, "reindex", owner=owner, now=now):
        if before != embedder.model:
            with store.write(scope) as writer:
                writer.choose_model(embedder.model)
        while patterns := store.without_vector(scope, limit=_BATCH):
            done = _embed(store, embedder, scope, patterns, now)
            embedded += len(done)
            characters += sum(len(pattern.task) for pattern in done)
            progress(len(done))
    return ReindexReport(False, _name(before), _name(embedder.model), live, embedded, characters)


def _embed(
    store: PatternStore,
    embedder: Embedder,
    scope: Scope,
    patterns: Sequence[Pattern],
    now: datetime,
) -> list[Pattern]:
    """Embed and store; those that were changed or thrown away meanwhile are left for the next look."""
    vectors = embedder.many(scope, [pattern.task for pattern in patterns])
    with store.write(scope) as writer:
        stored = store.get(scope, [pattern.key for pattern in patterns])
        rows = [
            row
            for row, pattern in enumerate(patterns)
            if (now_stored := stored.get(pattern.key)) is not None
            and now_stored.task == pattern.task
            and now_stored.trashed is None
        ]
        event = Event(now, Action.EMBEDDED, f"by {_name(embedder.model)}")
        writer.set_vectors([patterns[row].key for row in rows], vectors[rows], event)
    return [patterns[row] for row in rows]


def _name(model: EmbeddingModel | None) -> str:
    return model.model_id if model else "none"
