from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import make_url

from engramia_core.errors import Busy, NotFound, Refused
from engramia_core.maintenance.indexing import plan_indexes, run_indexes
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.scope import Scope
from engramia_core.stores import Server as Named
from engramia_core.stores import create_store, postgres_build
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_build import Build
from engramia_core.stores.postgres_index import indexes
from engramia_core.stores.postgres_search import index_name
from tests.bench.corpus import DIMENSIONS, vectors
from tests.bench.postgres_fill import fill_scopes
from tests.cli.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engramia_core.database.database import Database
    from engramia_core.maintenance.indexing import IndexStep
    from engramia_core.stores.postgres_build import Progress
    from tests.postgres.server import Server

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MODEL = EmbeddingModel("o'brien's 100% model", DIMENSIONS)
NAME = index_name(MODEL)


@pytest.fixture
def url(postgres: Server) -> str:
    url = postgres.migrated()
    fill_scopes(url, MODEL.model_id, {Scope("large"): vectors(3_500, 2)})
    return url


@pytest.fixture
def database(url: str) -> Iterator[PostgresDatabase]:
    opened = PostgresDatabase(Named(url))
    yield opened
    opened.close()


def planned(
    database: Database, *, model_id: str | None = None, rebuild: bool = False
) -> list[IndexStep]:
    return list(plan_indexes(database, model_id=model_id, rebuild=rebuild).indexes)


