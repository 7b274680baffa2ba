"""How answers look: laid out for the width of the terminal, safe for it whatever they hold."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from engramia_cli.output import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_UNSEEN_WIDTH = 200
_NARROWEST_COLUMN = 20
_GAP = "  "
_DAY_S = 86_400
_JOINERS = "\u200c\u200d"
"""They make one sign of several, in emoji and in many scripts, and steer nothing."""


def width() -> int:
    """The columns there are: those of the terminal, or 200 when nobody sees it (``COLUMNS`` says otherwise)."""
    return shutil.get_terminal_size((_UNSEEN_WIDTH, 24)).columns


def printable(text: str) -> str:
    """``text`` without anything that could steer a terminal: that is shown as escapes."""
    return "".join(
        c if c.isprintable() or c in "\n\t" or c in _JOINERS else ascii(c)[1:-1]
        for c in text.replace("\r\n", "\n")
    )


def one_line(text: str, room: int | None = None) -> str:
    """``text`` in a line, cut with an ellipsis to the ``room`` there is."""
    line = printable(" ".join(text.split()))
    return line if room is None else _cut(line, room)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table. Only the last column is cut, and only to fit the terminal."""
    lines = [tuple(columns), *map(tuple, rows)]
    widths = [max(map(_cells, column)) for column in zip(*lines, strict=True)]
    taken = sum(widths[:-1]) + len(_GAP) * len(widths[:-1])
    widths[-1] = max(width() - taken, _NARROWEST_COLUMN)
    for number, (*cells, last) in enumerate(lines):
        padded = [_padded(cell, wide) for cell, wide in zip(cells, widths, strict=False)]
        line = _GAP.join([*padded, _cut(last, widths[-1])]).rstrip()
        write(line if number else style(line, "2"))


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Write names and values, whole."""
    wide = max(_cells(name) for name, _ in rows)
    for name, value in rows:
        write(f"{style(_padded(name, wide), '2')}{_GAP}{value}".rstrip())


def style(text: str, code: str) -> str:
    """``text`` in a style of the terminal (``1`` bold, ``2`` dim); plain when piped or with NO_COLOR."""
    from engramia_core.settings import wants_color

    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and wants_color() else text


def score(value: float | None) -> str:
    """A score from 0 to 10, or that there is none."""
    return "unrated" if value is None else f"{value:.1f}"


def age(moment: datetime, now: datetime) -> str:
    """How long ago a moment was."""
    days = (now - moment).total_seconds() / _DAY_S
    return "today" if days < 1 else f"{days:.0f} d"


def counted(number: int, noun: str) -> str:
    """``1 pattern``, ``2 patterns``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, wide: int) -> str:
    return text + " " * (wide - _cells(text))


def _cut(text: str, room: int) -> str:
    from rich.cells import set_cell_size

    return text if _cells(text) <= room else f"{set_cell_size(text, room - 1).rstrip()}…"
