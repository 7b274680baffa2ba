"""How an SQLite file is opened, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as urlquote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy import exc as sql_errors

from engramia_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

DATABASE_FILE = "engramia.db"
BUSY_TIMEOUT_S = 30
_CACHE_KIB = 16 * 1024
_HINTS = {
    "locked": "another process holds it; try again",
    "full": "free some disk space and try again; nothing was changed",
    "malformed": "the file is damaged: put a copy of it back",
    "not a database": "the file is damaged or another program's: put a copy of it back",
    "readonly": "the file or its directory may not be written by this user",
}


def sqlite_engine(path: Path) -> Engine:
    """An engine for the file at ``path``: WAL, synced at every commit, foreign keys enforced.

    The execution option ``engramia_begin`` says how a connection's transactions begin: ``IMMEDIATE`` takes the write
    lock, ``DEFERRED`` (the default) reads as of one moment, and with ``None`` every statement is its own. A file that
    this user may not write is opened to be read.
    """
    may_write = os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    engine = create_engine(
        f"sqlite:///{path}" if may_write else f"sqlite:///{_read_only(path)}",
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    pragmas = ["foreign_keys=ON", f"cache_size=-{_CACHE_KIB}"]
    if may_write:
        pragmas += ["journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000"]

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401 -- the DBAPI's
        connection.isolation_level = None  # transactions begin where we say so
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        how = connection.get_execution_options().get("engramia_begin", "DEFERRED")
        if how is not None:
            connection.exec_driver_sql(f"BEGIN {how}")

    return engine


def _read_only(path: Path) -> str:
    """The file's URI for a reader. SQLite needs the log's index to exist, or the word that nobody writes."""
    is_idle = not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if is_idle else "mode=ro"
    return f"file:{urlquote(str(path.absolute()))}?{mode}&uri=true"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """The database's own errors, as ours; a broken constraint stays what it is."""
    try:
        yield
    except (sql_errors.IntegrityError, sqlite3.IntegrityError):
        raise
    except (sql_errors.DatabaseError, sqlite3.DatabaseError) as error:
        said = str(error.orig if isinstance(error, sql_errors.DatabaseError) else error)
        hint = next((hint for words, hint in _HINTS.items() if words in said), None)
        raise Unavailable(f"{str(path)!r}: {said}", hint=hint) from error
