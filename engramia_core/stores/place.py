"""A place that a memory is copied to, named by one text: a directory, or the URL of a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput
from engramia_core.stores import Server, create_store, open_store, storage_in

if TYPE_CHECKING:
    from engramia_core.database.database import Database
    from engramia_core.memory.store import PatternStore


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, made as ``storage`` if there is no memory in it yet, or a database."""

    directory: Path
    storage: str
    server: Server | None = field(default=None, repr=False)

    @property
    def is_new(self) -> bool:
        """Whether the memory is still to be made; one in a database has to be there."""
        return self.server is None and storage_in(self.directory) is None

    @property
    def shown(self) -> str:
        """Where it is, as it may be shown."""
        if self.server is None:
            return str(self.directory.resolve())
        from engramia_core.stores.postgres_engine import parsed_url, shown

        return shown(parsed_url(self.server.url))

    def open(self) -> PatternStore:
        """The memory, made if it is a new one; errors are those of ``open_store`` and ``create_store``."""
        if self.is_new:
            return create_store(self.directory, self.storage)
        return open_store(self.directory, self.storage, self.server)

    def database(self) -> Database | None:
        """The database that the memory is in, opened on its own; a memory of files has none."""
        from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase

        if self.server is not None:
            return PostgresDatabase(self.server)
        if storage_in(self.directory) == "json":
            return None
        return SQLiteDatabase(self.directory)


def place_of(text: str, *, storage: str = "auto", is_secret: bool) -> Place:
    """The place that ``text`` names. Only where it ``is_secret`` may a URL hold a password; else ``InvalidInput``."""
    if "://" not in text:
        if not text.strip():
            raise InvalidInput("the place to copy to is empty")
        return Place(Path(text), storage)
    from engramia_core.stores.postgres_engine import parsed_url

    url = parsed_url(text)
    if not is_secret and (url.password is not None or "password" in url.query):
        raise InvalidInput(
            "the URL holds a password: on a command line every user of the machine sees it,"
            " and the shell keeps it in its history",
            hint="set ENGRAMIA_COPY_TO_URL, or write the URL to a file and name it: --to-url-file FILE",
        )
    if storage != "auto":
        raise InvalidInput("a storage is chosen for a new directory, not for a database")
    return Place(Path(), "auto", Server(text))
