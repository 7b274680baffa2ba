"""The two engines that hold more than patterns, as a test and the processes that it starts open them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.stores import Server
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.sqlite import SQLiteStore

if TYPE_CHECKING:
    from engramia_core.database.database import Database
    from engramia_core.memory.store import PatternStore


@dataclass(frozen=True)
class Engine:
    """A directory with an SQLite file, or a PostgreSQL database by its URL; both have an empty memory."""

    kind: str
    place: str

    def database(self) -> Database:
        """The database, opened anew."""
        if self.kind == "sqlite":
            return SQLiteDatabase(Path(self.place))
        return PostgresDatabase(Server(self.place))

    def store(self) -> PatternStore:
        """The memory in it, opened anew."""
        if self.kind == "sqlite":
            return SQLiteStore(Path(self.place))
        return PostgresStore(self.place)

    @property
    def environment(self) -> dict[str, str]:
        """What leads the command line to it."""
        if self.kind == "sqlite":
            return {"ENGRAMIA_DATA_PATH": self.place}
        return {"ENGRAMIA_DATABASE_URL": self.place}
