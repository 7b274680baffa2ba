"""How a PostgreSQL server is reached, what it must have, and what its errors mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from pgvector.psycopg.vector import register_vector_info
from psycopg.types import TypeInfo
from sqlalchemy import Column, MetaData, String, Table, create_engine, event, make_url, select
from sqlalchemy import exc as sql_errors

from engramia_core.database.isolation import APPLICATION_ROLE, PROJECT_SETTING, TENANT_SETTING
from engramia_core.errors import InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

    from engramia_core.scope import Scope

CONNECT_TIMEOUT_S = 10
_PATIENTLY = {"connect_timeout": CONNECT_TIMEOUT_S}
_QUICKLY = {"connect_timeout": 2, "tcp_user_timeout": 5_000}  # seconds, milliseconds
STATEMENT_TIMEOUT_S = 60
LOCK_TIMEOUT_S = 30
_OLDEST_SERVER = 15
_OLDEST_PGVECTOR = (0, 8)

SET_SCOPE = (
    f"SELECT set_config('{TENANT_SETTING}', %s, true), set_config('{PROJECT_SETTING}', %s, true)"
)
_SET_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"
_available_extensions = Table(
    "pg_available_extensions",
    MetaData(),
    Column("name", String),
    Column("installed_version", String),
)


def parsed_url(url: str, name: str = "database") -> URL:
    """The URL of a database; ``InvalidInput`` for one that is not of PostgreSQL. The message holds no password."""
    try:
        parsed = make_url(url)
    except sql_errors.ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise InvalidInput(
            f"the {name} URL is not one of PostgreSQL",
            hint="write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        )
    return parsed.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    """A URL as it may be printed: host and database, no user, no password, no option."""
    host = url.host or str(url.query.get("host", "localhost"))
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database or ''}"


def postgres_engine(
    url: URL,
    *,
    as_owner: bool = False,
    pool_size: int = 5,
    is_replica: bool = False,
    is_tested: bool = True,
) -> Engine:
    """An engine for the database at ``url``.

    Its sessions act under the application's role, to which row-level security applies, unless ``as_owner``: then they
    are the login's own, for migrations and for what concerns every scope. They speak UTC, know the type ``vector``,
    are tested before use, so that a server that was restarted is found again (unless who uses them sees to that
    itself), and give up a statement after a minute. Those of a replica only read, and soon give up a replica that does
    not answer: the primary can.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        pool_timeout=LOCK_TIMEOUT_S,
        pool_pre_ping=is_tested,
        connect_args={"application_name": "engramia"} | (_QUICKLY if is_replica else _PATIENTLY),
    )
    vector: list[TypeInfo] = []

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection, _record: object) -> None:
        connection.autocommit = True
        connection.execute("SET timezone = 'UTC'")
        if as_owner:
            connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        else:
            connection.execute(f"SET ROLE {APPLICATION_ROLE}")
            connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
        if is_replica:
            connection.execute("SET default_transaction_read_only = on")
        if not vector:
            found = TypeInfo.fetch(connection, "vector")
            vector.extend([found] if found else [])
        if vector:
            register_vector_info(connection, vector[0])
        connection.autocommit = False

    return engine


def set_scope(connection: Connection, scope: Scope, *, lock_timeout_s: int | None = None) -> None:
    """Say for this transaction whose rows are meant; without it row-level security shows none."""
    set_names(connection, scope.tenant_id, scope.project_id, lock_timeout_s=lock_timeout_s)


def set_names(
    connection: Connection, tenant_id: str, project_id: str, *, lock_timeout_s: int | None = None
) -> None:
    """``set_scope`` by the names themselves, and if wanted how long to wait for locks; sent together with BEGIN."""
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.pipeline():
        driver.execute(SET_SCOPE, (tenant_id, project_id))
        if lock_timeout_s is not None:
            driver.execute(_SET_LOCK_TIMEOUT, (f"{lock_timeout_s}s",))


def refuse_to_filter(connection: Connection) -> None:
    """Make a statement of this transaction fail if row-level security would keep rows from it."""
    cursor = connection.connection.cursor()
    cursor.execute("SET LOCAL row_security = off")
    cursor.close()


