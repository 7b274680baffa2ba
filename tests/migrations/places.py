"""A database of either engine with a row in every table, and what its schema is made of."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select, update

from engramia_core.audit import Actor, Via
from engramia_core.database import operation_tables, revisions, schema
from engramia_core.database.scripts import Scripts
from engramia_core.library import Memory
from engramia_core.migration.postgres_target import PostgresTarget
from engramia_core.migration.run import Order
from engramia_core.migration.sqlite_target import SQLiteTarget
from engramia_core.migration.target import Patience
from engramia_core.stores import create_store
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_engine import parsed_url, postgres_engine
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.stores.sqlite_engine import DATABASE_FILE, sqlite_engine
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from engramia_core.memory.store import PatternStore
    from engramia_core.migration.blockers import Waiting
    from engramia_core.migration.target import MigrationTarget
    from tests.postgres.server import Server

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ME = Actor("me@here", Via.CLI)
VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))
MASTER = Table("sqlite_master", MetaData(), *(Column(n, String) for n in ("name", "sql")))
OPERATION: tuple[tuple[Table, dict[str, object]], ...] = (
    (
        operation_tables.keys,
        {"key_id": "k1", "name": "ci", "role": "reader", "created_at": NOW, "created_by": "me"},
    ),
    (
        operation_tables.key_secrets,
        {"digest": "d" * 64, "key_id": "k1", "ending": "wxyz", "created_at": NOW},
    ),
    (
        operation_tables.instances,
        {
            "instance_id": "i1", "kind": "serve", "host": "here", "pid": 1, "version": "0.1.0",
            "schema_revision": "0002", "started_at": NOW, "seen_at": NOW,
        },
    ),
    (operation_tables.locks, {"name": "backup", "owner": "me", "since": NOW, "reason": "why not"}),
)  # fmt: skip
"""What no verb of the memory writes: a row of each."""

_COLUMNS = """
SELECT class.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
|| ' ' || coalesce(c.collname, '') || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute a JOIN pg_class class ON class.oid = a.attrelid AND class.relkind = 'r'
JOIN pg_namespace n ON n.oid = class.relnamespace AND n.nspname = 'public'
LEFT JOIN pg_collation c ON c.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text || '/' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace AND contype <> 'n'
"""
_PROTECTION = """
SELECT relname || '/protection', coalesce(relacl::text, '') || relrowsecurity || coalesce((
    SELECT string_agg(polname || pg_get_expr(polqual, polrelid) || polroles::regrole[]::text, ',')
    FROM pg_policy WHERE polrelid = class.oid), '')
|| (SELECT string_agg(attstorage::text, '' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass
class Place:
    """Where a database is: a directory, or a URL; ``engine`` owns its tables."""

    directory: Path | None
    url: str
    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.directory is not None

    def create(self) -> None:
        self._made().close()

    def open(self) -> PatternStore:
        return SQLiteStore(self.directory) if self.directory else PostgresStore(self.url)

    def use(self) -> None:
        """Open it as a command does."""
        self.open().close()

    def fill(self) -> None:
        """A row in every table."""
        with closing(Memory(self._made(), HashEmbeddings())) as memory:
            key = memory.learn("sort a list", "x.sort()", 0.0, skills=["sort"]).key
            memory.learn("parse a date", "x", 9.0)
            memory.refine(key, 0.0, "too slow")
            memory.run_aging(max_prune_percent=100)
        with self.engine.begin() as connection:
            for table, row in OPERATION:
                connection.execute(insert(table).values(row))

    def target(self) -> MigrationTarget:
        return SQLiteTarget(self.directory) if self.directory else PostgresTarget(self.url)

    def revision(self) -> str | None:
        with self.engine.connect() as connection:
            return revisions.current(connection)

    def set_revision(self, revision: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(VERSION).values(version_num=revision))

    def rows(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            there = inspect(connection).get_table_names()
            return {
                name: len(connection.execute(select(table)).all())
                for name, table in schema.metadata.tables.items()
                if name in there
            }

    def facts(self, *, with_protection: bool = True) -> dict[str, str]:
        """What the schema is made of, without what is only layout and without Alembic's table."""
        with self.engine.connect() as connection:
            found = _on_file(connection) if self.is_sqlite else _on_server(connection)
        return {
            name: fact
            for name, fact in found.items()
            if "alembic_version" not in name
            and (with_protection or not name.endswith("/protection"))
        }

    def _made(self) -> PatternStore:
        return create_store(self.directory) if self.directory else PostgresStore.create(self.url)


def _on_file(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(MASTER.c.name, MASTER.c.sql)).all()
    return {
        row.name: ", ".join(sorted(re.sub(r"[\s\"]+", " ", row.sql).strip().split(", ")))
        for row in rows
        if row.sql
    }


def _on_server(connection: Connection) -> dict[str, str]:
    asked = (_COLUMNS, _INDEXES, _CONSTRAINTS, _PROTECTION)
    return {row[0]: row[1] for each in asked for row in connection.exec_driver_sql(each)}


def sqlite_place(directory: Path) -> Place:
    directory.mkdir(exist_ok=True)
    return Place(directory, "", sqlite_engine(directory / DATABASE_FILE))


def postgres_place(server: Server, *, is_migrated: bool = False) -> Place:
    url = server.migrated() if is_migrated else server.empty()
    return Place(None, url, postgres_engine(parsed_url(url), as_owner=True, pool_size=2))


def scripts_with(folder: Path, **sources: str) -> Scripts:
    """This version's scripts and these newer ones, by number: ``_0003="..."``; each has a phase and two functions."""
    copied = folder / "scripts"
    shutil.copytree(revisions.scripts_directory(), copied)
    below = revisions.HEAD
    for name, source in sources.items():
        number = name.removeprefix("_")
        head = f'"""Revision {number} of a test."""\n\nimport sqlalchemy as sa\n\nfrom alembic import op\n\n'
        says = f'revision = "{number}"\ndown_revision = "{below}"\nbranch_labels = depends_on = None\n\n'
        (copied / "versions" / f"{number}_test.py").write_text(head + says + source)
        below = number
    return Scripts(copied)


ADD_A_COLUMN = """
PHASE = "expand"

def upgrade():
    op.add_column("engramia_data", sa.Column("note", sa.Text()))

def downgrade():
    op.drop_column("engramia_data", "note")
"""
DROP_A_TABLE = """
PHASE = "contract"

def upgrade():
    op.drop_table("memory_aging_runs")

def downgrade():
    op.create_table("memory_aging_runs", sa.Column("run", sa.Text()))
"""


def order(
    *,
    to: str = "head",
    told: list[Waiting] | None = None,
    without_backup: bool = True,
    is_forced: bool = False,
    wait_s: float = 10.0,
    now: datetime = NOW,
) -> Order:
    patience = Patience((told if told is not None else []).append, wait_s, lock_timeout_s=0.5)
    return Order(ME, now, patience, to, without_backup, is_forced)
