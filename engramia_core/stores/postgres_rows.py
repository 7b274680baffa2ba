"""Writing many rows at once: COPY into a temporary table, then one INSERT.

COPY itself is closed to tables with row-level security; an INSERT is checked by it row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Double, Integer, SmallInteger, String

from engramia_core.database.columns import UtcTime, VectorColumn
from engramia_core.stores.relational.compiled import insert_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from psycopg import Connection as Driver
    from sqlalchemy import Connection, Table

_FEW = 50
"""Up to so many rows are inserted one by one, sent together."""
_TYPES: tuple[tuple[type, str], ...] = (
    (UtcTime, "timestamptz"),
    (VectorColumn, "vector"),
    (SmallInteger, "int2"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (Boolean, "bool"),
    (String, "text"),
)


def copy_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole rows into ``table``."""
    if len(rows) <= _FEW:
        insert_rows(connection, table, rows)
        return
    driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]
    columns = ", ".join(table.c.keys())
    incoming = f"incoming_{table.name}"
    with driver.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        )
        with cursor.copy(f"COPY {incoming} ({columns}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types([type_of(column.type) for column in table.c])
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {incoming}"  # noqa: S608 -- our own names
        )
        cursor.execute(f"TRUNCATE {incoming}")


def type_of(column: object) -> str:
    """What PostgreSQL calls the type of a column, for a binary COPY."""
    return next(name for kind, name in _TYPES if isinstance(column, kind))
