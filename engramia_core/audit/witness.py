"""Heads of chains, noted down where whoever may write the database cannot write: NDJSON, a line a head that moved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson

from engramia_core.audit.chain import NO_HASH, Head
from engramia_core.database.database import Names
from engramia_core.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

_NONE = Head(0, NO_HASH)


def read_witness(path: Path) -> dict[Names, Head]:
    """The last head that was noted of each chain.

    ``NotFound`` without the file, so that a mistyped name is no clean bill; ``InvalidInput`` names a line that is not
    whole, or that goes back behind one before it.
    """
    noted: dict[Names, Head] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                chain, head = _parsed(line, number)
                if head.number <= noted.get(chain, _NONE).number:
                    raise InvalidInput(
                        f"line {number} of the witness goes back behind one before it"
                    )
                noted[chain] = head
    except FileNotFoundError:
        raise NotFound(
            f"there is no witness {str(path)!r}", hint=f"begin one, empty: touch {path}"
        ) from None
    except OSError as error:
        raise Unavailable(f"{str(path)!r} cannot be read: {error.strerror}") from error
    return noted


def add_to_witness(
    path: Path, heads: Mapping[Names, Head], known: Mapping[Names, Head], *, now: datetime
) -> int:
    """Note the heads that moved since they were ``known``, synced, and say how many did."""
    moved = {
        chain: head for chain, head in heads.items() if head.number > known.get(chain, _NONE).number
    }
    lines = b"".join(_line(chain, head, now) for chain, head in sorted(moved.items()))
    if lines:
        try:
            with path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unavailable(f"{str(path)!r} cannot be written: {error.strerror}") from error
    return len(moved)


def _line(chain: Names, head: Head, now: datetime) -> bytes:
    said = {"at": now, **chain._asdict(), "number": head.number, "hash": head.hash}
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _parsed(line: bytes, number: int) -> tuple[Names, Head]:
    try:
        said: dict[str, Any] = orjson.loads(line)
        return Names(said["tenant_id"], said["project_id"]), Head(
            int(said["number"]), str(said["hash"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"line {number} of the witness is not whole",
            hint="take the line out if it is the last one; else compare with a copy of the file",
        ) from error
