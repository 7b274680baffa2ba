"""Moments as they are typed: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engramia_core.errors import InvalidInput

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """The moment that ``text`` means, in UTC: ``2026-11-23``, ``2026-11-23T14:00``, or ``90m``, ``7d`` before ``now``."""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        said = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{text!r} is no moment",
            hint="write 2026-11-23, 2026-11-23T14:00 (UTC), or how long ago: 90m, 24h, 7d",
        ) from None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
