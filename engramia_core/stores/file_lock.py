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
    from pathlib import Path

    from engramia_core.scope import Scope


@contextmanager
def held_alone(
    directory: Path, scope: Scope, operation: str, *, owner: str, now: datetime
) -> Iterator[None]:
    """Hold the lock ``operation`` of ``scope``; ``Busy`` names the process that holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{scope.tenant_id},{scope.project_id},{operation}"  # names hold dots, but no comma
    holder = directory / f"{stem}.json"
    lock = FileLock(directory / f"{stem}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        name, since = _holder(holder, now)
        raise Busy(operation, owner=name, since=since) from None
    try:
        holder.write_bytes(orjson.dumps({"owner": owner, "since": now}))
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def _holder(path: Path, now: datetime) -> tuple[str, datetime]:
    """Who wrote that they hold the lock; they may be about to, or just done."""
    try:
        said = orjson.loads(path.read_bytes())
        return str(said["owner"]), datetime.fromisoformat(said["since"])
    except (OSError, ValueError, KeyError):
        return "another process", now
