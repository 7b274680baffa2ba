"""How what is not the memory itself reaches its database: keys, the audit trail, tenants, migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy import Connection, Engine


class Names(NamedTuple):
    """The two names that every row of a scope carries."""

    tenant_id: str
    project_id: str


INSTALLATION = Names("*", "*")
"""What concerns no scope alone; no scope can have such names."""


class Database(Protocol):
    """The database of an installation. Errors of the driver come as ours."""

    @property
    def place(self) -> str:
        """Where it is, as it may be shown."""
        ...

    @property
    def owner_engine(self) -> Engine:
        """An engine whose sessions own the tables: for migrations, and for looking at every scope at once."""
        ...

    def transaction(self, names: Names = INSTALLATION) -> AbstractContextManager[Connection]:
        """A transaction that writes, as the application, among the rows with these names.

        It commits at the end of the block and rolls back on any exception. ``Unavailable`` when the database does not
        answer or another writer is not done within 30 seconds.
        """
        ...

    def reading(self, names: Names = INSTALLATION) -> AbstractContextManager[Connection]:
        """A transaction that reads the rows with these names, as the application and as of one moment."""
        ...

    def everything(self) -> AbstractContextManager[Connection]:
        """A transaction that reads the rows of every scope, as of one moment.

        ``Refused`` to a login that does not own the tables.
        """
        ...

    def alone(
        self, name: str, *, owner: str, now: datetime, reason: str = ""
    ) -> AbstractContextManager[None]:
        """Hold the operators' lock of that name for the block; ``Busy`` says who holds it, since when and why.

        The lock of a process that died is free.
        """
        ...

    def forget(self, names: Names) -> None:
        """Remove the files beside the database that hold what was in the rows with these names."""
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...
