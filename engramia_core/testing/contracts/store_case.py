"""What the tests of every store start from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Trashed, TrashReason
from engramia_core.scope import Scope
from engramia_core.testing.builders import DIMENSIONS, MODEL, a_vector, an_event, days

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import Candidates, Record

SCOPE = Scope("acme", "shop")
OTHERS = (Scope("acme", "blog"), Scope("umbrella", "shop"), Scope())
EVERYTHING = Filters()


class DeliberateError(Exception):
    """Stands for any bug inside a write block."""


class StoreCase:
    """Says how a store is made; a test class for one overrides ``fresh`` and, where it can, the others."""

    def fresh(self, folder: Path) -> PatternStore:
        """An empty store that keeps what it keeps in ``folder``."""
        raise NotImplementedError

    def reopen(self, store: PatternStore) -> PatternStore:
        """The store as a new process finds it after ``store`` was closed."""
        return store

    def second(self, store: PatternStore) -> PatternStore:
        """Another instance over the same place, as another process has it while ``store`` is open."""
        return store

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[PatternStore]:
        """An empty store."""
        store = self.fresh(tmp_path / "memory")
        yield store
        store.close()


def put(store: PatternStore, *records: Record, scope: Scope = SCOPE) -> None:
    """Insert ``records`` in a transaction of their own; those with a vector make ``MODEL`` the scope's."""
    with store.write(scope) as writer:
        if any(record.vector is not None for record in records):
            writer.choose_model(MODEL)
        writer.insert(records, an_event())


def keys_of(patterns: Sequence[Pattern]) -> list[str]:
    """The keys, in order."""
    return [pattern.key for pattern in patterns]


def found_by(store: PatternStore, filters: Filters = EVERYTHING, scope: Scope = SCOPE) -> set[str]:
    """The keys of all patterns that a vector search can find."""
    model = store.model(scope)
    query = a_vector(4711, model.dimensions if model else DIMENSIONS)
    return set(store.nearest(scope, query, filters=filters, limit=1000).keys)


def live_keys(store: PatternStore, scope: Scope = SCOPE) -> list[str]:
    """The keys of the live patterns, ascending."""
    return [record.pattern.key for record in store.records(scope, with_vectors=False)]


def trashed(pattern: Pattern, day: float = 0, run: str | None = None) -> Pattern:
    """The pattern, put in the trash so many days after the start."""
    return replace(pattern, trashed=Trashed(days(day), TrashReason.PRUNED, run))


def assert_whole(found: Candidates) -> None:
    """All columns have one length and the types that were promised."""
    columns = (found.keys, found.similarity, found.quality, found.updated_at_s)
    assert len({len(column) for column in columns}) == 1
    assert found.similarity.dtype == np.float32
    assert found.quality.dtype == np.float32
    assert found.updated_at_s.dtype == np.float64
