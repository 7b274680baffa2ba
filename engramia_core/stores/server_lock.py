"""A named lock on a PostgreSQL server that the server frees when its holder's connection is gone."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from engramia_core.database.operation_tables import locks
from engramia_core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine


_TRY_EVERY_S = 0.2
_SESSION = """
SELECT activity.pid, coalesce(activity.application_name, ''), activity.backend_start
FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND activity.datname = current_database()
AND (held.classid::bigint << 32) | held.objid::bigint = hashtextextended(%s, 0)
LIMIT 1
"""


@contextmanager
def held_on_server(  # noqa: PLR0913 -- all of it is said to who comes next
    engine: Engine,
    name: str,
    operation: str,
    *,
    owner: str,
    now: datetime,
    reason: str = "",
    wait_s: float = 0,
) -> Iterator[None]:
    """Hold the lock ``name`` for the block on a connection of its own; ``Busy`` names who still holds it after ``wait_s``.

    Advisory locks belong to a session: through a pooler that shares sessions among transactions they do not hold.
    """
    number = select(func.hashtextextended(name, 0)).scalar_subquery()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + wait_s
        while not connection.execute(select(func.pg_try_advisory_lock(number))).scalar_one():
            if time.monotonic() >= deadline:
                raise _busy(connection, name, operation, now)
            time.sleep(_TRY_EVERY_S)
        try:
            if _can_say_who(connection):
                said = {"owner": owner, "since": now, "reason": reason}
                connection.execute(
                    insert(locks)
                    .values(name=name, **said)
                    .on_conflict_do_update(index_elements=["name"], set_=said)
                )
            yield
        finally:
            if not connection.invalidated:
                if _can_say_who(connection):
                    connection.execute(delete(locks).where(locks.c.name == name))
                connection.execute(select(func.pg_advisory_unlock(number)))


def _busy(connection: Connection, name: str, operation: str, now: datetime) -> Busy:
    """Who holds the lock, by the table or, where there is none yet, by what the server knows of the session."""
    if _can_say_who(connection):
        row = connection.execute(select(locks).where(locks.c.name == name)).one_or_none()
        if row is not None:
            return Busy(operation, owner=row.owner, since=row.since, reason=row.reason)
    session = connection.exec_driver_sql(_SESSION, (name,)).one_or_none()
    if session is None:
        return Busy(operation, owner="another process", since=now)
    pid, application, since = session  # of another login the server tells no more than the pid
    return Busy(operation, owner=f"pid {pid} ({application or 'engramia'})", since=since or now)


def _can_say_who(connection: Connection) -> bool:
    """Whether there is the table of who holds what; migrations make it, and may take it away."""
    there = select(func.to_regclass(locks.name).is_not(None))
    return bool(connection.execute(there).scalar_one())
