"""Whether anything was committed to an SQLite file, told in a few microseconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Engine


class ChangeWatch:
    """A connection that only ever asks for ``PRAGMA data_version``. Safe for threads.

    SQLite changes that number for a connection whenever another one, of this process or not, has committed
    (https://sqlite.org/pragma.html#pragma_data_version, read 2026-11-24). This one commits nothing itself, so equal
    numbers mean an equal database. It is no connection of the pool: there each has a number of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asking = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int:
        """A number that is another one after every commit. Errors are the driver's own."""
        with self._asking:
            if self._connection is None:
                self._connection = self._opened()
            ((version,),) = self._connection.execute("PRAGMA data_version").fetchall()
        return int(version)

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        with self._asking:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        pooled.detach()
        return cast("sqlite3.Connection", pooled.dbapi_connection)
