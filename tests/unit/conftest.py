"""Stores for the tests of the rules: the fake, and SQLite where the store matters."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.memory.store import PatternStore


@pytest.fixture(scope="session")
def empty_memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an empty SQLite memory; copied, because migrating takes a while."""
    folder = tmp_path_factory.mktemp("empty") / "memory"
    SQLiteStore.create(folder).close()
    return folder


@pytest.fixture
def sqlite(empty_memory: Path, tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store in ``tmp_path / "memory"``."""
    folder = tmp_path / "memory"
    shutil.copytree(empty_memory, folder)
    store = SQLiteStore(folder)
    yield store
    store.close()


@pytest.fixture
def store() -> MemoryStore:
    """The fake."""
    return MemoryStore()


@pytest.fixture(params=["fake", "sqlite"])
def any_store(request: pytest.FixtureRequest) -> PatternStore:
    """The fake, then SQLite."""
    if request.param == "fake":
        return MemoryStore()
    sqlite: SQLiteStore = request.getfixturevalue("sqlite")
    return sqlite
