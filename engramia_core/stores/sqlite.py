"""One SQLite file: any number of readers beside one writer, every acknowledged write on disk."""

from __future__ import annotations

import copy
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.audit import Actor, Via
from engramia_core.database import revisions
from engramia_core.errors import EngramiaError, Unavailable
from engramia_core.memory.store import PatternStore, StoreWriter
from engramia_core.stores import no_memory
from engramia_core.stores.bring_up import alone_in_directory, bring_up
from engramia_core.stores.file_lock import held_alone
from engramia_core.stores.relational import filtering, lexical_search, reads, whole
from engramia_core.stores.relational.ledger import Ledger
from engramia_core.stores.relational.writer import RelationalWriter
from engramia_core.stores.search_indexes import SearchIndexes
from engramia_core.stores.sqlite_engine import (
    BUSY_TIMEOUT_S,
    DATABASE_FILE,
    sqlite_engine,
    translated,
)
from engramia_core.stores.sqlite_watch import ChangeWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import (
        AgingRun,
        Candidates,
        Counts,
        EmbeddingModel,
        Event,
        Kept,
        KnownModel,
        Record,
    )
    from engramia_core.memory.words import Words
    from engramia_core.scope import Scope


class SQLiteStore(PatternStore):
    """A memory in ``directory/engramia.db``. Exact vector search, safe for cron, server and shell at once."""

    def __init__(self, directory: Path) -> None:
        """Open the memory in ``directory``.

        ``NotFound`` when there is none, ``Refused`` when its schema is not the one of this version.
        """
        path = directory / DATABASE_FILE
        if not path.is_file():
            raise no_memory(directory)
        self.directory = directory
        self._path = path
        self._engine = sqlite_engine(path)
        self._each_alone = self._engine.execution_options(engramia_begin=None)
        self._writing = threading.Lock()
        self._watch = ChangeWatch(self._engine)
        self._indexes = SearchIndexes(directory / ".cache")
        self._actor = Actor("", Via.SDK)
        try:
            self._revision = self._check_schema()
        except EngramiaError:
            self._engine.dispose()
            raise

    @classmethod
    def create(cls, directory: Path) -> SQLiteStore:
        """Make the memory in ``directory``, or bring the one that is there to this version's schema."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot create {str(directory)!r}: {error.strerror}") from error
        path = directory / DATABASE_FILE
        with translated(path):
            engine = sqlite_engine(path)
            try:
                bring_up(engine, alone_in_directory(directory))
            finally:
                engine.dispose()
        return cls(directory)

    @property
    @override
    def storage(self) -> str:
        return "sqlite"

    @property
    @override
    def place(self) -> str:
        return str(self.directory.resolve())

    @override
    def acting(self, actor: Actor) -> SQLiteStore:
        store = copy.copy(self)
        store._actor = actor  # noqa: SLF001 -- its own
        return store

    @override
    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        with self._reading() as connection:
            return reads.get(connection, scope, keys)

    @override
    def page(
        self,
        scope: Scope,
        *,
        filters: Filters,
        limit: int,
        before: str | None = None,
        trashed: bool = False,
    ) -> list[Pattern]:
        with self._reading() as connection:
            return reads.page(
                connection, scope, filters=filters, limit=limit, before=before, trashed=trashed
            )

    @override
    def nearest(
        self,
        scope: Scope,
        query: Vector,
        *,
        filters: Filters,
        limit: int,
        model: EmbeddingModel | None = None,
    ) -> Candidates:
        among = None
        with translated(self._path):
            version = self._watch.version()
        index = self._indexes.current(scope, version, model)
        if index is None or filters.skills:
            with self._reading() as connection:
                index = self._indexes.fresh(connection, scope, version, model)
                if filters.skills:
                    among = filtering.keys_with_skills(connection, scope, filters.skills)
        if index is None:
            return lexical_search.candidates_of([])
        return index.search(query, filters=filters, limit=limit, among=among)

    @override
    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        with self._reading() as connection:
            return lexical_search.lexical(connection, scope, words, filters=filters, limit=limit)

    @override
    def observations(self, scope: Scope, key: str) -> list[Observation]:
        with self._reading() as connection:
            return reads.observations(connection, scope, key)

    @override
    def history(self, scope: Scope, key: str) -> list[Event]:
        with self._reading() as connection:
            return reads.history(connection, scope, key)

    @override
    def records(
        self, scope: Scope, *, with_vectors: bool, model: EmbeddingModel | None = None
    ) -> Iterator[Record]:
        with translated(self._path), self._engine.connect() as connection:
            model = (model or reads.model(connection, scope)) if with_vectors else None
            model_id = model.model_id if model else None
            yield from reads.records(connection, scope, model_id=model_id)

    @override
    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        with translated(self._path), self._engine.connect() as connection:
            model = reads.model(connection, scope)
            model_id = model.model_id if model else None
            yield from whole.kept(connection, scope, model_id=model_id, after=after, until=until)

    @override
    def scopes(self) -> list[Scope]:
        with self._reading() as connection:
            return whole.scopes(connection)

    @override
    def expired(self, scope: Scope, now: datetime) -> list[Pattern]:
        with self._reading() as connection:
            return reads.expired(connection, scope, now)

    @override
    def in_trash(
        self, scope: Scope, *, run: str | None = None, until: datetime | None = None
    ) -> list[Pattern]:
        with self._reading() as connection:
            return reads.in_trash(connection, scope, run=run, until=until)

    @override
    def without_vector(
        self,
        scope: Scope,
        *,
        limit: int,
        model: EmbeddingModel | None = None,
        after: str = "",
    ) -> list[Pattern]:
        with self._reading() as connection:
            return reads.without_vector(connection, scope, model, limit=limit, after=after)

    @override
    def known_vectors(
        self, scope: Scope, model_id: str, texts: Sequence[str]
    ) -> Mapping[str, Vector]:
        with self._reading() as connection:
            return reads.known_vectors(connection, scope, model_id, texts)

    @override
    def live_count(self, scope: Scope) -> int:
        with self._reading() as connection:
            return reads.live_count(connection, scope)

    @override
    def counts(self, scope: Scope) -> Counts:
        with self._reading() as connection:
            model = reads.model(connection, scope)
            return reads.counts(connection, scope, model.model_id if model else None)

    @override
    def model(self, scope: Scope) -> EmbeddingModel | None:
        with self._reading() as connection:
            return reads.model(connection, scope)

    @override
    def models(self, scope: Scope) -> list[KnownModel]:
        with self._reading() as connection:
            return reads.models(connection, scope)

    @override
    def ready_to_search(self, scope: Scope, model: EmbeddingModel) -> None:
        """Nothing: an exact search needs no index."""

    @override
    def clusters(self, scope: Scope) -> list[Cluster]:
        with self._reading() as connection:
            return reads.clusters(connection, scope)

    @override
    def aging_runs(self, scope: Scope) -> list[AgingRun]:
        with self._reading() as connection:
            return reads.aging_runs(connection, scope)

    @override
    @contextmanager
    def write(self, scope: Scope) -> Iterator[StoreWriter]:
        with translated(self._path), self._write_turn(), self._engine.connect() as connection:
            connection.execution_options(engramia_begin="IMMEDIATE")
            with connection.begin():
                ledger = Ledger(scope, self._actor, datetime.now(UTC))
                writer = RelationalWriter(connection, scope, ledger)
                yield writer
                writer.finish()

    @override
    def alone(
        self, scope: Scope, operation: str, *, owner: str, now: datetime
    ) -> AbstractContextManager[None]:
        return held_alone(self.directory / ".locks", scope, operation, owner=owner, now=now)

    @override
    def schema_revision(self) -> str:
        return self._revision

    @override
    def problems(self) -> list[str]:
        try:
            with self._reading() as connection:
                said = connection.exec_driver_sql("PRAGMA quick_check(10)").scalars().all()
                orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        except Unavailable as error:
            return [error.message]
        found = [f"{self._path.name}: {line}" for line in said if line != "ok"]
        return found + [f"{self._path.name}: a row of {row[0]} has no pattern" for row in orphans]

    @override
    def close(self) -> None:
        with self._reading() as connection:
            self._indexes.save(connection)
        self._watch.close()
        self._engine.dispose()

    def _check_schema(self) -> str:
        with self._reading() as connection:
            return revisions.check(
                connection,
                str(self._path),
                migrate=f"engramia migrate up --path {quote(str(self.directory))}",
            )

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._path), self._each_alone.connect() as connection:
            yield connection

    @contextmanager
    def _write_turn(self) -> Iterator[None]:
        """One thread of this process at a time; among processes SQLite's own lock decides."""
        if not self._writing.acquire(timeout=BUSY_TIMEOUT_S):
            raise Unavailable(f"{str(self._path)!r} was being written for {BUSY_TIMEOUT_S} seconds")
        try:
            yield
        finally:
            self._writing.release()
