"""The check names what somebody changed by hand, on either engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engramia_core.database.scripts import Scripts
from engramia_core.migration import status
from tests.migrations.places import Place, postgres_place, sqlite_place

if TYPE_CHECKING:
    from tests.postgres.server import Server

BY_HAND = (
    ("ALTER TABLE memory_issues ADD COLUMN x INTEGER", "the column memory_issues.x is too many"),
    ("DROP INDEX ix_memory_changes_key", "index memory_changes.ix_memory_changes_key is missing"),
    ("DROP TABLE memory_aging_runs", "the table memory_aging_runs is missing"),
    ("CREATE INDEX mine ON memory_issues (text)", "index memory_issues.mine is too many"),
)
ON_SERVER = (
    *BY_HAND,
    ("ALTER TABLE memory_models ALTER dimensions TYPE bigint", "type is BIGINT, should be INTEGER"),
    ("ALTER TABLE memory_models ALTER dimensions DROP NOT NULL", "nullable is True"),
    ("ALTER TABLE engramia_data DISABLE ROW LEVEL SECURITY", "row-level security is off"),
    ("ALTER TABLE engramia_keys ENABLE ROW LEVEL SECURITY", "row-level security is on"),
    ("DROP POLICY one_scope ON memory_skills", "memory_skills: its policies are none"),
    ("CREATE POLICY x ON memory_models USING (true)", "x USING true"),
    ("ALTER POLICY one_scope ON memory_models USING (true)", "one_scope USING true"),
    ("ALTER POLICY one_scope ON memory_models TO PUBLIC", "memory_models: its policies are"),
    ("GRANT DELETE ON engramia_audit TO engramia_app", "may DELETE, INSERT, SELECT, should INSERT"),
    ("REVOKE SELECT ON alembic_version FROM engramia_app", "may none, should SELECT"),
    ("ALTER TABLE memory_embeddings ALTER vector SET STORAGE EXTERNAL", "storage is 'e'"),
    (
        'ALTER TABLE memory_issues ALTER cluster_id TYPE varchar(64) COLLATE "default"',
        "memory_issues.cluster_id: is compared by default, should be by C",
    ),
)


def drift(place: Place) -> tuple[str, ...]:
    with closing(place.target()) as target:
        return status.check(target, Scripts()).differences


@pytest.mark.parametrize(("statement", "told"), BY_HAND)
def test_a_change_of_a_file_is_named(
    statement: str, told: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = sqlite_place(tmp_path_factory.mktemp("memory"))
    place.create()
    assert drift(place) == ()
    with place.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert [each for each in drift(place) if told in each]
    place.engine.dispose()


@pytest.fixture(scope="module")
def on_server(postgres: Server) -> Place:
    return postgres_place(postgres, is_migrated=True)


@pytest.mark.parametrize(("statement", "told"), ON_SERVER)
def test_a_change_on_a_server_is_named(statement: str, told: str, on_server: Place) -> None:
    from engramia_core.migration.drift import schema_drift
    from engramia_core.migration.postgres_drift import protection_drift

    with on_server.engine.connect() as connection:
        assert [*schema_drift(connection), *protection_drift(connection)] == []
        connection.exec_driver_sql(statement)
        found = [*schema_drift(connection), *protection_drift(connection)]
        assert [each for each in found if told in each], found
        connection.rollback()
    on_server.engine.dispose()


def test_tables_of_others_and_vector_indexes_are_no_drift(on_server: Place) -> None:
    with on_server.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE of_somebody_else (id integer)")
        connection.exec_driver_sql(
            "CREATE INDEX ix_vectors_0123456789abcdef ON memory_embeddings"
            " USING hnsw ((vector::vector(3)) vector_cosine_ops)"
        )
    assert drift(on_server) == ()
    on_server.engine.dispose()
