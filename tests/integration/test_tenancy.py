from __future__ import annotations

import os
import signal
import subprocess  # noqa: TID251 -- the process that is killed must be a real one
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from sqlalchemy import func, insert, select

from engramia_core.audit import Actor, Via
from engramia_core.audit.verify import verify
from engramia_core.database.operation_tables import keys
from engramia_core.database.schema import metadata
from engramia_core.errors import Incomplete
from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.scope import Scope
from engramia_core.tenancy.delete import delete_scope, delete_tenant_row
from engramia_core.tenancy.loss import plan_deletion
from engramia_core.tenancy.scopes import create_project, create_tenant, projects
from engramia_core.testing.builders import a_cluster, a_record, a_vector, an_event
from tests.cli.operator import ENGRAMIA

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.database.database import Database
    from engramia_core.memory.store import PatternStore
    from tests.integration.engines import Engine

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ALICE = Actor("alice@host", Via.CLI)
SHOP, BLOG, OTHER = Scope("acme", "shop"), Scope("acme", "blog"), Scope("umbrella", "shop")
MANY = 3_000
KEPT = {"engramia_audit", "engramia_audit_heads", "engramia_keys", "memory_changes"}


def fill(store: PatternStore, scope: Scope, count: int) -> None:
    """Patterns with vectors, and an issue."""
    with store.write(scope) as writer:
        writer.choose_model(EmbeddingModel("test-model", 8))
        records = [a_record(f"k{n:05}", f"compute{n} of series{n}", seed=n) for n in range(count)]
        writer.insert(records, an_event())
        writer.put_clusters([a_cluster("c")])


def left(database: Database, scope: Scope) -> dict[str, int]:
    """How many rows of a scope each table still has, where it has any."""
    found = {}
    with database.everything() as connection:
        for table in metadata.sorted_tables:
            if {"tenant_id", "project_id"} <= set(table.c.keys()):
                here = (
                    table.c.tenant_id == scope.tenant_id,
                    table.c.project_id == scope.project_id,
                )
                count = select(func.count()).select_from(table).where(*here)
                found[table.name] = connection.execute(count).scalar_one()
    return {name: count for name, count in found.items() if count}


def add_key(database: Database, key_id: str, tenant: str | None, project: str | None) -> None:
    row = {"key_id": key_id, "tenant_id": tenant, "project_id": project, "name": key_id}
    with database.transaction() as connection:
        connection.execute(
            insert(keys).values(**row, role="reader", created_at=NOW, created_by="alice")
        )


def assert_whole(database: Database) -> None:
    with database.everything() as connection:
        assert verify(connection)[0].findings == []


def test_a_deleted_project_leaves_its_trail_and_no_other_scope_less(
    engine: Engine, database: Database
) -> None:
    store = engine.store()
    for scope in (SHOP, BLOG, OTHER):
        fill(store, scope, 20)
    before = {scope: left(database, scope) for scope in (BLOG, OTHER)}
    delete_scope(store, database, SHOP, ALICE, clock=lambda: NOW)
    assert left(database, SHOP).keys() <= KEPT
    assert left(database, SHOP)["memory_changes"] == 20
    assert {scope: left(database, scope) for scope in (BLOG, OTHER)} == before
    assert (store.live_count(SHOP), store.model(SHOP), store.clusters(SHOP)) == (0, None, [])
    assert_whole(database)
    store.close()


def test_a_search_that_runs_elsewhere_forgets_what_was_deleted(
    engine: Engine, database: Database
) -> None:
    store, elsewhere = engine.store(), engine.store()

    def found() -> set[str]:
        return set(elsewhere.nearest(SHOP, a_vector(1), filters=Filters(), limit=50).keys)

    fill(store, SHOP, 10)
    assert len(found()) == 10
    delete_scope(store, database, SHOP, ALICE, clock=lambda: NOW)
    with store.write(SHOP) as writer:
        writer.choose_model(EmbeddingModel("test-model", 8))
        writer.insert([a_record(f"new{n}", seed=n) for n in range(3)], an_event())
    assert found() == {"new0", "new1", "new2"}
    elsewhere.close()
    store.close()


def test_a_plan_counts_what_is_there(engine: Engine, database: Database) -> None:
    store = engine.store()
    fill(store, SHOP, 5)
    add_key(database, "shop", "acme", "shop")
    with database.everything() as connection:
        plan = plan_deletion(connection, "acme", None)
    (loss,) = plan.scopes
    assert (loss.scope, loss.live, loss.trashed, loss.issues) == (SHOP, 5, 0, 1)
    assert (plan.keys, plan.audit_records) == (1, 1)
    assert loss.last_write_at is not None
    store.close()


def test_a_project_that_is_made_meanwhile_is_not_lost_sight_of(database: Database) -> None:
    create_tenant(database, SHOP, now=NOW)
    create_project(database, SHOP, ALICE, now=NOW)
    with pytest.raises(Incomplete, match="was made meanwhile"):
        delete_tenant_row(database, "acme")


def test_a_deletion_ends_while_somebody_writes(engine: Engine, database: Database) -> None:
    """Whoever writes meanwhile either is deleted too, or makes the project anew."""
    store, other = engine.store(), engine.store()
    fill(store, SHOP, 200)
    is_done = threading.Event()

    def write() -> None:
        number = 0
        while not is_done.is_set():
            with other.write(SHOP) as writer:
                writer.insert([a_record(f"w{number:05}")], an_event())
            number += 1
            time.sleep(0.05)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        delete_scope(store, database, SHOP, ALICE, clock=lambda: NOW)
    finally:
        is_done.set()
        writing.join()
    with database.everything() as connection:
        live = [project.live for project in projects(connection)]
    kept = store.page(SHOP, filters=Filters(), limit=1_000)
    assert sum(live) == len(kept)
    assert all(pattern.key.startswith("w") for pattern in kept)
    assert_whole(database)
    other.close()
    store.close()


def test_a_killed_deletion_goes_on(engine: Engine, tmp_path: Path) -> None:
    store, database = engine.store(), engine.database()
    fill(store, SHOP, MANY)
    fill(store, BLOG, 3)
    command = [*ENGRAMIA, "tenants", "delete", "acme", "--yes", "--output", "json"]
    surroundings: dict[str, Any] = {"cwd": tmp_path, "env": engine.environment}
    process = subprocess.Popen(command, **surroundings, stdout=subprocess.DEVNULL)
    while store.live_count(SHOP) == MANY:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    remaining = store.live_count(SHOP)
    assert 0 < remaining < MANY
    assert_whole(database)
    done = subprocess.run(command, **surroundings, check=True, capture_output=True)
    report = orjson.loads(done.stdout)
    assert {s["project_id"]: s["live"] for s in report["scopes"]}.get("shop") == remaining
    assert left(database, SHOP).keys() <= KEPT
    assert left(database, BLOG).keys() <= KEPT
    first = min((tmp_path / "engramia-exports").glob("acme+shop-*"), key=os.path.getmtime)
    assert first.read_bytes().count(b"\n") == MANY + 3
    with database.everything() as connection:
        assert projects(connection) == []
    assert_whole(database)
    database.close()
    store.close()
