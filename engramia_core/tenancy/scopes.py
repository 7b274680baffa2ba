"""Which tenants and projects there are, and making one known before its first write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, insert, select

from engramia_core import audit
from engramia_core.database import tables as t
from engramia_core.database.database import Names
from engramia_core.errors import NotFound, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from engramia_core.audit import Actor
    from engramia_core.database.database import Database
    from engramia_core.scope import Scope

NO_PROJECT = "*"
"""What a transaction that concerns a tenant alone names as its project."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant, and how much is kept for it."""

    tenant_id: str
    created_at: datetime
    """When it was made, or first written for."""
    projects: int
    """How many projects it has."""
    live: int
    """Live patterns in all of them."""
    last_write_at: datetime | None
    """When one of its patterns was last changed."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project of a tenant, and how much is kept in it."""

    tenant_id: str
    project_id: str
    created_at: datetime
    """When it was made, or first written to."""
    live: int
    """Live patterns in it."""
    last_write_at: datetime | None
    """When one of its patterns was last changed."""


def projects(connection: Connection, tenant_id: str | None = None) -> list[Project]:
    """The projects of a tenant, or of all, by name; ``connection`` must see every scope."""
    statement = select(t.projects, _last_write().label("last_write_at"))
    if tenant_id is not None:
        statement = statement.where(t.projects.c.tenant_id == tenant_id)
    ordered = statement.order_by(t.projects.c.tenant_id, t.projects.c.project_id)
    return [
        Project(row.tenant_id, row.project_id, row.created_at, row.live, row.last_write_at)
        for row in connection.execute(ordered)
    ]


def tenants(connection: Connection) -> list[Tenant]:
    """Every tenant, by name; ``connection`` must see every scope."""
    of: dict[str, list[Project]] = {}
    for project in projects(connection):
        of.setdefault(project.tenant_id, []).append(project)
    known = connection.execute(select(t.tenants).order_by(t.tenants.c.tenant_id))
    return [_tenant(row.tenant_id, row.created_at, of.get(row.tenant_id, [])) for row in known]


def create_tenant(database: Database, scope: Scope, *, now: datetime) -> Tenant:
    """Make the tenant of ``scope`` known; ``Refused`` when it is already."""
    names = Names(scope.tenant_id, NO_PROJECT)
    with database.transaction(names) as connection:
        if has_tenant(connection, scope.tenant_id):
            raise Refused(f"there is a tenant {scope.tenant_id!r} already")
        connection.execute(insert(t.tenants).values(tenant_id=scope.tenant_id, created_at=now))
    return Tenant(scope.tenant_id, now, 0, 0, None)


def create_project(database: Database, scope: Scope, actor: Actor, *, now: datetime) -> Project:
    """Make ``scope`` known; ``NotFound`` without its tenant, ``Refused`` when it is known already."""
    tenant, project = scope.tenant_id, scope.project_id
    with database.transaction(audit.chain_of(scope)) as connection:
        if not has_tenant(connection, tenant):
            raise NotFound(
                f"there is no tenant {tenant!r}", hint=f"engramia tenants create {tenant}"
            )
        here = and_(t.projects.c.tenant_id == tenant, t.projects.c.project_id == project)
        if connection.execute(select(t.projects.c.live).where(here)).one_or_none():
            raise Refused(f"there is a project {str(scope)!r} already")
        row = {"tenant_id": tenant, "project_id": project, "created_at": now, "live": 0}
        connection.execute(insert(t.projects).values(row))
        entry = audit.Entry(now, actor, "projects.create", str(scope))
        audit.append(connection, audit.chain_of(scope), entry)
    return Project(tenant, project, now, 0, None)


def has_tenant(connection: Connection, tenant_id: str) -> bool:
    """Whether a tenant is known."""
    found = select(t.tenants.c.created_at).where(t.tenants.c.tenant_id == tenant_id)
    return connection.execute(found).one_or_none() is not None


def _tenant(tenant_id: str, created_at: datetime, of: list[Project]) -> Tenant:
    writes = [project.last_write_at for project in of if project.last_write_at is not None]
    live = sum(project.live for project in of)
    return Tenant(tenant_id, created_at, len(of), live, max(writes, default=None))


def _last_write() -> ColumnElement[Any]:
    """The moment of a project's newest change."""
    newest: Select[Any] = (
        select(t.changes.c.at)
        .where(
            t.changes.c.tenant_id == t.projects.c.tenant_id,
            t.changes.c.project_id == t.projects.c.project_id,
        )
        .order_by(t.changes.c.number.desc())
        .limit(1)
    )
    return newest.scalar_subquery()
