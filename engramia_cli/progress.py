"""A progress bar for long work: on a terminal only, on stderr."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.progress import Progress, TaskID


class Bar:
    """Where the work stands."""

    def __init__(self, shown: tuple[Progress, TaskID] | None) -> None:
        self._shown = shown

    def at(self, done: int) -> None:
        """``done`` units are done in all."""
        if self._shown:
            progress, task = self._shown
            progress.update(task, completed=done)

    def advance(self, more: int) -> None:
        """``more`` units were done."""
        if self._shown:
            progress, task = self._shown
            progress.advance(task, more)

    def counted(self, items: Iterable[bytes]) -> Iterator[bytes]:
        """``items``, each one counted as it passes."""
        for item in items:
            yield item
            self.advance(1)


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """A bar for the block."""
    if not sys.stderr.isatty():
        yield Bar(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar((progress, progress.add_task(title, total=None)))
