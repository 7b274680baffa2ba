"""How large the tables are that a migration touches, and what it would lose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import column, func, inspect, select, table

from engramia_core.database import operation_tables as o
from engramia_core.database.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_BOOKKEEPING = frozenset(
    each.name for each in (o.applied_revisions, o.instances, o.locks, o.audit_heads)
)
_DROP_TABLE = re.compile(r'DROP TABLE (?:IF EXISTS )?"?(\w+)', re.IGNORECASE)
_DROP_COLUMN = re.compile(
    r'ALTER TABLE "?(\w+)"? DROP COLUMN (?:IF EXISTS )?"?(\w+)', re.IGNORECASE
)

_ON_SERVER = """
SELECT name, CASE WHEN class.reltuples >= 0 THEN class.reltuples::bigint ELSE seen.n_live_tup END,
pg_total_relation_size(class.oid)
FROM unnest(%(tables)s::text[]) AS name JOIN pg_class AS class ON class.oid = to_regclass(name)
LEFT JOIN pg_stat_all_tables AS seen ON seen.relid = class.oid
"""


@dataclass(frozen=True, slots=True)
class Size:
    """A table's rows (on a server as last estimated) and bytes with its indexes (``None`` where they are not known)."""

    rows: int
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows, or values of a column, that a step deletes."""

    table: str
    column: str | None
    rows: int

    def __str__(self) -> str:
        what = f"{self.table}.{self.column}" if self.column else self.table
        noun = "value" if self.column else "row"
        return f"{self.rows:,} {noun}{'s' * (self.rows != 1)} of {what}"


def sizes(connection: Connection, tables: Iterable[str]) -> dict[str, Size]:
    """The size of each of the tables that are there."""
    names = sorted(set(tables))
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_ON_SERVER, {"tables": names})
        return {name: Size(number or 0, size_bytes) for name, number, size_bytes in rows}
    there = set(inspect(connection).get_table_names())
    return {name: Size(_count(connection, name), None) for name in names if name in there}


def losses(connection: Connection, statements: Iterable[str]) -> tuple[Loss, ...]:
    """What these statements delete of what is there, counted: tables and columns with anything in them."""
    there = set(inspect(connection).get_table_names())
    lost = []
    for statement in statements:
        dropped, cut = _DROP_TABLE.match(statement), _DROP_COLUMN.match(statement)
        name = (dropped or cut or [""])[1] if (dropped or cut) else ""
        if name not in there or name in _BOOKKEEPING:
            continue
        only = cut[2] if cut else None
        lost.append(Loss(name, only, _count(connection, name, only)))
    return tuple(loss for loss in lost if loss.rows)


def holds_data(connection: Connection) -> bool:
    """Whether there is a row that somebody would miss."""
    there = set(inspect(connection).get_table_names())
    return any(
        connection.execute(select(1).select_from(each).limit(1)).one_or_none() is not None
        for name, each in metadata.tables.items()
        if name in there and name not in _BOOKKEEPING
    )


def _count(connection: Connection, name: str, only: str | None = None) -> int:
    counted = func.count() if only is None else func.count(column(only))
    return connection.execute(select(counted).select_from(table(name))).scalar_one()
