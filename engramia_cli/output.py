"""How answers are written: the result to stdout, for people or for programs, and nothing else."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from engramia_core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(text: str) -> None:
    """Write lines for people, as they are."""
    with _to_stdout():
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def write_bytes(content: bytes) -> None:
    """Write what programs read."""
    with _to_stdout():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def write_json(report: object) -> None:
    """Write a report as one JSON document, keys and ids whole, times in ISO 8601."""
    import orjson

    options = (
        orjson.OPT_INDENT_2
        | orjson.OPT_APPEND_NEWLINE
        | orjson.OPT_UTC_Z
        | orjson.OPT_NON_STR_KEYS  # a counter's keys are of a StrEnum
    )
    write_bytes(orjson.dumps(report, option=options))


def json_or(context: Any, report: object) -> bool:  # noqa: ANN401 -- Typer's own context
    """Write ``report`` as JSON if that was asked for, and say whether it was."""
    if context.obj.is_json:
        write_json(report)
        return True
    return False


def flush() -> None:
    """Make sure that what was written arrived."""
    with _to_stdout():
        sys.stdout.flush()


def note(text: str) -> None:
    """Write a remark that is not the result, to stderr."""
    from engramia_cli.terminal import printable

    with suppress(OSError):  # so that both stand in their order where they go to the same place
        sys.stdout.flush()
    sys.stderr.write(f"{printable(text)}\n")


def confirm(question: str, *, yes: bool) -> None:
    """Go on if ``yes`` or the person at the terminal agrees; else ``Refused``."""
    if not yes and _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise Refused("not confirmed; nothing was changed")


def confirm_by_name(question: str, name: str, *, yes: bool) -> None:
    """Go on if ``yes`` or the person at the terminal types ``name``; else ``Refused``."""
    if not yes and _answer(f"{question}\ntype {name} to go on: ") != name:
        raise Refused("not confirmed; nothing was changed")


def _answer(question: str) -> str:
    """What the person at the terminal answers; ``Refused`` without one."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            "this needs a confirmation, and there is no terminal to ask", hint="add --yes"
        )
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


@contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unavailable(f"stdout cannot be written: {error.strerror}") from error
