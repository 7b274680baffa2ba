"""On a server, beside those who use it: who is in the way is named, and nobody else notices."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from engramia_core.database.scripts import Scripts
from engramia_core.errors import EngramiaError, Unavailable
from engramia_core.library import Memory
from engramia_core.migration import run
from engramia_core.migration.indexes import invalid_indexes
from engramia_core.stores.postgres import PostgresStore
from engramia_core.testing.embeddings import HashEmbeddings
from tests.migrations.places import ADD_A_COLUMN, Place, order, postgres_place, scripts_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.migration.blockers import Waiting
    from tests.postgres.server import Server

CLIENTS = 20
BUILD_AN_INDEX = """
PHASE = "expand"

def upgrade():
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_engramia_data_source", "engramia_data", ["source"],
            postgresql_concurrently=True, if_not_exists=True,
        )

def downgrade():
    with op.get_context().autocommit_block():
        op.drop_index("ix_engramia_data_source", postgresql_concurrently=True, if_exists=True)
"""


@pytest.fixture
def place(postgres: Server) -> Iterator[Place]:
    made = postgres_place(postgres, is_migrated=True)
    yield made
    made.engine.dispose()


def blocking(url: str, *, by: str) -> psycopg.Connection:
    connection = psycopg.connect(url, application_name="a-report")
    connection.execute(by)
    return connection


def test_who_blocks_is_named_while_everybody_else_goes_on(place: Place, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    store = PostgresStore(place.url, pool_size=CLIENTS)
    memory = Memory(store, HashEmbeddings())
    memory.learn("print a table", "x")
    is_over, answers, errors = threading.Event(), [0] * CLIENTS, list[EngramiaError]()

    def recall(client: int) -> None:
        while not is_over.is_set():
            try:
                answers[client] += len(memory.recall("print a table").matches)
            except EngramiaError as error:
                errors.append(error)

    clients = [threading.Thread(target=recall, args=[n]) for n in range(CLIENTS)]
    told: list[Waiting] = []
    with closing(place.target()) as target:
        blocker = blocking(place.url, by="SELECT count(*) FROM engramia_data")
        for client in clients:
            client.start()
        with pytest.raises(Unavailable) as caught:
            run.up(target, newer, order(told=told, wait_s=4))
        blocker.close()
        run.up(target, newer, order(told=told))
        is_over.set()
        for client in clients:
            client.join()
    memory.close()
    assert errors == []
    assert min(answers) > 0
    assert len(told) > 1
    (named, *_) = told[0].blockers
    assert (told[0].waits_for, named.application, named.user) == (
        "engramia_data",
        "a-report",
        "postgres",
    )
    assert named.query == "SELECT count(*) FROM engramia_data"
    assert f"pg_terminate_backend({named.pid})" in str(caught.value.hint)
    assert "a-report" in caught.value.message
    assert place.revision() == "0003"


def test_a_lock_that_is_let_go_is_waited_for(place: Place, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    blocker = blocking(place.url, by="SELECT count(*) FROM engramia_data")
    freed = threading.Timer(1.5, blocker.close)
    freed.start()
    told: list[Waiting] = []
    with closing(place.target()) as target:
        assert run.up(target, newer, order(told=told)).after == "0003"
    freed.join()
    assert told


def test_an_index_that_is_built_beside_writers_outlasts_the_short_timeout(
    place: Place, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=BUILD_AN_INDEX)
    blocker = blocking(place.url, by="LOCK TABLE engramia_data IN ROW EXCLUSIVE MODE")
    freed = threading.Timer(2.5, blocker.close)  # five times the short timeout
    freed.start()
    told: list[Waiting] = []
    with closing(place.target()) as target:
        assert run.up(target, newer, order(told=told)).after == "0003"
        assert invalid(place) == ()
        assert run.down(target, newer, order(to="-1")).after == "0002"
    freed.join()
    assert len(told) == 1  # each attempt tells once


def invalid(place: Place) -> tuple[str, ...]:
    with place.engine.connect() as connection:
        return invalid_indexes(connection)


def cut_off(place: Place, statement: str) -> None:
    """Leave an invalid index, as whoever builds it is cut off while it waits for an old transaction."""
    blocker = blocking(place.url, by="LOCK TABLE engramia_data IN ROW EXCLUSIVE MODE")
    with psycopg.connect(place.url, autocommit=True) as builder:
        builder.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute(statement)
    blocker.close()


def test_an_invalid_index_that_was_left_behind_is_built_again(place: Place, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=BUILD_AN_INDEX)
    cut_off(place, "CREATE INDEX CONCURRENTLY ix_engramia_data_source ON engramia_data (source)")
    assert invalid(place) == ("ix_engramia_data_source",)
    with closing(place.target()) as target:
        run.up(target, newer, order())
    assert invalid(place) == ()
    assert "ix_engramia_data_source" in place.facts()


def test_an_invalid_index_of_the_schema_is_mended(place: Place) -> None:
    cut_off(place, "REINDEX INDEX CONCURRENTLY ix_engramia_data_prune_after")
    (left,) = invalid(place)
    assert left.startswith("ix_engramia_data_prune_after_cc")
    with closing(place.target()) as target:
        assert f"the index {left} is invalid" in target.drift()
        report = run.up(target, Scripts(), order())
        assert report.mended == (f'DROP INDEX CONCURRENTLY "{left}"',)
        assert target.drift() == []
    with place.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_engramia_data_prune_after")
    cut_off(
        place,
        "CREATE INDEX CONCURRENTLY ix_engramia_data_prune_after ON engramia_data"
        " (tenant_id, project_id, prune_after) WHERE trashed_at IS NULL",
    )
    with closing(place.target()) as target:
        report = run.up(target, Scripts(), order())
        assert report.mended == ('REINDEX INDEX CONCURRENTLY "ix_engramia_data_prune_after"',)
        assert target.drift() == []
