"""A copy of the database before a migration changes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from engramia_core.errors import Refused, Unavailable
from engramia_core.files import sync_directory, sync_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_PAGES_AT_ONCE = 4096


class BackupBeforeMigration(Protocol):
    """Makes a copy; a migration that was not told to go without one does not begin until it is made."""

    def take(self, *, revision: str, now: datetime) -> str:
        """Copy the database, which has ``revision``, and tell where the copy is.

        ``Refused`` where no copy can be made this way, ``Unavailable`` when it failed.
        """
        ...


class SQLiteBackup(BackupBeforeMigration):
    """Copies the file into a directory of copies, consistent while others read and write."""

    def __init__(self, file: Path, into: Path) -> None:
        self._file = file
        self._into = into

    @override
    def take(self, *, revision: str, now: datetime) -> str:
        """``engramia-REVISION-TIME.db``: whole, checked and synced, or not there."""
        target = self._into / f"{self._file.stem}-{revision}-{now:%Y%m%dT%H%M%S%fZ}.db"
        scratch = target.with_suffix(".part")
        try:
            self._into.mkdir(exist_ok=True)
            self._copy(scratch)
            sync_file(scratch)
            scratch.replace(target)
            sync_directory(self._into)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                scratch.unlink()
            raise Unavailable(
                f"no copy could be made in {str(self._into)!r}: {error}; nothing was migrated",
                hint="make room, or add --no-backup to go without",
            ) from error
        return str(target)

    def _copy(self, scratch: Path) -> None:
        with (
            closing(sqlite3.connect(self._file)) as source,
            closing(sqlite3.connect(scratch)) as to,
        ):
            source.backup(to, pages=_PAGES_AT_ONCE)
            to.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            (verdict,) = to.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


class NoServerBackup(BackupBeforeMigration):
    """Says of a database on a server that nobody has copied it."""

    def __init__(self, place: str) -> None:
        self._place = place

    @override
    def take(self, *, revision: str, now: datetime) -> str:
        raise Refused(
            f"{self._place} holds data, and no backup of it was made",
            hint="make one (pg_dump), then say so with --no-backup: engramia migrate up --no-backup",
        )
