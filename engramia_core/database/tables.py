"""Every table, written once. A test holds the migrations in ``alembic/`` to it.

Every key leads with tenant and project, so that one scope's rows lie together and a large installation can
be split by tenant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in UTC: ``timestamptz`` where there is one, else microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()
        )

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object] | None:
        return None if dialect.name == "postgresql" else _microseconds

    @override
    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[int | None], datetime | None] | None:
        return None if dialect.name == "postgresql" else _moment


def _microseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=256)  # a pattern's times are mostly one
def _moment(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _tenant() -> Column[str]:
    return Column("tenant_id", String(64), nullable=False)


def _project() -> Column[str]:
    return Column("project_id", String(64), nullable=False)


def _of_pattern() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "project_id", "key"],
        ["engramia_data.tenant_id", "engramia_data.project_id", "engramia_data.key"],
        ondelete="CASCADE",
    )


patterns = Table(
    "engramia_data",
    metadata,
    _tenant(),
    _project(),
    Column("key", String(64), nullable=False),
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
    Column("trash_run", String(64)),
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
    _tenant(),
    _project(),
    Column("skill", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "skill", "key"),
    _of_pattern(),
    Index("ix_memory_skills_key", "tenant_id", "project_id", "key"),
    sqlite_with_rowid=False,
)

embeddings = Table(
    "memory_embeddings",
    metadata,
    _tenant(),
    _project(),
    Column("key", String(64), nullable=False),
    Column("model_id", String(200), nullable=False),
    Column("text_hash", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "key", "model_id"),
    _of_pattern(),
    Index("ix_memory_embeddings_text", "tenant_id", "project_id", "model_id", "text_hash"),
)

models = Table(
    "memory_models",
    metadata,
    _tenant(),
    _project(),
    Column("model_id", String(200), nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("is_active", Boolean(name="is_active"), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "model_id"),
)

observations = Table(
    "memory_observations",
    metadata,
    _tenant(),
    _project(),
    Column("key", String(64), nullable=False),
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
    _tenant(),
    _project(),
    Column("kind", SmallInteger, nullable=False),
    Column("signature", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "kind", "signature", "name"),
    sqlite_with_rowid=False,
)

changes = Table(
    "memory_changes",
    metadata,
    _tenant(),
    _project(),
    Column("number", BigInteger, nullable=False),
    Column("key", String(64), nullable=False),
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
    _tenant(),
    _project(),
    Column("cluster_id", String(64), nullable=False),
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
    _tenant(),
    _project(),
    Column("run", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("pruned", Integer, nullable=False),
    Column("purged", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "run"),
)
