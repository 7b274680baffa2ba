"""Runs migrations on the connection it is given, or on the database that Engramia's settings name."""

from __future__ import annotations

from sqlalchemy import Connection

from alembic import context
from engramia_core.database.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
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
