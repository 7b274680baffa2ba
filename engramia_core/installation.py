"""The composition root: settings become a memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.embeddings import open_provider
from engramia_core.errors import EngramiaError, NotFound, Refused
from engramia_core.library import Memory
from engramia_core.maintenance.checks import Subject
from engramia_core.memory.pattern import Source
from engramia_core.scope import Scope
from engramia_core.settings import Settings, load_settings
from engramia_core.stores import create_store, open_store, storage_in

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engramia_core.memory.embedding import EmbeddingProvider


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


def open_memory(settings: Settings, *, create: bool = False, source: Source = Source.SDK) -> Memory:
    """The memory that the settings name; ``NotFound`` when there is none, unless it may be created."""
    make = create_store if create else open_store
    embeddings = provider(settings)
    return Memory(
        make(directory(settings), settings["storage"]),
        embeddings,
        scope=scope(settings),
        source=source,
    )


def migration_engine() -> Engine:
    """The engine of the database that the settings name, for Alembic's own command line."""
    from engramia_core.stores.sqlite import DATABASE_FILE, sqlite_engine

    settings = load_settings({})
    place = directory(settings)
    found = storage_in(place)
    if found is None:
        raise NotFound(f"there is no memory in {str(place)!r}", hint="set ENGRAMIA_DATA_PATH")
    if found != "sqlite":
        raise Refused(f"the memory in {str(place)!r} is {found}, which has no migrations")
    return sqlite_engine(place / DATABASE_FILE)


def subject(settings: Settings) -> Subject:
    """What the doctor examines: the memory, or why it does not open."""
    place, whose, embeddings = directory(settings), scope(settings), provider(settings)
    try:
        store = open_store(place, settings["storage"])
    except EngramiaError as error:
        return Subject(place, whose, embeddings, None, error)
    return Subject(place, whose, embeddings, store)
