"""Names for what is made here, which sort by the time they were made."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def new_key(now: datetime) -> str:
    """A new key: opaque, unique, 26 characters that sort by time.

    48 bits of milliseconds since 1970 and 80 random bits, in base32hex (RFC 4648, section 7), lower case.
    """
    return key_of(now, secrets.token_bytes(10))


def key_of(at: datetime, unique: bytes) -> str:
    """The key of a moment that ends with these 10 bytes."""
    milliseconds = max(int(at.timestamp() * 1000), 0).to_bytes(6, "big")
    return base64.b32hexencode(milliseconds + unique).decode()[:26].lower()
