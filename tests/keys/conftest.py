"""Both kinds of database, each with an empty ring of keys."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from engramia_core.stores import Server, create_store
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.database.database import Database
    from tests.postgres.server import Server as PostgresServer


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an empty memory; copied, because migrating takes a while."""
    folder = tmp_path_factory.mktemp("migrated") / "memory"
    create_store(folder).close()
    return folder


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """A database that is emptied for each test, which is quicker than a new one."""
    return postgres.migrated()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path) -> Path | Server:
    """Where a database is, so that another process can open it too."""
    if request.param == "sqlite":
        return shutil.copytree(migrated, tmp_path / "memory")
    url = request.getfixturevalue("postgres_url")
    return Server(request.getfixturevalue("postgres").emptied(url))


@pytest.fixture
def database(place: Path | Server) -> Iterator[Database]:
    opened = PostgresDatabase(place) if isinstance(place, Server) else SQLiteDatabase(place)
    yield opened
    opened.close()
