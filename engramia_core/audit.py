"""Who did what to what, and how it ended: records that cannot be changed without being found out.

Each scope has a chain of its own, so that its writers never wait for another scope's; what concerns the installation
is in the chain ``INSTALLATION``, whose head is there from the first day. A record's hash covers all its fields and the hash of the record before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import bindparam, insert, select, update

from engramia_core.database.database import Names
from engramia_core.database.operation_tables import audit, audit_heads

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.scope import Scope

NO_HASH = "0" * 64
"""What the first record of a chain names as the hash before it."""


class Via(StrEnum):
    """The edge by which somebody came in."""

    CLI = "cli"
    HTTP = "http"
    JOB = "job"
    SDK = "sdk"


class Outcome(StrEnum):
    """How it ended; what has only ``STARTED`` and nothing after it was cut off."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by which edge, and why if they said so."""

    who: str
    via: Via
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded."""

    at: datetime
    actor: Actor
    action: str
    target: str = ""
    outcome: Outcome = Outcome.DONE
    detail: str = ""


_HEAD = select(audit_heads.c.number, audit_heads.c.hash).where(
    audit_heads.c.tenant_id == bindparam("tenant"), audit_heads.c.project_id == bindparam("project")
)
_MOVE_HEAD = (
    update(audit_heads)
    .where(
        audit_heads.c.tenant_id == bindparam("tenant"),
        audit_heads.c.project_id == bindparam("project"),
    )
    .values(number=bindparam("to_number"), hash=bindparam("to_hash"))
)


def chain_of(scope: Scope) -> Names:
    """The chain of what happens in a scope."""
    return Names(scope.tenant_id, scope.project_id)


def append(connection: Connection, chain: Names, entry: Entry) -> int:
    """Add a record to a chain, in the transaction that ``connection`` is in, and give its number.

    A chain has one writer at a time: a scope's writer holds the scope, and a head that is there is locked.
    """
    whose = {"tenant": chain.tenant_id, "project": chain.project_id}
    head = connection.execute(_HEAD.with_for_update(), whose).one_or_none()
    number = 1 if head is None else head.number + 1
    previous = NO_HASH if head is None else head.hash
    row = _row(chain, number, entry) | {"previous_hash": previous}
    row["hash"] = record_hash(row)
    connection.execute(insert(audit).values(row))
    if head is None:
        first = chain._asdict() | {"number": number, "hash": row["hash"]}
        connection.execute(insert(audit_heads).values(first))
    else:
        connection.execute(_MOVE_HEAD, whose | {"to_number": number, "to_hash": row["hash"]})
    return number


def record_hash(row: dict[str, object]) -> str:
    """The SHA-256 of a record, in hex: of all its columns but ``hash``, as JSON with sorted names."""
    fields = {name: value for name, value in row.items() if name != "hash"}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
    return hashlib.sha256(orjson.dumps(fields, option=options)).hexdigest()


def _row(chain: Names, number: int, entry: Entry) -> dict[str, object]:
    return {
        "tenant_id": chain.tenant_id,
        "project_id": chain.project_id,
        "number": number,
        "at": entry.at,
        "who": entry.actor.who,
        "via": entry.actor.via.value,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.actor.reason,
        "outcome": entry.outcome.value,
        "detail": entry.detail,
    }
