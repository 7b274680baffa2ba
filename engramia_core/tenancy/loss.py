"""What deleting a tenant or a project would take, and what would stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, func, select

from engramia_core.database import tables as t
from engramia_core.database.operation_tables import audit
from engramia_core.errors import NotFound
from engramia_core.keys.rows import bound_keys
from engramia_core.scope import Scope
from engramia_core.tenancy.scopes import Project, has_tenant, projects, tenants

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class ScopeLoss:
    """What is kept in one scope."""

    tenant_id: str
    """The tenant."""
    project_id: str
    """The project."""
    live: int
    """Live patterns; they are exported first."""
    trashed: int
    """Patterns in the trash; an export does not hold them."""
    observations: int
    """Observations of all of them."""
    issues: int
    """Issues; they are exported first."""
    last_write_at: datetime | None
    """When one of its patterns was last changed."""

    @property
    def scope(self) -> Scope:
        """Whose it is."""
        return Scope(self.tenant_id, self.project_id)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted, or with ``planned`` would be."""

    planned: bool
    tenant_id: str
    """The tenant."""
    project_id: str | None
    """The project; none when the tenant is meant with all it has."""
    scopes: tuple[ScopeLoss, ...]
    """What was kept in each scope."""
    keys: int
    """Access keys for it alone that are revoked."""
    audit_records: int
    """Records in the chains of its scopes; they stay."""
    exports: tuple[str, ...] = ()
    """The files that the scopes were exported to first."""


def plan_deletion(connection: Connection, tenant_id: str, project_id: str | None) -> Deletion:
    """What deleting a tenant, or one of its projects, would take; ``connection`` must see every scope.

    ``NotFound`` without it.
    """
    found = [
        project
        for project in projects(connection, tenant_id)
        if project_id in {None, project.project_id}
    ]
    if project_id is None and not has_tenant(connection, tenant_id):
        known = ", ".join(tenant.tenant_id for tenant in tenants(connection)[:10]) or "none yet"
        raise NotFound(f"there is no tenant {tenant_id!r}", hint=f"known tenants: {known}")
    if project_id is not None and not found:
        others = ", ".join(p.project_id for p in projects(connection, tenant_id)[:10]) or "none yet"
        raise NotFound(
            f"there is no project {project_id!r} of tenant {tenant_id!r}",
            hint=f"known projects: {others}",
        )
    return Deletion(
        planned=True,
        tenant_id=tenant_id,
        project_id=project_id,
        scopes=tuple(_loss(connection, project) for project in found),
        keys=len(bound_keys(connection, tenant_id, project_id)),
        audit_records=_count(connection, audit, _among(audit, tenant_id, project_id)),
    )


def _loss(connection: Connection, project: Project) -> ScopeLoss:
    names = project.tenant_id, project.project_id
    trashed = t.patterns.c.trashed_at.is_not(None)
    return ScopeLoss(
        *names,
        live=project.live,
        trashed=_count(connection, t.patterns, [*_among(t.patterns, *names), trashed]),
        observations=_count(connection, t.observations, _among(t.observations, *names)),
        issues=_count(connection, t.issues, _among(t.issues, *names)),
        last_write_at=project.last_write_at,
    )


def _among(table: Table, tenant_id: str, project_id: str | None) -> list[ColumnElement[bool]]:
    here = [table.c.tenant_id == tenant_id]
    return here if project_id is None else [*here, table.c.project_id == project_id]


def _count(connection: Connection, table: Table, where: Iterable[ColumnElement[bool]]) -> int:
    statement = select(func.count()).select_from(table).where(*where)
    return int(connection.execute(statement).scalar_one())
