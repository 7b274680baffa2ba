"""Where a PostgreSQL database differs from what it should be, in what Alembic does not compare.

Row-level security, rights, how a vector is stored, by which rule names are compared, and whether indexes are valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.database.isolation import APPLICATION_ROLE, allow, keep_apart
from engramia_core.database.operation_tables import audit
from engramia_core.database.schema import metadata
from engramia_core.migration.indexes import invalid_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

_SCOPE = ("tenant_id", "project_id")
_ALL_RIGHTS = "DELETE, INSERT, SELECT, UPDATE"
_SAMPLE = "engramia_drift_sample"

_RIGHTS = """
SELECT name, coalesce((SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type)
    FROM aclexplode(class.relacl) AS acl JOIN pg_roles AS role ON role.oid = acl.grantee
    WHERE role.rolname = %(role)s), 'none')
FROM unnest(%(tables)s::text[]) AS name JOIN pg_class AS class ON class.oid = to_regclass(name)
"""
_POLICIES = """
SELECT name, class.relrowsecurity, policy.polname, pg_get_expr(policy.polqual, class.oid),
    pg_get_expr(policy.polwithcheck, class.oid), policy.polcmd = '*' AND policy.polpermissive,
    (SELECT string_agg(rolname, ', ') FROM pg_roles WHERE oid = ANY (policy.polroles))
FROM unnest(%(tables)s::text[]) AS name JOIN pg_class AS class ON class.oid = to_regclass(name)
LEFT JOIN pg_policy AS policy ON policy.polrelid = class.oid
"""
_COLUMNS = """
SELECT name, attribute.attname, attribute.attstorage::text, coalesce(collation_.collname, '')
FROM unnest(%(tables)s::text[]) AS name JOIN pg_attribute AS attribute ON attribute.attrelid = to_regclass(name)
LEFT JOIN pg_collation AS collation_ ON collation_.oid = attribute.attcollation
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
"""


def protection_drift(connection: Connection) -> list[str]:
    """What differs, a sentence each. What is made to compare with is rolled back."""
    return [
        *_rights(connection),
        *_policies(connection),
        *_columns(connection),
        *(f"the index {name} is invalid" for name in invalid_indexes(connection)),
    ]


def _rights(connection: Connection) -> Iterator[str]:
    expected = dict.fromkeys(metadata.tables, _ALL_RIGHTS)
    expected |= {audit.name: "INSERT, SELECT", "alembic_version": "SELECT"}
    asked = {"tables": list(expected), "role": APPLICATION_ROLE}
    for name, rights in connection.exec_driver_sql(_RIGHTS, asked):
        if rights != expected[name]:
            yield f"{name}: {APPLICATION_ROLE} may {rights}, should {expected[name]}"


def _policies(connection: Connection) -> Iterator[str]:
    """Which tables of scopes are not kept apart by exactly the one policy that there should be."""
    columns = {name: _columns_of_scope(table) for name, table in metadata.tables.items()}
    wanted = {scope: _policy_as_the_server_says(connection, scope) for scope in {*columns.values()}}
    found = connection.exec_driver_sql(_POLICIES, {"tables": list(metadata.tables)}).all()
    policies = {name: [tuple(row[2:]) for row in found if row[0] == name] for name in columns}
    for row in {(row[0], row[1]): row for row in found}.values():
        name, is_on, *_ = row
        scope = columns[name]
        if is_on != bool(scope):
            yield f"{name}: row-level security is {'on' if is_on else 'off'}"
        should_be: list[tuple[object, ...]] = [wanted[scope] or (None,) * 5]
        if policies[name] != should_be:
            yield f"{name}: its policies are {_named(policies[name])}, should be {_named(should_be)}"


def _columns_of_scope(table: Table) -> tuple[str, ...]:
    """The columns of a scope that the table's key leads with; none for a table that is the installation's."""
    return tuple(name for name in _SCOPE if name in table.primary_key.columns)


def _policy_as_the_server_says(
    connection: Connection, scope: tuple[str, ...]
) -> tuple[object, ...]:
    """What the policy of a migration looks like in this server's words, by making it on a table of no use."""
    if not scope:
        return ()
    with connection.begin_nested() as made:
        columns = ", ".join(f'{name} varchar(64) COLLATE "C"' for name in scope)
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {_SAMPLE} ({columns})")
        for statement in (*allow([_SAMPLE]), *keep_apart([_SAMPLE], columns=scope)):
            connection.exec_driver_sql(statement)
        row = connection.exec_driver_sql(_POLICIES, {"tables": [_SAMPLE]}).one()
        made.rollback()
    return tuple(row[2:])


def _named(policies: list[tuple[object, ...]]) -> str:
    known = [
        f"{name} USING {rule}"
        for name, rule, *_ in (p if p[0] else (None, None) for p in policies)
        if name
    ]
    return "; ".join(known) or "none"


def _columns(connection: Connection) -> Iterator[str]:
    rows = connection.exec_driver_sql(_COLUMNS, {"tables": list(metadata.tables)})
    for name, column, storage, collation in rows:
        table = metadata.tables[name]
        if column not in table.columns:
            continue
        kind = table.columns[column].type.dialect_impl(connection.dialect)
        should_be = getattr(kind, "collation", None) or ("default" if collation else "")
        if collation != should_be:
            yield f"{name}.{column}: is compared by {collation}, should be by {should_be}"
        if column == "vector" and storage != "m":
            yield f"{name}.{column}: its storage is {storage!r}, should be 'm' (MAIN)"
