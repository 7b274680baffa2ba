"""How answers are written: the result to stdout, for people or for programs, and nothing else."""

from __future__ import annotations

import sys
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from engramia_core.errors import Refused
from engramia_core.settings import wants_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_SHORT = 60
_DAY_S = 86_400


def write_json(value: object) -> None:
    """Write a report as one JSON document, keys and ids whole, times in ISO 8601."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    sys.stdout.flush()
    sys.stdout.write(orjson.dumps(plain(value), option=options).decode())


def plain(value: object) -> object:
    """A report as dictionaries and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def write(text: str) -> None:
    """Write lines for people, as they are."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def note(text: str) -> None:
    """Write a remark that is not the result."""
    sys.stderr.write(f"{text}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table: aligned and whole when piped, fitted to the terminal (never the first column) when seen."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(
            highlight=False,
            width=max(
                80, made.__rich_measure__(console, console.options.update(width=10_000)).maximum
            ),
        )
    console.print(made)


def short(text: str, width: int = _SHORT) -> str:
    """The first line of ``text``, cut to ``width`` with an ellipsis; control characters are shown as escapes."""
    line = printable(text.strip().split("\n", 1)[0])
    return line if len(line) <= width else f"{line[: width - 1]}…"


def printable(text: str) -> str:
    """``text`` without anything that could steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def score(value: float | None) -> str:
    """A score from 0 to 10, or that there is none."""
    return "unrated" if value is None else f"{value:.1f}"


def day(moment: datetime, now: datetime) -> str:
    """How long ago a moment was, in words."""
    days = (now - moment).total_seconds() / _DAY_S
    if days < 1:
        return "today"
    return f"{days:.0f} d ago"


def confirm(question: str, *, yes: bool) -> None:
    """Go on if ``yes`` or the person at the terminal agrees; else ``Refused``."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            "this needs a confirmation, and there is no terminal to ask", hint="add --yes"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("not confirmed; nothing was changed")


def style(text: str, code: str) -> str:
    """``text`` in a style of the terminal (``1`` bold, ``2`` dim); plain when piped or with NO_COLOR."""
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and wants_color() else text


def json_or(context: Any, report: object) -> bool:  # noqa: ANN401 -- Typer's own context
    """Write ``report`` as JSON if that was asked for, and say whether it was."""
    if context.obj.is_json:
        write_json(report)
        return True
    return False
