"""Building a model's HNSW index while the memory is in use.

CONCURRENTLY stops no writer. A build that is cut off leaves an INVALID index behind that no search uses; it is dropped
and built again. One whose client died is finished by the server itself: that is waited for.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as waited
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql

from engramia_core.errors import Incomplete, Refused
from engramia_core.stores.postgres_index import STATES, TABLE, rows_of
from engramia_core.stores.postgres_search import indexed_type
from engramia_core.stores.server_lock import held_on_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from engramia_core.stores.postgres_index import ModelIndex

LOCK = "*/index"
"""Whoever builds or rebuilds an index holds it."""
CONNECTIONS = 16
"""HNSW's m: how many neighbours each vector is linked to."""
EF_CONSTRUCTION = 128
"""With 64 some patterns of dense clusters are linked to by no other, and no search finds them."""
MOST_MEMORY_MB = 2_000
"""What a build takes for itself at most, unless it is told otherwise."""
_LOOK_S = 0.5


class Progress(NamedTuple):
    """How far the server is with an index."""

    phase: str
    done: int
    total: int
    """Blocks of the table; zero in a phase that does not count them."""
    waits_for: str = ""
    """The processes that must end a transaction first."""


class Build(NamedTuple):
    """What a build may take."""

    memory_mb: int = MOST_MEMORY_MB
    workers: int = 2


_PROGRESS = """
    SELECT phase, blocks_done, blocks_total,
        array_to_string(ARRAY(SELECT 'process ' || p FROM unnest(pg_blocking_pids(pid)) p), ', ')
    FROM pg_stat_progress_create_index
    WHERE datname = current_database() AND relid = to_regclass(%s)
    UNION ALL
    SELECT relid::regclass || ': ' || phase, heap_blks_scanned, heap_blks_total, ''
    FROM pg_stat_progress_vacuum WHERE datname = current_database()
"""


def alone(engine: Engine, *, owner: str, now: datetime) -> AbstractContextManager[None]:
    """Hold the lock of those who build indexes; ``Busy`` names who does."""
    return held_on_server(engine, LOCK, "index", owner=owner, now=now)


def build(
    engine: Engine,
    index: ModelIndex,
    *,
    settings: Build = Build(),  # noqa: B008 -- it cannot be changed
    progress: Callable[[Progress], None] = lambda _: None,
) -> float:
    """Build a model's index as the tables' owner, and give the seconds it took; the caller is ``alone``.

    ``Refused`` for vectors too long for any index, ``Incomplete`` when the server ended it without an index. An
    exception in ``progress``, or Ctrl-C, cancels the build; what is left of it the next one removes.
    """
    kind = indexed_type(index.model)
    if kind is None:
        raise Refused(f"vectors of {index.dimensions:,} dimensions are too long for an index")
    started = time.monotonic()
    finish_others(engine, index.name, progress)
    statement = sql.SQL(
        "CREATE INDEX CONCURRENTLY {} ON {} USING hnsw ((vector::{}) {}) WITH (m = {}, ef_construction = {})"
        " WHERE model_id = {} AND vector_dims(vector) = {}"
    ).format(
        sql.Identifier(index.name),
        sql.Identifier(TABLE),
        sql.SQL(kind),
        sql.SQL(f"{kind.partition('(')[0]}_ip_ops"),
        sql.Literal(CONNECTIONS),
        sql.Literal(EF_CONSTRUCTION),
        sql.Literal(index.model_id),
        sql.Literal(index.dimensions),
    )
    if state_of(engine, index.name) is not True:
        drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(index.name))
        memory_mb = min(index.memory_mb, settings.memory_mb)
        run = partial(run_long, engine, [drop, statement], memory_mb=memory_mb, progress=progress)
        try:
            run(workers=settings.workers)
        except psycopg.errors.DiskFull:  # of shared memory, as in a container: workers share it
            run(workers=0)
    if state_of(engine, index.name) is not True:
        raise Incomplete(
            f"the index {index.name} is not valid", hint="try again: engramia db index"
        )
    return time.monotonic() - started


def finish_others(engine: Engine, name: str, progress: Callable[[Progress], None]) -> None:
    """Wait for a build of this index that goes on though its client is gone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while any(
            row.name == name and row.is_building for row in rows_of(connection, STATES, (TABLE,))
        ):
            progress(_progress(connection))
            time.sleep(_LOOK_S)


def state_of(engine: Engine, name: str) -> bool | None:
    """Whether an index is valid; ``None`` when there is none of that name."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        rows = rows_of(connection, STATES, (TABLE,))
    return next((row.is_valid for row in rows if row.name == name), None)


def run_long(
    engine: Engine,
    statements: Sequence[sql.Composable],
    *,
    memory_mb: int = 0,
    workers: int | None = None,
    progress: Callable[[Progress], None],
) -> None:
    """Run statements outside any transaction and without any timeout, and tell meanwhile how far the server is."""
    with (
        engine.connect() as working,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking,
        ThreadPoolExecutor(1) as thread,
    ):
        driver: Any = working.connection.driver_connection
        try:
            driver.rollback()
            driver.autocommit = True
            _prepare(driver, memory_mb, workers)
            future = thread.submit(lambda: [driver.execute(each) for each in statements])
            while not waited([future], timeout=_LOOK_S).done:
                progress(_progress(looking))
            future.result()
        except BaseException:
            driver.cancel_safe(timeout=10)
            raise
        finally:
            thread.shutdown()
            working.invalidate()  # its settings are for this alone


def _prepare(driver: psycopg.Connection, memory_mb: int, workers: int | None) -> None:
    asked = "SELECT pg_size_bytes(current_setting('maintenance_work_mem'))"
    given = driver.execute(asked).fetchone()
    settings = {"statement_timeout": "0", "lock_timeout": "0"}  # it would leave an INVALID index
    if memory_mb * 1_000_000 > (given[0] if given else 0):
        settings["maintenance_work_mem"] = f"{memory_mb}MB"
    if workers is not None:
        settings["max_parallel_maintenance_workers"] = str(workers)
    for name, value in settings.items():
        driver.execute("SELECT set_config(%s, %s, false)", (name, value))


def _progress(connection: Connection) -> Progress:
    rows = rows_of(connection, _PROGRESS, (TABLE,))
    return Progress(*rows[0]) if rows else Progress("waiting", 0, 0)


def rebuild(
    engine: Engine,
    index: ModelIndex,
    *,
    settings: Build = Build(),  # noqa: B008 -- it cannot be changed
    progress: Callable[[Progress], None] = lambda _: None,
) -> float:
    """Make a model's index anew beside the old one, and give the seconds it took; the caller is ``alone``."""
    started = time.monotonic()
    leftover = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(
        sql.Identifier(f"{index.name}_ccnew")
    )
    again = sql.SQL("REINDEX INDEX CONCURRENTLY {}").format(sql.Identifier(index.name))
    memory_mb = min(index.memory_mb, settings.memory_mb)
    run_long(
        engine,
        [leftover, again],
        memory_mb=memory_mb,
        workers=settings.workers,
        progress=progress,
    )
    return time.monotonic() - started
