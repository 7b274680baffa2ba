"""What a secret looks like, and what is stored of it.

``engramia_sk_``, 256 random bits as 43 digits of base 62, and a checksum of 6 more: 61 characters, which a double click
selects, a scanner for secrets finds by ``SECRET``, and a typing error does not get past.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

from engramia_core.errors import InvalidInput

PREFIX: Final = "engramia_sk_"
SECRET: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{49}}")

_ANY = re.compile(rf"{PREFIX}[^\s'\"]+")
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_DIGITS = 43
_CHECKSUM_DIGITS = 6
_ENDING_CHARS = 4


def new_secret() -> str:
    """A new secret. It is held by its client alone: what is stored is its ``digest``."""
    body = PREFIX + _in_base_62(secrets.randbits(256), _RANDOM_DIGITS)
    return body + _checksum(body)


def check_secret(secret: str) -> str:
    """``secret``, if it can be one; else ``InvalidInput``, whose message does not hold it. Asks no database."""
    if not secret.startswith(PREFIX):
        raise InvalidInput(f"that is no Engramia key: it does not begin with {PREFIX}")
    if not SECRET.fullmatch(secret):
        raise InvalidInput(
            "that is no Engramia key: it is not 61 letters, digits and underscores",
            hint="it was cut off, or holds a space or the end of a line",
        )
    body, checksum = secret[:-_CHECKSUM_DIGITS], secret[-_CHECKSUM_DIGITS:]
    if _checksum(body) != checksum:
        raise InvalidInput(
            "that is no Engramia key: the checksum is wrong", hint="look for a typing error"
        )
    return secret


def digest(secret: str) -> str:
    """The SHA-256 of a secret, in hex. With 256 random bits a slow hash would protect no better."""
    return hashlib.sha256(secret.encode()).hexdigest()


def ending(secret: str) -> str:
    """The last characters, by which a person tells secrets apart; they are of the checksum."""
    return secret[-_ENDING_CHARS:]


def looks_like_secret(text: str) -> bool:
    """Whether ``text`` must not be shown, as it holds a secret or a part of one."""
    return PREFIX in text


def without_secrets(text: str) -> str:
    """``text`` with a mark in place of each secret or part of one; the prefix alone is none."""
    return _ANY.sub(f"{PREFIX}…", text)


def _checksum(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECKSUM_DIGITS)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
