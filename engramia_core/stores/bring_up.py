"""Bringing a memory that is opened to be used to this version's schema; one process at a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engramia_core.database import revisions
from engramia_core.stores.file_lock import held_in

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Engine

OPERATION = "a migration"
WAIT_S = 30
_FILE = "migrate"
_NAME_ON_SERVER = "engramia/migrate"


def bring_up(engine: Engine, alone: AbstractContextManager[None]) -> None:
    """Apply what is pending, under the lock ``alone``; nothing where this version already works with what is there."""
    with engine.connect() as connection:
        if revisions.fits(connection, revisions.current(connection)):
            return
    with alone:
        revisions.upgrade(engine)


def alone_in_directory(
    directory: Path,
    *,
    owner: str | None = None,
    now: datetime | None = None,
    wait_s: float = WAIT_S,
) -> AbstractContextManager[None]:
    """The lock of those who migrate the memory in a directory, by default for this process."""
    return held_in(
        directory / ".locks",
        _FILE,
        OPERATION,
        owner=owner or f"pid {os.getpid()}",
        now=now or datetime.now(UTC),
        wait_s=wait_s,
    )


def alone_on_server(
    engine: Engine, *, owner: str | None = None, now: datetime | None = None, wait_s: float = WAIT_S
) -> AbstractContextManager[None]:
    """The lock of those who migrate a database on a server, by default for this process."""
    from engramia_core.stores.server_lock import held_on_server

    return held_on_server(
        engine,
        _NAME_ON_SERVER,
        OPERATION,
        owner=owner or f"pid {os.getpid()}",
        now=now or datetime.now(UTC),
        wait_s=wait_s,
    )
