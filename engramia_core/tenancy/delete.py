"""Deleting what belongs to a tenant or a project, in transactions that others need not wait long for.

Killed half-way, the same deletion goes on: a scope is known until the last of it is gone, and a tenant until its last
project is. What stays are the audit trail, and of each pattern its key and when it was purged, by which searches that
run elsewhere learn that it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from engramia_core import audit
from engramia_core.database import tables as t
from engramia_core.database.database import Names
from engramia_core.errors import Incomplete
from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import Action, Event
from engramia_core.tenancy.scopes import NO_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Table

    from engramia_core.audit import Actor
    from engramia_core.database.database import Database
    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope

BATCH = 500
_CHANGES = 5_000
_ROUNDS = 10
"""How often it is looked whether somebody wrote meanwhile."""
_REST = (t.skills, t.embeddings, t.observations, t.signatures, t.models, t.issues, t.aging_runs)


def delete_scope(
    store: PatternStore,
    database: Database,
    scope: Scope,
    actor: Actor,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Delete a project with all that is in it; ``Incomplete`` when somebody goes on writing to it."""
    for _ in range(_ROUNDS):
        _purge(store, scope, now=clock(), progress=progress)
        _forget_changes(database, scope)
        if _closed(database, scope, actor, clock()):
            database.forget(audit.chain_of(scope))
            return
    raise Incomplete(
        f"somebody goes on writing to {scope}; what was there before is deleted",
        hint="stop them, and type the same command again",
    )


def delete_tenant_row(database: Database, tenant_id: str) -> None:
    """Make a tenant unknown whose projects are gone; ``Incomplete`` when one was made meanwhile."""
    with database.everything() as connection:
        of = select(func.count()).select_from(t.projects).where(t.projects.c.tenant_id == tenant_id)
        if connection.execute(of).scalar_one():
            raise Incomplete(
                f"a project of tenant {tenant_id!r} was made meanwhile",
                hint="type the same command again",
            )
    with database.transaction(Names(tenant_id, NO_PROJECT)) as connection:
        connection.execute(delete(t.tenants).where(t.tenants.c.tenant_id == tenant_id))


def _purge(
    store: PatternStore, scope: Scope, *, now: datetime, progress: Callable[[int], None]
) -> None:
    """Remove every pattern and issue, a few hundred to a transaction."""
    purged = Event(now, Action.PURGED)
    for trashed in (False, True):
        while page := store.page(scope, filters=Filters(), limit=BATCH, trashed=trashed):
            with store.write(scope) as writer:
                writer.purge([pattern.key for pattern in page], purged)
            progress(len(page))
    issues = [cluster.cluster_id for cluster in store.clusters(scope)]
    for start in range(0, len(issues), BATCH):
        with store.write(scope) as writer:
            writer.remove_clusters(issues[start : start + BATCH])


def _forget_changes(database: Database, scope: Scope) -> None:
    """Delete what happened to the patterns, except that they were purged."""
    told = _told(scope)
    some = select(t.changes.c.number).where(*told).order_by(t.changes.c.number).limit(_CHANGES)
    last = select(func.max(some.subquery().c.number))
    while True:
        with database.transaction(audit.chain_of(scope)) as connection:
            until = connection.execute(last).scalar_one()
            if until is None:
                return
            connection.execute(delete(t.changes).where(*told, t.changes.c.number <= until))


def _closed(database: Database, scope: Scope, actor: Actor, now: datetime) -> bool:
    """Delete what is left and the scope's own row with it; whether it was little enough to do so at once."""
    with database.transaction(audit.chain_of(scope)) as connection:
        turn = select(t.projects.c.live).where(*_here(t.projects, scope)).with_for_update()
        connection.execute(turn)
        some = select(t.patterns.c.key).where(*_here(t.patterns, scope)).limit(BATCH + 1)
        written_meanwhile = connection.execute(some).scalars().all()
        if len(written_meanwhile) > BATCH:
            return False
        connection.execute(delete(t.changes).where(*_told(scope)))
        _note_purged(connection, scope, written_meanwhile, now)
        for table in (*_REST, t.patterns, t.projects):
            connection.execute(delete(table).where(*_here(table, scope)))
        entry = audit.Entry(now, actor, "projects.delete", str(scope))
        audit.append(connection, audit.chain_of(scope), entry)
    return True


def _note_purged(connection: Connection, scope: Scope, gone: Sequence[str], now: datetime) -> None:
    """Say of each key that it was purged, for those who search elsewhere."""
    newest = select(func.coalesce(func.max(t.changes.c.number), 0)).where(*_here(t.changes, scope))
    last = connection.execute(newest).scalar_one()
    same = {**audit.chain_of(scope)._asdict(), "at": now, "action": Action.PURGED.value}
    rows = [same | {"number": n, "key": key, "detail": ""} for n, key in enumerate(gone, last + 1)]
    if rows:
        connection.execute(insert(t.changes), rows)


def _told(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """That a change tells more than that a pattern was purged."""
    return (*_here(t.changes, scope), t.changes.c.action != Action.PURGED.value)


def _here(table: Table, scope: Scope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.tenant_id == scope.tenant_id, table.c.project_id == scope.project_id
