"""A write block over a directory: changes gathered in memory, and the files that they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.errors import InvalidInput, NotFound, Refused
from engramia_core.memory.embedding import text_hash
from engramia_core.memory.pattern import check_key
from engramia_core.memory.store import StoreWriter
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, WordIndex, jaccard, words_of
from engramia_core.stores.json_notes import (
    MEMORY_FILE,
    MemoryFile,
    encode_clusters,
    encode_memory,
    encode_purged,
    encode_runs,
)
from engramia_core.stores.json_pattern import PatternFile, encode_pattern
from engramia_core.stores.json_vectors import added, encode_segment, segment_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix, Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event, Kept, Record
    from engramia_core.memory.words import Words
    from engramia_core.stores.json_scope import LoadedScope
    from engramia_core.stores.json_vectors import HashedVector

Changes = dict[str, bytes | None]
"""New contents by path; ``None`` removes."""


class JSONWriter(StoreWriter):
    """What a block changed so far, on top of ``loaded``, which others may refresh under ``reading``."""

    def __init__(self, loaded: LoadedScope, reading: threading.RLock) -> None:
        self._loaded = loaded
        self._reading = reading
        self._held: dict[str, PatternFile | None] = {}
        self._words = WordIndex()
        self._vectors: dict[EmbeddingModel, dict[str, HashedVector | None]] = {}
        """New vectors by model and key; ``None`` drops what was kept."""
        self._dropped: set[EmbeddingModel] = set()
        """The models whose vectors of before go."""
        self._before = (loaded.model, loaded.clusters, loaded.runs, loaded.purged)
        self._model = loaded.model
        self._clusters = dict(loaded.clusters)
        self._runs = loaded.runs
        self._purged = dict(loaded.purged)

    @override
    def alike(self, tasks: Sequence[Words]) -> list[list[Pattern]]:
        with self._reading:
            return [self._alike(words) for words in tasks]

    @override
    def insert(self, records: Sequence[Record], event: Event) -> None:
        seen: set[str] = set()
        for key in (record.pattern.key for record in records):
            if key in seen or self._find(key) is not None:
                raise Refused(f"pattern {key!r} exists already")
            seen.add(key)
        for record in records:
            key = check_key(record.pattern.key)
            for trashed in (False, True):
                self._refuse_broken(self._loaded.paths.pattern(key, trashed=trashed))
            self._store(record, (*self._purged.pop(key, ()), event))

    @override
    def update(self, patterns: Sequence[Pattern], event: Event) -> None:
        stored = [self._stored(pattern.key) for pattern in patterns]
        for pattern, held in zip(patterns, stored, strict=True):
            if pattern.task != held.pattern.task:
                self._drop_vectors(pattern.key)
            self._put(PatternFile(pattern, held.observations, (*held.history, event)))

    @override
    def observe(self, pattern: Pattern, observations: Sequence[Observation], event: Event) -> None:
        self.update([pattern], event)
        held = self._stored(pattern.key)
        self._put(replace(held, observations=(*held.observations, *observations)))

    @override
    def replace(self, record: Record, event: Event) -> None:
        self._store(record, (*self._stored(record.pattern.key).history, event))

    @override
    def purge(self, keys: Sequence[str], event: Event) -> None:
        for key in keys:
            held = self._find(key)
            if held is not None:
                self._purged[key] = (*held.history, event)
                self._held[key] = None
                self._drop_vectors(key)
                self._words.remove(key)

    @override
    def choose_model(self, model: EmbeddingModel) -> None:
        self._model = model
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
        if model is not None and model != self._model:
            if self._model is not None and model.model_id == self._model.model_id:
                raise Refused(f"{model.model_id} has {self._model.dimensions} dimensions")
            self._drop_lengths_beside(model)
        for key, vector in zip(keys, vectors, strict=True):
            held = self._stored(key)
            self._put_vector(held.pattern, vector, model or self._model)

    @override
    def drop_model(self, model: EmbeddingModel, *, limit: int) -> int:
        if model == self._model:
            raise Refused(f"{self._loaded.scope} is searched by {model.model_id}")
        with self._reading:
            kept = {} if model in self._dropped else self._loaded.rows(model)
        dropped = kept.keys() | self._vectors.get(model, {}).keys()
        self._drop_all(model)
        return len(dropped)

    @override
    def put_clusters(self, clusters: Sequence[Cluster]) -> None:
        self._clusters.update((cluster.cluster_id, cluster) for cluster in clusters)

    @override
    def remove_clusters(self, cluster_ids: Sequence[str]) -> None:
        for cluster_id in cluster_ids:
            self._clusters.pop(cluster_id, None)

    @override
    def clusters_alike(self, issue: Words) -> list[Cluster]:
        by_id = (cluster for _, cluster in sorted(self._clusters.items()))
        return [cluster for cluster in by_id if jaccard(issue, words_of(cluster.text)) > SAME_ISSUE]

    @override
    def record_run(self, run: AgingRun) -> None:
        self._runs = (*(other for other in self._runs if other.run != run.run), run)

    @override
    def take_over(self, kept: Sequence[Kept], event: Event) -> None:
        for each in kept:
            key = check_key(each.key)
            for trashed in (False, True):
                self._refuse_broken(self._loaded.paths.pattern(key, trashed=trashed))
            self._purged.pop(key, None)
            if each.record is not None:
                self._store(each.record, each.history)
                continue
            self._purged[key] = each.history
            if self._find(key) is not None:
                self._held[key] = None
                self._drop_vectors(key)
                self._words.remove(key)

    def changes(self) -> Changes:
        """The files that the block means; ``Refused`` when that would overwrite a broken one."""
        changes: Changes = {}
        for key, held in self._held.items():
            trashed = held is not None and held.pattern.trashed is not None
            changes[self._loaded.paths.pattern(key, trashed=not trashed)] = None
            changes[self._loaded.paths.pattern(key, trashed=trashed)] = (
                None if held is None else encode_pattern(held)
            )
        changes.update(self._changed_notes())
        for path, content in changes.items():
            if content is not None:
                self._refuse_broken(path)
        changes.update(self._changed_vectors())
        is_whole = self._loaded.is_whole
        return {path: c for path, c in changes.items() if c is not None or is_whole(path)}

    def _changed_notes(self) -> Changes:
        paths, changes = self._loaded.paths, Changes()
        model, clusters, runs, purged = self._before
        if self._clusters != clusters:
            changes[paths.clusters] = encode_clusters(self._clusters.values())
        if self._runs != runs:
            changes[paths.runs] = encode_runs(self._runs)
        if self._purged != purged:
            changes[paths.purged] = encode_purged(self._purged)
        if self._model != model and self._model is not None:
            models = {**self._loaded.memory.models, str(self._loaded.scope): self._model}
            changes[MEMORY_FILE] = encode_memory(MemoryFile(models))
        return changes

    def _changed_vectors(self) -> Changes:
        """One more file of vectors for each model that has some, and those away that they take the place of."""
        changes: Changes = {}
        segments = self._loaded.segments
        for path, segment in segments.items():
            if segment is not None and segment.model in self._dropped:
                changes[path] = None
        for model, by_key in self._vectors.items():
            kept = {} if model in self._dropped else self._loaded.rows(model)
            vectors = {k: row for k, row in by_key.items() if row is not None or k in kept}
            if not vectors:
                continue
            existing = {
                path: segment
                for path, segment in segments.items()
                if path not in changes and (segment is None or segment.model == model)
            }
            segment, replaced = added(list(existing.values()), segment_of(model, vectors))
            changes.update(dict.fromkeys(list(existing)[len(existing) - replaced :]))
            path = self._loaded.paths.segment(after=[*segments, *changes])
            changes[path] = encode_segment(segment)
        return changes

    def _alike(self, words: Words) -> list[Pattern]:
        stored = [
            key for key in self._loaded.words.alike(words, SAME_TASK) if key not in self._held
        ]
        keys = sorted([*stored, *self._words.alike(words, SAME_TASK)])
        return [held.pattern for key in keys if (held := self._find(key))]

    def _find(self, key: str) -> PatternFile | None:
        return self._held[key] if key in self._held else self._loaded.held.get(key)

    def _stored(self, key: str) -> PatternFile:
        held = self._find(key)
        if held is None:
            raise NotFound(f"no pattern {key!r}", hint="list the keys: engramia patterns list")
        return held

    def _store(self, record: Record, history: tuple[Event, ...]) -> None:
        self._drop_vectors(record.pattern.key)
        if record.vector is not None:
            self._put_vector(record.pattern, record.vector, self._model)
        self._put(PatternFile(record.pattern, record.observations, history))

    def _put(self, held: PatternFile) -> None:
        self._held[held.pattern.key] = held
        self._words.remove(held.pattern.key)
        if held.pattern.trashed is None:
            self._words.add(held.pattern.key, words_of(held.pattern.task))

    def _put_vector(self, pattern: Pattern, vector: Vector, model: EmbeddingModel | None) -> None:
        if model is None or vector.shape != (model.dimensions,):
            expected = model.dimensions if model else "no"
            raise InvalidInput(
                f"a vector of shape {vector.shape} came for {pattern.key!r}; "
                f"the model of {self._loaded.scope} has {expected} dimensions"
            )
        row = (text_hash(pattern.task), vector.copy())
        self._vectors.setdefault(model, {})[pattern.key] = row

    def _drop_vectors(self, key: str) -> None:
        """Drop what is kept for a key under every model."""
        for model in self._models():
            self._vectors.setdefault(model, {})[key] = None

    def _drop_lengths_beside(self, model: EmbeddingModel) -> None:
        """Vectors of another length under the model's name go."""
        for other in self._models():
            if other != model and other.model_id == model.model_id:
                self._drop_all(other)

    def _models(self) -> set[EmbeddingModel]:
        """Those of which there are vectors, or will be."""
        with self._reading:
            return {*self._loaded.models(), *self._vectors}

    def _drop_all(self, model: EmbeddingModel) -> None:
        self._dropped.add(model)
        self._vectors.pop(model, None)

    def _refuse_broken(self, path: str) -> None:
        reason = self._loaded.broken.get(path)
        if reason is not None:
            raise Refused(
                f"{path} cannot be read and is not overwritten: {reason}",
                hint="repair the file, or move it away",
            )
