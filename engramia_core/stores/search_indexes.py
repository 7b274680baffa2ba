"""A vector index for every scope and model that is searched, kept true by reading what changed since.

``memory_changes`` numbers every change of a scope. An index knows the last change it has seen; if anything was
committed, a search asks for the newest number and, if there is a newer one, reads the patterns named since. On a cold start the index comes
from its cache file, whose stamp names the last change in full: a database that was put back from a copy has
another change under that number, and the file is not believed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from engramia_core.database import tables as t
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.memory.vectors import Columns, VectorIndex
from engramia_core.stores import vector_cache
from engramia_core.stores.relational.compiled import CompiledStatement
from engramia_core.stores.relational.reads import BATCH, vector_of_pattern
from engramia_core.stores.relational.rows import PATTERN_COLUMNS, in_scope, pattern_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from engramia_core.memory.embedding import Vector
    from engramia_core.scope import Scope

_STALE_ROWS = 500
"""A cache file that lacks this many changes is written anew."""

_OTHERS_KEPT_S = 60.0
"""How long the index of a model that is not the scope's is kept when nobody asks for it."""

_newest = select(func.coalesce(func.max(t.changes.c.number), 0)).where(
    t.changes.c.tenant_id == bindparam("tenant"), t.changes.c.project_id == bindparam("project")
)
_STATE = CompiledStatement(
    select(_newest.scalar_subquery(), t.models.c.model_id, t.models.c.dimensions).where(
        t.models.c.tenant_id == bindparam("tenant"),
        t.models.c.project_id == bindparam("project"),
        t.models.c.is_active,
    )
)


@dataclass(slots=True)
class _Held:
    """An index, whose vectors it holds, and the last change that is in it."""

    index: VectorIndex
    model: EmbeddingModel
    seen: int
    cached: int
    """The last change that its cache file has."""
    asked_s: float
    """When somebody last asked for it."""
    version: int | None = None
    """The database's version at which nothing was missing; see ``ChangeWatch``."""


class SearchIndexes:
    """The vector indexes of one database, by scope. Safe for threads."""

    def __init__(self, cache_directory: Path) -> None:
        self._directory = cache_directory
        self._held: dict[tuple[Scope, EmbeddingModel], _Held] = {}
        self._active: dict[Scope, tuple[int, EmbeddingModel]] = {}
        """By which model a scope is searched, and the database's version at which that was so."""
        self._refreshing = threading.Lock()

    def current(
        self, scope: Scope, version: int, model: EmbeddingModel | None
    ) -> VectorIndex | None:
        """The index of a model, if it is known to have everything that the database has at ``version``."""
        if model is None:
            seen_at, model = self._active.get(scope, (None, None))
            if model is None or seen_at != version:
                return None
        held = self._held.get((scope, model))
        return held.index if held is not None and held.version == version else None

    def fresh(
        self,
        connection: Connection,
        scope: Scope,
        version: int,
        model: EmbeddingModel | None = None,
    ) -> VectorIndex | None:
        """The scope's index with every committed change in it; ``None`` for a scope without a model.

        Its vectors are of ``model``, by default the scope's. ``version`` is the database's, asked for before this call:
        what is committed meanwhile is looked for again.
        """
        newest, active = _state(connection, scope)
        if active is None:
            return None
        self._active[scope] = version, active
        model = model or active
        held = self._held.get((scope, model))
        if held is not None and held.seen == newest:
            held.asked_s = time.monotonic()
            held.version = version
            return held.index
        with self._refreshing:
            held = self._held.get((scope, model))
            if held is None or held.seen > newest:
                held = self._opened(connection, scope, model)
                self._held[scope, model] = held
            if held.seen < newest:
                held.index = _refreshed(connection, scope, held, newest)
                held.seen = newest
            held.version = version
            held.asked_s = time.monotonic()
            self._forget_others(scope, active)
            return held.index

    def save(self, connection: Connection) -> None:
        """Write the cache files that lack much of what their index has."""
        with self._refreshing:
            for (scope, model), held in self._held.items():
                if held.seen - held.cached >= _STALE_ROWS and _state(connection, scope)[1] == model:
                    stamp = _stamp(connection, scope, held.seen)
                    path = self._path(scope)
                    if vector_cache.save(path, held.index, model_id=model.model_id, stamp=stamp):
                        held.cached = held.seen

    def _opened(self, connection: Connection, scope: Scope, model: EmbeddingModel) -> _Held:
        """The index out of its cache file, or an empty one."""
        found = vector_cache.load(self._path(scope), model_id=model.model_id)
        if found is not None:
            index, stamp = found
            seen = int(stamp.partition(" ")[0])
            if stamp == _stamp(connection, scope, seen) and index.dimensions == model.dimensions:
                return _Held(index, model, seen, seen, 0.0)
        return _Held(VectorIndex(Columns.empty(0, model.dimensions)), model, 0, 0, 0.0)

    def _forget_others(self, scope: Scope, active: EmbeddingModel) -> None:
        """Give back the memory of indexes that only questions under way at a change of model needed."""
        long_ago = time.monotonic() - _OTHERS_KEPT_S
        for of, held in list(self._held.items()):
            if of[0] == scope and of[1] != active and held.asked_s < long_ago:
                del self._held[of]

    def _path(self, scope: Scope) -> Path:
        return cache_file(self._directory, scope)


