"""Where a database differs from ``tables.py``, as far as Alembic can compare."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from engramia_core.database.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_OF_A_MODEL = re.compile(r"ix_vectors_[0-9a-f]{16}$")
"""The vector indexes, which an operator builds for a model; no migration makes them."""


def schema_drift(connection: Connection) -> list[str]:
    """What tables, columns, indexes and foreign keys are too many, too few or different, a sentence each."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    if connection.dialect.name == "postgresql":
        import pgvector.sqlalchemy  # noqa: F401 -- so that the type is known when it is met

    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_name": _is_ours,
        },
    )
    return [sentence for found in compare_metadata(context, metadata) for sentence in _told(found)]


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """A database may hold other tables; of ours, all but the vector indexes count."""
    if kind == "table":
        return name in metadata.tables
    return not (kind == "index" and _OF_A_MODEL.match(name or ""))


def _told(found: Any) -> Iterator[str]:  # noqa: ANN401 -- Alembic's
    """A difference in words; a column's come as a list."""
    if isinstance(found, list):
        for each in found:
            yield from _told(each)
        return
    verb, *what = found
    if verb.startswith("modify_"):
        _, table, column, _, is_so, should_be = what
        yield f"{table}.{column}: {verb.removeprefix('modify_')} is {is_so}, should be {should_be}"
        return
    act, _, kind = verb.partition("_")
    thing = what[-1]
    where = getattr(getattr(thing, "table", None), "name", "")
    name = f"{where}.{thing.name}" if where else str(thing.name)
    kind = {"fk": "foreign key"}.get(kind, kind)
    yield f"the {kind} {name} is {'missing' if act == 'add' else 'too many'}"
