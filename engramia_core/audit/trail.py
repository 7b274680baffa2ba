"""Reading the trail: what happened, newest first or in the order of the chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, func, or_, select, tuple_

from engramia_core.audit.chain import Head
from engramia_core.audit.record import AuditRecord
from engramia_core.database.database import Names
from engramia_core.database.operation_tables import audit, audit_heads

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

FETCHED = 500
"""Rows that are in memory at a time."""

_IN_CHAINS = (audit.c.tenant_id, audit.c.project_id, audit.c.number)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are meant; what is ``None`` excludes nothing."""

    tenant_id: str | None = None
    project_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    who: str | None = None
    """Exactly this name, or a name without its ``@machine``."""
    action: str | None = None
    """Exactly this action, or its first word: ``keys`` for ``keys.revoke`` and all others of keys."""


def newest(connection: Connection, wanted: Wanted, *, limit: int) -> list[AuditRecord]:
    """The newest records, newest first."""
    latest = (audit.c.at.desc(), *(column.desc() for column in _IN_CHAINS))
    statement = _selected(wanted).order_by(*latest).limit(limit)
    return [AuditRecord(*row) for row in connection.execute(statement)]


def in_chains(connection: Connection, wanted: Wanted) -> Generator[AuditRecord, None, None]:
    """The records chain by chain, each in the order it was written, without holding them all in memory."""
    statement = _selected(wanted).order_by(*_IN_CHAINS).execution_options(yield_per=FETCHED)
    for row in connection.execute(statement):
        yield AuditRecord(*row)


def heads(connection: Connection, wanted: Wanted | None = None) -> dict[Names, Head]:
    """Number and hash of the last record of each chain, as the database says it."""
    statement = select(audit_heads)
    for name in ("tenant_id", "project_id"):
        value = getattr(wanted, name, None)
        if value is not None:
            statement = statement.where(audit_heads.c[name] == value)
    return {
        Names(row.tenant_id, row.project_id): Head(row.number, row.hash)
        for row in connection.execute(statement)
    }


def added(
    connection: Connection, wanted: Wanted, seen: Mapping[Names, int]
) -> tuple[list[AuditRecord], dict[Names, int]]:
    """The records since those that were ``seen`` (the last number of each chain), oldest first, and what is seen now."""
    now = {chain: head.number for chain, head in heads(connection, wanted).items()}
    moved = [
        and_(tuple_(audit.c.tenant_id, audit.c.project_id) == chain, audit.c.number > before)
        for chain, number in now.items()
        if number > (before := seen.get(chain, 0))
    ]
    if not moved:
        return [], now
    statement = _selected(wanted).where(or_(*moved)).order_by(audit.c.at, *_IN_CHAINS)
    return [AuditRecord(*row) for row in connection.execute(statement)], now


def _selected(wanted: Wanted) -> Select[Any]:
    return select(audit).where(*_conditions(wanted))


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    exact = {"tenant_id": wanted.tenant_id, "project_id": wanted.project_id}
    for name, value in exact.items():
        if value is not None:
            yield audit.c[name] == value
    if wanted.since is not None:
        yield audit.c.at >= wanted.since
    if wanted.until is not None:
        yield audit.c.at < wanted.until
    if wanted.who is not None:
        yield _is_or_goes_on(audit.c.who, wanted.who, "@")
    if wanted.action is not None:
        yield _is_or_goes_on(audit.c.action, wanted.action, ".")


def _is_or_goes_on(column: ColumnElement[str], start: str, separator: str) -> ColumnElement[bool]:
    prefix = f"{start}{separator}"
    return or_(column == start, func.substr(column, 1, len(prefix)) == prefix)
