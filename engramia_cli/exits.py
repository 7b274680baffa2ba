"""What the process says with its exit code."""

from __future__ import annotations

from typing import Final

from engramia_core import errors

DONE: Final = 0
BUG: Final = 1
PROBLEMS_FOUND: Final = 7
INTERRUPTED: Final = 130
READER_LEFT: Final = 141
"""The reader of a pipe wanted no more (``| head``): what the shell reports of any program this happens to."""

BY_ERROR: Final[dict[type[errors.EngramiaError], int]] = {
    errors.InvalidInput: 2,
    errors.NotFound: 3,
    errors.Refused: 4,
    errors.Busy: 4,
    errors.Unauthorized: 4,
    errors.Unavailable: 5,
    errors.Incomplete: 6,
}


def exit_code(error: errors.EngramiaError) -> int:
    """The exit code of an error raised on purpose."""
    return BY_ERROR[type(error)]
