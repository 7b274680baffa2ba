"""What keeps scopes apart on PostgreSQL: row-level security, and a role that does not own the tables.

Migrations call these, so what they make stays as it is; what is to be made otherwise gets a function of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

APPLICATION_ROLE = "engramia_app"
"""The role under which the memory is read and written. Logins are members of it; the tables are not its own."""

TENANT_SETTING = "engramia.tenant_id"
PROJECT_SETTING = "engramia.project_id"
POLICY = "one_scope"

_MAKE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}') THEN
        CREATE ROLE {APPLICATION_ROLE} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$
"""
_JOIN_ROLE = f"""
DO $$
BEGIN
    IF NOT (CASE  -- since PostgreSQL 16 who made a role may manage it, but not yet become it
        WHEN current_setting('server_version_num')::int >= 160000
        THEN pg_has_role(current_user, '{APPLICATION_ROLE}', 'SET')
        ELSE pg_has_role(current_user, '{APPLICATION_ROLE}', 'MEMBER')
    END) THEN
        GRANT {APPLICATION_ROLE} TO CURRENT_USER;
    END IF;
END
$$
"""


def make_role() -> Iterator[str]:
    """The statements that make the application's role and let this login become it."""
    yield _MAKE_ROLE
    yield _JOIN_ROLE


def allow(tables: Iterable[str], rights: str = "SELECT, INSERT, UPDATE, DELETE") -> Iterator[str]:
    """The statements that let the application's role use ``tables``."""
    for table in tables:
        yield f"GRANT {rights} ON {table} TO {APPLICATION_ROLE}"


def keep_apart(tables: Iterable[str], *, columns: Iterable[str] | None = None) -> Iterator[str]:
    """The statements after which the application sees and writes in ``tables`` the rows of its scope only.

    The scope is what the transaction says it is; a transaction that says nothing sees nothing.
    """
    settings = {"tenant_id": TENANT_SETTING, "project_id": PROJECT_SETTING}
    same = " AND ".join(
        f"{column} = (SELECT current_setting('{settings[column]}', true))"
        for column in columns or settings
    )
    for table in tables:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"CREATE POLICY {POLICY} ON {table} TO {APPLICATION_ROLE} USING ({same})"
