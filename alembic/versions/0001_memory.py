"""The memory: patterns, vectors, observations, signatures, changes, issues, aging runs."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from engramia_core.database.columns import UtcTime, VectorColumn, name_type
from engramia_core.database.isolation import allow, keep_apart, make_role

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PHASE = "expand"


def _scope() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("tenant_id", name_type(), nullable=False),
        sa.Column("project_id", name_type(), nullable=False),
    )


def _primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("tenant_id", "project_id", *columns, name=f"pk_{table}")


def _of_pattern(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "project_id", "key"],
        ["engramia_data.tenant_id", "engramia_data.project_id", "engramia_data.key"],
        ondelete="CASCADE",
        name=f"fk_{table}_engramia_data",
    )


TABLES = (
    "engramia_data",
    "memory_skills",
    "memory_embeddings",
    "memory_models",
    "memory_observations",
    "memory_signatures",
    "memory_changes",
    "memory_issues",
    "memory_aging_runs",
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _create_tables()
    if op.get_context().dialect.name == "postgresql":
        # A vector of up to 2,000 dimensions stays in its row: an exact search reads many of them.
        op.execute("ALTER TABLE memory_embeddings ALTER COLUMN vector SET STORAGE MAIN")
        for statement in (*make_role(), *allow(TABLES), *keep_apart(TABLES)):
            op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "engramia_data",
        *_scope(),
        sa.Column("key", name_type(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("output", sa.Text()),
        sa.Column("success_score", sa.Double()),
        sa.Column("run_id", sa.Text()),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("skills", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("quality", sa.Double()),
        sa.Column("survival", sa.Double(), nullable=False),
        sa.Column("survival_set_at", UtcTime(), nullable=False),
        sa.Column("prune_after", UtcTime(), nullable=False),
        sa.Column("reuse_count", sa.Integer(), nullable=False),
        sa.Column("trashed_at", UtcTime()),
        sa.Column("trash_reason", sa.String(16)),
        sa.Column("trash_run", name_type()),
        _primary("engramia_data", "key"),
    )
    live, gone = sa.column("trashed_at").is_(None), sa.column("trashed_at").is_not(None)
    for column, rows in (("prune_after", live), ("trashed_at", gone)):
        op.create_index(
            f"ix_engramia_data_{column}",
            "engramia_data",
            ["tenant_id", "project_id", column],
            sqlite_where=rows,
            postgresql_where=rows,
        )
    op.create_table(
        "memory_skills",
        *_scope(),
        sa.Column("skill", name_type(), nullable=False),
        sa.Column("key", name_type(), nullable=False),
        _primary("memory_skills", "skill", "key"),
        _of_pattern("memory_skills"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memory_skills_key", "memory_skills", ["tenant_id", "project_id", "key"])
    op.create_table(
        "memory_embeddings",
        *_scope(),
        sa.Column("key", name_type(), nullable=False),
        sa.Column("model_id", name_type(200), nullable=False),
        sa.Column("text_hash", sa.BigInteger(), nullable=False),
        sa.Column("vector", VectorColumn(), nullable=False),
        _primary("memory_embeddings", "key", "model_id"),
        _of_pattern("memory_embeddings"),
    )
    op.create_index(
        "ix_memory_embeddings_text",
        "memory_embeddings",
        ["tenant_id", "project_id", "model_id", "text_hash"],
    )
    op.create_table(
        "memory_models",
        *_scope(),
        sa.Column("model_id", name_type(200), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(name="is_active"), nullable=False),
        _primary("memory_models", "model_id"),
    )
    op.create_table(
        "memory_observations",
        *_scope(),
        sa.Column("key", name_type(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("feedback", sa.Text()),
        _primary("memory_observations", "key", "number"),
        _of_pattern("memory_observations"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memory_signatures",
        *_scope(),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("signature", sa.BigInteger(), nullable=False),
        sa.Column("name", name_type(), nullable=False),
        _primary("memory_signatures", "kind", "signature", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memory_changes",
        *_scope(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("key", name_type(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        _primary("memory_changes", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memory_changes_key", "memory_changes", ["tenant_id", "project_id", "key"])
    op.create_table(
        "memory_issues",
        *_scope(),
        sa.Column("cluster_id", name_type(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("weight_set_at", UtcTime(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        _primary("memory_issues", "cluster_id"),
    )
    op.create_table(
        "memory_aging_runs",
        *_scope(),
        sa.Column("run", name_type(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("pruned", sa.Integer(), nullable=False),
        sa.Column("purged", sa.Integer(), nullable=False),
        _primary("memory_aging_runs", "run"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
