"""What one record says, and the hash that covers it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engramia_core.database.database import Names

_AS_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z


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


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A record as it stands in its chain; the fields are the columns of the table, in their order."""

    tenant_id: str
    """The tenant; ``*`` in the installation's chain."""
    project_id: str
    """The project; ``*`` in the installation's chain."""
    number: int
    """Its place in the chain, from 1."""
    at: datetime
    who: str
    """The user and the machine, or the key."""
    via: str
    """The edge they came in by: ``cli``, ``http``, ``job`` or ``sdk``."""
    action: str
    target: str
    """What it was done to; may be empty."""
    reason: str
    """Why, if they said so."""
    outcome: str
    """``started``, ``done``, ``failed`` or ``refused``."""
    detail: str
    previous_hash: str
    """The hash of the record before it in the chain; 64 zeros of the first."""
    hash: str
    """The SHA-256 of all other fields, as JSON with sorted names."""


_FIELDS = tuple(field.name for field in fields(AuditRecord))


def record_of(chain: Names, number: int, entry: Entry, previous_hash: str) -> dict[str, object]:
    """The row of an entry that becomes the record ``number`` of a chain."""
    row: dict[str, object] = {
        "tenant_id": chain.tenant_id,
        "project_id": chain.project_id,
        "number": number,
        "at": entry.at.astimezone(UTC),
        "who": entry.actor.who,
        "via": entry.actor.via.value,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.actor.reason,
        "outcome": entry.outcome.value,
        "detail": entry.detail,
        "previous_hash": previous_hash,
    }
    return row | {"hash": record_hash(row)}


def record_hash(row: Mapping[str, object]) -> str:
    """The SHA-256 of a record, in hex: of all its columns but ``hash``, as JSON with sorted names, times in UTC."""
    covered = {name: value for name, value in row.items() if name != "hash"}
    return hashlib.sha256(orjson.dumps(covered, option=_AS_JSON)).hexdigest()


def as_row(record: AuditRecord) -> dict[str, object]:
    """The record as ``record_hash`` takes it."""
    return {name: getattr(record, name) for name in _FIELDS}


def record_line(record: AuditRecord) -> bytes:
    """The record as a line of NDJSON: what the hash covers, and the hash."""
    return orjson.dumps(as_row(record), option=_AS_JSON | orjson.OPT_APPEND_NEWLINE)
