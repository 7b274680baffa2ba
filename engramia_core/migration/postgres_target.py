"""Migrating a PostgreSQL database beside those who use it: queue for a lock briefly, step back, try again."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import DeadlockDetected, InvalidParameterValue, LockNotAvailable
from sqlalchemy import event
from sqlalchemy import exc as sql_errors
from typing_extensions import override

from engramia_core.database.scripts import Revision, Step
from engramia_core.errors import Unavailable
from engramia_core.migration import indexes
from engramia_core.migration.backup import BackupBeforeMigration, NoServerBackup
from engramia_core.migration.blockers import Waiting, Watcher
from engramia_core.migration.drift import schema_drift
from engramia_core.migration.postgres_drift import protection_drift
from engramia_core.migration.target import MigrationTarget, Patience
from engramia_core.stores.bring_up import alone_on_server
from engramia_core.stores.postgres_engine import (
    check_server,
    parsed_url,
    postgres_engine,
    shown,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.database.scripts import Scripts

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_CONNECTIONS = 4


class PostgresTarget(MigrationTarget):
    """A database on a server, reached by a login that owns the tables."""

    def __init__(self, url: str) -> None:
        """``Refused`` when the server or pgvector is too old, ``Unavailable`` when it does not answer."""
        parsed = parsed_url(url)
        self._place = shown(parsed)
        self._engine = postgres_engine(parsed, as_owner=True, pool_size=_CONNECTIONS)
        with self.reading() as connection:
            check_server(connection, self._place)

    @property
    @override
    def place(self) -> str:
        return self._place

    @property
    @override
    def backup(self) -> BackupBeforeMigration:
        return NoServerBackup(self._place)

    @override
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect() as connection, connection.begin():
            yield connection

    @override
    def writing(self) -> AbstractContextManager[Connection]:
        return self.reading()

    @override
    @contextmanager
    def alone(self, *, owner: str, now: datetime) -> Iterator[None]:
        with (
            translated(self._place),
            alone_on_server(self._engine, owner=owner, now=now, wait_s=0),
        ):
            yield

    @override
    def take(self, scripts: Scripts, step: Step, patience: Patience) -> None:
        builds = indexes.built_concurrently(scripts.sql(step, "postgresql"))

        def attempt(connection: Connection) -> None:
            if builds:
                _run_each(connection, indexes.clearing(_invalid(connection), builds))
            scripts.apply(connection, step)

        self._patiently(step.revision, patience, attempt)

    @override
    def mend(self, patience: Patience) -> tuple[str, ...]:
        with self.reading() as connection:
            statements = tuple(indexes.mending(indexes.invalid_indexes(connection)))
        mended = Revision("the mending of indexes", None, "expand", "")
        for statement in statements:
            self._patiently(mended, patience, partial(_run_each, statements=[statement]))
        return statements

    @override
    def drift(self) -> list[str]:
        with self.reading() as connection:
            return [*schema_drift(connection), *protection_drift(connection)]

    @override
    def close(self) -> None:
        self._engine.dispose()

    def _patiently(
        self, revision: Revision, patience: Patience, attempt: Callable[[Connection], None]
    ) -> None:
        """Make attempts, each of which queues briefly, until one is through or patience is at its end."""
        deadline = time.monotonic() + patience.wait_s
        pause_s = _FIRST_PAUSE_S
        while True:
            with translated(self._place), self._session(patience) as connection:
                pid = _driver(connection).info.backend_pid
                with Watcher(self._engine, pid, revision.revision, patience.told) as watcher:
                    error = _locked_out(connection, attempt)
            if error is None:
                return
            if time.monotonic() + pause_s > deadline:
                raise self._gave_up(revision, patience, watcher.seen) from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    @contextmanager
    def _session(self, patience: Patience) -> Iterator[Connection]:
        """A connection of its own, whose session the server ends soon after this process is gone."""
        with self._engine.connect() as connection:
            driver = _driver(connection)
            driver.autocommit = True
            driver.execute("SET application_name = 'engramia migrate'")
            with suppress(InvalidParameterValue):  # not on every system
                driver.execute("SET client_connection_check_interval = '1s'")
            driver.autocommit = False
            event.listen(connection, "before_cursor_execute", _queueing(patience))
            try:
                yield connection
            finally:
                connection.invalidate()  # nobody else shall have a session with these settings

    def _gave_up(self, revision: Revision, patience: Patience, seen: Waiting | None) -> Unavailable:
        blocker = seen.blockers[0].pid if seen and seen.blockers else 0
        end = f"end it: SELECT pg_terminate_backend({blocker})" if blocker else "try again"
        longer = f"engramia migrate up --wait {patience.wait_s * 2:.0f}"
        return Unavailable(
            f"{self._place}: {revision.revision} waited {patience.wait_s:.0f} s in vain:"
            f" {seen or 'its tables were locked'}",
            hint=f"{end}; or wait longer: {longer}",
        )


def _driver(connection: Connection) -> psycopg.Connection:
    """The driver's own connection."""
    driver: Any = connection.connection.dbapi_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _queueing(patience: Patience) -> Callable[..., None]:
    """Sets before each statement how long it may stand in a queue.

    What runs CONCURRENTLY stands in nobody's way, and cut off it would leave an invalid index: it may take its time.
    """

    def limit(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        is_slow = "CONCURRENTLY" in statement.upper()
        limit_s = patience.wait_s if is_slow else patience.lock_timeout_s
        cursor = connection.connection.cursor()
        cursor.execute(f"SET lock_timeout = {int(limit_s * 1000)}")
        cursor.close()

    return limit


def _locked_out(
    connection: Connection, attempt: Callable[[Connection], None]
) -> sql_errors.OperationalError | None:
    """Make an attempt; the error if others held what it needs."""
    try:
        attempt(connection)
    except sql_errors.OperationalError as error:
        if isinstance(error.orig, LockNotAvailable | DeadlockDetected):
            connection.rollback()
            return error
        raise
    return None


def _invalid(connection: Connection) -> tuple[str, ...]:
    found = indexes.invalid_indexes(connection)
    connection.rollback()
    return found


def _run_each(connection: Connection, statements: Iterable[str]) -> None:
    """Run statements that must not be in a transaction."""
    connection.execution_options(isolation_level="AUTOCOMMIT")
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.rollback()
    connection.execution_options(isolation_level=connection.default_isolation_level)
