"""The migrations make what ``tables.py`` says, and every one can be taken back."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, MetaData, String, Table, insert, inspect, select, update

from alembic import command
from engramia_core.database import operation_tables, revisions, schema
from engramia_core.errors import Refused
from engramia_core.library import Memory
from engramia_core.stores import create_store
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.stores.sqlite_engine import DATABASE_FILE, sqlite_engine
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.script import Script

ROOT = Path(__file__).resolve().parents[2]
VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))
MASTER = Table("sqlite_master", MetaData(), *(Column(n, String) for n in ("name", "sql")))


NOW = datetime(2026, 1, 5, tzinfo=UTC)
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


def scripts() -> ScriptDirectory:
    config = AlembicConfig()
    config.set_main_option("script_location", str(revisions.scripts_directory()))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def all_revisions() -> list[Script]:
    """Every revision, oldest first."""
    return list(scripts().walk_revisions())[::-1]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(tmp_path / DATABASE_FILE)
    yield engine
    engine.dispose()


def made_by(engine: Engine) -> dict[str, str]:
    """Each table's and index's own statement, without what is only layout."""
    with engine.connect() as connection:
        rows = connection.execute(select(MASTER.c.name, MASTER.c.sql)).all()
    return {
        row.name: ", ".join(sorted(re.sub(r"[\s\"]+", " ", row.sql).strip().split(", ")))
        for row in rows
        if row.sql and row.name != "alembic_version"
    }


def set_revision(place: Path, revision: str) -> None:
    engine = sqlite_engine(place / DATABASE_FILE)
    with engine.begin() as connection:
        connection.execute(update(VERSION).values(version_num=revision))
    engine.dispose()


def filled(place: Path) -> None:
    """A memory with a row in every table."""
    with closing(Memory(create_store(place), HashEmbeddings())) as memory:
        key = memory.learn("sort a list", "x.sort()", 0.0, skills=["sort"]).key
        memory.learn("parse a date", "x", 9.0)
        memory.refine(key, 0.0, "too slow")
        memory.run_aging(max_prune_percent=100)
    engine = sqlite_engine(place / DATABASE_FILE)
    with engine.begin() as connection:
        for table, row in OPERATION:
            connection.execute(insert(table).values(row))
    engine.dispose()


def rows_in(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        there = inspect(connection).get_table_names()
        return {
            name: len(connection.execute(select(table)).all())
            for name, table in schema.metadata.tables.items()
            if name in there
        }


def test_the_migrations_make_what_the_tables_say(engine: Engine) -> None:
    revisions.upgrade(engine)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_migrations_make_the_same_sql_as_the_tables(engine: Engine, tmp_path: Path) -> None:
    revisions.upgrade(engine)
    other = sqlite_engine(tmp_path / "other.db")
    schema.metadata.create_all(other)
    made = made_by(other)
    other.dispose()
    assert len(made) > len(schema.metadata.tables)
    assert made_by(engine) == made


def test_the_head_that_is_written_down_is_the_scripts_head() -> None:
    assert scripts().get_current_head() == revisions.HEAD
    assert scripts().get_heads() == [revisions.HEAD]


def test_revisions_are_numbered_in_their_order() -> None:
    numbers = [script.revision for script in all_revisions()]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("script", all_revisions(), ids=lambda script: script.revision)
def test_every_revision_says_whether_it_expands_or_contracts(script: Script) -> None:
    assert script.module.PHASE in {"expand", "contract"}
    assert script.module.__doc__


def test_there_is_a_row_in_every_table_to_migrate(engine: Engine, tmp_path: Path) -> None:
    filled(tmp_path)
    rows = rows_in(engine)
    assert rows.keys() == schema.metadata.tables.keys()
    assert 0 not in rows.values(), rows


@pytest.mark.parametrize("script", all_revisions(), ids=lambda script: script.revision)
def test_every_revision_goes_down_and_up_again_on_data(
    script: Script, engine: Engine, tmp_path: Path
) -> None:
    filled(tmp_path)
    head = made_by(engine)
    revisions.downgrade(engine, script.revision)
    before = made_by(engine)
    revisions.downgrade(engine, str(script.down_revision or "base"))
    assert made_by(engine) != before
    revisions.upgrade(engine, script.revision)
    assert made_by(engine) == before
    revisions.upgrade(engine)
    assert made_by(engine) == head
    with engine.connect() as connection:
        assert revisions.current(connection) == revisions.HEAD
    with closing(Memory(SQLiteStore(tmp_path), HashEmbeddings())) as memory:
        memory.learn("print a table", "x")
        assert memory.recall("print a table").matches


def test_going_down_to_nothing_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    filled(tmp_path)
    revisions.downgrade(engine, "base")
    assert made_by(engine) == {}
    with engine.connect() as connection:
        assert revisions.current(connection) is None


def test_bringing_a_memory_to_the_head_it_has_changes_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    filled(tmp_path)
    before = rows_in(engine)
    SQLiteStore.create(tmp_path).close()
    assert rows_in(engine) == before


def test_a_database_without_a_revision_has_none(engine: Engine) -> None:
    with engine.connect() as connection:
        assert revisions.current(connection) is None


@pytest.mark.parametrize("make", [SQLiteStore, SQLiteStore.create])
def test_a_newer_database_is_refused_and_left_alone(
    engine: Engine, tmp_path: Path, make: type[SQLiteStore]
) -> None:
    filled(tmp_path)
    set_revision(tmp_path, "9999")
    before = rows_in(engine)
    with pytest.raises(Refused, match="9999") as caught:
        make(tmp_path)
    assert caught.value.hint == "install the version of Engramia that wrote it"
    assert rows_in(engine) == before


def test_an_older_database_is_refused_with_what_brings_it_up(tmp_path: Path) -> None:
    filled(tmp_path)
    set_revision(tmp_path, "0000")
    with pytest.raises(Refused, match=f"is 0000, this version needs {revisions.HEAD}") as caught:
        SQLiteStore(tmp_path)
    assert caught.value.hint == f"engramia init --path {tmp_path}"


@pytest.mark.parametrize("is_migrated", [False, True])
def test_an_empty_database_is_refused_and_brought_up_by_init(
    engine: Engine, tmp_path: Path, *, is_migrated: bool
) -> None:
    (tmp_path / DATABASE_FILE).touch()
    if is_migrated:
        revisions.upgrade(engine)
        revisions.downgrade(engine, "base")
    with pytest.raises(Refused, match="is empty, this version needs") as caught:
        SQLiteStore(tmp_path)
    assert caught.value.hint == f"engramia init --path {tmp_path}"
    SQLiteStore.create(tmp_path).close()
    SQLiteStore(tmp_path).close()


def test_alembics_own_commands_find_the_memory_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    monkeypatch.setenv("ENGRAMIA_DATA_PATH", str(tmp_path))
    said = StringIO()
    command.current(AlembicConfig(ROOT / "alembic.ini", stdout=said))
    assert said.getvalue().split() == [revisions.HEAD, "(head)"]
