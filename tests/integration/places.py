"""Where a memory lies, as one string that a child process can be given: a directory, or the URL of a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.stores import Server, create_store, open_store

if TYPE_CHECKING:
    import pytest

    from engramia_core.memory.store import PatternStore


def open_at(place: str) -> PatternStore:
    """The memory at a place."""
    if place.startswith("postgresql://"):
        return open_store(Path(), server=Server(place))
    return open_store(Path(place))


def new_place(storage: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """A place with an empty memory of that storage."""
    if storage == "postgres":
        url: str = request.getfixturevalue("postgres").migrated()
        return url
    create_store(folder, storage).close()
    return str(folder)
