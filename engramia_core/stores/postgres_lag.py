"""How far a replica is behind its primary, told from what it has replayed of what the primary had written, and when."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engramia_core.errors import EngramiaError, Unavailable
from engramia_core.stores.postgres_ask import ask_server
from engramia_core.stores.postgres_engine import parsed_url, postgres_engine, shown, translated

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engramia_core.stores import ReplicaServer, Server

_IDENTITY = (
    "SELECT (SELECT system_identifier FROM pg_control_system()),"
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), "
)
_WRITTEN = _IDENTITY + "pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint"
_REPLAYED = (
    _IDENTITY + "pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,"
    " extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8, pg_is_in_recovery()"
)
_INSERTED = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
_HINT = "is ENGRAMIA_DATABASE_REPLICA_URL right?"
_WAITED_S = 1.0
_TRY_EVERY_S = 0.02


class Position(NamedTuple):
    """How far a database has come: of the primary what is written, of a replica what it has replayed, in bytes of WAL."""

    identity: tuple[int, int]
    """Which cluster and which database in it."""
    lsn: int
    since_s: float | None = None
    """Of a replica: how old its last transaction is, by two machines' clocks; ``None`` where it knows none."""


def written(primary: Engine) -> Position:
    """How far the primary is."""
    cluster, database, lsn = ask_server(primary, _WRITTEN)
    return Position((cluster, database), lsn)


def inserted(primary: Engine) -> int:
    """A place in the WAL behind everything that is committed, synced or not."""
    (lsn,) = ask_server(primary, _INSERTED)
    return int(lsn)


def replayed(replica: Engine, primary: Position) -> Position:
    """How far the replica is; ``Unavailable`` when it is none of that primary."""
    with translated(shown(replica.url)):
        cluster, database, lsn, since_s, is_replica = ask_server(replica, _REPLAYED)
    if not is_replica:
        raise Unavailable(f"{shown(replica.url)} is not a standby", hint=_HINT)
    if (cluster, database) != primary.identity:
        raise Unavailable(f"{shown(replica.url)} is a replica of another database", hint=_HINT)
    return Position((cluster, database), lsn or 0, since_s)


class Lag:
    """Remembers where the primary was at which moment of this process's clock, for as long as a lag may be.

    The age of the newest of these places that the replica has passed is an upper bound of its lag. It needs no second
    clock, is zero beside a primary where nothing happens, and grows when the replica has lost its primary.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._places: deque[tuple[float, int]] = deque()

    def primary_was(self, lsn: int, at: float) -> None:
        """Remember where the primary was."""
        self._places.append((at, lsn))
        while len(self._places) > 1 and at - self._places[1][0] > self._most_s:
            self._places.popleft()

    def of(self, replica: Position, now: float) -> float:
        """How many seconds the replica is behind, at most.

        When it has passed no place that is remembered, its own word is all there is, unless that is too good.
        """
        passed = [at for at, lsn in self._places if lsn <= replica.lsn]
        if passed:
            return now - max(passed)
        waited = now - self._places[0][0] if self._places else 0.0
        return max(waited, math.inf if replica.since_s is None else replica.since_s)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How the configured replica is."""

    place: str
    behind_s: float | None
    """``None`` when it does not answer."""
    behind_bytes: int | None
    max_lag_s: float
    problem: str = ""
    """Why recall does not use it."""


def replica_state(server: Server, replica: ReplicaServer) -> ReplicaState:
    """Look at the replica for a second at most; ``Unavailable`` when the primary does not answer."""
    url, replica_url = parsed_url(server.url), parsed_url(replica.url, "replica")
    primary = postgres_engine(url, pool_size=1, is_tested=False)
    copy = postgres_engine(replica_url, pool_size=1, is_replica=True, is_tested=False)
    place = shown(replica_url)
    try:
        with translated(shown(url)):
            wanted = written(primary)
        try:
            behind_s, behind_bytes = _awaited(copy, wanted)
        except EngramiaError as error:
            return ReplicaState(place, None, None, replica.max_lag_s, error.message)
    finally:
        primary.dispose()
        copy.dispose()
    late = f"{place} is {behind_s:,.1f} s behind, more than the {replica.max_lag_s:g} s allowed"
    is_late = behind_s > replica.max_lag_s
    return ReplicaState(place, behind_s, behind_bytes, replica.max_lag_s, late if is_late else "")


def _awaited(copy: Engine, wanted: Position) -> tuple[float, int]:
    """How long the replica takes to have what the primary had, or else how old and how much that is it has not."""
    began = time.monotonic()
    while True:
        has = replayed(copy, wanted)
        waited = time.monotonic() - began
        if has.lsn >= wanted.lsn:
            return waited, 0
        if waited > _WAITED_S:
            return max(waited, has.since_s or 0.0), wanted.lsn - has.lsn
        time.sleep(_TRY_EVERY_S)
