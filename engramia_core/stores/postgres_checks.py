"""What can be wrong in a PostgreSQL database, and how its indexes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, func, select

from engramia_core.database.isolation import APPLICATION_ROLE, POLICY
from engramia_core.database.schema import metadata
from engramia_core.stores.postgres_ask import Question

if TYPE_CHECKING:
    from sqlalchemy import Connection

_catalog = MetaData()
_pg_class = Table(
    "pg_class",
    _catalog,
    Column("oid", Integer),
    Column("relname", String),
    Column("relrowsecurity", Boolean),
)
_pg_index = Table(
    "pg_index",
    _catalog,
    Column("indexrelid", Integer),
    Column("indrelid", Integer),
    Column("indisvalid", Boolean),
)
_pg_policies = Table(
    "pg_policies", _catalog, Column("tablename", String), Column("policyname", String)
)
_pg_roles = Table(
    "pg_roles",
    _catalog,
    Column("rolname", String),
    Column("rolsuper", Boolean),
    Column("rolbypassrls", Boolean),
)


_ROWS_OF_INDEX = (
    "SELECT greatest(c.reltuples, 0)::bigint FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indexrelid = to_regclass(%(name)s) AND i.indisvalid"
)


def rows_of_index(name: str) -> Question:
    """How many rows a valid index of that name holds, as the server estimated last; no answer when there is none."""
    return Question(_ROWS_OF_INDEX, {"name": name})


def problems(connection: Connection) -> list[str]:
    """What is wrong with the database, a sentence each."""
    return [
        *(f"the index {name} is invalid" for name in _invalid_indexes(connection)),
        *(f"{name} is open to every scope: it has no policy" for name in _unprotected(connection)),
        *_powerful_role(connection),
    ]


def _invalid_indexes(connection: Connection) -> list[str]:
    statement = (
        select(_pg_class.c.relname)
        .join(_pg_index, _pg_index.c.indexrelid == _pg_class.c.oid)
        .where(
            _pg_index.c.indisvalid.is_(False),
            _pg_index.c.indrelid.in_([func.to_regclass(name) for name in metadata.tables]),
        )
    )
    return list(connection.execute(statement).scalars())


def _unprotected(connection: Connection) -> list[str]:
    """The tables of a scope's rows that row-level security does not guard."""
    of_scopes = [table.name for table in metadata.sorted_tables if _holds_scopes(table)]
    guarded = (
        select(_pg_class.c.relname)
        .join(_pg_policies, _pg_policies.c.tablename == _pg_class.c.relname)
        .where(
            _pg_class.c.oid.in_([func.to_regclass(name) for name in of_scopes]),
            _pg_class.c.relrowsecurity,
            _pg_policies.c.policyname == POLICY,
        )
    )
    found = set(connection.execute(guarded).scalars())
    return [name for name in of_scopes if name not in found]


def _holds_scopes(table: Table) -> bool:
    return "tenant_id" in table.primary_key.columns


def _powerful_role(connection: Connection) -> list[str]:
    statement = select(_pg_roles.c.rolsuper, _pg_roles.c.rolbypassrls).where(
        _pg_roles.c.rolname == APPLICATION_ROLE
    )
    role = connection.execute(statement).one_or_none()
    if role is not None and (role.rolsuper or role.rolbypassrls):
        return [f"the role {APPLICATION_ROLE} is above row-level security: it must not be"]
    return []
