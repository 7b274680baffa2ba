from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from engramia_core.database.database import INSTALLATION, Names
from engramia_core.database.operation_tables import audit_heads, locks
from engramia_core.database.tables import tenants
from engramia_core.errors import Busy, NotFound, Refused
from engramia_core.stores import Server, create_store
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.database.database import Database
    from tests.integration.engines import Engine
    from tests.postgres.server import Server as Process

NOW = datetime(2026, 1, 5, tzinfo=UTC)


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


def test_a_reader_of_a_scope_sees_it_as_of_one_moment(engine: Engine, database: Database) -> None:
    acme = Names("acme", "shop")
    other = engine.database()
    count = select(func.count()).select_from(audit_heads).where(audit_heads.c.tenant_id == "acme")
    with database.reading(acme) as connection:
        assert connection.execute(count).scalar_one() == 0
        with other.transaction(acme) as writing:
            writing.execute(insert(audit_heads).values(**acme._asdict(), number=0, hash="0" * 64))
        assert connection.execute(count).scalar_one() == 0
    with database.reading(acme) as connection:
        assert connection.execute(count).scalar_one() == 1
    other.close()


def test_an_operators_lock_is_held_by_one_who_is_named(engine: Engine, database: Database) -> None:
    other = engine.database()
    with database.alone("tenants/acme", owner="alice@host", now=NOW, reason="GDPR request"):
        with (
            pytest.raises(Busy, match=r"tenants/acme .*: alice@host since .* \(GDPR request\)"),
            other.alone("tenants/acme", owner="bob@host", now=NOW),
        ):
            pass
        with other.alone("tenants/umbrella", owner="bob@host", now=NOW):
            pass
    with other.alone("tenants/acme", owner="bob@host", now=NOW):
        pass
    other.close()


def test_a_login_that_does_not_own_the_tables_may_not_look_at_every_scope(
    postgres: Process,
) -> None:
    url = postgres.migrated()
    postgres.run(
        "DO $$ BEGIN CREATE ROLE visitor LOGIN IN ROLE engramia_app;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    database = PostgresDatabase(Server(url.replace("postgres@", "visitor@", 1)))
    with pytest.raises(Refused, match="row-level security"), database.everything() as connection:
        connection.execute(select(audit_heads))
    database.close()
