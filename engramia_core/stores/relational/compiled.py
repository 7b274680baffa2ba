"""Statements compiled once a dialect: the hot ones, where SQLAlchemy's work would cost more than the database's."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import Select, TypeDecorator, bindparam, insert, update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Delete, Insert, Table, Update
    from sqlalchemy.engine.interfaces import DBAPICursor

_NUMBERS = count()
_FETCHED = 200
"""Rows that the driver is asked for at a time."""


class _Compiled(NamedTuple):
    sql: str
    order: tuple[str, ...] | None
    """The parameters by position; ``None`` where the driver takes them by name."""
    constants: dict[str, Any]


class CompiledStatement:
    """A statement with named parameters, given to the driver as it is.

    The connection must be in the transaction that is meant. Errors are the driver's own.
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self._statement = statement
        self._by_dialect: dict[str, _Compiled] = {}
        self._by_type: dict[str, dict[str, Callable[[Any], Any]]] = {}
        self._by_place: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows for these parameters, as the driver gives them: numbers, strings and bytes."""
        cursor = connection.connection.cursor()
        self._execute(cursor, connection, parameters)
        return list(cursor.fetchall())

    def converted(
        self, connection: Connection, parameters: dict[str, Any]
    ) -> Iterator[tuple[Any, ...]]:
        """The rows as ``rows`` gives them, but for what our own types do to their columns."""
        columns: list[Iterable[Any]] = list(zip(*self.rows(connection, parameters), strict=True))
        if not columns:
            return iter(())
        for at, convert in self._result_converters(connection):
            columns[at] = map(convert, columns[at])
        return zip(*columns, strict=True)

    def stream(self, connection: Connection) -> Iterator[list[Any]]:
        """All rows, a few at a time, their values converted as SQLAlchemy would; it has no parameters."""
        converters = self._result_converters(connection)
        cursor = _streaming_cursor(connection)
        with closing(cursor):
            self._execute(cursor, connection, {})
            while rows := cursor.fetchmany(_FETCHED):
                for row in map(list, rows):
                    for at, convert in converters:
                        row[at] = convert(row[at])
                    yield row

    def run_many(
        self, connection: Connection, names: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Run once a row; a row gives the parameters ``names`` in their order."""
        sql, order, _ = self._compiled(connection)
        converters = self._converters(connection)
        cursor = connection.connection.cursor()
        if not converters and order == tuple(names):
            cursor.executemany(sql, cast("Sequence[Sequence[Any]]", rows))  # any iterable will do
            return
        columns = list(zip(*rows, strict=True))
        for name, convert in converters.items():
            at = names.index(name)
            columns[at] = tuple(map(convert, columns[at]))
        if order is None:
            given = zip(*columns, strict=True)
            cursor.executemany(sql, [dict(zip(names, row, strict=True)) for row in given])
        else:
            in_order = [columns[names.index(name)] for name in order]
            cursor.executemany(sql, list(zip(*in_order, strict=True)))

    def _execute(
        self, cursor: DBAPICursor, connection: Connection, parameters: dict[str, Any]
    ) -> None:
        sql, order, constants = self._compiled(connection)
        values = constants | parameters
        cursor.execute(sql, values if order is None else tuple(values[name] for name in order))

    def _converters(self, connection: Connection) -> dict[str, Callable[[Any], Any]]:
        """What the dialect does to the parameters of some types before the driver gets them."""
        dialect = connection.dialect
        known = self._by_type.get(dialect.name)
        if known is None:
            binds = self._statement.compile(connection).binds
            found = (
                (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
                for name, bind in binds.items()
            )
            known = self._by_type[dialect.name] = {n: p for n, p in found if p is not None}
        return known

    def _result_converters(self, connection: Connection) -> list[tuple[int, Callable[[Any], Any]]]:
        """What our own types do to their columns after the driver gave them, by place."""
        dialect = connection.dialect
        known = self._by_place.get(dialect.name)
        if known is None:
            selected = (
                self._statement.selected_columns if isinstance(self._statement, Select) else ()
            )
            found = (
                (at, column.type.dialect_impl(dialect).result_processor(dialect, None))
                for at, column in enumerate(selected)
                if isinstance(column.type, TypeDecorator)
            )
            known = self._by_place[dialect.name] = [(at, c) for at, c in found if c is not None]
        return known

    def _compiled(self, connection: Connection) -> _Compiled:
        known = self._by_dialect.get(connection.dialect.name)
        if known is None:
            compiled = self._statement.compile(connection)
            order = getattr(compiled, "positiontup", None)
            known = self._by_dialect[connection.dialect.name] = _Compiled(
                str(compiled),
                None if order is None else tuple(order),
                {name: value for name, value in compiled.params.items() if value is not None},
            )
        return known


def _streaming_cursor(connection: Connection) -> Any:  # noqa: ANN401 -- the driver's
    """A cursor that does not fetch all rows at once; of PostgreSQL's it must be said, and given a name."""
    if connection.dialect.name != "postgresql":
        return connection.connection.cursor()
    driver: Any = connection.connection.driver_connection
    return driver.cursor(f"engramia_{next(_NUMBERS)}", binary=True)


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole rows into ``table``."""
    if rows:
        insert_into(table).run_many(connection, table.c.keys(), rows)


@cache
def insert_into(table: Table) -> CompiledStatement:
    """The statement that inserts whole rows into ``table``, with a parameter for each column."""
    values = {column.name: bindparam(column.name, type_=column.type) for column in table.c}
    return CompiledStatement(insert(table).values(values))


def update_by_key(table: Table) -> CompiledStatement:
    """The statement that rewrites the row with the primary key of the whole row that is given."""
    key = table.primary_key.columns.keys()
    where = (table.c[name] == bindparam(name, type_=table.c[name].type) for name in key)
    rest = {c.name: bindparam(c.name, type_=c.type) for c in table.c if c.name not in key}
    return CompiledStatement(update(table).where(*where).values(rest))
