"""The composition root: settings become a memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.embeddings import open_provider
from engramia_core.errors import EngramiaError, NotFound, Refused, Unavailable
from engramia_core.library import Memory, utc_now
from engramia_core.maintenance.checks import Subject
from engramia_core.memory.pattern import Source
from engramia_core.scope import Scope
from engramia_core.settings import Settings, load_settings
from engramia_core.stores import create_store, open_store, storage_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine

    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.store import PatternStore


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


def open_memory(
    settings: Settings,
    *,
    create: bool = False,
    source: Source = Source.SDK,
    provider_of: Callable[[Settings], EmbeddingProvider | None] = provider,
    clock: Callable[[], datetime] = utc_now,
) -> Memory:
    """The memory that the settings name; ``NotFound`` when there is none, unless it may be created."""
    embeddings, whose = provider_of(settings), scope(settings)
    store = _store(settings, create_store if create else open_store)
    return Memory(store, embeddings, scope=whose, source=source, clock=clock)


def migration_engine() -> Engine:
    """The engine of the database that the settings name, for Alembic's own command line."""
    from engramia_core.stores.sqlite_engine import DATABASE_FILE, sqlite_engine

    settings = load_settings({})
    place = directory(settings)
    found = storage_in(place)
    if found is None:
        raise NotFound(f"there is no memory in {str(place)!r}", hint="set ENGRAMIA_DATA_PATH")
    if found != "sqlite":
        raise Refused(f"the memory in {str(place)!r} is {found}, which has no migrations")
    return sqlite_engine(place / DATABASE_FILE)


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
    return Subject(place, whose, embeddings, store, unopened, without_provider)


def _store(settings: Settings, make: Callable[[Path, str], PatternStore]) -> PatternStore:
    place = directory(settings)
    try:
        return make(place, settings["storage"])
    except OSError as error:
        raise Unavailable(
            f"{str(place)!r} cannot be opened: {error.strerror}",
            hint="look at its name and rights, or run as the user that owns it",
        ) from error
