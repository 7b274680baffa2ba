"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from engramia_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BUFFER_BYTES = 1 << 20


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write ``chunks`` to a temporary name beside ``path``, sync them, and give the file its name.

    Killed half-way, what was under ``path`` is there as before. A link is followed; a device or a pipe is written
    to as it is. ``Unavailable`` when the disk refuses.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        _write_through(path, chunks)
        return
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("wb", buffering=_BUFFER_BYTES) as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        raise Unavailable(f"{str(path)!r} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def _write_through(path: Path, chunks: Iterable[bytes]) -> None:
    try:
        with path.open("wb", buffering=_BUFFER_BYTES) as file:
            file.writelines(chunks)
    except OSError as error:
        raise Unavailable(f"{str(path)!r} cannot be written: {error.strerror}") from error


def sync_directory(directory: Path) -> None:
    """Make the names in a directory as durable as the files under them."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make what a file holds durable."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
