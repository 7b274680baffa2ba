"""Take a database up or down, a revision at a time; cut off anywhere, the same call goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from engramia_core import audit
from engramia_core.database import instances, revisions
from engramia_core.database.database import INSTALLATION
from engramia_core.database.operation_tables import audit as audit_table
from engramia_core.database.scripts import HEAD, Scripts
from engramia_core.errors import EngramiaError
from engramia_core.migration.guard import in_the_way, refuse, shown
from engramia_core.migration.sizes import holds_data, losses

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.audit import Actor
    from engramia_core.database.scripts import Step
    from engramia_core.migration.sizes import Loss
    from engramia_core.migration.target import MigrationTarget, Patience


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, by whom: to which revision, with or without a copy, past processes that would break or not."""

    actor: Actor
    now: datetime
    patience: Patience
    to: str = HEAD
    without_backup: bool = False
    is_forced: bool = False
    began: Callable[[Step], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What was done: the revisions that were applied or taken back in their order, and where the copy is."""

    place: str
    before: str | None
    after: str | None
    revisions: tuple[str, ...]
    backup: str | None
    mended: tuple[str, ...]
    lost: tuple[Loss, ...]
    was_forced: bool


def pending(
    connection: Connection, scripts: Scripts, *, place: str, to: str = HEAD
) -> tuple[Step, ...]:
    """The steps up to ``to``; none where the database is ahead by expansions, as a newer release leaves it.

    ``Refused`` when it is ahead by more.
    """
    found = revisions.current(connection)
    if not scripts.knows(found):
        revisions.check(connection, place, migrate="engramia migrate up", head=scripts.head)
        return ()
    return scripts.up(found, to)


def up(target: MigrationTarget, scripts: Scripts, order: Order) -> MigrationReport:
    """Apply every revision up to the one asked for.

    ``Busy`` when somebody else migrates, ``Refused`` when running processes would break or no copy can be made,
    ``Unavailable`` when others hold a table for longer than there is patience.
    """
    with target.alone(owner=order.actor.who, now=order.now):
        with target.reading() as connection:
            steps = pending(connection, scripts, place=target.place, to=order.to)
        return _taken(target, scripts, steps, order)


def down(target: MigrationTarget, scripts: Scripts, order: Order) -> MigrationReport:
    """Take back every revision above the one asked for; the errors are those of ``up``."""
    with target.alone(owner=order.actor.who, now=order.now):
        with target.reading() as connection:
            steps = going_down(connection, scripts, target.place, order.to)
        return _taken(target, scripts, steps, order)


def going_down(connection: Connection, scripts: Scripts, place: str, to: str) -> tuple[Step, ...]:
    """The steps down to ``to``; ``Refused`` for a database that is ahead, whose revisions nobody here can take back."""
    found = revisions.current(connection)
    if not scripts.knows(found):
        raise revisions.ahead(place, found, head=scripts.head)
    return scripts.down(found, to)


def _taken(
    target: MigrationTarget, scripts: Scripts, steps: tuple[Step, ...], order: Order
) -> MigrationReport:
    with target.reading() as connection:
        before = revisions.current(connection)
        broken = in_the_way(steps, instances.alive(connection, order.now))
        is_worth_a_copy = bool(steps) and holds_data(connection)
        dialect = connection.dialect.name
        texts = [text for step in steps for text in scripts.sql(step, dialect)]
        lost = losses(connection, texts)
    if broken and not order.is_forced:
        raise refuse(steps, broken, order.now)
    backup = None
    if is_worth_a_copy and not order.without_backup:
        backup = target.backup.take(revision=str(before), now=order.now)
    action = "migrate.down" if steps and not steps[0].is_upgrade else "migrate.up"
    if broken:
        detail = "; ".join(shown(each, order.now) for each in broken)
        _record(target, order, f"{action}.force", audit.Outcome.STARTED, steps, detail)
    mended = target.mend(order.patience)
    if steps:
        _record(target, order, action, audit.Outcome.STARTED, steps)
        try:
            for step in steps:
                order.began(step)
                target.take(scripts, step, order.patience)
        except EngramiaError as error:
            _record(target, order, action, audit.Outcome.FAILED, steps, error.message)
            raise
        _record(target, order, action, audit.Outcome.DONE, steps, f"backup: {backup or 'none'}")
    with target.reading() as connection:
        after = revisions.current(connection)
    names = tuple(step.revision.revision for step in steps)
    return MigrationReport(target.place, before, after, names, backup, mended, lost, bool(broken))


def _record(
    target: MigrationTarget,
    order: Order,
    action: str,
    outcome: audit.Outcome,
    steps: tuple[Step, ...],
    detail: str = "",
) -> None:
    """Write into the installation's audit trail, where the schema has one."""
    with target.writing() as connection:
        if inspect(connection).has_table(audit_table.name):
            entry = audit.Entry(order.now, order.actor, action, steps[-1].ends_at, outcome, detail)
            audit.append(connection, INSTALLATION, entry)
