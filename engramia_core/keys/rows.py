"""Keys as they lie in their tables."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from engramia_core.database.operation_tables import key_secrets, keys
from engramia_core.errors import InvalidInput, NotFound
from engramia_core.keys.key import Key, Secret, State, is_over
from engramia_core.keys.role import Role
from engramia_core.keys.secret import looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

_ID = re.compile(r"[0-9a-v]{26}")
_ALL = (
    select(
        keys,
        key_secrets.c.ending,
        key_secrets.c.created_at.label("secret_created_at"),
        key_secrets.c.valid_until,
        key_secrets.c.quiet_s,
        key_secrets.c.last_used_at,
    )
    .join_from(keys, key_secrets)
    .order_by(keys.c.key_id.desc(), key_secrets.c.created_at, key_secrets.c.digest)
)
_ONE = _ALL.where(keys.c.key_id == bindparam("id"))


def all_keys(connection: Connection, now: datetime) -> tuple[Key, ...]:
    """Every key that was ever made, newest first, as it is at ``now``."""
    rows = connection.execute(_ALL)
    return tuple(_key(list(group), now) for _, group in groupby(rows, lambda row: row.key_id))


def bound_keys(connection: Connection, tenant_id: str, project_id: str | None) -> tuple[str, ...]:
    """The ids of the keys for this tenant, or for this project of it, alone that are not revoked."""
    here = [keys.c.tenant_id == tenant_id, keys.c.revoked_at.is_(None)]
    if project_id is not None:
        here.append(keys.c.project_id == project_id)
    found = select(keys.c.key_id).where(*here).order_by(keys.c.key_id)
    return tuple(connection.execute(found).scalars())


def find_key(connection: Connection, key_id: str, now: datetime) -> Key:
    """One key as it is at ``now``; else as ``check_id`` says."""
    rows = connection.execute(_ONE, {"id": check_id(key_id)}).all()
    if not rows:
        raise _not_found(key_id)
    return _key(rows, now)


def check_id(key_id: str) -> str:
    """``key_id``, if a key can have it; else ``NotFound``, or ``InvalidInput`` for a secret, which is not repeated."""
    if looks_like_secret(key_id):
        raise InvalidInput(
            "that is a secret, not the id of a key",
            hint="a shell keeps what was typed; if this one is in use: engramia keys rotate ID --now",
        )
    if not _ID.fullmatch(key_id):
        raise _not_found(key_id)
    return key_id


def _not_found(key_id: str) -> NotFound:
    return NotFound(f"there is no access key {key_id!r}", hint="engramia keys list --all")


def _key(rows: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> Key:
    first = rows[0]
    secrets = tuple(
        Secret(row.ending, row.secret_created_at, row.valid_until, row.quiet_s, row.last_used_at)
        for row in rows
    )
    return Key(
        key_id=first.key_id,
        name=first.name,
        role=Role(first.role),
        tenant_id=first.tenant_id,
        project_id=first.project_id,
        state=_state(first, secrets, now),
        created_at=first.created_at,
        created_by=first.created_by,
        expires_at=first.expires_at,
        revoked_at=first.revoked_at,
        max_patterns=first.max_patterns,
        last_used_at=_latest(secret.last_used_at for secret in secrets),
        secrets=secrets,
    )


def _state(row: Row[*tuple[Any, ...]], secrets: Iterable[Secret], now: datetime) -> State:
    if row.revoked_at is not None:
        return State.REVOKED
    if row.expires_at is not None and row.expires_at <= now:
        return State.EXPIRED
    holding = [s for s in secrets if not is_over(s.valid_until, s.quiet_s, now)]
    return State.ROTATING if len(holding) > 1 else State.ACTIVE


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
