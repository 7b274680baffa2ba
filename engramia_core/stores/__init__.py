"""Where patterns are kept: a scheme, and the store that serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING, TypeGuard

from engramia_core.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.store import PatternStore

SCHEMES = ("sqlite", "json", "postgres")
_MARKERS = {"sqlite": "engramia.db", "json": "engramia.json"}


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database: its URL, and how many connections a process keeps to it."""

    url: str = field(repr=False)
    pool_size: int = 5
    replica: ReplicaServer | None = None


@dataclass(frozen=True, slots=True)
class ReplicaServer:
    """A replica of it to recall from: its URL, and how far it may be behind."""

    url: str = field(repr=False)
    max_lag_s: float = 5.0


def storage_in(directory: Path) -> str | None:
    """Which storage lives in a directory; ``None`` for none."""
    found = (scheme for scheme, marker in _MARKERS.items() if (directory / marker).is_file())
    return next(found, None)


def no_memory(directory: Path) -> NotFound:
    """That nothing was found where a memory was expected; a mistyped path is the likeliest reason."""
    return NotFound(
        f"there is no memory in {str(directory)!r}",
        hint=f"check the path, or make one there: engramia init --path {quote(str(directory))}",
    )


def open_store(
    directory: Path, storage: str = "auto", server: Server | None = None
) -> PatternStore:
    """The memory on a server if one is given, else in a directory; ``NotFound`` when there is none of that storage."""
    _check_scheme(storage)
    if _is_meant(server, storage):
        from engramia_core.stores.postgres import PostgresStore

        return PostgresStore(server.url, pool_size=server.pool_size, replica=server.replica)
    found = storage_in(directory)
    if found is None:
        raise no_memory(directory)
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


def create_store(
    directory: Path, storage: str = "auto", server: Server | None = None
) -> PatternStore:
    """A new memory on a server or in a directory, or the one that is there, brought to this version's schema."""
    _check_scheme(storage)
    if _is_meant(server, storage):
        from engramia_core.stores.postgres import PostgresStore

        return PostgresStore.create(server.url, pool_size=server.pool_size, replica=server.replica)
    found = storage_in(directory)
    if found is not None and storage not in {"auto", found}:
        raise Refused(f"there is a memory of storage {found} in {str(directory)!r} already")
    if "json" in {found, storage}:
        from engramia_core.stores.json_directory import JSONDirectoryStore

        return JSONDirectoryStore(directory) if found else JSONDirectoryStore.create(directory)
    from engramia_core.stores.sqlite import SQLiteStore

    return SQLiteStore.create(directory)


def _is_meant(server: Server | None, storage: str) -> TypeGuard[Server]:
    """Whether the memory is on the server that is given."""
    if storage == "postgres" and server is None:
        raise InvalidInput(
            "storage postgres needs the URL of a database",
            hint="set ENGRAMIA_DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        )
    return server is not None and storage in {"auto", "postgres"}


def _check_scheme(storage: str) -> None:
    if storage not in {"auto", *SCHEMES}:
        raise InvalidInput(
            f"storage {storage!r} is not known", hint=f"choose one of: auto, {', '.join(SCHEMES)}"
        )
