"""The ring of keys: make, rotate and revoke them.

Every change is recorded in the installation's audit trail, in the same transaction, whose turn there is taken before
anything is looked at: the trail has one writer at a time, so of two who change keys at once the second sees what the
first did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, or_, select, update

from engramia_core import audit
from engramia_core.database.database import INSTALLATION
from engramia_core.database.operation_tables import key_secrets, keys
from engramia_core.errors import Refused
from engramia_core.keys.key import AT_ONCE, Grant, Key, NewSecret, State, Window, check_grant
from engramia_core.keys.role import Role
from engramia_core.keys.rows import bound_keys, check_id, find_key
from engramia_core.keys.secret import digest, ending, new_secret
from engramia_core.sortable import new_key

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.audit import Actor
    from engramia_core.database.database import Database


def bootstrap(
    database: Database,
    name: str,
    *,
    now: datetime,
    actor: Actor,
    expires_at: datetime | None = None,
) -> NewSecret:
    """The first owner's key; ``Refused`` if there ever was one. Of several at once exactly one is made."""
    grant = check_grant(Grant(name, Role.OWNER, expires_at=expires_at), now)
    owners = (
        select(keys.c.key_id, keys.c.created_at, keys.c.created_by)
        .where(keys.c.role == Role.OWNER.value)
        .order_by(keys.c.key_id)
    )
    with database.transaction() as connection:
        key_id = new_key(now)
        entry = audit.Entry(now, actor, "keys.bootstrapped", key_id, detail=_described(grant))
        audit.append(connection, INSTALLATION, entry)
        first = connection.execute(owners.limit(1)).one_or_none()
        if first is not None:
            raise Refused(
                f"the first owner's key, {first.key_id}, was made by {first.created_by}"
                f" on {first.created_at:%Y-%m-%d %H:%M} UTC",
                hint="make another: engramia keys create --role owner --all-tenants --name NAME",
            )
        return _added(connection, key_id, grant, now=now, actor=actor)


def create(database: Database, grant: Grant, *, now: datetime, actor: Actor) -> NewSecret:
    """A new key."""
    check_grant(grant, now)
    with database.transaction() as connection:
        key_id = new_key(now)
        entry = audit.Entry(now, actor, "keys.created", key_id, detail=_described(grant))
        audit.append(connection, INSTALLATION, entry)
        return _added(connection, key_id, grant, now=now, actor=actor)


def rotate(
    database: Database, key_id: str, window: Window, *, now: datetime, actor: Actor
) -> NewSecret:
    """A new secret for a key. The one before it holds for the ``window``; one that was ending keeps its end.

    ``AT_ONCE`` ends all of them with this transaction. ``Refused`` for a key that is revoked or expired.
    """
    check_id(key_id)
    how = "at once" if window == AT_ONCE else f"{window.ends(now):%Y-%m-%d %H:%M:%S} UTC"
    detail = f"old secrets end {how}{' unless used' * window.is_quiet}"
    with database.transaction() as connection:
        entry = audit.Entry(now, actor, "keys.rotated", key_id, detail=detail)
        audit.append(connection, INSTALLATION, entry)
        _check_live(find_key(connection, key_id, now))
        is_endless = key_secrets.c.valid_until.is_(None)
        is_meant = (
            or_(is_endless, key_secrets.c.valid_until > now) if window == AT_ONCE else is_endless
        )
        connection.execute(
            update(key_secrets)
            .where(key_secrets.c.key_id == key_id, is_meant)
            .values(valid_until=window.ends(now), quiet_s=window.quiet_s)
        )
        secret = _add_secret(connection, key_id, now)
        return NewSecret(find_key(connection, key_id, now), secret)


def revoke(database: Database, key_id: str, *, now: datetime, actor: Actor) -> Key:
    """End a key with all its secrets, for good; ``Refused`` if it is revoked already."""
    check_id(key_id)
    with database.transaction() as connection:
        audit.append(connection, INSTALLATION, audit.Entry(now, actor, "keys.revoked", key_id))
        key = find_key(connection, key_id, now)
        if key.state is State.REVOKED:
            _check_live(key)
        connection.execute(update(keys).where(keys.c.key_id == key_id).values(revoked_at=now))
        return find_key(connection, key_id, now)


def revoke_all(
    database: Database, tenant_id: str, project_id: str | None, *, now: datetime, actor: Actor
) -> tuple[str, ...]:
    """Revoke every key for this tenant or project alone, and give their ids; those that reach further stay."""
    with database.transaction() as connection:
        audit.take_turn(connection, INSTALLATION)
        found = bound_keys(connection, tenant_id, project_id)
        connection.execute(update(keys).where(keys.c.key_id.in_(found)).values(revoked_at=now))
        detail = f"with every key of {tenant_id}/{project_id or '*'}"
        for key_id in found:
            entry = audit.Entry(now, actor, "keys.revoked", key_id, detail=detail)
            audit.append(connection, INSTALLATION, entry)
    return found


def _added(
    connection: Connection, key_id: str, grant: Grant, *, now: datetime, actor: Actor
) -> NewSecret:
    connection.execute(
        insert(keys).values(
            key_id=key_id,
            tenant_id=grant.tenant_id,
            project_id=grant.project_id,
            name=grant.name,
            role=grant.role.value,
            created_at=now,
            created_by=actor.who,
            expires_at=grant.expires_at,
            max_patterns=grant.max_patterns,
        )
    )
    secret = _add_secret(connection, key_id, now)
    return NewSecret(find_key(connection, key_id, now), secret)


def _add_secret(connection: Connection, key_id: str, now: datetime) -> str:
    secret = new_secret()
    connection.execute(
        insert(key_secrets).values(
            digest=digest(secret), key_id=key_id, ending=ending(secret), created_at=now
        )
    )
    return secret


def _described(grant: Grant) -> str:
    until = f", expires {grant.expires_at:%Y-%m-%d %H:%M} UTC" if grant.expires_at else ""
    return (
        f"{grant.role} of {grant.tenant_id or '*'}/{grant.project_id or '*'}: {grant.name}{until}"
    )


def _check_live(key: Key) -> None:
    if key.is_live:
        return
    since = key.revoked_at or key.expires_at
    raise Refused(
        f"access key {key.key_id} is {key.state} since {since:%Y-%m-%d %H:%M} UTC",
        hint="make another: engramia keys create --name NAME --role ROLE",
    )
