"""``db vacuum``: give back what deleted rows took, and refresh what the planner knows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.database.schema import metadata
from engramia_core.errors import NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from engramia_core.database.database import Database
    from engramia_core.stores.postgres_build import Progress


@dataclass(frozen=True, slots=True)
class VacuumStep:
    """A statement, and how long it took."""

    statement: str
    why: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """What was done or, with ``planned``, would be."""

    planned: bool
    steps: tuple[VacuumStep, ...]
    bytes_before: int
    bytes_after: int | None = None


def plan_vacuum(database: Database, *, table: str | None = None) -> VacuumReport:
    """What is to be done; ``NotFound`` for a table that is not the memory's."""
    is_server = database.owner_engine.dialect.name == "postgresql"
    if table is not None and table not in metadata.tables:
        raise NotFound(f"there is no table {table!r}", hint=f"tables: {', '.join(metadata.tables)}")
    if is_server:
        names = [table] if table else sorted(metadata.tables)
        why = "dead rows are reused, statistics are renewed; nobody waits"
        steps = tuple(VacuumStep(f"VACUUM (ANALYZE) {name}", why) for name in names)
    else:
        if table is not None:
            raise Refused("SQLite vacuums a file as a whole", hint="leave --table out")
        steps = (
            VacuumStep("PRAGMA wal_checkpoint(TRUNCATE)", "the log goes into the file"),
            VacuumStep("VACUUM", "the file is written anew, without free pages; writers wait"),
            VacuumStep("ANALYZE", "statistics are renewed"),
            VacuumStep("PRAGMA wal_checkpoint(TRUNCATE)", "so is the file itself"),
        )
    return VacuumReport(True, steps, _size(database))


def run_vacuum(
    database: Database,
    report: VacuumReport,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> VacuumReport:
    """Do what was planned; ``Refused`` to a login that does not own the tables, ``Unavailable`` when one is in use."""
    run = _on_server if database.owner_engine.dialect.name == "postgresql" else _in_file
    done = []
    for step in report.steps:
        start = time.monotonic()
        run(database, step.statement, progress)
        done.append(replace(step, seconds=round(time.monotonic() - start, 2)))
    return VacuumReport(False, tuple(done), report.bytes_before, _size(database))


def _on_server(database: Database, statement: str, progress: Callable[[Progress], None]) -> None:
    from psycopg import sql

    from engramia_core.maintenance.indexing import check_owner
    from engramia_core.stores.postgres_build import run_long
    from engramia_core.stores.postgres_engine import translated

    with database.everything() as connection:
        check_owner(connection, database.place)
    with translated(database.place):
        run_long(database.owner_engine, [sql.SQL(statement)], progress=progress)


def _in_file(database: Database, statement: str, progress: Callable[[Progress], None]) -> None:
    import sqlite3

    from engramia_core.stores.postgres_build import Progress

    progress(Progress(statement.lower(), 0, 0))
    connection = sqlite3.connect(database.place, timeout=30, isolation_level=None)
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        raise Unavailable(
            f"{database.place}: {error}", hint="is another process writing? try again"
        ) from error
    finally:
        connection.close()


def _size(database: Database) -> int:
    """The bytes that the memory takes."""
    if database.owner_engine.dialect.name != "postgresql":
        files = (Path(database.place), Path(f"{database.place}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    from engramia_core.stores.postgres_index import rows_of

    names = ", ".join(f"('{name}')" for name in metadata.tables)
    with database.everything() as connection:
        rows = rows_of(
            connection,
            f"SELECT sum(pg_total_relation_size(to_regclass(name)))::bigint FROM (VALUES {names}) t (name)",  # noqa: S608 -- our own names
        )
    return int(rows[0][0] or 0)
