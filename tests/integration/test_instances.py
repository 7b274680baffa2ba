from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_core.database import instances
from engramia_core.database.instances import Instance
from engramia_core.stores import Server as Named
from engramia_core.stores import create_store
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase
from engramia_core.stores.sqlite_engine import sqlite_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.database.database import Database

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ONE = Instance("one", "serve", "web-1", 7, "0.1.0", "0002", NOW, NOW)
TWO = replace(ONE, instance_id="two", schema_revision="0001", seen_at=NOW + timedelta(seconds=60))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened: Database
    if request.param == "sqlite":
        create_store(tmp_path).close()
        opened = SQLiteDatabase(tmp_path)
    else:
        opened = PostgresDatabase(Named(request.getfixturevalue("postgres").migrated()))
    yield opened
    opened.close()


def test_who_beats_is_alive_until_ninety_seconds_later(database: Database) -> None:
    with database.transaction() as connection:
        instances.register(connection, ONE)
        instances.register(connection, TWO)
        assert instances.alive(connection, NOW + timedelta(seconds=90)) == (TWO, ONE)
        assert instances.alive(connection, NOW + timedelta(seconds=91)) == (TWO,)
        later = NOW + timedelta(seconds=91)
        assert instances.beat(connection, "one", later)
        assert instances.alive(connection, later) == (TWO, replace(ONE, seen_at=later))


def test_who_leaves_is_gone_and_is_told_to_register_again(database: Database) -> None:
    with database.transaction() as connection:
        instances.register(connection, ONE)
        instances.register(connection, replace(ONE, version="0.2.0"))
        assert [each.version for each in instances.alive(connection, NOW)] == ["0.2.0"]
        instances.leave(connection, "one")
        instances.leave(connection, "one")
        assert instances.alive(connection, NOW) == ()
        assert not instances.beat(connection, "one", NOW)


def test_the_dead_are_forgotten(database: Database) -> None:
    with database.transaction() as connection:
        instances.register(connection, ONE)
        instances.register(connection, TWO)
        assert instances.forget_the_dead(connection, NOW + timedelta(seconds=1)) == 1
        assert instances.alive(connection, NOW) == (TWO,)


def test_nobody_is_alive_before_the_schema_knows_of_them(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "empty.db")
    with engine.begin() as connection:
        assert instances.alive(connection, NOW) == ()
    engine.dispose()
