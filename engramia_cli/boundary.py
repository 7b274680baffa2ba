"""Where errors become sentences: what failed, the next thing to type, an exit code.

Anything that was not raised on purpose is a bug: its traceback goes to a file, and the file's name to the screen.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typer import Exit

from engramia_cli.exits import BUG, exit_code
from engramia_core.errors import EngramiaError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def boundary() -> Iterator[None]:
    """Turn what is raised inside into a message on stderr and an exit code."""
    try:
        yield
    except EngramiaError as error:
        tell(error)
        raise Exit(exit_code(error)) from error
    except (Exit, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if type(error).__module__.startswith("typer."):  # usage: Typer shows it itself
            raise
        sys.stderr.write(
            f"error: engramia has a bug: {type(error).__name__}: {error}\n"
            f"hint: the traceback is in {_write_traceback()}; please report it\n"
        )
        raise Exit(BUG) from error


def tell(error: EngramiaError) -> None:
    """Write an error and its hint to stderr."""
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")


def _write_traceback() -> str:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="engramia-", suffix=".traceback", delete=False
    ) as file:
        traceback.print_exc(file=file)
    return file.name
