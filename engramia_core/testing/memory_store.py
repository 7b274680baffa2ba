"""A store in memory: slow, short, and what the other stores are compared with."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from engramia_core.errors import Busy, Unavailable
from engramia_core.memory.lexical import bm25
from engramia_core.memory.store import PatternStore
from engramia_core.memory.stored import NEAREST, Candidates, Counts, Kept, KnownModel
from engramia_core.memory.words import words_of
from engramia_core.testing.memory_writer import MemoryWriter, ScopeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from engramia_core.audit import Actor
    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event, Record
    from engramia_core.memory.words import Words
    from engramia_core.scope import Scope

_WAIT_S = 30.0


class MemoryStore(PatternStore):
    """Every scope is one value; a write block works on a copy of it that takes its place at the end."""

    def __init__(self) -> None:
        self._states: dict[Scope, ScopeState] = {}
        self._write_lock = threading.Lock()
        self._held: dict[tuple[Scope, str], tuple[str, datetime]] = {}
        self._held_lock = threading.Lock()

    @property
    @override
    def storage(self) -> str:
        return "memory"

    @property
    @override
    def place(self) -> str:
        return "this process"

    @override
    def acting(self, actor: Actor) -> MemoryStore:
        return self

    @override
    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        records = self._state(scope).records
        return {key: records[key].pattern for key in keys if key in records}

    @override
    def page(
        self,
        scope: Scope,
        *,
        filters: Filters,
        limit: int,
        before: str | None = None,
        trashed: bool = False,
    ) -> list[Pattern]:
        wanted = [
            pattern
            for pattern in reversed(self._state(scope).patterns(trashed=trashed))
            if (before is None or pattern.key < before) and filters.rejects(pattern) is None
        ]
        return wanted[:limit]

    @override
    def nearest(
        self,
        scope: Scope,
        query: Vector,
        *,
        filters: Filters,
        limit: int,
        model: EmbeddingModel | None = None,
    ) -> Candidates:
        state = self._state(scope)
        vectors = {
            key: vector
            for key, vector in state.of(model).items()
            if state.records[key].pattern.trashed is None
        }
        patterns = self.get(scope, list(vectors))
        scored = [(patterns[key], float(vector @ query)) for key, vector in vectors.items()]
        found = _candidates(scored, filters, limit, searched=len(vectors))
        rows = [vectors[key] for key in found.keys[:NEAREST]]
        return found._replace(nearest=np.array(rows, np.float32).reshape(-1, len(query)))

    @override
    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        live = {p.key: p for p in self._state(scope).patterns(trashed=False)}
        texts = {key: words_of(pattern.task) for key, pattern in live.items()}
        postings = {
            word: [(key, len(text)) for key, text in texts.items() if word in text]
            for word in words
        }
        ranked = bm25(
            {word: found for word, found in postings.items() if found},
            texts=len(texts),
            words=len(words),
        )
        return _candidates(
            [(live[key], score) for key, score in ranked], filters, limit, searched=len(live)
        )

    @override
    def observations(self, scope: Scope, key: str) -> list[Observation]:
        record = self._state(scope).records.get(key)
        return sorted(record.observations, key=lambda o: o.at) if record else []

    @override
    def history(self, scope: Scope, key: str) -> list[Event]:
        return sorted(self._state(scope).history.get(key, ()), key=lambda event: event.at)

    @override
    def records(
        self, scope: Scope, *, with_vectors: bool, model: EmbeddingModel | None = None
    ) -> Iterator[Record]:
        state = self._state(scope)
        vectors = state.of(model) if with_vectors else {}
        for pattern in state.patterns(trashed=False):
            yield replace(state.records[pattern.key], vector=vectors.get(pattern.key))

    @override
    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        state = self._state(scope)
        for key in sorted(state.records.keys() | state.history.keys()):
            if key > after and (until is None or key <= until):
                record = state.records.get(key)
                if record is not None:
                    observations = sorted(record.observations, key=lambda o: o.at)
                    vector = state.of(None).get(key)
                    record = replace(record, observations=tuple(observations), vector=vector)
                history = sorted(state.history.get(key, ()), key=lambda event: event.at)
                yield Kept(key, record, tuple(history))

    @override
    def scopes(self) -> list[Scope]:
        written = (scope for scope, state in self._states.items() if state != ScopeState())
        return sorted(written, key=lambda scope: (scope.tenant_id, scope.project_id))

    @override
    def expired(self, scope: Scope, now: datetime) -> list[Pattern]:
        return [p for p in self._state(scope).patterns(trashed=False) if p.prune_after <= now]

    @override
    def in_trash(
        self, scope: Scope, *, run: str | None = None, until: datetime | None = None
    ) -> list[Pattern]:
        return [
            pattern
            for pattern in self._state(scope).patterns(trashed=True)
            if (trashed := pattern.trashed)
            and (run is None or trashed.run == run)
            and (until is None or trashed.at <= until)
        ]

    @override
    def without_vector(
        self,
        scope: Scope,
        *,
        limit: int,
        model: EmbeddingModel | None = None,
        after: str = "",
    ) -> list[Pattern]:
        state = self._state(scope)
        vectors = state.of(model)
        live = state.patterns(trashed=False)
        return [p for p in live if p.key not in vectors and p.key > after][:limit]

    @override
    def known_vectors(
        self, scope: Scope, model_id: str, texts: Sequence[str]
    ) -> Mapping[str, Vector]:
        state = self._state(scope)
        return {
            task: vector
            for model, vectors in state.vectors.items()
            if model.model_id == model_id
            for key, vector in vectors.items()
            if (task := state.records[key].pattern.task) in texts
        }

    @override
    def live_count(self, scope: Scope) -> int:
        return self.counts(scope).live

    @override
    def counts(self, scope: Scope) -> Counts:
        state = self._state(scope)
        live = [state.records[p.key] for p in state.patterns(trashed=False)]
        return Counts(
            live=len(live),
            trashed=len(state.records) - len(live),
            observations=sum(len(record.observations) for record in state.records.values()),
            embedded=sum(record.pattern.key in state.of(None) for record in live),
            clusters=len(state.clusters),
        )

    @override
    def model(self, scope: Scope) -> EmbeddingModel | None:
        return self._state(scope).model

    @override
    def models(self, scope: Scope) -> list[KnownModel]:
        state = self._state(scope)
        known = {state.model, *(model for model, found in state.vectors.items() if found)} - {None}
        return [
            KnownModel(model, model == state.model, len(state.of(model)))
            for model in sorted(filter(None, known), key=lambda model: model.model_id)
        ]

    @override
    def ready_to_search(self, scope: Scope, model: EmbeddingModel) -> None:
        """Nothing: it searches exactly."""

    @override
    def clusters(self, scope: Scope) -> list[Cluster]:
        return [cluster for _, cluster in sorted(self._state(scope).clusters.items())]

    @override
    def aging_runs(self, scope: Scope) -> list[AgingRun]:
        return sorted(self._state(scope).runs, key=lambda run: run.at, reverse=True)

    @override
    @contextmanager
    def write(self, scope: Scope) -> Iterator[MemoryWriter]:
        if not self._write_lock.acquire(timeout=_WAIT_S):
            raise Unavailable(f"somebody else is writing for more than {_WAIT_S:g} s")
        try:
            changed = self._state(scope).copy()
            yield MemoryWriter(changed)
            self._states[scope] = changed
        finally:
            self._write_lock.release()

    @override
    @contextmanager
    def alone(self, scope: Scope, operation: str, *, owner: str, now: datetime) -> Iterator[None]:
        with self._held_lock:
            holder = self._held.get((scope, operation))
            if holder is not None:
                raise Busy(operation, owner=holder[0], since=holder[1])
            self._held[scope, operation] = (owner, now)
        try:
            yield
        finally:
            del self._held[scope, operation]

    @override
    def schema_revision(self) -> str:
        return "memory"

    @override
    def problems(self) -> list[str]:
        return []

    @override
    def close(self) -> None:
        """Nothing is open."""

    def _state(self, scope: Scope) -> ScopeState:
        return self._states.get(scope, ScopeState())


def _candidates(
    found: Iterable[tuple[Pattern, float]], filters: Filters, limit: int, *, searched: int
) -> Candidates:
    """What ``filters`` let through, with what it is ranked by, best first."""
    ranked = sorted(
        (-round(min(max(score, 0.0), 1.0), 6), pattern.key, pattern)
        for pattern, score in found
        if filters.rejects(pattern) is None
    )[:limit]
    patterns = [pattern for _, _, pattern in ranked]
    unrated = float("nan")
    return Candidates(
        [pattern.key for pattern in patterns],
        np.array([-score for score, _, _ in ranked], dtype=np.float32),
        np.array([unrated if p.quality is None else p.quality for p in patterns], dtype=np.float32),
        np.array([p.updated_at.timestamp() for p in patterns], dtype=np.float64),
        searched,
    )
