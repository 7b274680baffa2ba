"""Where errors become sentences: what failed, the next thing to type, an exit code.

Anything that was not raised on purpose is a bug: its traceback goes to a file, and the file's name to the screen.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typer import Exit
from typer.exceptions import TyperException

from engramia_cli.context import CliContext
from engramia_cli.exits import BUG, INTERRUPTED, READER_LEFT, exit_code
from engramia_cli.output import note
from engramia_cli.usage import explained
from engramia_core.errors import EngramiaError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def boundary(ctx: Any = None) -> Iterator[None]:  # noqa: ANN401 -- Typer's own context
    """Turn what is raised inside into a message on stderr and an exit code; ``ctx`` is the level it comes from."""
    context = ctx.obj if ctx else CliContext()
    try:
        yield
    except EngramiaError as error:
        raise _told(error, context) from error
    except TyperException as error:
        raise _told(explained(error, ctx), context) from error
    except KeyboardInterrupt as error:
        note("interrupted")
        raise Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        raise Exit(READER_LEFT) from error
    except Exit:
        raise
    except OSError as error:  # what the machine refuses is no bug of ours
        place = f"{error.filename}: " if error.filename else ""
        raise _told(Unavailable(f"{place}{error.strerror or error}"), context) from error
    except Exception as error:
        _say(f"error: engramia has a bug: {type(error).__name__}: {error}")
        note(f"hint: the traceback is in {_write_traceback()}; please report it")
        raise Exit(BUG) from error


def _told(error: EngramiaError, context: CliContext) -> Exit:
    """Write an error and its hint to stderr; the exit that is due."""
    _say(f"error: {error.message}")
    if error.hint:
        _say(f"hint: {context.typed(error.hint)}")
    return Exit(exit_code(error))


def _say(text: str) -> None:
    """Write to stderr without repeating a secret that was typed where none belongs."""
    from engramia_core.keys.secret import without_secrets

    note(without_secrets(text))


def _write_traceback() -> str:
    from engramia_core.keys.secret import without_secrets

    sys.stdout.flush()
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="engramia-", suffix=".traceback", delete=False
    ) as file:
        file.write(without_secrets(traceback.format_exc()))
    return file.name
