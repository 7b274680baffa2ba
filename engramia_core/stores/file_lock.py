"""A named lock in a directory that the operating system frees when its holder dies."""

from __future__ import annotations

import contextlib
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
from filelock import FileLock, Timeout

from engramia_core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from engramia_core.scope import Scope


def held_alone(
    directory: Path, scope: Scope, operation: str, *, owner: str, now: datetime
) -> AbstractContextManager[None]:
    """Hold the lock ``operation`` of ``scope``; ``Busy`` names the process that holds it."""
    stem = f"{scope.tenant_id},{scope.project_id},{operation}"  # names hold dots, but no comma
    return held_in(directory, stem, operation, owner=owner, now=now)


@contextmanager
def held_in(  # noqa: PLR0913 -- all of it is said to who comes next
    directory: Path,
    stem: str,
    operation: str,
    *,
    owner: str,
    now: datetime,
    reason: str = "",
    wait_s: float = 0,
) -> Iterator[None]:
    """Hold the lock in the file ``stem``; ``Busy`` names the process that still holds it after ``wait_s``."""
    directory.mkdir(parents=True, exist_ok=True)
    holder = directory / f"{stem}.json"
    lock = FileLock(directory / f"{stem}.lock")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise _busy(holder, operation, now) from None
    try:
        holder.write_bytes(orjson.dumps({"owner": owner, "since": now, "reason": reason}))
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def _busy(path: Path, operation: str, now: datetime) -> Busy:
    """Who wrote that they hold the lock; they may be about to, or just done."""
    try:
        said = orjson.loads(path.read_bytes())
        since = datetime.fromisoformat(said["since"])
        return Busy(operation, owner=str(said["owner"]), since=since, reason=said.get("reason", ""))
    except (OSError, ValueError, KeyError):
        return Busy(operation, owner="another process", since=now)
