"""What a write transaction did, in two sentences at its end: how many live patterns there are, and the audit record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from engramia_core import audit
from engramia_core.database import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.stored import Event
    from engramia_core.scope import Scope

_ADD_LIVE = (
    update(t.projects)
    .where(
        t.projects.c.tenant_id == bindparam("tenant"),
        t.projects.c.project_id == bindparam("project"),
    )
    .values(live=t.projects.c.live + bindparam("more"))
)
_TENANT = select(t.tenants.c.tenant_id).where(t.tenants.c.tenant_id == bindparam("tenant"))


class Ledger:
    """Counts what one transaction changes in one scope, and writes it down when it closes."""

    def __init__(self, scope: Scope, actor: audit.Actor, now: datetime) -> None:
        self._scope = scope
        self._actor = actor
        self._now = now
        self._live = 0
        self._actions: Counter[str] = Counter()
        self._notes: list[str] = []
        self._key = ""

    def count(self, patterns: Iterable[Pattern]) -> None:
        """These patterns are there now."""
        self._live += sum(pattern.trashed is None for pattern in patterns)

    def discount(self, patterns: Iterable[Pattern]) -> None:
        """These patterns were there before."""
        self._live -= sum(pattern.trashed is None for pattern in patterns)

    def changed(self, keys: Sequence[str], event: Event) -> None:
        """This happened to these patterns."""
        if keys:
            self._actions[event.action.value] += len(keys)
            self._key = keys[0]

    def note(self, sentence: str, *, when: bool = True) -> None:
        """Something else was changed."""
        if when:
            self._notes.append(sentence)

    def close(self, connection: Connection) -> None:
        """Write it down, if anything was changed."""
        if not self._actions and not self._notes:
            return
        self._add_live(connection)
        total = self._actions.total()
        said = [f"{count:,} {action}" for action, count in self._actions.items()] + self._notes
        entry = audit.Entry(
            self._now,
            self._actor,
            f"memory.{next(iter(self._actions), 'changed')}",
            target=self._key if total == 1 else f"{total:,} patterns" if total else "",
            detail=", ".join(said),
        )
        audit.append(connection, audit.chain_of(self._scope), entry)

    def _add_live(self, connection: Connection) -> None:
        whose = {"tenant": self._scope.tenant_id, "project": self._scope.project_id}
        added = connection.execute(_ADD_LIVE, whose | {"more": self._live})
        if added.rowcount == 0:
            self._register(connection)

    def _register(self, connection: Connection) -> None:
        """The first write to a scope makes its project and, if need be, its tenant known."""
        tenant, project = self._scope.tenant_id, self._scope.project_id
        if connection.execute(_TENANT, {"tenant": tenant}).one_or_none() is None:
            connection.execute(insert(t.tenants).values(tenant_id=tenant, created_at=self._now))
        connection.execute(
            insert(t.projects).values(
                tenant_id=tenant, project_id=project, created_at=self._now, live=self._live
            )
        )