@contextmanager
def as_owner(url: URL) -> Iterator[Connection]:
    """A transaction that sees every scope's rows; the server refuses a login that does not own the tables."""
    engine = postgres_engine(url, as_owner=True, pool_size=1)
    try:
        with engine.begin() as connection:
            refuse_to_filter(connection)
            yield connection
    finally:
        engine.dispose()


def expect_all(connection: Connection) -> None:
    """Plan this transaction for reading whole tables in order, though the server may not know yet how large they are."""
    cursor = connection.connection.cursor()
    cursor.execute(
        "SELECT set_config('enable_nestloop', 'off', true), set_config('cursor_tuple_fraction', '1', true)"
    )
    cursor.close()


def check_server(connection: Connection, place: str) -> None:
    """``Refused`` when the server is too old, or has no pgvector that is new enough."""
    version = connection.connection.driver_connection.info.server_version // 10_000  # type: ignore[union-attr]
    if version < _OLDEST_SERVER:
        raise Refused(
            f"{place} is PostgreSQL {version}; {_OLDEST_SERVER} or newer is needed",
            hint="upgrade the server",
        )
    row = connection.execute(
        select(_available_extensions.c.installed_version).where(
            _available_extensions.c.name == "vector"
        )
    ).one_or_none()
    if row is None:
        raise Refused(
            f"{place} has no pgvector",
            hint=f"install it beside the server (Debian: postgresql-{version}-pgvector), then try again",
        )
    installed = row.installed_version
    if installed and tuple(map(int, installed.split(".")[:2])) < _OLDEST_PGVECTOR:
        raise Refused(
            f"{place} has pgvector {installed}; 0.8 or newer is needed",
            hint="update its package, then run in the database: ALTER EXTENSION vector UPDATE",
        )


@contextmanager
def translated(place: str) -> Iterator[None]:
    """The server's errors, as ours. What is a bug of ours stays what it is."""
    try:
        yield
    except (sql_errors.DBAPIError, psycopg.Error) as error:
        original = error.orig if isinstance(error, sql_errors.DBAPIError) else error
        if isinstance(original, psycopg.Error):
            known = _explained(original, place)
            if known is not None:
                raise known from error
        raise
    except sql_errors.TimeoutError as error:
        raise Unavailable(
            f"{place}: every connection was in use for {LOCK_TIMEOUT_S} seconds",
            hint="raise ENGRAMIA_DATABASE_POOL_SIZE, or look for slow queries: engramia db inspect",
        ) from error


_MEANINGS: tuple[tuple[type[psycopg.Error], type[Unavailable | Refused], str, str], ...] = (
    (
        psycopg.errors.LockNotAvailable,
        Unavailable,
        f"{{place}}: another writer held what was needed for {LOCK_TIMEOUT_S} seconds",
        "try again, or see who holds it: engramia db inspect",
    ),
    (
        psycopg.errors.QueryCanceled,
        Unavailable,
        "{place}: {said}",
        "see what is slow: engramia db inspect",
    ),
    (
        psycopg.errors.InsufficientPrivilege,
        Refused,
        "{place}: {said}",
        f"the login must be a member of {APPLICATION_ROLE}; migrations need the tables' owner",
    ),
    (psycopg.errors.ReadOnlySqlTransaction, Refused, "{place}: {said}", "is it a standby?"),
    (
        psycopg.OperationalError,
        Unavailable,
        "{place}: {said}",
        "is the server running, and is ENGRAMIA_DATABASE_URL right?",
    ),
    (psycopg.InterfaceError, Unavailable, "{place}: {said}", "is the server running?"),
)


def _explained(error: psycopg.Error, place: str) -> Unavailable | Refused | None:
    """What an error of the driver means; ``None`` for one that should not happen."""
    said = " ".join(str(error).split())
    if APPLICATION_ROLE in said and "does not exist" in said:
        return Refused(
            f"{place} has no role {APPLICATION_ROLE}: nothing was ever migrated there",
            hint="engramia migrate up",
        )
    for kind, meaning, message, hint in _MEANINGS:
        if isinstance(error, kind):
            return meaning(message.format(place=place, said=said), hint=hint)
    return None
