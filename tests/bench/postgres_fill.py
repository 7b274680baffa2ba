"""Filling a PostgreSQL database past the memory's own rules, many scopes into one table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
from pgvector.psycopg import register_vector

from engramia_core.database import tables as t
from engramia_core.stores.postgres_rows import type_of
from engramia_core.stores.relational.rows import embedding_row, pattern_row
from tests.bench.corpus import DIMENSIONS, records, tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from sqlalchemy import Table

    from engramia_core.memory.embedding import Matrix
    from engramia_core.scope import Scope


def fill_scopes(url: str, model_id: str, scopes: Mapping[Scope, Matrix]) -> None:
    """Patterns with these vectors, the scopes' rows mixed as they would be after months, in one transaction.

    ``url`` must be of a login to which row-level security does not apply. Signatures, observations and history are
    left out: a search does not look at them.
    """
    at = datetime(2026, 1, 5, tzinfo=UTC)
    with psycopg.connect(url) as connection:
        register_vector(connection)
        _copy(connection, t.tenants, [(name, at) for name in {s.tenant_id for s in scopes}])
        whose = [(scope.tenant_id, scope.project_id) for scope in scopes]
        rows = zip(whose, scopes.values(), strict=True)
        _copy(connection, t.projects, [(*names, at, len(found)) for names, found in rows])
        _copy(connection, t.models, [(*names, model_id, DIMENSIONS, True) for names in whose])
        made = _mixed(scopes)
        _copy(connection, t.patterns, (pattern_row(scope, r.pattern) for scope, r in made))
        _copy(
            connection,
            t.skills,
            (
                (scope.tenant_id, scope.project_id, skill, r.pattern.key)
                for scope, r in made
                for skill in r.pattern.skills
            ),
        )
        _copy(
            connection,
            t.embeddings,
            (embedding_row(scope, r.pattern, r.vector, model_id) for scope, r in made),
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _mixed(scopes: Mapping[Scope, Matrix]) -> list[tuple[Scope, Any]]:
    """The records of all scopes, in the order of their keys."""
    made = [
        (scope, record)
        for number, (scope, rows) in enumerate(scopes.items())
        for record in records(tasks(len(rows), 100 + number), rows)
    ]
    return sorted(made, key=lambda each: each[1].pattern.key)


def _copy(connection: psycopg.Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    columns = ", ".join(table.c.keys())
    into = f"COPY {table.name} ({columns}) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(into) as copy:
        copy.set_types([type_of(column.type) for column in table.c])
        for row in rows:
            copy.write_row(row)
