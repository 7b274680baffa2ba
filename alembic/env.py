"""Runs migrations on the connection it is given, or on the database that Engramia's settings name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from alembic import context
from engramia_core.database import revisions
from engramia_core.database.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext, MigrationInfo


def _note(ctx: MigrationContext, step: MigrationInfo, heads: set[str], **_: Any) -> None:  # noqa: ANN401 -- Alembic's
    """Keep the database's own list of its revisions true, in the revision's own transaction."""
    phases = {
        script.revision: script.module.PHASE
        for script in context.script.iterate_revisions(tuple(heads), "base")
    }
    if ctx.as_sql:
        revision = str(step.up_revision_id)
        for statement in revisions.noting(
            phases, revision, is_upgrade=step.is_upgrade, dialect=ctx.dialect.name
        ):
            ctx.execute(statement)
    elif ctx.connection is not None:
        revisions.note_applied(ctx.connection, phases)
        if ctx.dialect.name == "sqlite":
            revisions.check_references(ctx.connection)


@contextmanager
def _without_cascades(connection: Connection) -> Iterator[None]:
    """On SQLite, where altering a table may mean to drop it, keep that from deleting what refers to it.

    The pragma works outside a transaction only, and asking SQLAlchemy would begin one.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        on_version_apply=_note,
    )
    with _without_cascades(connection), context.begin_transaction():
        context.run_migrations()


def _write_script(dialect: str) -> None:
    context.configure(
        dialect_name=dialect,
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        transaction_per_migration=True,
        on_version_apply=_note,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
dialect_name = context.config.attributes.get("dialect_name")
if context.is_offline_mode() and dialect_name:
    _write_script(dialect_name)
elif isinstance(given, Connection):
    _run(given)
else:
    from engramia_core.installation import migration_engine

    engine = migration_engine()
    try:
        if context.is_offline_mode():
            _write_script(engine.dialect.name)
        else:
            with engine.connect() as opened:
                _run(opened)
    finally:
        engine.dispose()
