"""Indexes that PostgreSQL was building when it was interrupted: there by name, of no use, and in the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engramia_core.database.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

_BUILT = re.compile(
    r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?\"?(\w+)", re.IGNORECASE
)
_OF_A_REBUILD = re.compile(r"_cc(new|old)\d*$")
_INVALID = """
SELECT class.relname FROM pg_index AS index JOIN pg_class AS class ON class.oid = index.indexrelid
WHERE NOT index.indisvalid AND pg_table_is_visible(class.oid)
AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS building
                WHERE building.index_relid = index.indexrelid)
AND index.indrelid = ANY (SELECT to_regclass(name) FROM unnest(%(tables)s::text[]) AS name)
ORDER BY class.relname
"""


def built_concurrently(statements: Iterable[str]) -> tuple[str, ...]:
    """The indexes that these statements build without stopping writers."""
    found = (_BUILT.match(statement) for statement in statements)
    return tuple(match[1] for match in found if match)


def invalid_indexes(connection: Connection) -> tuple[str, ...]:
    """The invalid indexes on the tables of the schema that nobody is building right now."""
    rows = connection.exec_driver_sql(_INVALID, {"tables": list(metadata.tables)})
    return tuple(rows.scalars())


def clearing(invalid: Iterable[str], rebuilt: Iterable[str]) -> Iterator[str]:
    """The statements that clear away those of the invalid indexes which a revision builds anew."""
    wanted = set(rebuilt)
    yield from (f'DROP INDEX CONCURRENTLY "{name}"' for name in invalid if name in wanted)


def mending(invalid: Iterable[str]) -> Iterator[str]:
    """The statements that make the schema's own invalid indexes valid and drop what a rebuild left.

    An index that is neither belongs to whoever made it; the doctor names it.
    """
    own = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    for name in invalid:
        if _OF_A_REBUILD.search(name):
            yield f'DROP INDEX CONCURRENTLY "{name}"'
        elif name in own:
            yield f'REINDEX INDEX CONCURRENTLY "{name}"'
