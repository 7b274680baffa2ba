"""Who serves from a database: each process says so when it starts, and then again and again until it leaves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, inspect, select, update

from engramia_core.database.operation_tables import instances

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

BEAT_EVERY_S = 30
"""How often a process should beat."""
ALIVE_S = 90
"""How long after its last heartbeat a process still counts as alive."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that serves. ``schema_revision`` is the newest revision that its code knows."""

    instance_id: str
    kind: str
    host: str
    pid: int
    version: str
    schema_revision: str
    started_at: datetime
    seen_at: datetime


def register(connection: Connection, instance: Instance) -> None:
    """Say that a process serves from now on; what was said under its id before is replaced."""
    leave(connection, instance.instance_id)
    connection.execute(insert(instances).values(asdict(instance)))


def beat(connection: Connection, instance_id: str, now: datetime) -> bool:
    """Say that a process is still there; false when it is not registered (any more), so that it registers again."""
    beaten = update(instances).where(instances.c.instance_id == instance_id).values(seen_at=now)
    return connection.execute(beaten).rowcount == 1


def leave(connection: Connection, instance_id: str) -> None:
    """Say that a process serves no more; nothing happens when it never did."""
    connection.execute(delete(instances).where(instances.c.instance_id == instance_id))


def forget_the_dead(connection: Connection, before: datetime) -> int:
    """Remove the processes that were last seen before a moment; how many they were."""
    return connection.execute(delete(instances).where(instances.c.seen_at < before)).rowcount


def alive(
    connection: Connection, now: datetime, *, within_s: float = ALIVE_S
) -> tuple[Instance, ...]:
    """The processes with a heartbeat in the last ``within_s`` seconds, oldest release first.

    None in a database whose schema does not know of them yet.
    """
    if not inspect(connection).has_table(instances.name):
        return ()
    seen = (
        select(instances)
        .where(instances.c.seen_at >= now - timedelta(seconds=within_s))
        .order_by(instances.c.schema_revision, instances.c.started_at, instances.c.instance_id)
    )
    return tuple(Instance(**row) for row in connection.execute(seen).mappings())
