"""What a migration needs of the database it moves; each engine keeps the promises in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.database.scripts import Scripts, Step
    from engramia_core.migration.backup import BackupBeforeMigration
    from engramia_core.migration.blockers import Waiting

WAIT_S = 300.0
"""For how long in all a revision waits for others to let go of its tables."""
LOCK_TIMEOUT_S = 2.0
"""For how long one attempt may stand in the queue for a table, since everybody else queues up behind it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for locks, and whom to tell when a migration waits."""

    told: Callable[[Waiting], None]
    wait_s: float = WAIT_S
    lock_timeout_s: float = LOCK_TIMEOUT_S


class MigrationTarget(Protocol):
    """A database of whatever revision, reached as the owner of its tables. Errors of the driver come as ours."""

    @property
    def place(self) -> str:
        """Where it is, as it may be shown."""
        ...

    @property
    def backup(self) -> BackupBeforeMigration:
        """What makes a copy of it before it is changed."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the rows of every scope."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write; it commits when the block ends."""
        ...

    def alone(self, *, owner: str, now: datetime) -> AbstractContextManager[None]:
        """Be the only one who migrates it for the block; ``Busy`` names who else does, and since when."""
        ...

    def take(self, scripts: Scripts, step: Step, patience: Patience) -> None:
        """Apply a revision, or take it back, whole or not at all.

        ``Unavailable`` when others hold its tables for longer than there is patience.
        """
        ...

    def mend(self, patience: Patience) -> tuple[str, ...]:
        """Finish or clear away what an interrupted migration left that no transaction rolls back; what that was."""
        ...

    def drift(self) -> list[str]:
        """How the database differs from what the tables and their protection should be, a sentence each."""
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...
