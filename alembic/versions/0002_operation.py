"""The installation: tenants, projects, keys, the audit trail, who serves, locks, and which revisions it has."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from engramia_core.database.columns import UtcTime, name_type
from engramia_core.database.isolation import allow, keep_apart

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PHASE = "expand"

TABLES = (
    "memory_tenants",
    "memory_projects",
    "engramia_keys",
    "engramia_key_secrets",
    "engramia_audit",
    "engramia_audit_heads",
    "engramia_instances",
    "engramia_revisions",
    "engramia_locks",
)


def upgrade() -> None:
    _create_memory_tables()
    _create_key_tables()
    _create_audit_tables()
    _create_operation_tables()
    _count_what_is_there()
    _begin_the_installations_audit()
    if op.get_context().dialect.name == "postgresql":
        others = [table for table in TABLES if table != "engramia_audit"]
        for statement in (
            *allow(others),
            *allow(["engramia_audit"], "SELECT, INSERT"),
            *allow(["alembic_version"], "SELECT"),
            *keep_apart(["memory_tenants"], columns=["tenant_id"]),
            *keep_apart(["memory_projects", "engramia_audit", "engramia_audit_heads"]),
        ):
            op.execute(statement)


def _tenant(*, nullable: bool = False) -> sa.Column[str]:
    return sa.Column("tenant_id", name_type(), nullable=nullable)


def _project(*, nullable: bool = False) -> sa.Column[str]:
    return sa.Column("project_id", name_type(), nullable=nullable)


def _primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _create_memory_tables() -> None:
    op.create_table(
        "memory_tenants",
        _tenant(),
        sa.Column("created_at", UtcTime(), nullable=False),
        _primary("memory_tenants", "tenant_id"),
    )
    op.create_table(
        "memory_projects",
        _tenant(),
        _project(),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        _primary("memory_projects", "tenant_id", "project_id"),
    )


def _create_key_tables() -> None:
    op.create_table(
        "engramia_keys",
        sa.Column("key_id", name_type(), nullable=False),
        _tenant(nullable=True),
        _project(nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcTime()),
        sa.Column("revoked_at", UtcTime()),
        sa.Column("max_patterns", sa.Integer()),
        _primary("engramia_keys", "key_id"),
    )
    op.create_table(
        "engramia_key_secrets",
        sa.Column("digest", name_type(), nullable=False),
        sa.Column("key_id", name_type(), nullable=False),
        sa.Column("ending", sa.String(8), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("valid_until", UtcTime()),
        sa.Column("quiet_s", sa.Integer()),
        sa.Column("last_used_at", UtcTime()),
        _primary("engramia_key_secrets", "digest"),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["engramia_keys.key_id"],
            ondelete="CASCADE",
            name="fk_engramia_key_secrets_engramia_keys",
        ),
    )
    op.create_index("ix_engramia_key_secrets_key_id", "engramia_key_secrets", ["key_id"])


def _create_audit_tables() -> None:
    op.create_table(
        "engramia_audit",
        _tenant(),
        _project(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        _primary("engramia_audit", "tenant_id", "project_id", "number"),
    )
    op.create_table(
        "engramia_audit_heads",
        _tenant(),
        _project(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        _primary("engramia_audit_heads", "tenant_id", "project_id"),
    )


def _create_operation_tables() -> None:
    op.create_table(
        "engramia_instances",
        sa.Column("instance_id", name_type(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("schema_revision", sa.String(32), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        _primary("engramia_instances", "instance_id"),
    )
    op.create_table(
        "engramia_revisions",
        sa.Column("revision", sa.String(32), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("applied_at", UtcTime(), nullable=False),
        _primary("engramia_revisions", "revision"),
    )
    op.create_table(
        "engramia_locks",
        sa.Column("name", name_type(200), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _primary("engramia_locks", "name"),
    )


def _count_what_is_there() -> None:
    """A row for every scope that holds patterns, and for its tenant."""
    op.execute(
        "INSERT INTO memory_projects (tenant_id, project_id, created_at, live)"
        " SELECT tenant_id, project_id, MIN(created_at),"
        " SUM(CASE WHEN trashed_at IS NULL THEN 1 ELSE 0 END)"
        " FROM engramia_data GROUP BY tenant_id, project_id"
    )
    op.execute(
        "INSERT INTO memory_tenants (tenant_id, created_at)"
        " SELECT tenant_id, MIN(created_at) FROM memory_projects GROUP BY tenant_id"
    )


def _begin_the_installations_audit() -> None:
    heads = sa.table(
        "engramia_audit_heads",
        *(sa.column(name, sa.String()) for name in ("tenant_id", "project_id", "hash")),
        sa.column("number", sa.BigInteger()),
    )
    op.execute(heads.insert().values(tenant_id="*", project_id="*", hash="0" * 64, number=0))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
