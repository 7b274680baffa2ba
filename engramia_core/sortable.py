"""Names for what is made here, which sort by the time they were made."""

from __future__ import annotations

import base64
import secrets
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


_UNIQUE_BYTES = 10
_giving = Lock()
_last = (-1, 0)
"""The millisecond of the newest key of this process, and its number."""


def new_key(now: datetime) -> str:
    """A new key: opaque, unique, 26 characters that sort by time.

    48 bits of milliseconds since 1970 and 80 bits that are random, in base32hex (RFC 4648, section 7), lower case. Of the keys
    that a process makes in one millisecond, the later is the greater.
    """
    global _last  # noqa: PLW0603 -- the order of keys is the process's
    millisecond = _milliseconds(now)
    with _giving:
        before, number = _last
        number = number + 1 if millisecond == before else secrets.randbits(8 * _UNIQUE_BYTES - 1)
        _last = millisecond, number
    return key_of(now, number.to_bytes(_UNIQUE_BYTES, "big"))


def key_of(at: datetime, unique: bytes) -> str:
    """The key of a moment that ends with these 10 bytes."""
    return base64.b32hexencode(_milliseconds(at).to_bytes(6, "big") + unique).decode()[:26].lower()


def _milliseconds(at: datetime) -> int:
    return max(int(at.timestamp() * 1000), 0)
