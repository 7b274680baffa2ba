"""How a file of SQLite is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.maintenance.inspection import Fact, Inspection, Section, megabytes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engramia_core.database.database import Database

_MUCH_FREE = 0.25
_MUCH_WAL_BYTES = 200_000_000


def inspect_sqlite(database: Database) -> Inspection:
    """Pages, the write-ahead log, and whether the file is whole."""
    with database.everything() as connection:
        pages, free, size = (
            int(str(_pragma(connection, name)))
            for name in ("page_count", "freelist_count", "page_size")
        )
        whole = str(_pragma(connection, "integrity_check"))
        mode = str(_pragma(connection, "journal_mode"))
    log = Path(f"{database.place}-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    facts = (
        Fact("pages", f"{pages:,} of {size:,} bytes, {megabytes(pages * size)}"),
        Fact(
            "free pages",
            f"{free:,}, {megabytes(free * size)}",
            remedy="engramia db vacuum" if free > _MUCH_FREE * pages else "",
        ),
        Fact(
            "write-ahead log",
            f"{megabytes(log_bytes)}, journal mode {mode}",
            remedy="engramia db vacuum" if log_bytes > _MUCH_WAL_BYTES else "",
        ),
        Fact("integrity", whole, whole != "ok", "engramia doctor" if whole != "ok" else ""),
    )
    figures = {
        "pages": [{"pages": pages, "free": free, "page_bytes": size, "wal_bytes": log_bytes}]
    }
    return Inspection(database.place, (Section("file", facts),), figures)


def _pragma(connection: Connection, name: str) -> object:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA {name}")
    row = cursor.fetchone()
    cursor.close()
    return row[0] if row else 0
