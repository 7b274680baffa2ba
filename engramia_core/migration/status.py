"""Where a database stands: its revision, what is pending, who serves from it, and whether it is what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select

from engramia_core.database import instances, revisions
from engramia_core.database.operation_tables import applied_revisions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.database.instances import Instance
    from engramia_core.database.scripts import Revision, Scripts
    from engramia_core.migration.target import MigrationTarget


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """How a database stands to this version's scripts; ``fits`` says whether this version works with it."""

    place: str
    current: str | None
    head: str
    fits: bool
    pending: tuple[Revision, ...]
    ahead: tuple[str, ...]
    alive: tuple[Instance, ...]
    alembic_ini: str


@dataclass(frozen=True, slots=True)
class PastRevision:
    """A revision, and since when the database has it; ``None`` for one that it does not have."""

    revision: str
    phase: str
    title: str
    is_applied: bool
    applied_at: datetime | None


def status(target: MigrationTarget, scripts: Scripts, now: datetime) -> SchemaStatus:
    """Where the database stands; nothing is refused, so that it can be asked of any."""
    with target.reading() as connection:
        found = revisions.current(connection)
        is_known = scripts.knows(found)
        known = {each.revision for each in scripts.all}
        return SchemaStatus(
            target.place,
            found,
            scripts.head,
            revisions.fits(connection, found, head=scripts.head),
            tuple(step.revision for step in scripts.up(found)) if is_known else (),
            tuple(sorted(revisions.applied(connection).keys() - known)),
            instances.alive(connection, now),
            str(revisions.alembic_ini()),
        )


def history(target: MigrationTarget, scripts: Scripts) -> tuple[PastRevision, ...]:
    """Every revision that these scripts or the database know, newest first."""
    with target.reading() as connection:
        found, times = revisions.current(connection), _applied_at(connection)
        phases = revisions.applied(connection)
    known = {each.revision: each for each in scripts.all}
    past = []
    for name in sorted(known.keys() | phases.keys(), reverse=True):
        script = known.get(name)
        past.append(
            PastRevision(
                name,
                script.phase if script else phases[name],
                script.title if script else "of a newer release",
                found is not None and name <= found,
                times.get(name),
            )
        )
    return tuple(past)


def _applied_at(connection: Connection) -> dict[str, datetime]:
    if not inspect(connection).has_table(applied_revisions.name):
        return {}
    asked = select(applied_revisions.c.revision, applied_revisions.c.applied_at)
    return {row.revision: row.applied_at for row in connection.execute(asked)}


@dataclass(frozen=True, slots=True)
class Drift:
    """How a database differs from what this version makes of one, a sentence each."""

    differences: tuple[str, ...]


def check(target: MigrationTarget, scripts: Scripts) -> Drift:
    """How the database differs from what this version makes of one.

    ``Refused`` when it is ahead of this version, which then cannot tell.
    """
    with target.reading() as connection:
        found = revisions.current(connection)
    if not scripts.knows(found):
        raise revisions.ahead(target.place, found, head=scripts.head)
    if found != scripts.head:
        behind = f"the schema is {found or 'empty'}, the head is {scripts.head}"
        return Drift((f"{behind}: engramia migrate up",))
    return Drift(tuple(target.drift()))
