"""The databases that hold more than the memory: one file of SQLite, or one on a PostgreSQL server."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.database import revisions
from engramia_core.database.database import INSTALLATION, Database, Names
from engramia_core.errors import Refused
from engramia_core.stores import no_memory, storage_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from engramia_core.stores import Server


class SQLiteDatabase(Database):
    """The file ``engramia.db`` of a directory."""

    def __init__(self, directory: Path) -> None:
        """``NotFound`` when there is no memory, ``Refused`` when it is one of files or its schema does not fit."""
        from engramia_core.stores.sqlite_engine import DATABASE_FILE, sqlite_engine, translated

        found = storage_in(directory)
        if found is None:
            raise no_memory(directory)
        if found != "sqlite":
            raise Refused(
                f"the memory in {str(directory)!r} is {found}, which keeps patterns only",
                hint="use storage sqlite or postgres for keys, the audit trail and migrations",
            )
        self._path = directory / DATABASE_FILE
        self._engine = sqlite_engine(self._path)
        self._translated = translated
        with self.everything() as connection:
            hint = f"engramia migrate up --path {quote(str(directory))}"
            revisions.check(connection, str(self._path), migrate=hint)

    @property
    @override
    def place(self) -> str:
        return str(self._path)

    @property
    @override
    def owner_engine(self) -> Engine:
        return self._engine

    @override
    @contextmanager
    def transaction(self, names: Names = INSTALLATION) -> Iterator[Connection]:
        with self._translated(self._path), self._engine.connect() as connection:
            connection.execution_options(engramia_begin="IMMEDIATE")
            with connection.begin():
                yield connection

    @override
    def reading(self, names: Names = INSTALLATION) -> AbstractContextManager[Connection]:
        return self.everything()  # a file has one owner, who sees all

    @override
    @contextmanager
    def everything(self) -> Iterator[Connection]:
        with self._translated(self._path), self._engine.begin() as connection:
            yield connection

    @override
    def alone(
        self, name: str, *, owner: str, now: datetime, reason: str = ""
    ) -> AbstractContextManager[None]:
        from engramia_core.stores.file_lock import held_in

        stem = f",{name.replace('/', ',')}"  # no scope's lock begins with a comma
        locks = self._path.parent / ".locks"
        return held_in(locks, stem, name, owner=owner, now=now, reason=reason)

    @override
    def forget(self, names: Names) -> None:
        from engramia_core.scope import Scope
        from engramia_core.stores.search_indexes import cache_file

        cache_file(self._path.parent / ".cache", Scope(*names)).unlink(missing_ok=True)

    @override
    def close(self) -> None:
        self._engine.dispose()


class PostgresDatabase(Database):
    """A database on a PostgreSQL server."""

    def __init__(self, server: Server) -> None:
        """``Refused`` when the schema does not fit, ``Unavailable`` when the server does not answer."""
        from engramia_core.stores.postgres import MIGRATE
        from engramia_core.stores.postgres_engine import (
            parsed_url,
            postgres_engine,
            shown,
            translated,
        )

        self._url = parsed_url(server.url)
        self._engine = postgres_engine(self._url, pool_size=server.pool_size)
        self._translated = translated
        self._place = shown(self._url)
        with self.transaction() as connection:
            revisions.check(connection, self._place, migrate=MIGRATE)

    @property
    @override
    def place(self) -> str:
        return self._place

    @cached_property
    def _owner(self) -> Engine:
        from engramia_core.stores.postgres_engine import postgres_engine

        return postgres_engine(self._url, as_owner=True, pool_size=1)

    @property
    @override
    def owner_engine(self) -> Engine:
        return self._owner

    @override
    @contextmanager
    def transaction(self, names: Names = INSTALLATION) -> Iterator[Connection]:
        from engramia_core.stores.postgres_engine import set_names

        with self._translated(self._place), self._engine.begin() as connection:
            set_names(connection, *names)
            yield connection

    @override
    @contextmanager
    def reading(self, names: Names = INSTALLATION) -> Iterator[Connection]:
        from engramia_core.stores.postgres_engine import set_names

        with self._translated(self._place), self._engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                set_names(connection, *names)
                yield connection

    @override
    @contextmanager
    def everything(self) -> Iterator[Connection]:
        from engramia_core.stores.postgres_engine import refuse_to_filter

        with self._translated(self._place), self._owner.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                refuse_to_filter(connection)
                yield connection

    @override
    def alone(
        self, name: str, *, owner: str, now: datetime, reason: str = ""
    ) -> AbstractContextManager[None]:
        from engramia_core.stores.server_lock import held_on_server

        return held_on_server(self._engine, name, name, owner=owner, now=now, reason=reason)

    @override
    def forget(self, names: Names) -> None:
        """A server keeps no such files."""

    @override
    def close(self) -> None:
        self._engine.dispose()
        if "_owner" in self.__dict__:
            self._owner.dispose()
