"""Runs migrations on the connection it is given, or on the database that Engramia's settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from alembic import context
from engramia_core.database import revisions
from engramia_core.database.schema import metadata

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def _note(ctx: MigrationContext, heads: set[str], **_: Any) -> None:  # noqa: ANN401 -- Alembic's
    """Keep the database's own list of its revisions true."""
    if ctx.connection is not None and not ctx.as_sql:
        phases = {
            script.revision: script.module.PHASE
            for script in context.script.iterate_revisions(tuple(heads), "base")
        }
        revisions.note_applied(ctx.connection, phases)


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        on_version_apply=_note,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    _run(given)
else:
    from engramia_core.installation import migration_engine

    engine = migration_engine()
    try:
        with engine.connect() as opened:
            _run(opened)
    finally:
        engine.dispose()
