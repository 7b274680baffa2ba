"""Which schema a database has, and how it gets another: Alembic, driven from code.

``HEAD`` is written down so that opening a memory need not load Alembic; a test holds it to the scripts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    literal_column,
    select,
)

from engramia_core.database.operation_tables import applied_revisions
from engramia_core.errors import Incomplete, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alembic.config import Config
    from sqlalchemy import ColumnElement, Connection, Engine, Executable

HEAD = "0002"
NOTED_SINCE = "0002"
"""The revision that made the database's own list of its revisions."""
UNKNOWN = "install the version of Engramia that wrote it"

_NOW = {"sqlite": "CAST(strftime('%s', 'now') AS INTEGER) * 1000000"}
_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def current(connection: Connection) -> str | None:
    """The database's revision; ``None`` for a database that never had one."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def check(connection: Connection, place: str, *, migrate: str, head: str = HEAD) -> str:
    """The database's revision, which this version can work with.

    ``Refused`` when it is behind, or ahead by more than expansions. ``place`` names the database in the message,
    ``migrate`` is the command that brings it up.
    """
    found = current(connection)
    if found is None or found < head:
        raise Refused(
            f"the schema of {place!r} is {found or 'empty'}, this version needs {head}",
            hint=migrate,
        )
    if not fits(connection, found, head=head):
        raise ahead(place, found, head=head)
    return found


def ahead(place: str, found: str | None, *, head: str) -> Refused:
    """That a database is newer than this version."""
    return Refused(
        f"the schema of {place!r} is {found}, newer than {head} of this version", hint=UNKNOWN
    )


def fits(connection: Connection, found: str | None, *, head: str = HEAD) -> bool:
    """Whether code whose newest revision is ``head`` works with a database that has ``found``.

    It does when it is the same, or when all that the database has beyond it are expansions.
    """
    if found is None or found <= head:
        return found == head
    newer = {revision: phase for revision, phase in applied(connection).items() if revision > head}
    return found in newer and set(newer.values()) == {"expand"}


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


def noting(
    phases: Mapping[str, str], revision: str, *, is_upgrade: bool, dialect: str
) -> Iterator[Executable]:
    """What ``note_applied`` does after ``revision`` went up or down, for a script that somebody runs by hand."""
    if NOTED_SINCE not in phases:
        return
    table = applied_revisions
    now: ColumnElement[datetime] = literal_column(_NOW.get(dialect, "CURRENT_TIMESTAMP"))
    if not is_upgrade:
        yield delete(table).where(table.c.revision == revision)
        return
    for name in phases if revision == NOTED_SINCE else (revision,):
        yield insert(table).values(revision=name, phase=phases[name], applied_at=now)


def check_references(connection: Connection) -> None:
    """``Incomplete`` when a row of an SQLite database names one that is not there; the transaction then rolls back."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        table, _, parent, _ = broken[0]
        raise Incomplete(
            f"a row of {table} names one of {parent} that is not there; the revision was not applied",
            hint="engramia doctor",
        )


def upgrade(engine: Engine, to: str = "head", *, scripts: Path | None = None) -> None:
    """Bring the database to revision ``to``; ``Refused`` when it has one that this version does not know."""
    from alembic.util import CommandError

    from alembic import command

    with engine.connect() as connection:
        try:
            command.upgrade(config(connection, scripts=scripts), to)
        except CommandError as error:
            raise Refused(
                f"the schema {current(connection)} of {str(engine.url.database)!r} is not known"
                f" to this version, which has {HEAD}",
                hint=UNKNOWN,
            ) from error


def downgrade(engine: Engine, to: str, *, scripts: Path | None = None) -> None:
    """Take the database back to revision ``to`` (``base``: to nothing)."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(config(connection, scripts=scripts), to)


def scripts_directory() -> Path:
    """Where the migrations lie: beside this file in a wheel, at the root of a checkout."""
    installed = Path(__file__).parent / "alembic"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"


def alembic_ini() -> Path:
    """The file for Alembic's own command line: ``alembic -c FILE upgrade head``."""
    return scripts_directory().with_name("alembic.ini")


def config(connection: Connection | None = None, *, scripts: Path | None = None) -> Config:
    """What Alembic's commands are called with, on a connection and for a directory of scripts."""
    from alembic.config import Config

    made = Config()
    place = str(scripts or scripts_directory())
    made.set_main_option("script_location", place.replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
