"""What a store in memory holds of a scope, and the changes that a write block may make to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.errors import NotFound, Refused
from engramia_core.memory.store import StoreWriter
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, jaccard, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix, Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event, Kept, Record
    from engramia_core.memory.words import Words


@dataclass
class ScopeState:
    """All that a scope holds. The values inside are never changed, only replaced."""

    records: dict[str, Record] = field(default_factory=dict)
    """Without their vectors."""
    vectors: dict[EmbeddingModel, dict[str, Vector]] = field(default_factory=dict)
    history: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    runs: tuple[AgingRun, ...] = ()
    model: EmbeddingModel | None = None

    def copy(self) -> ScopeState:
        """A state that can be changed without this one noticing."""
        return replace(
            self,
            records=dict(self.records),
            vectors={model: dict(found) for model, found in self.vectors.items()},
            history=dict(self.history),
            clusters=dict(self.clusters),
        )

    def of(self, model: EmbeddingModel | None) -> dict[str, Vector]:
        """The vectors of a model, by default the scope's, by key."""
        wanted = model or self.model
        return self.vectors.get(wanted, {}) if wanted else {}

    def patterns(self, *, trashed: bool) -> list[Pattern]:
        """The patterns in the trash or not, by key."""
        found = (record.pattern for record in self.records.values())
        return sorted(
            (pattern for pattern in found if (pattern.trashed is not None) is trashed),
            key=lambda pattern: pattern.key,
        )


class MemoryWriter(StoreWriter):
    """Changes a state that nobody else sees yet."""

    def __init__(self, state: ScopeState) -> None:
        self._state = state

    @override
    def alike(self, tasks: Sequence[Words]) -> list[list[Pattern]]:
        live = self._state.patterns(trashed=False)
        return [
            [pattern for pattern in live if jaccard(words, words_of(pattern.task)) > SAME_TASK]
            for words in tasks
        ]

    @override
    def insert(self, records: Sequence[Record], event: Event) -> None:
        seen = set(self._state.records)
        for key in (record.pattern.key for record in records):
            if key in seen:
                raise Refused(f"pattern {key!r} exists already")
            seen.add(key)
        for record in records:
            self._store(record, event)

    @override
    def update(self, patterns: Sequence[Pattern], event: Event) -> None:
        stored = [self._stored(pattern.key) for pattern in patterns]
        for pattern, record in zip(patterns, stored, strict=True):
            if pattern.task != record.pattern.task:
                self._drop_vectors(pattern.key)
            self._state.records[pattern.key] = replace(record, pattern=pattern)
            self._remember(pattern.key, event)

    @override
    def observe(self, pattern: Pattern, observations: Sequence[Observation], event: Event) -> None:
        self.update([pattern], event)
        record = self._stored(pattern.key)
        self._state.records[pattern.key] = replace(
            record, observations=(*record.observations, *observations)
        )

    @override
    def replace(self, record: Record, event: Event) -> None:
        self._stored(record.pattern.key)
        self._store(record, event)

    @override
    def purge(self, keys: Sequence[str], event: Event) -> None:
        for key in keys:
            if self._state.records.pop(key, None) is not None:
                self._drop_vectors(key)
                self._remember(key, event)

    @override
    def choose_model(self, model: EmbeddingModel) -> None:
        self._state.model = model
        self._drop_lengths_beside(model)

    @override
    def set_vectors(
        self,
        keys: Sequence[str],
        vectors: Matrix,
        event: Event,
        *,
        model: EmbeddingModel | None = None,
    ) -> None:
        active = self._active() if model is None else self._state.model
        if model and active and model != active and model.model_id == active.model_id:
            raise Refused(f"{model.model_id} has {active.dimensions} dimensions")
        wanted = model or self._active()
        self._drop_lengths_beside(wanted)
        for key, vector in zip(keys, vectors, strict=True):
            of_model = self._state.vectors.setdefault(wanted, {})
            of_model[self._stored(key).pattern.key] = vector.copy()

    @override
    def drop_model(self, model: EmbeddingModel, *, limit: int) -> int:
        if model == self._state.model:
            raise Refused(f"{model.model_id} is the scope's")
        return len(self._state.vectors.pop(model, {}))

    @override
    def put_clusters(self, clusters: Sequence[Cluster]) -> None:
        self._state.clusters.update((cluster.cluster_id, cluster) for cluster in clusters)

    @override
    def remove_clusters(self, cluster_ids: Sequence[str]) -> None:
        for cluster_id in cluster_ids:
            self._state.clusters.pop(cluster_id, None)

    @override
    def clusters_alike(self, issue: Words) -> list[Cluster]:
        by_id = (cluster for _, cluster in sorted(self._state.clusters.items()))
        return [cluster for cluster in by_id if jaccard(issue, words_of(cluster.text)) > SAME_ISSUE]

    @override
    def record_run(self, run: AgingRun) -> None:
        others = (other for other in self._state.runs if other.run != run.run)
        self._state.runs = (*others, run)

    @override
    def take_over(self, kept: Sequence[Kept], event: Event) -> None:
        for each in kept:
            self._state.records.pop(each.key, None)
            self._drop_vectors(each.key)
            if each.record is not None:
                self._put(each.record)
            self._state.history[each.key] = each.history

    def _stored(self, key: str) -> Record:
        try:
            return self._state.records[key]
        except KeyError:
            raise NotFound(f"no pattern {key!r}", hint="engramia patterns list") from None

    def _active(self) -> EmbeddingModel:
        if self._state.model is None:
            raise Refused("the scope has no embedding model yet")
        return self._state.model

    def _store(self, record: Record, event: Event) -> None:
        self._put(record)
        self._remember(record.pattern.key, event)

    def _put(self, record: Record) -> None:
        """The record, and its vector under the scope's model, in the place of what was there."""
        key = record.pattern.key
        self._drop_vectors(key)
        if record.vector is not None:
            self._state.vectors.setdefault(self._active(), {})[key] = record.vector
        self._state.records[key] = replace(record, vector=None)

    def _drop_vectors(self, key: str) -> None:
        for of_model in self._state.vectors.values():
            of_model.pop(key, None)

    def _drop_lengths_beside(self, model: EmbeddingModel) -> None:
        """Vectors of another length under the model's name go."""
        for other in list(self._state.vectors):
            if other != model and other.model_id == model.model_id:
                del self._state.vectors[other]

    def _remember(self, key: str, event: Event) -> None:
        self._state.history[key] = (*self._state.history.get(key, ()), event)
