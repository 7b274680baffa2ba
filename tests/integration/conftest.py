from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from engramia_core.database.database import INSTALLATION
from engramia_core.stores import create_store
from tests.integration.engines import Engine
from tests.integration.records import ACME, BLOG, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.database.database import Database
    from tests.postgres.server import Server


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an empty memory; copied, because migrating takes a while."""
    folder = tmp_path_factory.mktemp("empty") / "memory"
    create_store(folder).close()
    return folder


@pytest.fixture(scope="module")
def on_server(postgres: Server) -> str:
    """The URL of a database that the tests of a module empty one after the other."""
    return postgres.migrated()


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("empty"), tmp_path / "memory")
        return Engine("sqlite", str(tmp_path / "memory"))
    server: Server = request.getfixturevalue("postgres")
    return Engine("postgres", server.emptied(request.getfixturevalue("on_server")))


@pytest.fixture
def database(engine: Engine) -> Iterator[Database]:
    opened = engine.database()
    yield opened
    opened.close()


@pytest.fixture
def trail(database: Database) -> Database:
    """Seven records of acme, three of its blog, two of the installation."""
    write(database, ACME, 7)
    write(database, BLOG, 3)
    write(database, INSTALLATION, 2, action="keys.create")
    return database
