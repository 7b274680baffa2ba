"""What the tests of keys do over and over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from engramia_core.audit import Actor, Via
from engramia_core.database.database import INSTALLATION
from engramia_core.database.operation_tables import audit
from engramia_core.errors import Unauthorized
from engramia_core.keys import ring
from engramia_core.keys.authenticate import authenticate
from engramia_core.keys.key import Grant, NewSecret
from engramia_core.keys.role import Role
from engramia_core.keys.rows import find_key
from engramia_core.testing.builders import START

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.database.database import Database
    from engramia_core.keys.key import Key

ME = Actor("me@here", Via.CLI)
EDITOR = Grant("agent", Role.EDITOR, "acme", "web")


def make(database: Database, grant: Grant = EDITOR, now: datetime = START) -> NewSecret:
    return ring.create(database, grant, now=now, actor=ME)


def found(database: Database, key_id: str, now: datetime) -> Key:
    with database.reading() as connection:
        return find_key(connection, key_id, now)


def why_rejected(database: Database, secret: str, now: datetime) -> str:
    with pytest.raises(Unauthorized) as caught:
        authenticate(database, secret, now)
    assert str(caught.value) == "the access key is not valid"
    assert caught.value.hint is None
    return caught.value.reason


def recorded(database: Database) -> list[tuple[str, str, str]]:
    """What the installation's audit trail says of whom: action, target, who."""
    query = (
        select(audit.c.action, audit.c.target, audit.c.who)
        .where(audit.c.tenant_id == INSTALLATION.tenant_id)
        .order_by(audit.c.number)
    )
    with database.transaction() as connection:
        return [(row.action, row.target, row.who) for row in connection.execute(query)]


def dump(database: Database) -> str:
    """Every row of every table, as text."""
    from engramia_core.database.schema import metadata

    with database.everything() as connection:
        rows: list[Any] = [
            tuple(row)
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        ]
    return repr(rows)
