"""The files that a command reads; ``-`` is stdin."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engramia_cli.output import note
from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_TEXT_BYTES = 4_000_000


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file to read once."""
    if name == "-":
        yield _stdin()
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 -- closed below; only opening may fail like this
    except OSError as error:
        raise InvalidInput(f"{name!r} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def rewindable(name: str) -> Iterator[BinaryIO]:
    """A file that can be read twice; what is not on disk is copied to a temporary one first."""
    with opened(name) as file:
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(file, spool)
            spool.seek(0)
            yield spool


def read_text(name: str) -> str:
    """The text in a file, of 4 MB at most."""
    with opened(name) as file:
        content = file.read(_MAX_TEXT_BYTES + 1)
    shown = "stdin" if name == "-" else repr(name)
    if len(content) > _MAX_TEXT_BYTES:
        raise InvalidInput(f"{shown} has more than {_MAX_TEXT_BYTES:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{shown} is not UTF-8: byte {error.start:,} is wrong") from error


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise InvalidInput("stdin is closed, so that - cannot be read")
    if sys.stdin.isatty():
        note("note: reading what you type; Ctrl-D ends it")
    return sys.stdin.buffer
