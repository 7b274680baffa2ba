"""A memory as a directory that a person can read, diff, edit and commit to git.

    engramia.json                             what makes it a memory; the embedding model of each scope
    patterns/TENANT/PROJECT/KEY.json          a pattern with its observations and history
    trash/TENANT/PROJECT/KEY.json             one that was put in the trash
    feedback/ runs/ history/ …/PROJECT.json   feedback, runs of aging, what happened to purged patterns
    .cache/vectors/                           the vectors: losing them costs ``engramia reindex``, nothing else

Every question first looks for files that changed, so edits by hand and by other processes are seen at once.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.errors import EngramiaError, Refused, Unavailable
from engramia_core.memory.store import PatternStore
from engramia_core.scope import Scope
from engramia_core.stores import json_search, json_whole, no_memory
from engramia_core.stores.file_lock import held_alone
from engramia_core.stores.json_disk import make_folder
from engramia_core.stores.json_lock import WriteLock
from engramia_core.stores.json_notes import FORMAT, MEMORY_FILE, MemoryFile, encode_memory
from engramia_core.stores.json_scope import LoadedScope, scopes_in
from engramia_core.stores.json_tree import FileTree
from engramia_core.stores.json_writer import JSONWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from engramia_core.audit import Actor
    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import (
        AgingRun,
        Candidates,
        Counts,
        EmbeddingModel,
        Event,
        Kept,
        KnownModel,
        Record,
    )
    from engramia_core.memory.words import Words

_IGNORED = ".cache/\n.locks/\n.*.lock\n.journal.json\n.last_commit.json\n.*.tmp\n"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that is skipped until somebody repairs it. It is never changed."""

    path: Path
    reason: str


