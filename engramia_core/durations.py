"""Spans of time as people write them: 30m, 24h, 90d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta

from engramia_core.errors import InvalidInput

_WRITTEN = re.compile(r"([0-9]{1,12})([smhdw])")
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_LONGEST_DAYS = 36_500


def parse_duration(text: str, *, name: str) -> timedelta:
    """The span that ``text`` says: a whole number and a unit, more than nothing, 100 years at most.

    ``InvalidInput`` for anything else; ``name`` is what the message calls it.
    """
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise InvalidInput(
            f"{name} {text!r} is not a duration",
            hint="write a whole number and s, m, h, d or w: 30m, 24h, 90d, 2w",
        )
    number, unit = int(written[1]), _UNITS[written[2]]
    if not 0 < number <= timedelta(days=_LONGEST_DAYS) // unit:
        raise InvalidInput(
            f"{name} {text!r} is not between 1s and {_LONGEST_DAYS}d",
            hint="write a whole number and s, m, h, d or w: 30m, 24h, 90d, 2w",
        )
    return number * unit


def written_duration(span: timedelta) -> str:
    """A span as ``parse_duration`` reads it, in the largest unit that fits without a rest; parts of seconds are cut."""
    whole = span - span % _UNITS["s"]
    unit = next((unit for unit, length in _UNITS.items() if not whole % length and whole), "s")
    return f"{whole // _UNITS[unit]}{unit}"
