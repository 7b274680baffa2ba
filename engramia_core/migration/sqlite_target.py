"""Migrating an SQLite file: one transaction a revision, and one writer at a time anyway."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from engramia_core.migration.backup import BackupBeforeMigration, SQLiteBackup
from engramia_core.migration.drift import schema_drift
from engramia_core.migration.target import MigrationTarget, Patience
from engramia_core.stores.bring_up import alone_in_directory
from engramia_core.stores.sqlite_engine import (
    BUSY_TIMEOUT_S,
    DATABASE_FILE,
    sqlite_engine,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from engramia_core.database.scripts import Scripts, Step

BACKUPS = "backups"


class SQLiteTarget(MigrationTarget):
    """The file ``engramia.db`` of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / DATABASE_FILE
        self._engine = sqlite_engine(self._path)

    @property
    @override
    def place(self) -> str:
        return str(self._path)

    @property
    @override
    def backup(self) -> BackupBeforeMigration:
        return SQLiteBackup(self._path, self._directory / BACKUPS)

    @override
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with translated(self._path), self._engine.connect() as connection, connection.begin():
            yield connection

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with translated(self._path), self._engine.connect() as connection:
            connection.execution_options(engramia_begin="IMMEDIATE")
            with connection.begin():
                yield connection

    @override
    def alone(self, *, owner: str, now: datetime) -> AbstractContextManager[None]:
        return alone_in_directory(self._directory, owner=owner, now=now, wait_s=0)

    @override
    def take(self, scripts: Scripts, step: Step, patience: Patience) -> None:
        with translated(self._path), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout={int(patience.wait_s * 1000)}")
            connection.execution_options(engramia_begin="IMMEDIATE")
            try:
                scripts.apply(connection, step)
            finally:
                driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")

    @override
    def mend(self, patience: Patience) -> tuple[str, ...]:
        return ()

    @override
    def drift(self) -> list[str]:
        with self.reading() as connection:
            return schema_drift(connection)

    @override
    def close(self) -> None:
        self._engine.dispose()