class JSONDirectoryStore(PatternStore):
    """The memory in a directory. Its files are read whole, so it is for thousands of patterns, not for millions."""

    def __init__(self, path: Path) -> None:
        """Open the memory in ``path``; ``NotFound`` when there is none."""
        if not (path / MEMORY_FILE).is_file():
            raise no_memory(path)
        self.path = path
        self._tree = FileTree(path)
        self._loaded: dict[Scope, LoadedScope] = {}
        self._reading = threading.RLock()
        self._writing = WriteLock(path)
        self._inside: tuple[int, Scope] | None = None
        """The thread that has a write block open, and its scope."""
        self._swept: set[Scope] = set()

    @classmethod
    def create(cls, path: Path) -> JSONDirectoryStore:
        """Open the memory in ``path`` and make it if there is none; ``Refused`` when other things are there."""
        try:
            if not (path / MEMORY_FILE).exists():
                if path.exists() and any(path.iterdir()):
                    raise Refused(f"{path} is not empty and no memory", hint="name a new directory")
                make_folder(path)
                FileTree(path).commit(
                    {MEMORY_FILE: encode_memory(MemoryFile({})), ".gitignore": _IGNORED.encode()}
                )
        except OSError as error:
            raise Unavailable(f"cannot make {path}: {error.strerror}") from error
        return cls(path)

    @property
    @override
    def storage(self) -> str:
        return "json"

    @property
    @override
    def place(self) -> str:
        return str(self.path.resolve())

    @override
    def acting(self, actor: Actor) -> JSONDirectoryStore:
        return self  # what changed, and by whom, is for the version control around the directory to say

    @property
    def broken(self) -> tuple[BrokenFile, ...]:
        """The files of all scopes that are skipped, each once, by path."""
        root = self._tree.root
        reasons: dict[str, str] = {}
        for scope in scopes_in(root):
            with self._fresh(scope) as loaded:
                reasons.update(loaded.broken)
        return tuple(BrokenFile(root / path, reason) for path, reason in sorted(reasons.items()))

    @override
    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        with self._fresh(scope) as loaded:
            return {key: loaded.held[key].pattern for key in keys if key in loaded.held}

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
        with self._fresh(scope) as loaded:
            wanted = [
                pattern
                for pattern in reversed(loaded.patterns(trashed=trashed))
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
        with self._fresh(scope) as loaded:
            return json_search.nearest(loaded, query, filters=filters, limit=limit, model=model)

    @override
    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        with self._fresh(scope) as loaded:
            return json_search.lexical(loaded, words, filters=filters, limit=limit)

    @override
    def observations(self, scope: Scope, key: str) -> list[Observation]:
        with self._fresh(scope) as loaded:
            held = loaded.held.get(key)
        return sorted(held.observations, key=lambda o: o.at) if held else []

    @override
    def history(self, scope: Scope, key: str) -> list[Event]:
        with self._fresh(scope) as loaded:
            held = loaded.held.get(key)
            events = held.history if held else loaded.purged.get(key, ())
        return sorted(events, key=lambda event: event.at)

    @override
    def records(
        self, scope: Scope, *, with_vectors: bool, model: EmbeddingModel | None = None
    ) -> Iterator[Record]:
        with self._fresh(scope) as loaded:
            return iter(json_search.live_records(loaded, with_vectors=with_vectors, model=model))

    @override
    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        with self._fresh(scope) as loaded:
            return iter(json_whole.kept(loaded, after=after, until=until))

    @override
    def scopes(self) -> list[Scope]:
        with self._fresh(Scope()) as loaded:
            with_a_model = {Scope(*name.split("/")) for name in loaded.memory.models}
        found = with_a_model.union(scopes_in(self._tree.root))
        return sorted(found, key=lambda scope: (scope.tenant_id, scope.project_id))

    @override
    def expired(self, scope: Scope, now: datetime) -> list[Pattern]:
        with self._fresh(scope) as loaded:
            return [p for p in loaded.patterns(trashed=False) if p.prune_after <= now]

    @override
    def in_trash(
        self, scope: Scope, *, run: str | None = None, until: datetime | None = None
    ) -> list[Pattern]:
        with self._fresh(scope) as loaded:
            return [
                pattern
                for pattern in loaded.patterns(trashed=True)
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
        with self._fresh(scope) as loaded:
            behind = (p for p in loaded.patterns(trashed=False) if p.key > after)
            return list(islice((p for p in behind if loaded.vector(p.key, model) is None), limit))

    @override
    def known_vectors(
        self, scope: Scope, model_id: str, texts: Sequence[str]
    ) -> Mapping[str, Vector]:
        wanted = set(texts)
        with self._fresh(scope) as loaded:
            return {
                held.pattern.task: vector
                for model in loaded.models()
                if model.model_id == model_id
                for key, held in loaded.held.items()
                if held.pattern.task in wanted and (vector := loaded.vector(key, model)) is not None
            }

    @override
    def live_count(self, scope: Scope) -> int:
        return self.counts(scope).live

    @override
    def counts(self, scope: Scope) -> Counts:
        with self._fresh(scope) as loaded:
            return json_search.counts(loaded)

    @override
    def model(self, scope: Scope) -> EmbeddingModel | None:
        with self._fresh(scope) as loaded:
            return loaded.model

    @override
    def models(self, scope: Scope) -> list[KnownModel]:
        with self._fresh(scope) as loaded:
            return json_search.known_models(loaded)

    @override
    def ready_to_search(self, scope: Scope, model: EmbeddingModel) -> None:
        """Nothing: its searches are exact."""

    @override
    def clusters(self, scope: Scope) -> list[Cluster]:
        with self._fresh(scope) as loaded:
            return [cluster for _, cluster in sorted(loaded.clusters.items())]

    @override
    def aging_runs(self, scope: Scope) -> list[AgingRun]:
        with self._fresh(scope) as loaded:
            return sorted(loaded.runs, key=lambda run: run.at, reverse=True)

    @override
    @contextmanager
    def write(self, scope: Scope) -> Iterator[JSONWriter]:
        with self._writing.held():
            self._tree.finish()
            with self._fresh(scope) as loaded:
                if scope not in self._swept:
                    self._tree.sweep(loaded.paths.folders())
                    self._swept.add(scope)
                writer = JSONWriter(loaded, self._reading)
            self._inside = (threading.get_ident(), scope)
            try:
                yield writer
                with self._reading:
                    changes = writer.changes()
            finally:
                self._inside = None
            if changes:
                self._tree.commit(changes)

    @override
    @contextmanager
    def alone(self, scope: Scope, operation: str, *, owner: str, now: datetime) -> Iterator[None]:
        folder = self._tree.root / ".locks" / scope.tenant_id / scope.project_id
        with held_alone(folder, scope, operation, owner=owner, now=now):
            yield

    @override
    def schema_revision(self) -> str:
        return f"json-{FORMAT}"

    @override
    def problems(self) -> list[str]:
        root = self._tree.root
        try:
            found = [f"{b.path.relative_to(root)} is skipped: {b.reason}" for b in self.broken]
        except EngramiaError as error:
            return [error.message]
        with self._reading:
            caches = [path for loaded in self._loaded.values() for path in loaded.damaged_caches()]
        return found + [f"{path} is damaged, its vectors are lost" for path in sorted(caches)]

    @override
    def close(self) -> None:
        """Forget what was read; nothing is open."""
        with self._reading:
            self._loaded.clear()

    @contextmanager
    def _fresh(self, scope: Scope) -> Iterator[LoadedScope]:
        """The scope as its files are now, for one thread at a time; inside a write block as they were at its start."""
        with self._reading:
            loaded = self._loaded.get(scope) or LoadedScope(scope, self._tree)
            if self._inside != (threading.get_ident(), scope):
                self._tree.settled(loaded.refresh)
            self._loaded[scope] = loaded
            yield loaded
