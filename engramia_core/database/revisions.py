"""Which schema a database has, and how it gets another: Alembic, driven from code.

``HEAD`` is written down so that opening a memory need not load Alembic; a test holds it to the scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from engramia_core.errors import Refused

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD = "0001"

_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def current(connection: Connection) -> str | None:
    """The database's revision; ``None`` for a database that never had one."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


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
