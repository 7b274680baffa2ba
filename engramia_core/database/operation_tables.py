"""The tables that operators' commands keep beside the memory: keys, the audit trail, who is running, locks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from engramia_core.database.columns import (
    UtcTime,
    metadata,
    name_type,
    project_column,
    tenant_column,
)

keys = Table(
    "engramia_keys",
    metadata,
    Column("key_id", name_type(), nullable=False),
    Column("tenant_id", name_type()),
    Column("project_id", name_type()),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("max_patterns", Integer),
    PrimaryKeyConstraint("key_id"),
)
"""Access keys. Without a project a key is for every project of its tenant, without a tenant for every tenant."""

key_secrets = Table(
    "engramia_key_secrets",
    metadata,
    Column("digest", name_type(), nullable=False),
    Column("key_id", name_type(), nullable=False),
    Column("ending", String(8), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("valid_until", UtcTime),
    Column("quiet_s", Integer),
    Column("last_used_at", UtcTime),
    PrimaryKeyConstraint("digest"),
    ForeignKeyConstraint(["key_id"], ["engramia_keys.key_id"], ondelete="CASCADE"),
    Index("ix_engramia_key_secrets_key_id", "key_id"),
)
"""The secrets of a key, the newest and those before it: SHA-256 in hex, never the secret.

``valid_until`` ends a secret at a moment, which with ``quiet_s`` each use moves on; 0 there ends it whatever a clock says.
"""

audit = Table(
    "engramia_audit",
    metadata,
    tenant_column(),
    project_column(),
    Column("number", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("via", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id", "number"),
)
"""Who did what: a hash chain for each scope, and one with empty names for what concerns the installation."""

audit_heads = Table(
    "engramia_audit_heads",
    metadata,
    tenant_column(),
    project_column(),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    PrimaryKeyConstraint("tenant_id", "project_id"),
)
"""The last record of each chain."""

instances = Table(
    "engramia_instances",
    metadata,
    Column("instance_id", name_type(), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(64), nullable=False),
    Column("schema_revision", String(32), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("instance_id"),
)
"""The processes that serve, each with its last heartbeat."""

applied_revisions = Table(
    "engramia_revisions",
    metadata,
    Column("revision", String(32), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("applied_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("revision"),
)
"""The revisions this database has, with their phase, so that older code can tell whether it still fits."""

locks = Table(
    "engramia_locks",
    metadata,
    Column("name", name_type(200), nullable=False),
    Column("owner", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)
"""Who holds which operator's lock on a server; whether it is still held, the server's advisory lock decides."""
