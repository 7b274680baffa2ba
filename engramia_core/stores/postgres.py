"""PostgreSQL with pgvector: one memory for many processes, machines and tenants."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.audit import Actor, Via
from engramia_core.database import revisions
from engramia_core.errors import EngramiaError, Refused
from engramia_core.memory.store import PatternStore, Searchable, StoreWriter
from engramia_core.stores import postgres_checks, postgres_search
from engramia_core.stores.bring_up import alone_on_server, bring_up
from engramia_core.stores.postgres_ask import is_lost, retried
from engramia_core.stores.postgres_engine import (
    LOCK_TIMEOUT_S,
    as_owner,
    check_server,
    expect_all,
    parsed_url,
    postgres_engine,
    set_scope,
    shown,
    translated,
)
from engramia_core.stores.postgres_reader import PostgresReader
from engramia_core.stores.postgres_replica import Replica, ReplicaFirst
from engramia_core.stores.postgres_rows import copy_rows
from engramia_core.stores.postgres_turn import take_turn
from engramia_core.stores.relational import lexical_search, reads, whole
from engramia_core.stores.relational.ledger import Ledger
from engramia_core.stores.relational.writer import RelationalWriter
from engramia_core.stores.server_lock import held_on_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

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
    from engramia_core.stores import ReplicaServer

MIGRATE = "engramia migrate up"


def has_schema(url: str) -> bool:
    """Whether a memory of any revision is in the database at ``url``."""
    parsed = parsed_url(url)
    engine = postgres_engine(parsed, as_owner=True)
    try:
        with translated(shown(parsed)), engine.connect() as connection:
            return revisions.current(connection) is not None
    finally:
        engine.dispose()


class PostgresStore(PatternStore):
    """A memory in a PostgreSQL database. Row-level security keeps its scopes apart."""

    def __init__(
        self, url: str, *, pool_size: int = 5, replica: ReplicaServer | None = None
    ) -> None:
        """Open the memory in the database at ``url``; recall from its ``replica`` while that is current.

        ``Refused`` when the server or pgvector is too old, or the schema does not fit; ``Unavailable`` when the
        server does not answer.
        """
        self.url = parsed_url(url)
        self._place = shown(self.url)
        self._engine = postgres_engine(self.url, pool_size=pool_size, is_tested=False)
        self._actor = Actor("", Via.SDK)
        self._reader = PostgresReader(self._engine, self._place)
        self._replica: Replica | None = None
        try:
            with self._session() as connection:
                check_server(connection, self._place)
                self._revision = revisions.check(connection, self._place, migrate=MIGRATE)
            if replica is not None:
                self._replica = Replica(replica, self._engine, pool_size=pool_size)
                self._on_replica = copy.copy(self)
                self._on_replica._read_from(self._replica)  # noqa: SLF001 -- its own
        except EngramiaError:
            self._engine.dispose()
            raise

    @classmethod
    def create(
        cls, url: str, *, pool_size: int = 5, replica: ReplicaServer | None = None
    ) -> PostgresStore:
        """Make the memory in the database at ``url``, or bring the one that is there to this version's schema.

        The login must be allowed to make tables, a role, and the extension if it is not there yet.
        """
        parsed = parsed_url(url)
        with translated(shown(parsed)):
            engine = postgres_engine(parsed, as_owner=True)
            try:
                with engine.connect() as connection:
                    check_server(connection, shown(parsed))
                bring_up(engine, alone_on_server(engine))
            finally:
                engine.dispose()
        return cls(url, pool_size=pool_size, replica=replica)

    @property
    @override
    def storage(self) -> str:
        return "postgres"

    @property
    @override
    def place(self) -> str:
        return self._place

    @override
    def acting(self, actor: Actor) -> PostgresStore:
        store = copy.copy(self)
        store._actor = actor  # noqa: SLF001 -- its own
        return store

    @override
    def for_recall(self) -> Searchable:
        if self._replica is None or not self._replica.is_current():
            return self
        return ReplicaFirst(self._replica, self._on_replica, self)

    @override
    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        return self._reader.get(scope, keys)

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
        with self._reading(scope) as connection:
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
        return self._reader.nearest(scope, postgres_search.Asked(query, filters, limit), model)

    @override
    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        with self._reading(scope) as connection:
            return lexical_search.lexical(connection, scope, words, filters=filters, limit=limit)

    @override
    def observations(self, scope: Scope, key: str) -> list[Observation]:
        with self._reading(scope) as connection:
            return reads.observations(connection, scope, key)

    @override
    def history(self, scope: Scope, key: str) -> list[Event]:
        with self._reading(scope) as connection:
            return reads.history(connection, scope, key)

    @override
    def records(
        self, scope: Scope, *, with_vectors: bool, model: EmbeddingModel | None = None
    ) -> Iterator[Record]:
        with self._reading(scope, isolation="REPEATABLE READ") as connection:
            expect_all(connection)
            model = (model or reads.model(connection, scope)) if with_vectors else None
            model_id = model.model_id if model else None
            yield from reads.records(connection, scope, model_id=model_id)

    @override
    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        with self._reading(scope, isolation="REPEATABLE READ") as connection:
            expect_all(connection)
            model = reads.model(connection, scope)
            model_id = model.model_id if model else None
            yield from whole.kept(connection, scope, model_id=model_id, after=after, until=until)

    @override
    def scopes(self) -> list[Scope]:
        try:
            with translated(self._place), as_owner(self.url) as connection:
                return whole.scopes(connection)
        except Refused as error:
            raise Refused(
                f"{self._place}: only the tables' owner may see every scope",
                hint="log in as the owner, or name one scope with --tenant and --project",
            ) from error

    @override
    def expired(self, scope: Scope, now: datetime) -> list[Pattern]:
        with self._reading(scope) as connection:
            return reads.expired(connection, scope, now)

    @override
    def in_trash(
        self, scope: Scope, *, run: str | None = None, until: datetime | None = None
    ) -> list[Pattern]:
        with self._reading(scope) as connection:
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
        with self._reading(scope) as connection:
            return reads.without_vector(connection, scope, model, limit=limit, after=after)

    @override
    def known_vectors(
        self, scope: Scope, model_id: str, texts: Sequence[str]
    ) -> Mapping[str, Vector]:
        return self._reader.known_vectors(scope, model_id, texts)

    @override
    def live_count(self, scope: Scope) -> int:
        return self._reader.live_count(scope)

    @override
    def counts(self, scope: Scope) -> Counts:
        with self._reading(scope) as connection:
            model = reads.model(connection, scope)
            return reads.counts(connection, scope, model.model_id if model else None)

    @override
    def model(self, scope: Scope) -> EmbeddingModel | None:
        return self._reader.model(scope)

    @override
    def models(self, scope: Scope) -> list[KnownModel]:
        with self._reading(scope) as connection:
            return reads.models(connection, scope)

    @override
    def ready_to_search(self, scope: Scope, model: EmbeddingModel) -> None:
        """Build the model's index where this login may; where not, ``after_bulk`` says what is left to do."""
        if self._reader.is_large(scope):
            self._build(model, owner="reindex", now=datetime.now(UTC))

    @override
    def clusters(self, scope: Scope) -> list[Cluster]:
        with self._reading(scope) as connection:
            return reads.clusters(connection, scope)

    @override
    def aging_runs(self, scope: Scope) -> list[AgingRun]:
        with self._reading(scope) as connection:
            return reads.aging_runs(connection, scope)

    @override
    @contextmanager
    def write(self, scope: Scope) -> Iterator[StoreWriter]:
        now = datetime.now(UTC)
        with self._reading(scope, lock_timeout_s=LOCK_TIMEOUT_S) as connection:
            take_turn(connection, scope, now)
            writer = RelationalWriter(
                connection, scope, Ledger(scope, self._actor, now), insert=copy_rows
            )
            yield writer
            writer.finish()
        if self._replica is not None:
            self._replica.wrote()

    @override
    def alone(
        self, scope: Scope, operation: str, *, owner: str, now: datetime
    ) -> AbstractContextManager[None]:
        name = f"{scope}/{operation}"  # names hold no slash
        return held_on_server(self._engine, name, operation, owner=owner, now=now)

    @override
    def unindexed(self, scope: Scope) -> int:
        return self._reader.lacks_index(scope)[1]

    @override
    def after_bulk(
        self,
        scope: Scope,
        *,
        owner: str,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
    ) -> str | None:
        model, _ = self._reader.lacks_index(scope)
        return (
            None if model is None else self._build(model, owner=owner, now=now, progress=progress)
        )

    def _build(
        self,
        model: EmbeddingModel,
        *,
        owner: str,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
    ) -> str | None:
        from engramia_core.stores.postgres_bulk import build_after_bulk

        told = build_after_bulk(
            self.url, model, self._place, owner=owner, now=now, progress=progress
        )
        self._reader.forget()
        return told

    @override
    def schema_revision(self) -> str:
        return self._revision

    @override
    def problems(self) -> list[str]:
        with self._session() as connection:
            return postgres_checks.problems(connection)

    @override
    def close(self) -> None:
        self._engine.dispose()
        if self._replica is not None:
            self._replica.close()

    def _read_from(self, replica: Replica) -> None:
        self._engine, self._place = replica.engine, replica.place
        self._reader = PostgresReader(replica.engine, replica.place)

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """A transaction that belongs to no scope, and sees no scope's rows."""
        with translated(self._place), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _reading(
        self,
        scope: Scope,
        *,
        isolation: str = "READ COMMITTED",
        lock_timeout_s: int | None = None,
    ) -> Iterator[Connection]:
        """A transaction of one scope."""
        with translated(self._place), self._begun(scope, isolation, lock_timeout_s) as connection:
            transaction = connection.get_transaction()
            assert transaction is not None  # just begun
            with transaction:
                yield connection

    def _begun(self, scope: Scope, isolation: str, lock_timeout_s: int | None) -> Connection:
        """A connection in a transaction of one scope; one that was not alive any more is replaced."""

        def begin() -> Connection:
            connection = self._engine.connect()
            try:
                if isolation != "READ COMMITTED":
                    connection.execution_options(isolation_level=isolation)
                connection.begin()
                set_scope(connection, scope, lock_timeout_s=lock_timeout_s)
            except BaseException as error:
                if is_lost(error):
                    connection.invalidate()
                connection.close()
                raise
            return connection

        return retried(self._engine, begin)
