"""Where patterns are kept: a scheme, and the store that serves it."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.store import PatternStore

SCHEMES = ("sqlite", "json")
_MARKERS = {"sqlite": "engramia.db", "json": "engramia.json"}


def storage_in(directory: Path) -> str | None:
    """Which storage lives in a directory; ``None`` for none."""
    return next((scheme for scheme in SCHEMES if (directory / _MARKERS[scheme]).is_file()), None)


def no_memory(directory: Path) -> NotFound:
    """That nothing was found where a memory was expected; a mistyped path is the likeliest reason."""
    return NotFound(
        f"there is no memory in {str(directory)!r}",
        hint=f"check the path, or make one there: engramia init --path {quote(str(directory))}",
    )


def open_store(directory: Path, storage: str = "auto") -> PatternStore:
    """The memory in a directory; ``NotFound`` when there is none of that storage."""
    found = storage_in(directory)
    if found is None:
        raise no_memory(directory)
    _check_scheme(storage)
    if storage not in {"auto", found}:
        raise NotFound(
            f"the memory in {str(directory)!r} is {found}, not {storage}",
            hint=f"leave --storage out, or make another: engramia init --path OTHER --storage {storage}",
        )
    if found == "json":
        from engramia_core.stores.json_directory import JSONDirectoryStore

        return JSONDirectoryStore(directory)
    from engramia_core.stores.sqlite import SQLiteStore

    return SQLiteStore(directory)


def create_store(directory: Path, storage: str = "auto") -> PatternStore:
    """A new memory in a directory, or the one that is there, brought to this version's schema."""
    _check_scheme(storage)
    found = storage_in(directory)
    if found is not None and storage not in {"auto", found}:
        raise Refused(f"there is a memory of storage {found} in {str(directory)!r} already")
    if "json" in {found, storage}:
        from engramia_core.stores.json_directory import JSONDirectoryStore

        return JSONDirectoryStore(directory) if found else JSONDirectoryStore.create(directory)
    from engramia_core.stores.sqlite import SQLiteStore

    return SQLiteStore.create(directory)


def _check_scheme(storage: str) -> None:
    if storage not in {"auto", *SCHEMES}:
        raise InvalidInput(
            f"storage {storage!r} is not known", hint=f"choose one of: auto, {', '.join(SCHEMES)}"
        )
