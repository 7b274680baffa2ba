from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from engramia_core.database.database import INSTALLATION, Database, Names
from engramia_core.database.operation_tables import audit_heads, locks
from engramia_core.database.tables import tenants
from engramia_core.errors import NotFound, Refused
from engramia_core.stores import Server as Named
from engramia_core.stores import create_store
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 5, tzinfo=UTC)


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


def add_lock(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(insert(locks).values(name=name, owner="me", since=NOW, reason=""))


def test_a_transaction_is_kept_when_its_block_ends(database: Database) -> None:
    add_lock(database, "kept")
    with database.everything() as connection:
        assert connection.execute(select(locks.c.name)).scalars().all() == ["kept"]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    row = {"name": "gone", "owner": "me", "since": NOW, "reason": ""}
    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.execute(insert(locks), [row, row])
    with database.everything() as connection:
        assert connection.execute(select(func.count()).select_from(locks)).scalar_one() == 0


def test_everything_shows_the_rows_of_every_scope(database: Database) -> None:
    for name in ("acme", "umbrella"):
        with database.transaction(Names(name, "shop")) as connection:
            connection.execute(insert(tenants).values(tenant_id=name, created_at=NOW))
    with database.everything() as connection:
        assert set(connection.execute(select(tenants.c.tenant_id)).scalars()) == {
            "acme",
            "umbrella",
        }
        head = select(audit_heads.c.number).where(audit_heads.c.tenant_id == INSTALLATION.tenant_id)
        assert connection.execute(head).scalar_one() == 0


def test_a_memory_of_files_has_no_database(tmp_path: Path) -> None:
    create_store(tmp_path, "json").close()
    with pytest.raises(Refused, match="keeps patterns only"):
        SQLiteDatabase(tmp_path)
    with pytest.raises(NotFound):
        SQLiteDatabase(tmp_path / "nope")
