"""Which schema a database has, and how it gets another: Alembic, driven from code.

``HEAD`` is written down so that opening a memory need not load Alembic; a test holds it to the scripts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, delete, insert, inspect, select

from engramia_core.database.operation_tables import applied_revisions
from engramia_core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD = "0002"

_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def current(connection: Connection) -> str | None:
    """The database's revision; ``None`` for a database that never had one."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def check(connection: Connection, place: str, *, migrate: str) -> str:
    """The database's revision, which this version can work with.

    ``Refused`` when it is behind, or ahead by more than expansions. ``place`` names the database in the message,
    ``migrate`` is the command that brings it up.
    """
    found = current(connection)
    if found == HEAD:
        return found
    if found is None or found < HEAD:
        raise Refused(
            f"the schema of {place!r} is {found or 'empty'}, this version needs {HEAD}",
            hint=migrate,
        )
    newer = {revision: phase for revision, phase in applied(connection).items() if revision > HEAD}
    if found in newer and set(newer.values()) == {"expand"}:
        return found
    raise Refused(
        f"the schema of {place!r} is {found}, newer than {HEAD} of this version",
        hint="install the version of Engramia that wrote it",
    )


def applied(connection: Connection) -> dict[str, str]:
    """The revisions that the database has, each with its phase; none before the second one."""
    if not inspect(connection).has_table(applied_revisions.name):
        return {}
    rows = connection.execute(select(applied_revisions.c.revision, applied_revisions.c.phase))
    return {row.revision: row.phase for row in rows}


def note_applied(connection: Connection, phases: Mapping[str, str]) -> None:
    """Make the database's own list say that it has these revisions."""
    if not inspect(connection).has_table(applied_revisions.name):
        return
    known = applied(connection)
    now = datetime.now(UTC)
    for revision in known.keys() - phases.keys():
        connection.execute(
            delete(applied_revisions).where(applied_revisions.c.revision == revision)
        )
    for revision in phases.keys() - known.keys():
        connection.execute(
            insert(applied_revisions).values(
                revision=revision, phase=phases[revision], applied_at=now
            )
        )


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the database to revision ``to``; ``Refused`` when it has one that this version does not know."""
    from alembic.util import CommandError

    from alembic import command

    with engine.connect() as connection:
        try:
            command.upgrade(_config(connection), to)
        except CommandError as error:
            raise Refused(
                f"the schema {current(connection)} of {str(engine.url.database)!r} is not known"
                f" to this version, which has {HEAD}",
                hint="install the version of Engramia that wrote it",
            ) from error


def downgrade(engine: Engine, to: str) -> None:
    """Take the database back to revision ``to`` (``base``: to nothing)."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(_config(connection), to)


def scripts_directory() -> Path:
    """Where the migrations lie: beside this file in a wheel, at the root of a checkout."""
    installed = Path(__file__).parent / "alembic"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts_directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