def indexed(
    database: Database,
    *,
    model_id: str | None = None,
    rebuild: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[IndexStep]:
    plan = plan_indexes(database, model_id=model_id, rebuild=rebuild)
    settings = Build(64, 0)
    report = run_indexes(
        database, plan, owner="a test", now=NOW, settings=settings, progress=progress
    )
    return list(report.indexes)


def state(postgres: Server, url: str) -> list[Any]:
    asked = f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{NAME}')"
    return postgres.run(asked, database=str(make_url(url).database))


def leave_invalid(url: str) -> None:
    """An index that was cut off while it was built."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE INDEX {NAME} ON memory_embeddings (text_hash)")
        connection.execute(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{NAME}'::regclass"
        )


def test_a_plan_builds_nothing(postgres: Server, url: str, database: PostgresDatabase) -> None:
    (step,) = planned(database)
    assert (step.state, step.action, step.seconds) == ("missing", "build", None)
    assert state(postgres, url) == []


def test_what_is_missing_is_built_once(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    (step,) = indexed(database)
    assert (step.action, step.seconds is not None) == ("build", True)
    assert state(postgres, url) == [(True,)]
    (step,) = indexed(database)
    assert (step.state, step.action) == ("valid", "none")


def test_an_invalid_leftover_is_built_again(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    leave_invalid(url)
    (step,) = indexed(database)
    assert (step.state, step.action) == ("invalid", "build")
    assert state(postgres, url) == [(True,)]


def test_an_interrupted_build_leaves_what_the_next_one_mends(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with psycopg.connect(url) as writer:  # a build waits for those who were writing
        writer.execute("SELECT pg_advisory_xact_lock(1)")
        writer.execute("UPDATE memory_embeddings SET text_hash = text_hash WHERE false")
        writer.execute("LOCK TABLE memory_embeddings IN ROW EXCLUSIVE MODE")
        with pytest.raises(KeyboardInterrupt):
            indexed(database, progress=interrupt)
    assert state(postgres, url) in ([], [(False,)])
    indexed(database)
    assert state(postgres, url) == [(True,)]


def test_a_build_whose_client_is_gone_is_waited_for(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    phases: list[str] = []
    other = PostgresDatabase(Named(url))
    with database.everything() as connection:
        (mine,) = indexes(connection)
    with psycopg.connect(url) as writer:
        writer.execute("LOCK TABLE memory_embeddings IN ROW EXCLUSIVE MODE")
        first = threading.Thread(target=lambda: postgres_build.build(other.owner_engine, mine))
        first.start()
        while state(postgres, url) == []:
            time.sleep(0.05)

        def go_on(progress: Progress) -> None:
            phases.append(progress.waits_for)
            writer.rollback()

        indexed(database, progress=go_on)
        first.join()
    other.close()
    assert phases[0].startswith("process ")
    assert state(postgres, url) == [(True,)]


def test_one_builds_at_a_time(database: PostgresDatabase) -> None:
    held = postgres_build.alone(database.owner_engine, owner="somebody else", now=NOW)
    with held, pytest.raises(Busy, match="somebody else"):
        indexed(database)


def test_an_index_is_rebuilt_beside_the_old_one(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    assert indexed(database, rebuild=True)[0].action == "none"
    indexed(database)
    asked = f"SELECT relfilenode FROM pg_class WHERE relname = '{NAME}'"
    before = postgres.run(asked, database=str(make_url(url).database))
    assert indexed(database, rebuild=True)[0].action == "rebuild"
    assert postgres.run(asked, database=str(make_url(url).database)) != before


def test_another_length_under_the_same_name_does_no_harm(
    url: str, database: PostgresDatabase
) -> None:
    indexed(database)
    fill_scopes(url, MODEL.model_id, {Scope("short"): vectors(3, 2)[:, :100]})


def test_a_model_that_no_scope_needs_an_index_for_is_left_alone(postgres: Server) -> None:
    url = postgres.migrated()
    fill_scopes(url, MODEL.model_id, {Scope("small"): vectors(10, 2)})
    database = PostgresDatabase(Named(url))
    assert [s.action for s in indexed(database)] == ["none"]
    assert [s.action for s in indexed(database, model_id=MODEL.model_id)] == ["build"]
    with pytest.raises(NotFound, match="'another'"):
        indexed(database, model_id="another")
    database.close()


def test_a_login_that_does_not_own_the_tables_is_refused(postgres: Server, url: str) -> None:
    name = str(make_url(url).database)
    postgres.run("DROP ROLE IF EXISTS only_app")
    postgres.run("CREATE ROLE only_app LOGIN IN ROLE engramia_app", database=name)
    database = PostgresDatabase(Named(postgres.url(name, user="only_app")))
    with pytest.raises(Refused):
        indexed(database)
    database.close()


def test_sqlite_has_no_use_for_an_index(tmp_path: Path) -> None:
    create_store(tmp_path).close()
    database = SQLiteDatabase(tmp_path)
    with pytest.raises(Refused, match="exactly"):
        indexed(database)
    database.close()


def operator(url: str, home: Path) -> Operator:
    return Operator(home, environment={"ENGRAMIA_DATABASE_URL": url, "ENGRAMIA_TENANT": "large"})


def test_the_commands_build_and_rebuild(postgres: Server, url: str, tmp_path: Path) -> None:
    shell = operator(url, tmp_path)
    assert "to build, about" in shell.done("db", "index", "--plan")
    assert "engramia db index" in shell.types("doctor").stdout
    built = shell.json("db", "index", "--memory", "64", "--workers", "0")
    assert [step["action"] for step in built["indexes"]] == ["build"]
    assert state(postgres, url) == [(True,)]
    assert "index    searches are as quick" in shell.types("doctor").stdout
    assert "nothing to do" in shell.done("db", "index")
    again = ("db", "reindex-index", "--memory", "64", "--reason", "many deletions")
    assert "rebuilt in" in shell.done(*again)
    records = reversed(shell.json("audit", "list", "--action", "db")["records"])
    assert [(r["action"], r["outcome"], r["detail"], r["reason"]) for r in records] == [
        ("db.index", "started", "", ""),
        ("db.index", "done", f"began as 1: {NAME}", ""),
        ("db.reindex-index", "started", "", "many deletions"),
        ("db.reindex-index", "done", f"began as 3: {NAME}", "many deletions"),
    ]


def test_a_build_that_another_one_keeps_out_is_recorded_as_refused(
    url: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    shell = operator(url, tmp_path)
    with postgres_build.alone(database.owner_engine, owner="somebody else", now=NOW):
        code, said = shell.refused("db", "index")
    assert code == 4
    assert said.startswith("error: index is already running: somebody else since ")
    newest, started = shell.json("audit", "list", "--action", "db")["records"]
    assert (started["outcome"], newest["outcome"]) == ("started", "refused")


def test_a_vacuum_on_a_server_is_recorded(url: str, tmp_path: Path) -> None:
    shell = operator(url, tmp_path)
    shell.done("db", "vacuum", "--table", "engramia_keys", "--reason", "tidy")
    records = shell.json("audit", "list", "--action", "db.vacuum")["records"]
    assert [(r["target"], r["outcome"], r["reason"]) for r in records] == [
        ("engramia_keys", "done", "tidy"),
        ("engramia_keys", "started", "tidy"),
    ]


def test_after_a_batch_the_index_is_built(postgres: Server, url: str) -> None:
    store = PostgresStore(url)
    scope = Scope("large")
    assert store.unindexed(scope) == 3_500
    assert store.after_bulk(scope, owner="a test", now=NOW) is None
    assert state(postgres, url) == [(True,)]
    assert store.unindexed(scope) == 0
    assert store.after_bulk(Scope("small"), owner="a test", now=NOW) is None
    store.close()


def test_after_a_batch_of_a_login_that_may_not_the_command_is_told(
    postgres: Server, url: str
) -> None:
    name = str(make_url(url).database)
    postgres.run("DROP ROLE IF EXISTS only_app")
    postgres.run("CREATE ROLE only_app LOGIN IN ROLE engramia_app")
    store = PostgresStore(postgres.url(name, user="only_app"))
    told = store.after_bulk(Scope("large"), owner="a test", now=NOW)
    assert told is not None
    assert "engramia db index" in told
    assert state(postgres, url) == []
    store.close()
