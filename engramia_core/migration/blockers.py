"""Who on a PostgreSQL server holds what a migration waits for, told while it waits."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import exc as sql_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

_LOOK_EVERY_S = 0.2
_TELL_AGAIN_S = 10.0
_QUERY_SHOWN = 200

_BLOCKERS = """
SELECT blocking.pid, activity.application_name, activity.usename::text, activity.state, activity.query,
extract(epoch FROM clock_timestamp() - coalesce(activity.xact_start, activity.backend_start))::float8
FROM (SELECT DISTINCT unnest(pg_blocking_pids(%(pid)s)) AS pid) AS blocking
LEFT JOIN pg_stat_activity AS activity ON activity.pid = blocking.pid
ORDER BY 6 DESC NULLS LAST
"""
_WAITED_FOR = (
    "SELECT relation::regclass::text FROM pg_locks WHERE pid = %(pid)s AND NOT granted LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds a lock, with how long its transaction is open. A prepared transaction has pid 0."""

    pid: int
    application: str
    user: str
    state: str
    query: str
    age_s: float

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        who = f"{self.application or 'unnamed'}, user {self.user or 'unknown'}"
        return (
            f"pid {self.pid} ({who}, {self.state or 'active'} for {self.age_s:.0f} s): {self.query}"
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a migration waits for, and behind whom."""

    revision: str
    waits_for: str
    blockers: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f"{self.waits_for} is held by {'; '.join(map(str, self.blockers)) or 'nobody any more'}"
        )


def blocked(connection: Connection, pid: int, revision: str) -> Waiting | None:
    """Behind whom the session ``pid`` waits; ``None`` when it does not."""
    rows = connection.exec_driver_sql(_BLOCKERS, {"pid": pid}).all()
    if not rows:
        return None
    waits_for = connection.exec_driver_sql(_WAITED_FOR, {"pid": pid}).scalar_one_or_none()
    return Waiting(revision, waits_for or "another transaction", tuple(map(_blocker, rows)))


def _blocker(row: Any) -> Blocker:  # noqa: ANN401 -- a row
    pid, application, user, state, query, age_s = row
    said = " ".join((query or "").split())[:_QUERY_SHOWN]
    return Blocker(pid, application or "", user or "", state or "", said, age_s or 0.0)


class Watcher:
    """Looks, from a connection of its own, whether a session waits, and tells behind whom.

    ``seen`` is who was last found to be in the way.
    """

    def __init__(
        self, engine: Engine, pid: int, revision: str, told: Callable[[Waiting], None]
    ) -> None:
        self.seen: Waiting | None = None
        self._engine, self._pid, self._revision, self._told = engine, pid, revision, told
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="blockers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        told_at: float | None = None
        try:
            with self._engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                while not self._is_over.wait(_LOOK_EVERY_S):
                    found = blocked(connection, self._pid, self._revision)
                    if found is None:
                        continue
                    self.seen = found
                    if told_at is None or time.monotonic() - told_at > _TELL_AGAIN_S:
                        told_at = time.monotonic()
                        self._told(found)
        except sql_errors.SQLAlchemyError:
            return  # the migration itself tells that the server is gone
