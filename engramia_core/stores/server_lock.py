"""A named lock on a PostgreSQL server that the server frees when its holder's connection is gone."""

from __future__ import annotations

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


@contextmanager
def held_on_server(
    engine: Engine, name: str, operation: str, *, owner: str, now: datetime, reason: str = ""
) -> Iterator[None]:
    """Hold the lock ``name`` for the block on a connection of its own; ``Busy`` names who holds it.

    Advisory locks belong to a session: through a pooler that shares sessions among transactions they do not hold.
    """
    number = select(func.hashtextextended(name, 0)).scalar_subquery()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(number))).scalar_one():
            raise _busy(connection, name, operation, now)
        try:
            said = {"owner": owner, "since": now, "reason": reason}
            connection.execute(
                insert(locks)
                .values(name=name, **said)
                .on_conflict_do_update(index_elements=["name"], set_=said)
            )
            yield
        finally:
            if not connection.invalidated:
                connection.execute(delete(locks).where(locks.c.name == name))
                connection.execute(select(func.pg_advisory_unlock(number)))


def _busy(connection: Connection, name: str, operation: str, now: datetime) -> Busy:
    row = connection.execute(select(locks).where(locks.c.name == name)).one_or_none()
    if row is None:
        return Busy(operation, owner="another process", since=now)
    return Busy(operation, owner=row.owner, since=row.since, reason=row.reason)
