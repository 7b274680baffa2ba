"""All that the tables hold under a key, read in one sweep and written as it was."""

from __future__ import annotations

import heapq
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from engramia_core.database import tables as t
from engramia_core.memory.stored import Action, Event, Kept, Record
from engramia_core.scope import Scope
from engramia_core.stores.relational.compiled import CompiledStatement
from engramia_core.stores.relational.reads import vector_of_pattern
from engramia_core.stores.relational.rows import (
    OBSERVATION_COLUMNS,
    PATTERN_COLUMNS,
    Row,
    in_scope,
    observation_of,
    pattern_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Select, Table

_AT = attrgetter("at")
_KEYS_A_STATEMENT = 500


def kept(
    connection: Connection, scope: Scope, *, model_id: str | None, after: str, until: str | None
) -> Iterator[Kept]:
    """All there is by key, with the vectors of a model."""
    vectors = vector_of_pattern(model_id or "")
    patterns = select(*PATTERN_COLUMNS, t.embeddings.c.vector).outerjoin_from(
        t.patterns, t.embeddings, vectors
    )
    changes = select(t.changes.c.key, t.changes.c.at, t.changes.c.action, t.changes.c.detail)
    by_number = t.observations.c.number

    def sweep(statement: Select[Any], table: Table, *then: Any) -> Iterator[list[Any]]:  # noqa: ANN401 -- columns
        statement = statement.where(in_scope(table, scope), table.c.key > after)
        if until is not None:
            statement = statement.where(table.c.key <= until)
        return CompiledStatement(statement.order_by(table.c.key, *then)).stream(connection)

    rows = heapq.merge(
        ((row[0], 0, row) for row in sweep(patterns, t.patterns)),
        (
            (row[0], 1, row)
            for row in sweep(select(*OBSERVATION_COLUMNS), t.observations, by_number)
        ),
        ((row[0], 2, row) for row in sweep(changes, t.changes, t.changes.c.number)),
        key=itemgetter(0, 1),
    )
    for key, group in groupby(rows, key=itemgetter(0)):
        found = _kept(key, group)
        if found.record or found.history:
            yield found


def _kept(key: str, rows: Iterable[tuple[str, int, list[Any]]]) -> Kept:
    parts: tuple[list[list[Any]], ...] = ([], [], [])
    for _, part, row in rows:
        parts[part].append(row)
    patterns, observed, changed = parts
    history = [
        Event(row[1], Action(row[2]), row[3]) for row in changed if row[2] != Action.EMBEDDED.value
    ]
    record = None
    if patterns:
        observations = sorted(map(observation_of, observed), key=_AT)
        record = Record(pattern_of(patterns[0]), tuple(observations), patterns[0][-1])
    return Kept(key, record, tuple(sorted(history, key=_AT)))


def rewrite_histories(
    connection: Connection,
    scope: Scope,
    kept: Sequence[Kept],
    event: Event,
    insert: Callable[[Connection, Table, Sequence[Row]], None],
) -> None:
    """Give the keys these histories. The change log only grows: what it said of them before is hidden in it.

    A key without any history gets a line that is no part of one, so that whoever follows the log looks at it.
    """
    here = in_scope(t.changes, scope)
    last = connection.execute(
        select(func.coalesce(func.max(t.changes.c.number), 0)).where(here)
    ).scalar_one()
    keys = [each.key for each in kept]
    hidden = {"action": Action.EMBEDDED.value, "detail": "its history was overwritten"}
    for start in range(0, len(keys) if last else 0, _KEYS_A_STATEMENT):
        some = t.changes.c.key.in_(keys[start : start + _KEYS_A_STATEMENT])
        connection.execute(update(t.changes).where(here, some).values(hidden))
    taken_over = Event(event.at, Action.EMBEDDED, event.detail)
    lines = [(each.key, line) for each in kept for line in each.history or (taken_over,)]
    rows = [
        (scope.tenant_id, scope.project_id, number, key, line.at, line.action.value, line.detail)
        for number, (key, line) in enumerate(lines, last + 1)
    ]
    insert(connection, t.changes, rows)


def scopes(connection: Connection) -> list[Scope]:
    """The scopes that this connection may see, by name."""
    statement = select(t.projects.c.tenant_id, t.projects.c.project_id).order_by(
        t.projects.c.tenant_id, t.projects.c.project_id
    )
    return [Scope(tenant, project) for tenant, project in connection.execute(statement)]
