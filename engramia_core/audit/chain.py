"""Adding to a chain.

Each scope has a chain of its own, so that its writers never wait for another scope's; what concerns the installation
is in the chain ``INSTALLATION``. A record's hash covers all its fields and the hash of the record before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from engramia_core.audit.record import record_of
from engramia_core.database.columns import POSTGRESQL
from engramia_core.database.database import Names
from engramia_core.database.operation_tables import audit, audit_heads

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engramia_core.audit.record import Entry
    from engramia_core.scope import Scope

NO_HASH = "0" * 64
"""What the first record of a chain names as the hash before it."""


class Head(NamedTuple):
    """The last record of a chain: its number (0 of a chain without any) and its hash."""

    number: int
    hash: str


_OF_CHAIN = (
    audit_heads.c.tenant_id == bindparam("tenant"),
    audit_heads.c.project_id == bindparam("project"),
)
_HEAD = select(audit_heads.c.number, audit_heads.c.hash).where(*_OF_CHAIN).with_for_update()
_MOVE_HEAD = (
    update(audit_heads)
    .where(*_OF_CHAIN)
    .values(number=bindparam("to_number"), hash=bindparam("to_hash"))
)


def chain_of(scope: Scope) -> Names:
    """The chain of what happens in a scope."""
    return Names(scope.tenant_id, scope.project_id)


def append(connection: Connection, chain: Names, entry: Entry) -> int:
    """Add a record to a chain, in the transaction that ``connection`` is in, and give its number.

    The chain's head is locked until that ends, so a chain has one writer at a time.
    """
    whose = {"tenant": chain.tenant_id, "project": chain.project_id}
    head = _locked_head(connection, chain, whose)
    row = record_of(chain, head.number + 1, entry, head.hash)
    connection.execute(insert(audit).values(row))
    connection.execute(_MOVE_HEAD, whose | {"to_number": row["number"], "to_hash": row["hash"]})
    return head.number + 1


def take_turn(connection: Connection, chain: Names) -> None:
    """Wait for the writer of a chain, so that until the transaction ends nobody else writes to it."""
    _locked_head(connection, chain, {"tenant": chain.tenant_id, "project": chain.project_id})


def _locked_head(connection: Connection, chain: Names, whose: dict[str, str]) -> Head:
    row = connection.execute(_HEAD, whose).one_or_none()
    if row is not None:
        return Head(*row)
    dialect = postgresql if connection.dialect.name == POSTGRESQL else sqlite
    first = chain._asdict() | {"number": 0, "hash": NO_HASH}
    connection.execute(dialect.insert(audit_heads).values(first).on_conflict_do_nothing())
    return Head(*connection.execute(_HEAD, whose).one())
