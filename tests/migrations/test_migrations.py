"""The migrations make what ``tables.py`` says, and every one can be taken back, on either engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from engramia_core.database import revisions, schema
from engramia_core.database.scripts import Revision, Scripts
from engramia_core.errors import Refused
from engramia_core.library import Memory
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.stores.sqlite_engine import DATABASE_FILE
from engramia_core.testing.embeddings import HashEmbeddings
from tests.migrations.places import (
    ADD_A_COLUMN,
    DROP_A_TABLE,
    Place,
    postgres_place,
    scripts_with,
    sqlite_place,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


EACH_REVISION = pytest.mark.parametrize("script", Scripts().all, ids=lambda each: each.revision)


def test_the_migrations_make_what_the_tables_say(place: Place) -> None:
    revisions.upgrade(place.engine)
    with place.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_migrations_make_the_same_as_the_tables(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    revisions.upgrade(place.engine)
    if place.is_sqlite:
        other = sqlite_place(tmp_path / "other")
    else:
        other = postgres_place(request.getfixturevalue("postgres"))
        with other.engine.begin() as connection:
            connection.exec_driver_sql("CREATE EXTENSION vector")
    schema.metadata.create_all(other.engine)
    made = other.facts(with_protection=False)
    other.engine.dispose()
    assert len(made) > len(schema.metadata.tables)
    assert place.facts(with_protection=False) == made


def test_the_head_that_is_written_down_is_the_scripts_head() -> None:
    assert Scripts().head == revisions.HEAD


def test_revisions_are_numbered_in_their_order() -> None:
    numbers = [script.revision for script in Scripts().all]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@EACH_REVISION
def test_every_revision_says_what_it_does_and_whether_it_expands_or_contracts(
    script: Revision,
) -> None:
    assert script.phase in {"expand", "contract"}
    assert script.title


def test_there_is_a_row_in_every_table_to_migrate(filled: Place) -> None:
    rows = filled.rows()
    assert rows.keys() == schema.metadata.tables.keys()
    assert 0 not in rows.values(), rows


@EACH_REVISION
def test_every_revision_goes_down_and_up_again_on_data(script: Revision, filled: Place) -> None:
    head = filled.facts()
    revisions.downgrade(filled.engine, script.revision)
    before = filled.facts()
    revisions.downgrade(filled.engine, script.down_revision or "base")
    assert filled.facts() != before
    revisions.upgrade(filled.engine, script.revision)
    assert filled.facts() == before
    revisions.upgrade(filled.engine)
    assert filled.facts() == head
    assert filled.revision() == revisions.HEAD
    with closing(filled.target()) as target:
        assert target.drift() == []
    with closing(Memory(filled.open(), HashEmbeddings())) as memory:
        memory.learn("print a table", "x")
        assert memory.recall("print a table").matches


def test_going_down_to_nothing_leaves_nothing(filled: Place) -> None:
    revisions.downgrade(filled.engine, "base")
    assert filled.facts() == {}
    assert filled.revision() is None


def test_bringing_a_memory_to_the_head_it_has_changes_nothing(filled: Place) -> None:
    before = filled.rows()
    filled.create()
    assert filled.rows() == before


def test_a_database_without_a_revision_has_none(place: Place) -> None:
    assert place.revision() is None


@pytest.mark.parametrize("opens", [Place.use, Place.create])
def test_a_newer_database_is_refused_and_left_alone(
    filled: Place, opens: Callable[[Place], None]
) -> None:
    filled.set_revision("9999")
    before = filled.rows()
    with pytest.raises(Refused, match="9999") as caught:
        opens(filled)
    assert caught.value.hint == "install the version of Engramia that wrote it"
    assert filled.rows() == before


@pytest.mark.parametrize("opens", [Place.use, Place.create])
def test_a_database_that_is_ahead_by_expansions_is_used(
    filled: Place, opens: Callable[[Place], None], tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    revisions.upgrade(filled.engine, scripts=newer.directory)
    opens(filled)
    with closing(Memory(filled.open(), HashEmbeddings())) as memory:
        memory.learn("print a table", "x")
        assert memory.recall("print a table").matches
        assert memory.store.schema_revision() == "0003"


@pytest.mark.parametrize("opens", [Place.use, Place.create])
def test_a_database_that_is_ahead_by_a_contraction_is_refused(
    filled: Place, opens: Callable[[Place], None], tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=DROP_A_TABLE, _0004=ADD_A_COLUMN)
    revisions.upgrade(filled.engine, scripts=newer.directory)
    with pytest.raises(Refused, match="0004"):
        opens(filled)


def test_an_older_database_is_refused_with_what_brings_it_up(filled: Place) -> None:
    revisions.downgrade(filled.engine, "0001")
    with pytest.raises(Refused, match=f"is 0001, this version needs {revisions.HEAD}") as caught:
        filled.open()
    assert str(caught.value.hint).startswith("engramia migrate up")


@pytest.mark.parametrize("is_migrated", [False, True])
def test_an_empty_database_is_refused_and_brought_up(tmp_path: Path, *, is_migrated: bool) -> None:
    (tmp_path / DATABASE_FILE).touch()
    place = sqlite_place(tmp_path)
    if is_migrated:
        revisions.upgrade(place.engine)
        revisions.downgrade(place.engine, "base")
    place.engine.dispose()
    with pytest.raises(Refused, match="is empty, this version needs") as caught:
        SQLiteStore(tmp_path)
    assert caught.value.hint == f"engramia migrate up --path {tmp_path}"
    SQLiteStore.create(tmp_path).close()
    SQLiteStore(tmp_path).close()


def test_altering_a_table_of_sqlite_keeps_what_refers_to_it(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "memory")
    place.fill()
    before = place.rows()
    newer = scripts_with(
        tmp_path,
        _0003="""
PHASE = "expand"

def upgrade():
    with op.batch_alter_table("engramia_data", recreate="always") as batch:
        batch.alter_column("task", type_=sa.String(9000))

def downgrade():
    pass
""",
    )
    revisions.upgrade(place.engine, scripts=newer.directory)
    assert place.rows() == before | {"engramia_revisions": before["engramia_revisions"] + 1}
    place.engine.dispose()


def test_a_revision_of_sqlite_that_breaks_a_reference_is_not_applied(tmp_path: Path) -> None:
    from engramia_core.errors import Incomplete

    place = sqlite_place(tmp_path / "memory")
    place.fill()
    before = place.rows()
    newer = scripts_with(
        tmp_path,
        _0003="""
PHASE = "contract"

def upgrade():
    op.execute("DELETE FROM engramia_data")

def downgrade():
    pass
""",
    )
    with pytest.raises(Incomplete, match="names one of engramia_data that is not there"):
        revisions.upgrade(place.engine, scripts=newer.directory)
    assert place.rows() == before
    assert place.revision() == revisions.HEAD
    place.engine.dispose()


def test_the_scripts_as_sql_make_the_same_and_note_their_revisions(place: Place) -> None:
    scripts = Scripts()
    dialect = place.engine.dialect.name
    with place.engine.begin() as connection:
        for step in scripts.up(None):
            for statement in scripts.sql(step, dialect):
                connection.exec_driver_sql(statement)
    with closing(place.target()) as target:
        assert target.drift() == []
    with place.engine.connect() as connection:
        assert revisions.applied(connection) == {"0001": "expand", "0002": "expand"}
    with place.engine.begin() as connection:
        for step in scripts.down("0002", "base"):
            for statement in scripts.sql(step, dialect):
                connection.exec_driver_sql(statement)
    assert place.facts() == {}
