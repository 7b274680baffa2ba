"""Reading in one round trip: whose rows are meant, the questions and the end of the transaction are sent together.

Where a question takes the server a millisecond, waiting for each of five answers would be most of its time.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from engramia_core.stores.postgres_engine import SET_SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from sqlalchemy import Engine, Select

    from engramia_core.scope import Scope

    T = TypeVar("T")


class Question(NamedTuple):
    """A statement as the driver takes it, with its values."""

    sql: str
    values: Mapping[str, Any]


class Asking:
    """A statement that is compiled once and asked with other values each time."""

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=_dialect())
        self._sql = str(compiled)
        self._constants = {n: value for n, value in compiled.params.items() if value is not None}

    def of(self, scope: Scope, **values: object) -> Question:
        """The question for a scope and these values."""
        whose = {"tenant_id": scope.tenant_id, "project_id": scope.project_id}
        return Question(self._sql, self._constants | whose | values)


@cache
def _dialect() -> PGDialect_psycopg:
    return PGDialect_psycopg()  # type: ignore[no-untyped-call]


def ask(engine: Engine, scope: Scope, *questions: Question) -> list[list[tuple[Any, ...]]]:
    """The rows that answer each question, all in one transaction of the scope; times are in UTC.

    A connection that the server has closed since it was last used is replaced, and all is asked again.
    """
    return retried(engine, lambda: _ask(engine, scope, questions))


def _ask(
    engine: Engine, scope: Scope, questions: Sequence[Question]
) -> list[list[tuple[Any, ...]]]:
    with _driver(engine) as driver:
        with driver.pipeline():  # the driver says BEGIN
            driver.execute(SET_SCOPE, (scope.tenant_id, scope.project_id))
            cursors = [
                driver.cursor(binary=True).execute(question.sql, question.values)
                for question in questions
            ]
            driver.execute("COMMIT")
        return [cursor.fetchall() for cursor in cursors]


def ask_server(engine: Engine, statement: str) -> tuple[Any, ...]:
    """The one row that answers a statement about the server itself."""

    def read() -> tuple[Any, ...]:
        with _driver(engine) as driver, driver.pipeline():
            cursor: psycopg.Cursor[tuple[Any, ...]] = driver.execute(statement)
            driver.execute("COMMIT")
            (row,) = cursor.fetchall()
        return row

    return retried(engine, read)


@contextmanager
def _driver(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """A connection out of the pool, as the driver has it; a dead one does not go back."""
    pooled = engine.raw_connection()
    driver: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
    try:
        yield driver
    except psycopg.OperationalError:
        if driver.closed:
            pooled.invalidate()
        raise
    finally:
        pooled.close()


def retried(engine: Engine, read: Callable[[], T]) -> T:
    """What ``read`` gives; it is called once more if the connection it took was not alive any more."""
    try:
        return read()
    except psycopg.OperationalError as error:
        if not is_lost(error):
            raise
        engine.dispose()  # the others in the pool are of the same server
        return read()


def is_lost(error: BaseException) -> bool:
    """Whether an error means that the connection is gone, and not that the server refuses."""
    state = getattr(error, "sqlstate", None)
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state in {"57P01", "57P02", "08006", "08003"}
    )
