"""Recalling from a read replica while it is current, and from the primary else."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from engramia_core.errors import EngramiaError
from engramia_core.memory.store import Searchable
from engramia_core.stores.postgres_engine import parsed_url, postgres_engine, shown
from engramia_core.stores.postgres_lag import Lag, inserted, replayed, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from sqlalchemy import Engine

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.stored import Candidates, EmbeddingModel
    from engramia_core.memory.words import Words
    from engramia_core.scope import Scope
    from engramia_core.stores import ReplicaServer

    T = TypeVar("T")

LOOK_EVERY_S = 1.0
RETRY_AFTER_S = 3.0
_REMEMBERED = 10_000
_FAILURES = (EngramiaError, psycopg.Error, SQLAlchemyError)
_log = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """What the last look found: when, how far the replica was behind, and what it had replayed."""

    at: float
    behind_s: float
    lsn: int


class Replica:
    """A replica of a primary: whether it is current enough to recall from. Safe for threads."""

    def __init__(self, server: ReplicaServer, primary: Engine, *, pool_size: int) -> None:
        """Nothing is connected yet: a replica that is away keeps no memory from opening."""
        url = parsed_url(server.url, "replica")
        self.engine = postgres_engine(url, pool_size=pool_size, is_replica=True, is_tested=False)
        self.place = shown(url)
        self.models: dict[Scope, EmbeddingModel] = {}
        self._primary = primary
        self._max_lag_s = server.max_lag_s
        self._lag = Lag(server.max_lag_s)
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._seen: _Seen | None = None
        self._next_look = 0.0
        self._is_failing = False
        self._wanted = 0
        self._unknown_since: float | None = None

    def is_current(self) -> bool:
        """Whether it has what this process wrote, and of the others' all that is older than the allowed lag.

        It is looked at once a second at most, by one thread; what the look found ages until the next one.
        """
        if time.monotonic() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        with self._lock:
            seen = self._seen
            if seen is None or self._unknown_since is not None or seen.lsn < self._wanted:
                return False
            return seen.behind_s + time.monotonic() - seen.at <= self._max_lag_s

    def wrote(self) -> None:
        """Remember how far the replica must be to have what this process has just committed."""
        try:
            lsn = inserted(self._primary)
        except (psycopg.Error, SQLAlchemyError):
            with self._lock:
                self._unknown_since = time.monotonic()  # until the primary tells
            return
        with self._lock:
            self._wanted = max(self._wanted, lsn)

    def failed(self, error: Exception) -> None:
        """Leave it alone for some seconds, and say so the first time."""
        with self._lock:
            self._seen = None
            self._next_look = time.monotonic() + RETRY_AFTER_S
            is_new, self._is_failing = not self._is_failing, True
        if is_new:
            said = " ".join(str(error).split())
            _log.warning("recall asks the primary: %s", said)

    def close(self) -> None:
        """Give back its connections."""
        self.engine.dispose()

    def _look(self) -> None:
        began = time.monotonic()
        self._next_look = began + LOOK_EVERY_S
        try:
            primary = written(self._primary)
            self._learn_what_is_wanted(began)
        except (psycopg.Error, SQLAlchemyError):
            return  # what was seen goes on aging
        self._lag.primary_was(primary.lsn, began)
        try:
            replica = replayed(self.engine, primary)
        except _FAILURES as error:
            self.failed(error)
            return
        with self._lock:
            self._seen = _Seen(began, self._lag.of(replica, began), replica.lsn)
            was_failing, self._is_failing = self._is_failing, False
        if was_failing:
            _log.info("replica %s answers again", self.place)

    def _learn_what_is_wanted(self, now: float) -> None:
        """Ask what was not told after a commit; a commit that ended since then is not covered."""
        if self._unknown_since is None:
            return
        lsn = inserted(self._primary)
        with self._lock:
            if self._unknown_since < now:
                self._wanted, self._unknown_since = max(self._wanted, lsn), None


class ReplicaFirst(Searchable):
    """For one recall: reads the replica until that fails, and then the primary. Nobody is told of the failure."""

    def __init__(self, replica: Replica, copy: Searchable, primary: Searchable) -> None:
        self._replica = replica
        self._copy = copy
        self._primary = primary
        self._is_left = False

    @override
    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        return self._read(lambda store: store.get(scope, keys))

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
        return self._read(
            lambda store: store.nearest(scope, query, filters=filters, limit=limit, model=model)
        )

    @override
    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        return self._read(lambda store: store.lexical(scope, words, filters=filters, limit=limit))

    @override
    def live_count(self, scope: Scope) -> int:
        return self._read(lambda store: store.live_count(scope))

    @override
    def model(self, scope: Scope) -> EmbeddingModel | None:
        """The model; one that the primary has not confirmed yet is asked for there.

        A replica that has not replayed a change of the model would else have the right one refused.
        """
        found = self._read(lambda store: store.model(scope))
        if self._is_left or (found is not None and self._replica.models.get(scope) == found):
            return found
        model = self._primary.model(scope)
        if model is None or model != found:
            self._is_left = True  # for this recall
            return model
        if len(self._replica.models) >= _REMEMBERED:
            self._replica.models.clear()
        self._replica.models[scope] = model
        return model

    def _read(self, read: Callable[[Searchable], T]) -> T:
        if not self._is_left:
            try:
                return read(self._copy)
            except _FAILURES as error:
                self._replica.failed(error)
                self._is_left = True
        return read(self._primary)
