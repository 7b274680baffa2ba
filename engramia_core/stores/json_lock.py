"""One writer at a time, over the threads of a process and over processes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from engramia_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WAIT_S = 30.0


class WriteLock:
    """The lock of a directory. The operating system frees it when its holder dies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._of_threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the block; ``Unavailable`` when others do for more than 30 seconds, or it cannot be taken."""
        busy = Unavailable(f"another writer is busy in {self._root} for more than {_WAIT_S:g} s")
        if not self._of_threads.acquire(timeout=_WAIT_S):
            raise busy
        try:
            lock = FileLock(self._root / ".write.lock", timeout=_WAIT_S, poll_interval=0.01)
            try:
                lock.acquire()
            except Timeout as error:
                raise busy from error
            except OSError as error:
                raise Unavailable(f"cannot write {self._root}: {error.strerror}") from error
            try:
                yield
            finally:
                lock.release()
        finally:
            self._of_threads.release()
