"""Stores for the tests of the rules: the fake, and the real ones where the store matters."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from engramia_core.stores.json_directory import JSONDirectoryStore
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engramia_core.memory.store import PatternStore


settings.register_profile("no test measures time", deadline=None)
settings.load_profile("no test measures time")


@pytest.fixture(scope="session")
def empty_memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an empty SQLite memory; copied, because migrating takes a while."""
    folder = tmp_path_factory.mktemp("empty") / "memory"
    SQLiteStore.create(folder).close()
    return folder


@pytest.fixture
def new_sqlite(empty_memory: Path, tmp_path: Path) -> Iterator[Callable[[], SQLiteStore]]:
    """Gives one more empty store each time: in ``tmp_path / "memory"``, ``memory2`` and so on."""
    opened: list[SQLiteStore] = []

    def open_one() -> SQLiteStore:
        folder = tmp_path / f"memory{len(opened) + 1 if opened else ''}"
        shutil.copytree(empty_memory, folder)
        opened.append(SQLiteStore(folder))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def sqlite(new_sqlite: Callable[[], SQLiteStore]) -> SQLiteStore:
    """An empty store in ``tmp_path / "memory"``."""
    return new_sqlite()


@pytest.fixture
def store() -> MemoryStore:
    """The fake."""
    return MemoryStore()


@pytest.fixture
def json(tmp_path: Path) -> JSONDirectoryStore:
    """An empty store of files."""
    return JSONDirectoryStore.create(tmp_path / "files")


@pytest.fixture(params=["store", "sqlite", "json"])
def any_store(request: pytest.FixtureRequest) -> PatternStore:
    """The fake, then each real one."""
    chosen: PatternStore = request.getfixturevalue(request.param)
    return chosen
