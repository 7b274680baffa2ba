"""The composition root: settings become a memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.embeddings import open_provider, spec_of
from engramia_core.errors import EngramiaError, InvalidInput, Refused, Unavailable
from engramia_core.library import Memory, utc_now
from engramia_core.maintenance.checks import Subject
from engramia_core.memory.pattern import Source
from engramia_core.scope import Scope
from engramia_core.settings import Settings, load_settings
from engramia_core.stores import (
    ReplicaServer,
    Server,
    create_store,
    no_memory,
    open_store,
    storage_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine

    from engramia_core.audit import Actor
    from engramia_core.database.database import Database
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import EmbeddingModel
    from engramia_core.migration.target import MigrationTarget


def directory(settings: Settings) -> Path:
    """Where the memory lies."""
    return Path(settings["path"])


def scope(settings: Settings) -> Scope:
    """Whose memory is meant."""
    return Scope(settings["tenant"], settings["project"])


def provider(settings: Settings) -> EmbeddingProvider | None:
    """The embedding provider, not loaded yet."""
    return open_provider(
        settings["embeddings"],
        api_key=settings["openai_api_key"] or None,
        base_url=settings["openai_base_url"] or None,
    )


def opener(
    settings: Settings,
    provider_of: Callable[[Settings], EmbeddingProvider | None] = provider,
) -> Callable[[EmbeddingModel], EmbeddingProvider | None]:
    """Opens the provider of a model that a scope is searched by, whatever the settings choose.

    ``InvalidInput`` from it for a model that is not known, or whose key is missing.
    """

    def open_model(model: EmbeddingModel) -> EmbeddingProvider | None:
        spec = spec_of(model.model_id, model.dimensions)
        return provider_of(settings.but("embeddings", spec))

    return open_model


def open_memory(
    settings: Settings,
    *,
    create: bool = False,
    source: Source = Source.SDK,
    actor: Actor | None = None,
    provider_of: Callable[[Settings], EmbeddingProvider | None] = provider,
    clock: Callable[[], datetime] = utc_now,
) -> Memory:
    """The memory that the settings name; ``NotFound`` when there is none, unless it may be created."""
    embeddings, whose = provider_of(settings), scope(settings)
    store = _store(settings, create_store if create else open_store)
    return Memory(
        store,
        embeddings,
        scope=whose,
        source=source,
        actor=actor,
        clock=clock,
        open_model=opener(settings, provider_of),
    )


def server(settings: Settings) -> Server | None:
    """The database that is meant; ``None`` where a directory is: it is named, or no database is."""
    if settings["storage"] not in {"auto", "postgres"} or not settings["database_url"]:
        return None
    if settings["storage"] == "auto" and settings.value("path").origin == "flag":
        return None
    size = settings["database_pool_size"]
    if not (size.isdigit() and int(size)):
        raise InvalidInput(f"database_pool_size {size!r} is no number of connections")
    return Server(settings["database_url"], int(size), _replica(settings))


def _replica(settings: Settings) -> ReplicaServer | None:
    if not settings["database_replica_url"]:
        return None
    lag = settings["database_replica_max_lag_s"]
    try:
        max_lag_s = float(lag)
    except ValueError:
        max_lag_s = 0.0
    if not 1 <= max_lag_s < math.inf:
        raise InvalidInput(
            f"database_replica_max_lag_s {lag!r} is no number of seconds from 1 on",
            hint="leave it out for 5 seconds",
        )
    return ReplicaServer(settings["database_replica_url"], max_lag_s)


def open_database(settings: Settings) -> Database:
    """The database that the settings name, for what is not the memory itself.

    ``Refused`` for a memory of files, which has none.
    """
    from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase

    on_server = server(settings)
    if on_server is not None:
        return PostgresDatabase(on_server)
    return SQLiteDatabase(directory(settings))


def has_database(settings: Settings) -> bool:
    """Whether what the settings name is no memory of files."""
    return server(settings) is not None or storage_in(directory(settings)) != "json"


def migration_target(settings: Settings) -> MigrationTarget:
    """The database that the settings name, of whatever revision, to be migrated.

    ``NotFound`` when there is none; ``Refused`` for a memory of files, which has no migrations.
    """
    on_server = server(settings)
    if on_server is not None:
        from engramia_core.migration.postgres_target import PostgresTarget

        return PostgresTarget(on_server.url)
    from engramia_core.migration.sqlite_target import SQLiteTarget

    return SQLiteTarget(_sqlite_directory(settings))


def has_memory(settings: Settings) -> bool:
    """Whether there is a memory, of whatever schema, where the settings point."""
    on_server = server(settings)
    if on_server is None:
        return storage_in(directory(settings)) is not None
    from engramia_core.stores.postgres import has_schema

    return has_schema(on_server.url)


def migration_engine(settings: Settings | None = None) -> Engine:
    """The engine of the database that the settings name, as its owner; by default for Alembic's own command line."""
    settings = settings or load_settings({})
    on_server = server(settings)
    if on_server is not None:
        from engramia_core.stores.postgres_engine import parsed_url, postgres_engine

        return postgres_engine(parsed_url(on_server.url), as_owner=True)
    from engramia_core.stores.sqlite_engine import DATABASE_FILE, sqlite_engine

    return sqlite_engine(_sqlite_directory(settings) / DATABASE_FILE)


def _sqlite_directory(settings: Settings) -> Path:
    """The directory of a memory that has migrations."""
    place = directory(settings)
    found = storage_in(place)
    if found is None:
        raise no_memory(place)
    if found != "sqlite":
        raise Refused(f"the memory in {str(place)!r} is {found}, which has no migrations")
    return place


def subject(
    settings: Settings,
    *,
    provider_of: Callable[[Settings], EmbeddingProvider | None] = provider,
) -> Subject:
    """What the doctor examines: the memory and its model, or why they do not open."""
    embeddings: EmbeddingProvider | None = None
    store: PatternStore | None = None
    without_provider: EngramiaError | None = None
    unopened: EngramiaError | None = None
    place, whose = directory(settings), scope(settings)
    try:
        embeddings = provider_of(settings)
    except EngramiaError as error:
        without_provider = error
    try:
        store = _store(settings, open_store)
    except EngramiaError as error:
        unopened = error
    on_server = store is not None and store.storage == "postgres"
    return Subject(
        None if on_server else place,
        whose,
        embeddings,
        store,
        unopened,
        without_provider,
        opener(settings, provider_of),
        server(settings) if on_server else None,
    )


def _store(
    settings: Settings, make: Callable[[Path, str, Server | None], PatternStore]
) -> PatternStore:
    place = directory(settings)
    try:
        return make(place, settings["storage"], server(settings))
    except OSError as error:
        raise Unavailable(
            f"{str(place)!r} cannot be opened: {error.strerror}",
            hint="look at its name and rights, or run as the user that owns it",
        ) from error
