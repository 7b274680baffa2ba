"""The doctor's checks: one function each, and their list. A check changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engramia_core.errors import EngramiaError
from engramia_core.maintenance.finding import Finding, Severity
from engramia_core.memory.stored import EmbeddingModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope
    from engramia_core.stores import Server

_MIN_FREE_BYTES = 200_000_000
_OLDEST_SQLITE = (3, 35, 0)
"""RETURNING and the ALTER TABLE forms that migrations use."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined. ``unopened`` says why there is no store, ``without_provider`` why there is no provider."""

    directory: Path | None
    """``None`` for a memory on a server."""
    scope: Scope
    provider: EmbeddingProvider | None
    store: PatternStore | None
    unopened: EngramiaError | None = None
    without_provider: EngramiaError | None = None
    open_model: Callable[[EmbeddingModel], EmbeddingProvider | None] = lambda _: None
    """Opens the memory's model when it is not the settings'."""
    server: Server | None = None
    """Of a memory on a server."""


def examine(subject: Subject) -> tuple[Finding, ...]:
    """What every check finds, in their order; a store that fails under a check is a finding too."""
    found = (_made(check, subject) for check in CHECKS)
    return tuple(finding for finding in found if finding is not None)


def _made(check: Callable[[Subject], Finding | None], subject: Subject) -> Finding | None:
    name = check.__name__.removeprefix("check_")
    try:
        return check(subject)
    except EngramiaError as error:
        return Finding(name, Severity.PROBLEM, error.message, error.hint)
    except OSError as error:
        return Finding(name, Severity.PROBLEM, f"{_place(subject)!r}: {error.strerror}")


def check_opens(subject: Subject) -> Finding:
    """The memory can be opened, and its schema is this version's."""
    if subject.unopened is not None:
        return Finding("memory", Severity.PROBLEM, subject.unopened.message, subject.unopened.hint)
    return Finding("memory", Severity.OK, f"{_place(subject)!r} opens")


def _place(subject: Subject) -> str:
    if subject.directory is None and subject.store is not None:
        return subject.store.place
    return str(subject.directory)


def check_files(subject: Subject) -> Finding | None:
    """The store's files are whole."""
    if subject.store is None:
        return None
    problems = subject.store.problems()
    if problems:
        more = f" and {len(problems) - 1:,} more" if len(problems) > 1 else ""
        return Finding(
            "files", Severity.PROBLEM, f"{problems[0]}{more}", "mend or remove what is named"
        )
    return Finding("files", Severity.OK, "every file of the memory is whole")


def check_model(subject: Subject) -> Finding:
    """The embedding model works, and is the one the memory is searched by."""
    if subject.without_provider is not None:
        raise subject.without_provider
    if subject.provider is None:
        return Finding(
            "model", Severity.WARNING, "no embedding provider: recall is by words only",
            "set ENGRAMIA_EMBEDDINGS=minilm",
        )  # fmt: skip
    try:
        subject.provider.embed(["sort a list of numbers"])
    except EngramiaError as error:
        return Finding("model", Severity.PROBLEM, error.message, error.hint)
    stored = subject.store.model(subject.scope) if subject.store else None
    model = EmbeddingModel(subject.provider.model_id, subject.provider.dimensions)
    if stored is not None and stored != model:
        return _another_model(subject, stored, model)
    return Finding("model", Severity.OK, f"{subject.provider.model_id} embeds")


def _another_model(subject: Subject, stored: EmbeddingModel, model: EmbeddingModel) -> Finding:
    """The memory's model is not the settings': a problem unless it opens all the same."""
    said = (
        f"the memory is searched by {stored.model_id} ({stored.dimensions} dimensions),"
        f" the settings say {model.model_id} ({model.dimensions})"
    )
    try:
        opened = subject.open_model(stored)
    except EngramiaError as error:
        opened, said = None, f"{said}; {error.message}"
    if opened is None:
        return Finding(
            "model", Severity.PROBLEM, said, "use that model again, or: engramia reindex"
        )
    return Finding("model", Severity.WARNING, said, "let the settings name the memory's model")


def check_vectors(subject: Subject) -> Finding | None:
    """Every live pattern can be found by its vector."""
    if subject.store is None or subject.provider is None:
        return None
    counts = subject.store.counts(subject.scope)
    missing = counts.live - counts.embedded
    if missing:
        text = (
            f"{missing:,} of {counts.live:,} patterns have no vector: recall by vector misses them"
        )
        return Finding("vectors", Severity.WARNING, text, "engramia reindex")
    return Finding("vectors", Severity.OK, f"all {counts.live:,} patterns have a vector")


def check_index(subject: Subject) -> Finding | None:
    """A memory on a server that is large has the index that its searches need."""
    if subject.store is None or subject.store.storage != "postgres":
        return None
    patterns = subject.store.unindexed(subject.scope)
    if patterns:
        text = f"{patterns:,} patterns are searched one by one: their model has no valid index"
        return Finding("index", Severity.WARNING, text, "engramia db index")
    return Finding("index", Severity.OK, "searches are as quick as they can be")


def check_replica(subject: Subject) -> Finding | None:
    """The replica that recall may ask answers, and is not too far behind."""
    if subject.server is None or subject.server.replica is None:
        return None
    from engramia_core.stores.postgres_lag import replica_state

    state = replica_state(subject.server, subject.server.replica)
    if state.problem:
        text = f"recall asks the primary: {state.problem}"
        return Finding("replica", Severity.WARNING, text, "engramia db inspect")
    return Finding("replica", Severity.OK, f"{state.place} is {state.behind_s:,.1f} s behind")


def check_disk(subject: Subject) -> Finding | None:
    """There is room to write."""
    if subject.directory is None or not subject.directory.is_dir():
        return None
    free = shutil.disk_usage(subject.directory).free
    if free < _MIN_FREE_BYTES:
        text = f"{free / 1e6:,.0f} MB are free beside the memory"
        return Finding("disk", Severity.PROBLEM, text, "free some space before writes fail")
    return Finding("disk", Severity.OK, f"{free / 1e9:,.1f} GB are free")


def check_rights(subject: Subject) -> Finding | None:
    """This user may write the memory, and strangers may not."""
    if subject.directory is None or not subject.directory.is_dir():
        return None
    if not os.access(subject.directory, os.W_OK):
        text = f"{str(subject.directory)!r} may not be written by this user"
        return Finding("rights", Severity.PROBLEM, text, "run as the user that owns it")
    if subject.directory.stat().st_mode & stat.S_IWOTH:
        text = f"{str(subject.directory)!r} may be written by everybody"
        return Finding("rights", Severity.WARNING, text, f"chmod o-w {subject.directory}")
    return Finding("rights", Severity.OK, "this user may write the memory, strangers may not")


def check_sqlite(subject: Subject) -> Finding | None:
    """The interpreter's SQLite is new enough."""
    if subject.directory is None:
        return None
    found = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        needed = ".".join(map(str, _OLDEST_SQLITE))
        return Finding(
            "sqlite", Severity.PROBLEM, f"{found} is older than {needed}", "use a newer Python"
        )
    return Finding("sqlite", Severity.OK, found)


CHECKS: tuple[Callable[[Subject], Finding | None], ...] = (
    check_opens,
    check_files,
    check_model,
    check_vectors,
    check_index,
    check_replica,
    check_disk,
    check_rights,
    check_sqlite,
)
