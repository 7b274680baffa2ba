"""The tables of the memory, written once. A test holds the migrations in ``alembic/`` to them.

Every key leads with tenant and project, so that one scope's rows lie together and a large installation can
be split by tenant. What an operator's commands keep is in ``operation_tables.py``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from engramia_core.database.columns import (
    UtcTime,
    VectorColumn,
    metadata,
    name_type,
    project_column,
    tenant_column,
)


def _of_pattern() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "project_id", "key"],
        ["engramia_data.tenant_id", "engramia_data.project_id", "engramia_data.key"],
        ondelete="CASCADE",
    )


tenants = Table(
    "memory_tenants",
    metadata,
    tenant_column(),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id"),
)

projects = Table(
    "memory_projects",
    metadata,
    tenant_column(),
    project_column(),
    Column("created_at", UtcTime, nullable=False),
    Column("live", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id"),
)
"""A row for each scope that was ever written: the lock of its writers, and how many live patterns it has."""

patterns = Table(
    "engramia_data",
    metadata,
    tenant_column(),
    project_column(),
    Column("key", name_type(), nullable=False),
    Column("task", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("output", Text),
    Column("success_score", Double),
    Column("run_id", Text),
    Column("source", String(16), nullable=False),
    Column("classification", String(16), nullable=False),
    Column("skills", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("quality", Double),
    Column("survival", Double, nullable=False),
    Column("survival_set_at", UtcTime, nullable=False),
    Column("prune_after", UtcTime, nullable=False),
    Column("reuse_count", Integer, nullable=False),
    Column("trashed_at", UtcTime),
    Column("trash_reason", String(16)),
    Column("trash_run", name_type()),
    PrimaryKeyConstraint("tenant_id", "project_id", "key"),
)
Index(
    "ix_engramia_data_prune_after",
    patterns.c.tenant_id,
    patterns.c.project_id,
    patterns.c.prune_after,
    sqlite_where=patterns.c.trashed_at.is_(None),
    postgresql_where=patterns.c.trashed_at.is_(None),
)
Index(
    "ix_engramia_data_trashed_at",
    patterns.c.tenant_id,
    patterns.c.project_id,
    patterns.c.trashed_at,
    sqlite_where=patterns.c.trashed_at.is_not(None),
    postgresql_where=patterns.c.trashed_at.is_not(None),
)

skills = Table(
    "memory_skills",
    metadata,
    tenant_column(),
    project_column(),
    Column("skill", name_type(), nullable=False),
    Column("key", name_type(), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "skill", "key"),
    _of_pattern(),
    Index("ix_memory_skills_key", "tenant_id", "project_id", "key"),
    sqlite_with_rowid=False,
)

embeddings = Table(
    "memory_embeddings",
    metadata,
    tenant_column(),
    project_column(),
    Column("key", name_type(), nullable=False),
    Column("model_id", name_type(200), nullable=False),
    Column("text_hash", BigInteger, nullable=False),
    Column("vector", VectorColumn, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "key", "model_id"),
    _of_pattern(),
    Index("ix_memory_embeddings_text", "tenant_id", "project_id", "model_id", "text_hash"),
)

models = Table(
    "memory_models",
    metadata,
    tenant_column(),
    project_column(),
    Column("model_id", name_type(200), nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("is_active", Boolean(name="is_active"), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "model_id"),
)

observations = Table(
    "memory_observations",
    metadata,
    tenant_column(),
    project_column(),
    Column("key", name_type(), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("score", Double, nullable=False),
    Column("source", String(16), nullable=False),
    Column("run_id", Text),
    Column("feedback", Text),
    PrimaryKeyConstraint("tenant_id", "project_id", "key", "number"),
    _of_pattern(),
    sqlite_with_rowid=False,
)

signatures = Table(
    "memory_signatures",
    metadata,
    tenant_column(),
    project_column(),
    Column("kind", SmallInteger, nullable=False),
    Column("signature", BigInteger, nullable=False),
    Column("name", name_type(), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "kind", "signature", "name"),
    sqlite_with_rowid=False,
)

changes = Table(
    "memory_changes",
    metadata,
    tenant_column(),
    project_column(),
    Column("number", BigInteger, nullable=False),
    Column("key", name_type(), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("action", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "number"),
    Index("ix_memory_changes_key", "tenant_id", "project_id", "key"),
    sqlite_with_rowid=False,
)

issues = Table(
    "memory_issues",
    metadata,
    tenant_column(),
    project_column(),
    Column("cluster_id", name_type(), nullable=False),
    Column("text", Text, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    Column("weight_set_at", UtcTime, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "cluster_id"),
)

aging_runs = Table(
    "memory_aging_runs",
    metadata,
    tenant_column(),
    project_column(),
    Column("run", name_type(), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("pruned", Integer, nullable=False),
    Column("purged", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "run"),
)
