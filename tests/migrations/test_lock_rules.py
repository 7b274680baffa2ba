"""The rules of locks are held to what a server really takes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from engramia_core.migration.lock_rules import NEW, NONE, UNKNOWN, dropped_index, effect

if TYPE_CHECKING:
    from tests.postgres.server import Server

STATEMENTS = (
    "ALTER TABLE parent ADD COLUMN note text",
    "ALTER TABLE parent ADD COLUMN note text NOT NULL DEFAULT 'x'",
    "ALTER TABLE parent ADD COLUMN at timestamptz DEFAULT now()",
    "ALTER TABLE parent ADD COLUMN counted bigserial",
    "ALTER TABLE parent ADD COLUMN twice integer GENERATED ALWAYS AS (number * 2) STORED",
    "ALTER TABLE parent ADD COLUMN luck double precision DEFAULT random()",
    "ALTER TABLE parent DROP COLUMN title",
    "ALTER TABLE parent RENAME COLUMN title TO name",
    "ALTER TABLE parent ALTER COLUMN title SET NOT NULL",
    "ALTER TABLE parent ALTER COLUMN title SET DEFAULT 'x'",
    "ALTER TABLE parent ALTER COLUMN title SET STORAGE MAIN",
    "ALTER TABLE parent ALTER COLUMN title SET STATISTICS 100",
    "ALTER TABLE parent ALTER COLUMN number TYPE bigint",
    "ALTER TABLE parent ADD CONSTRAINT ck CHECK (number > 0)",
    "ALTER TABLE parent ADD CONSTRAINT ck CHECK (number > 0) NOT VALID",
    "ALTER TABLE parent ADD CONSTRAINT uq UNIQUE (number)",
    "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (of) REFERENCES parent (id)",
    "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (of) REFERENCES parent (id) NOT VALID",
    "ALTER TABLE parent VALIDATE CONSTRAINT later",
    "ALTER TABLE parent ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY one ON parent USING (true)",
    "GRANT SELECT ON parent TO PUBLIC",
    "CREATE INDEX ix ON parent (number)",
    "CREATE UNIQUE INDEX ix ON parent USING btree (number) WHERE number > 0",
    "DROP TABLE child",
    "COMMENT ON TABLE parent IS 'x'",
    "INSERT INTO parent (id) VALUES (7)",
    "UPDATE parent SET number = 1",
    "DELETE FROM parent",
)
_SETUP = """
CREATE TABLE parent (id integer PRIMARY KEY, title text, number integer);
CREATE TABLE child (of integer);
INSERT INTO parent VALUES (1, 'x', 1);
ALTER TABLE parent ADD CONSTRAINT later CHECK (number < 10) NOT VALID;
"""
_STRENGTH = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock",
    "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
_HELD = "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = %s::int AND granted"


@pytest.fixture(scope="module")
def url(postgres: Server) -> str:
    empty = postgres.empty()
    with psycopg.connect(empty) as connection:
        connection.execute(_SETUP)
    return empty


def strongest(connection: psycopg.Connection, oid: int) -> str:
    modes = [row[0] for row in connection.execute(_HELD, (oid,))]
    if not modes:
        return NONE
    words = max(modes, key=_STRENGTH.index).removesuffix("Lock")
    return "".join(f" {c}" if c.isupper() else c.upper() for c in words).strip().upper()


def oid_and_file(connection: psycopg.Connection, table: str) -> tuple[int, int | None]:
    row = connection.execute(
        "SELECT %s::regclass::oid::int, pg_relation_filenode(%s::regclass)::int", (table, table)
    ).fetchone()
    assert row
    return row[0], row[1]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_rule_says_what_the_server_does(statement: str, url: str) -> None:
    told = effect(statement, "postgresql")
    assert told.table in {"parent", "child"}
    assert told.lock != UNKNOWN
    with closing(psycopg.connect(url)) as connection:
        oid, file = oid_and_file(connection, told.table or "")
        others = {each: oid_and_file(connection, each)[0] for each in told.also_locks}
        connection.rollback()
        connection.execute(statement)
        assert strongest(connection, oid) == told.lock
        for other in others.values():
            assert strongest(connection, other) == "SHARE ROW EXCLUSIVE"
        if "DROP TABLE" not in statement and told.rewrites is not None:
            assert (oid_and_file(connection, told.table or "")[1] != file) == told.rewrites
        connection.rollback()


@pytest.mark.parametrize(
    ("statement", "lock"),
    [
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON parent (x)", "SHARE UPDATE EXCLUSIVE"),
        ("DROP INDEX CONCURRENTLY ix", "SHARE UPDATE EXCLUSIVE"),
        ("DROP INDEX ix", "ACCESS EXCLUSIVE"),
        ("CREATE TABLE fresh (id integer)", NEW),
        ("CREATE EXTENSION IF NOT EXISTS vector", NONE),
        ("ALTER TABLE parent CLUSTER ON ix", UNKNOWN),
        ("SELECT lo_unlink(1)", UNKNOWN),
        ("DO $$ BEGIN PERFORM 1; END $$", UNKNOWN),
    ],
)
def test_what_cannot_be_asked_in_a_transaction(statement: str, lock: str) -> None:
    assert effect(statement, "postgresql").lock == lock


def test_a_new_table_with_a_foreign_key_locks_the_one_it_names() -> None:
    told = effect("CREATE TABLE x (id int REFERENCES parent (id))", "postgresql")
    assert (told.lock, told.also_locks) == (NEW, ("parent",))


def test_altering_a_table_of_sqlite_writes_it_anew() -> None:
    told = effect('INSERT INTO _alembic_tmp_parent ("id") SELECT id FROM parent', "sqlite")
    assert (told.table, told.rewrites) == ("parent", True)
    assert effect("VACUUM", "sqlite").lock == UNKNOWN
    assert dropped_index('DROP INDEX "ix_a"') == "ix_a"
    assert dropped_index("DROP TABLE a") is None
