"""Every statement of the store, and an attacker's own, from one tenant's transaction at another tenant's rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from engramia_core.database.isolation import APPLICATION_ROLE
from engramia_core.database.schema import metadata
from engramia_core.errors import EngramiaError
from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import Action, AgingRun, EmbeddingModel, Kept, Record
from engramia_core.memory.words import words_of
from engramia_core.scope import Scope
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_reader import PostgresReader
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.store_case import put, trashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from engramia_core.memory.store import StoreWriter
    from engramia_core.stores.postgres_ask import Question
    from tests.postgres.server import Server

VICTIM = Scope("victim", "shop")
ATTACKERS = (Scope("attacker", "shop"), Scope("victim", "blog"), None)
"""Another tenant, the tenant's other project, and whoever forgot to say."""

OF_SCOPES = sorted(t.name for t in metadata.sorted_tables if "tenant_id" in t.primary_key.columns)


class ConfusedStore(PostgresStore):
    """Asks for the rows it is told to, in transactions that belong to somebody else."""

    truly: Scope | None

    @override
    @contextmanager
    def _reading(
        self,
        scope: Scope,
        *,
        isolation: str = "READ COMMITTED",
        lock_timeout_s: int | None = None,
    ) -> Iterator[Connection]:
        if self.truly is None:
            with self._session() as connection:
                yield connection
        else:
            with super()._reading(
                self.truly, isolation=isolation, lock_timeout_s=lock_timeout_s
            ) as connection:
                yield connection


class ConfusedReader(PostgresReader):
    """Does the same with what is read in one round trip."""

    truly: Scope | None

    @override
    def _ask(self, scope: Scope, *questions: Question) -> list[list[tuple[Any, ...]]]:
        if self.truly is not None:
            return super()._ask(self.truly, *questions)
        with self._engine.begin() as connection:
            driver: Any = connection.connection.driver_connection
            return [driver.execute(asked.sql, asked.values).fetchall() for asked in questions]


@pytest.fixture(scope="module")
def database(postgres: Server) -> str:
    return postgres.migrated()


@pytest.fixture
def victim(postgres: Server, database: str) -> Iterator[PostgresStore]:
    """A store in which every table holds a row of the victim's."""
    store = PostgresStore(postgres.emptied(database))
    of_a = Record(a_pattern("a", skills=("csv",)), (an_observation(),), a_vector(1))
    put(store, of_a, a_record("b", seed=2), scope=VICTIM)
    with store.write(VICTIM) as writer:
        writer.update([trashed(a_pattern("b"), run="run-1")], an_event(Action.TRASHED))
        writer.put_clusters([a_cluster("c")])
        writer.record_run(AgingRun("run-1", days(1), 1, 0))
    yield store
    store.close()


@pytest.fixture(params=ATTACKERS, ids=["another tenant", "another project", "nobody"])
def confused(
    request: pytest.FixtureRequest, victim: PostgresStore, database: str
) -> Iterator[ConfusedStore]:
    assert victim.live_count(VICTIM) == 1
    store = ConfusedStore(database)
    reader = ConfusedReader(store._engine, store.place)
    store.truly = reader.truly = request.param
    store._reader = reader
    yield store
    store.close()


def all_of(store: PostgresStore) -> tuple[object, ...]:
    """All that a scope's reader can learn of the victim."""
    return (
        store.get(VICTIM, ["a", "b"]),
        store.page(VICTIM, filters=Filters(), limit=9),
        store.page(VICTIM, filters=Filters(), limit=9, trashed=True),
        store.nearest(VICTIM, a_vector(1), filters=Filters(), limit=9).keys,
        store.nearest(VICTIM, a_vector(1), filters=Filters(skills=("csv",)), limit=9).keys,
        store.lexical(VICTIM, words_of(a_pattern("a").task), filters=Filters(), limit=9).keys,
        store.observations(VICTIM, "a"),
        store.history(VICTIM, "a"),
        list(store.records(VICTIM, with_vectors=True)),
        list(store.kept(VICTIM)),
        store.expired(VICTIM, days(10_000)),
        store.in_trash(VICTIM),
        store.clusters(VICTIM),
        store.aging_runs(VICTIM),
        store.known_vectors(VICTIM, MODEL.model_id, [a_pattern("a").task]),
        [] if store.model(VICTIM) is None else [store.model(VICTIM)],
        [store.live_count(VICTIM)] if store.live_count(VICTIM) else [],
    )


def test_the_victim_itself_sees_all_of_it(victim: PostgresStore) -> None:
    assert all(all_of(victim))


def test_no_read_of_the_store_sees_anothers_rows(confused: ConfusedStore) -> None:
    assert [found for found in all_of(confused) if found] == []
    counts = confused.counts(VICTIM)
    assert (counts.live, counts.trashed, counts.observations, counts.clusters) == (0, 0, 0, 0)


