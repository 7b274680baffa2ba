"""How far long work has come: a counter on stderr, on a terminal only."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engramia_core.library import Memory

_CLEAR_LINE = "\r\x1b[K"


class Counter:
    """What is done so far."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._done = 0

    def at(self, done: int) -> None:
        """``done`` units are done in all."""
        self._done = done
        if sys.stderr.isatty():
            sys.stderr.write(f"{_CLEAR_LINE}{self._title}: {done:,}")
            sys.stderr.flush()

    def advance(self, more: int) -> None:
        """``more`` units were done."""
        self.at(self._done + more)

    def counted(self, items: Iterable[bytes]) -> Iterator[bytes]:
        """``items``, each one counted as it passes."""
        for item in items:
            yield item
            self.advance(1)


@contextmanager
def progress(title: str) -> Iterator[Counter]:
    """A counter for the block, gone when it ends."""
    try:
        yield Counter(title)
    finally:
        if sys.stderr.isatty():
            sys.stderr.write(_CLEAR_LINE)


def after_bulk(memory: Memory) -> None:
    """Let the store build what makes searches quick once much was written, and tell what is left to do."""
    from engramia_cli.output import note

    with progress("building the index, block") as counter:
        left = memory.after_bulk(progress=counter.at)
    if left:
        note(f"note: {left}")
