"""One writer in a scope at a time: its row of ``memory_projects`` is the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from engramia_core.database import tables as t
from engramia_core.stores.relational.rows import in_scope

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.scope import Scope


def take_turn(connection: Connection, scope: Scope, now: datetime) -> None:
    """Wait until nobody else writes to the scope, and make it known if it is new."""
    turn = select(t.projects.c.live).where(in_scope(t.projects, scope)).with_for_update()
    if connection.execute(turn).one_or_none() is None:
        tenant, project = scope.tenant_id, scope.project_id
        connection.execute(
            insert(t.tenants).values(tenant_id=tenant, created_at=now).on_conflict_do_nothing()
        )
        connection.execute(
            insert(t.projects)
            .values(tenant_id=tenant, project_id=project, created_at=now, live=0)
            .on_conflict_do_nothing()
        )
        connection.execute(turn)