def cache_file(directory: Path, scope: Scope) -> Path:
    """The file under ``directory`` that holds the index of a scope."""
    name = hashlib.sha256(str(scope).encode()).hexdigest()[:16]
    return directory / f"{name}.vectors"


def _state(connection: Connection, scope: Scope) -> tuple[int, EmbeddingModel | None]:
    """The scope's newest change, and its model."""
    rows = _STATE.rows(connection, {"tenant": scope.tenant_id, "project": scope.project_id})
    if not rows:
        return 0, None
    ((newest, model_id, dimensions),) = rows
    return newest, EmbeddingModel(model_id, dimensions)


def _stamp(connection: Connection, scope: Scope, number: int) -> str:
    """A change by its number and all that it says."""
    statement = select(t.changes.c.key, t.changes.c.at, t.changes.c.action).where(
        in_scope(t.changes, scope), t.changes.c.number == number
    )
    row = connection.execute(statement).one_or_none()
    return f"{number} none" if row is None else f"{number} {row.key} {row.at} {row.action}"


def _refreshed(connection: Connection, scope: Scope, held: _Held, newest: int) -> VectorIndex:
    """The index with the changes up to ``newest`` in it: the held one, or a new one if much changed."""
    if newest - held.seen > max(len(held.index), _STALE_ROWS):
        return _rebuilt(connection, scope, held)
    statement = (
        select(t.changes.c.key)
        .where(in_scope(t.changes, scope), t.changes.c.number > held.seen)
        .distinct()
    )
    changed = list(connection.execute(statement).scalars())
    for start in range(0, len(changed), BATCH):
        _refresh(connection, scope, held, changed[start : start + BATCH])
    return held.index


def _refresh(connection: Connection, scope: Scope, held: _Held, keys: Sequence[str]) -> None:
    statement = (
        select(*PATTERN_COLUMNS, t.embeddings.c.vector)
        .outerjoin_from(t.patterns, t.embeddings, vector_of_pattern(held.model.model_id))
        .where(in_scope(t.patterns, scope), t.patterns.c.key.in_(keys))
        .where(t.patterns.c.trashed_at.is_(None))
    )
    rows = connection.execute(statement).all()
    found = [(pattern_of(row), row.vector) for row in rows if _fits(row.vector, held)]
    held.index.remove(set(keys) - {pattern.key for pattern, _ in found})
    held.index.put(found)


def _rebuilt(connection: Connection, scope: Scope, held: _Held) -> VectorIndex:
    """The index read from the tables."""
    statement = (
        select(*PATTERN_COLUMNS, t.embeddings.c.vector)
        .join_from(t.patterns, t.embeddings, vector_of_pattern(held.model.model_id))
        .where(in_scope(t.patterns, scope), t.patterns.c.trashed_at.is_(None))
        .order_by(t.patterns.c.key)
        .execution_options(yield_per=BATCH)
    )
    index = VectorIndex(Columns.empty(0, held.index.dimensions))
    rows = connection.execute(statement)
    index.put((pattern_of(row), row.vector) for row in rows if _fits(row.vector, held))
    return index


def _fits(vector: Vector | None, held: _Held) -> bool:
    """Whether there is a vector, of the length that its model's name stood for when the index was asked for."""
    return vector is not None and len(vector) == held.model.dimensions
