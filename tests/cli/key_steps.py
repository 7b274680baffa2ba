"""What the tests of ``engramia keys`` do over and over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from engramia_core.errors import Unauthorized
from engramia_core.keys.authenticate import authenticate
from engramia_core.stores.databases import SQLiteDatabase

if TYPE_CHECKING:
    from tests.cli.operator import Operator

CREATE = ("keys", "create", "--name", "web", "--role", "editor", "--tenant", "acme")
NO_ID = "0" * 26


def created(operator: Operator, *options: str) -> tuple[str, str]:
    """The id and the secret of a new key."""
    document = operator.json(*CREATE, *options)
    return document["key"]["key_id"], document["secret"]


def lets_in(operator: Operator, secret: str) -> bool:
    with closing(SQLiteDatabase(operator.home / "engramia_data")) as database:
        try:
            authenticate(database, secret, operator.now)
        except Unauthorized:
            return False
        return True


def stored(operator: Operator) -> bytes:
    """Every byte of the memory's directory."""
    with closing(sqlite3.connect(operator.home / "engramia_data" / "engramia.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = (operator.home / "engramia_data").rglob("*")
    return b"".join(path.read_bytes() for path in files if path.is_file())
