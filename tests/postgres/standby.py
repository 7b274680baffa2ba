"""A real streaming standby of a test's server."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError  # noqa: TID251 -- what the library raises
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.server import Server

_PATIENCE_S = 15.0
_TRY_EVERY_S = 0.02


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; ``TimeoutError`` when it does not come to be."""
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not come to be so")
        time.sleep(_TRY_EVERY_S)


@dataclass
class Standby:
    """A standby that can be stopped, started, and kept from replaying."""

    primary: Server
    folder: Path

    def url(self, url: str) -> str:
        """Where the standby has what is at ``url`` on the primary."""
        return f"postgresql://postgres@/{make_url(url).database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f'-h "" -k {self.folder}'
        self._pg_ctl("-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._pg_ctl("-w", "-m", "immediate", "stop")

    def run(self, statement: str, *, database: str = "postgres") -> Any:  # noqa: ANN401 -- whatever it is
        """The first value of the answer to a statement of the superuser."""
        url = self.url(self.primary.url(database))
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def follow(self, connection: str) -> None:
        """Receive from the primary that is reached so; empty for from none."""
        literal = connection.replace("'", "''")
        self.run(f"ALTER SYSTEM SET primary_conninfo = '{literal}'")
        self.run("SELECT pg_reload_conf()")

    def catch_up(self) -> None:
        """Wait until it has replayed what is on the primary now."""
        ((wanted,),) = self.primary.run("SELECT pg_current_wal_flush_lsn()::text")
        until(lambda: self.run(f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'"))

    def _pg_ctl(self, *arguments: str) -> None:
        self.primary.run_program("pg_ctl", *arguments, data=self.folder / "data")


@contextmanager
def standing_by(primary: Server) -> Iterator[Standby]:
    """A running standby of ``primary`` that is gone at the end."""
    user = primary.process.system_user
    folder = Path(tempfile.mkdtemp(prefix="engramia-standby-"))
    if user:
        shutil.chown(folder, user)
    folder.chmod(0o755)
    standby = Standby(primary, folder)
    host = str(primary.process.get_postmaster_info().socket_dir)
    arguments = ["-R", "-c", "fast", "-X", "stream", "-U", "postgres", "-h", host]
    primary.run_program("pg_basebackup", *arguments, data=folder / "data")
    try:
        standby.start()
        yield standby
    finally:
        with suppress(CalledProcessError):  # it was stopped by the test
            standby.stop()
        shutil.rmtree(folder)
