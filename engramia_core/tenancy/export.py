"""The copy of a scope that is made before it is deleted."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

from engramia_core.errors import Unavailable
from engramia_core.files import write_atomically
from engramia_core.memory.transfer import export
from engramia_core.memory.transfer_reader import verify

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope


def export_scope(store: PatternStore, scope: Scope, directory: Path, *, now: datetime) -> Path:
    """Write the scope's live patterns with their vectors, and its issues, to a new file, and read it back whole.

    No file is overwritten: of a deletion that was killed the first copy holds all. ``Unavailable`` when the disk
    refuses.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot create {str(directory)!r}: {error.strerror}") from error
    path = _free(directory, f"{scope.tenant_id}+{scope.project_id}-{now:%Y%m%dT%H%M%SZ}")
    with closing(export(store, scope, with_vectors=True)) as lines:
        write_atomically(path, lines)
    with path.open("rb") as file:
        verify(file)
    return path


def _free(directory: Path, stem: str) -> Path:
    names = (f"{stem}{f'-{number}' * (number > 1)}.ndjson" for number in count(1))
    return next(path for name in names if not (path := directory / name).exists())