WRITES: dict[str, Callable[[StoreWriter], Any]] = {
    "insert": lambda w: w.insert([a_record("n")], an_event()),
    "update": lambda w: w.update([a_pattern("a", quality=0.0)], an_event(Action.OBSERVED)),
    "observe": lambda w: w.observe(a_pattern("a"), [an_observation()], an_event(Action.OBSERVED)),
    "replace": lambda w: w.replace(Record(a_pattern("a")), an_event(Action.IMPORTED)),
    "purge": lambda w: w.purge(["a", "b"], an_event(Action.PURGED)),
    "choose_model": lambda w: w.choose_model(EmbeddingModel("mine", 4)),
    "put_clusters": lambda w: w.put_clusters([a_cluster("d")]),
    "remove_clusters": lambda w: w.remove_clusters(["c"]),
    "take_over": lambda w: w.take_over([Kept("a", None, (an_event(),))], an_event()),
    "record_run": lambda w: w.record_run(AgingRun("run-2", days(1), 1, 1)),
}


@pytest.mark.parametrize("name", WRITES)
def test_no_write_of_the_store_changes_anothers_rows(
    name: str, confused: ConfusedStore, victim: PostgresStore
) -> None:
    before = repr(all_of(victim))
    with (
        pytest.raises((EngramiaError, DBAPIError, psycopg.Error)),
        confused.write(VICTIM) as writer,
    ):
        WRITES[name](writer)
    assert repr(all_of(victim)) == before
    assert name in WRITES


@pytest.fixture
def login(postgres: Server, database: str, victim: PostgresStore) -> Iterator[psycopg.Connection]:
    """A login that is a member of the application's role, and nothing else."""
    assert victim.storage == "postgres"
    postgres.run(
        "DO $$ BEGIN CREATE ROLE api LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    postgres.run(f"GRANT {APPLICATION_ROLE} TO api")
    name = make_url(database).database or ""
    with psycopg.connect(postgres.url(name, user="api"), autocommit=True) as connection:
        connection.execute("SELECT set_config('engramia.tenant_id', 'attacker', false)")
        connection.execute("SELECT set_config('engramia.project_id', 'shop', false)")
        yield connection


@pytest.mark.parametrize("table", OF_SCOPES)
def test_a_plain_select_shows_no_row_of_another_scope(
    table: str, login: psycopg.Connection
) -> None:
    assert login.execute(f"SELECT * FROM {table}").fetchall() == []


@pytest.mark.parametrize("table", OF_SCOPES)
def test_nothing_is_updated_or_deleted_in_another_scope(
    table: str, login: psycopg.Connection, postgres: Server
) -> None:
    name = login.info.dbname
    count = f"SELECT count(*) FROM {table}"
    before = postgres.run(count, database=name)
    assert before != [(0,)]
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET tenant_id = 'attacker'"):
        try:
            assert login.execute(statement).rowcount == 0
        except psycopg.errors.InsufficientPrivilege:
            assert table == "engramia_audit"
    assert postgres.run(count, database=name) == before


ATTACKS = {
    "inserts for another tenant": "INSERT INTO memory_tenants VALUES ('victim2', now())",
    "moves its row to another tenant": (
        "INSERT INTO memory_tenants VALUES ('attacker', now());"
        " UPDATE memory_tenants SET tenant_id = 'victim2'"
    ),
    "switches row-level security off": "ALTER TABLE engramia_data DISABLE ROW LEVEL SECURITY",
    "asks for no row-level security": "SET row_security = off; SELECT * FROM engramia_data",
    "drops the policy": "DROP POLICY one_scope ON engramia_data",
    "adds a policy of its own": "CREATE POLICY mine ON engramia_data USING (true)",
    "becomes the owner": "SET ROLE postgres",
    "becomes the owner for the session": "SET SESSION AUTHORIZATION postgres",
    "truncates": "TRUNCATE memory_tenants",
    "copies into the table": "COPY engramia_data FROM STDIN",
    "alters the audit trail": "UPDATE engramia_audit SET who = 'nobody'",
    "deletes the audit trail": "DELETE FROM engramia_audit",
    "reads the server's files": "SELECT pg_read_file('PG_VERSION')",
    "runs a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "makes a table in the schema": "CREATE TABLE public.mine (x int)",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_by_the_server(name: str, login: psycopg.Connection) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        login.execute(ATTACKS[name])


def test_a_function_that_tells_what_it_is_given_is_told_nothing(login: psycopg.Connection) -> None:
    said: list[str] = []
    login.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    login.execute(
        "CREATE FUNCTION pg_temp.tell(t text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS"
        " $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$"
    )
    assert login.execute("SELECT 1 FROM engramia_data WHERE pg_temp.tell(task)").fetchall() == []
    assert said == []


def test_the_planners_statistics_tell_nothing(login: psycopg.Connection, postgres: Server) -> None:
    postgres.run("ANALYZE", database=login.info.dbname)
    told = login.execute("SELECT * FROM pg_stats WHERE tablename = 'engramia_data'").fetchall()
    assert told == []


def test_what_a_transaction_was_told_ends_with_it(victim: PostgresStore) -> None:
    """A connection that comes back from the pool knows no scope, so who forgets to say sees nothing."""
    assert victim.get(VICTIM, ["a"])
    with victim._session() as connection:
        for table in OF_SCOPES:
            found = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            assert (table, found) == (table, 0)
