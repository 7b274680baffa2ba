"""Who comes in with a secret: one indexed look-up for a request, and a note of its use at most once a minute."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select, update

from engramia_core.database.operation_tables import key_secrets, keys
from engramia_core.errors import InvalidInput, Unauthorized
from engramia_core.keys.key import NOTED_EVERY, Window, is_over
from engramia_core.keys.role import Right, Role, may, may_all
from engramia_core.keys.secret import check_secret, digest

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from engramia_core.database.database import Database
    from engramia_core.scope import Scope


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came in, and how far the key reaches: without a project all of its tenant, without a tenant all."""

    key_id: str
    tenant_id: str | None
    project_id: str | None
    role: Role
    max_patterns: int | None

    def covers(self, scope: Scope) -> bool:
        """Whether the key is for this scope."""
        return self.tenant_id in {None, scope.tenant_id} and self.project_id in {
            None,
            scope.project_id,
        }

    def may_grant(
        self,
        role: Role,
        tenant_id: str | None,
        project_id: str | None,
        *,
        max_patterns: int | None = None,
    ) -> bool:
        """Whether it may make, rotate or revoke a key like that, which may do no more and reaches no further than itself.

        No project means all of the tenant, no tenant all, no ``max_patterns`` any number.
        """
        return (
            may(self.role, Right.KEYS)
            and may_all(self.role, role)
            and self.tenant_id in {None, tenant_id}
            and self.project_id in {None, project_id}
            and (self.max_patterns is None or (max_patterns or inf) <= self.max_patterns)
        )


_LOOK_UP = (
    select(
        key_secrets.c.digest,
        key_secrets.c.valid_until,
        key_secrets.c.quiet_s,
        key_secrets.c.last_used_at,
        keys.c.key_id,
        keys.c.tenant_id,
        keys.c.project_id,
        keys.c.role,
        keys.c.expires_at,
        keys.c.revoked_at,
        keys.c.max_patterns,
    )
    .join_from(key_secrets, keys)
    .where(key_secrets.c.digest == bindparam("wanted"))
)
_IS_DUE = or_(
    key_secrets.c.last_used_at.is_(None), key_secrets.c.last_used_at <= bindparam("noted_before")
)
_NOTE = (
    update(key_secrets)
    .where(
        key_secrets.c.digest == bindparam("wanted"),
        key_secrets.c.quiet_s.is_not_distinct_from(bindparam("seen_quiet_s")),
        _IS_DUE,
    )
    .values(last_used_at=bindparam("used_at"))
)
_NOTE_AND_MOVE_END = _NOTE.values(valid_until=bindparam("new_end"))


def authenticate(database: Database, secret: str, now: datetime) -> Identity:
    """Who holds ``secret``; ``Unauthorized`` for one that is malformed, unknown, ended, expired or revoked.

    Nothing is remembered between two calls, so that what is revoked is out with the next request. The use is noted if
    the last one that was is a minute old or more; only then a transaction is opened that writes.
    """
    try:
        wanted = digest(check_secret(secret))
    except InvalidInput as error:
        raise Unauthorized("malformed") from error
    with database.reading() as connection:
        row = connection.execute(_LOOK_UP, {"wanted": wanted}).one_or_none()
    if row is None or not hmac.compare_digest(row.digest, wanted):
        raise Unauthorized("unknown")
    _check(row, now)
    if row.last_used_at is None or row.last_used_at <= now - NOTED_EVERY:
        _note_use(database, row, now)
    return Identity(row.key_id, row.tenant_id, row.project_id, Role(row.role), row.max_patterns)


def _check(row: Row[*tuple[Any, ...]], now: datetime) -> None:
    if row.revoked_at is not None:
        raise Unauthorized(f"key {row.key_id} is revoked")
    if row.expires_at is not None and row.expires_at <= now:
        raise Unauthorized(f"key {row.key_id} is expired")
    if is_over(row.valid_until, row.quiet_s, now):
        raise Unauthorized(f"key {row.key_id} was rotated, and this secret has ended")


def _note_use(database: Database, row: Row[*tuple[Any, ...]], now: datetime) -> None:
    """Note it, unless somebody did meanwhile, or the secret was given another end."""
    use = {
        "wanted": row.digest,
        "seen_quiet_s": row.quiet_s,
        "noted_before": now - NOTED_EVERY,
        "used_at": now,
    }
    with database.transaction() as connection:
        if row.quiet_s is None:
            connection.execute(_NOTE, use)
        else:
            quiet = Window(timedelta(seconds=row.quiet_s), is_quiet=True)
            connection.execute(_NOTE_AND_MOVE_END, use | {"new_end": quiet.ends(now)})
