"""How a PostgreSQL database is: its indexes, what they find, tables, sessions, settings, replicas."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engramia_core.maintenance.index_recall import index_recall
from engramia_core.maintenance.inspection import (
    ENOUGH_RECALL,
    Fact,
    Inspection,
    Section,
    megabytes,
)
from engramia_core.stores import postgres_checks
from engramia_core.stores.postgres_index import IndexState, indexes, rows_of
from engramia_core.stores.postgres_lag import replica_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from engramia_core.database.database import Database
    from engramia_core.stores import Server
    from engramia_core.stores.postgres_lag import ReplicaState

_LONG_S = 300
_MUCH_DEAD = 0.2
_MANY_ROWS = 10_000
_FEW_CONNECTIONS_LEFT = 0.9
_TABLES = """
    SELECT s.relname AS name, c.reltuples::bigint AS rows, s.n_dead_tup AS dead,
        pg_table_size(s.relid) AS table_bytes, pg_indexes_size(s.relid) AS index_bytes,
        to_char(greatest(s.last_vacuum, s.last_autovacuum), 'YYYY-MM-DD HH24:MI') AS vacuumed,
        to_char(greatest(s.last_analyze, s.last_autoanalyze), 'YYYY-MM-DD HH24:MI') AS analyzed
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND (s.relname LIKE 'memory%%' OR s.relname LIKE 'engramia%%')
    ORDER BY pg_total_relation_size(s.relid) DESC
"""
_SESSIONS = """
    SELECT pid, usename AS login, state, extract(epoch FROM now() - xact_start)::int AS transaction_s,
        array_to_string(pg_blocking_pids(pid), ', ') AS waits_for, left(query, 200) AS query
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        AND xact_start IS NOT NULL
    ORDER BY xact_start
"""
_LOCKS = """
    SELECT l.pid, l.relation::regclass::text AS relation, l.mode, l.granted, left(a.query, 200) AS query
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation IS NOT NULL AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.pid <> pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
    ORDER BY l.granted, l.pid LIMIT 100
"""
_CONNECTIONS = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
        current_setting('max_connections')::int AS most
"""
_SETTINGS = """
    SELECT name, pg_size_bytes(current_setting(name)) AS bytes
    FROM unnest(ARRAY['shared_buffers', 'maintenance_work_mem', 'work_mem']) name
"""
_REPLICAS = """
    SELECT application_name AS name, state, pg_wal_lsn_diff(sent_lsn, replay_lsn)::bigint AS behind_bytes,
        coalesce(extract(epoch FROM replay_lag), 0)::float AS behind_s
    FROM pg_stat_replication
"""
_HAS_STATEMENTS = "SELECT to_regclass('pg_stat_statements') IS NOT NULL"
_STATEMENTS = """
    SELECT round(mean_exec_time::numeric, 2)::float AS mean_ms, calls, left(query, 200) AS query
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY total_exec_time DESC LIMIT 10
"""
_GET_STATEMENTS = (
    "not there; to get it: shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart,"
    " CREATE EXTENSION pg_stat_statements"
)


def inspect_postgres(
    database: Database, *, sample: int, server: Server | None = None
) -> Inspection:
    """Look at everything."""
    figures: dict[str, list[dict[str, Any]]] = {}
    with database.everything() as connection:
        kept = _Kept(connection, figures)
        sections: tuple[Section, ...] = (
            Section("indexes", _indexes(connection, figures, sample)),
            Section("protection", _protection(connection)),
            Section("tables", _tables(kept("tables", _TABLES))),
            Section("sessions", _sessions(kept)),
            Section("statements", _statements(kept)),
            Section("settings", _settings(kept, figures)),
            Section("replicas", _replicas(kept("replicas", _REPLICAS))),
        )
    if server is not None and server.replica is not None:
        state = replica_state(server, server.replica)
        figures["recall_replica"] = [asdict(state)]
        sections = (*sections, Section("replica that recall asks", (_recall_replica(state),)))
    return Inspection(database.place, sections, figures)


class _Kept:
    """Asks, and keeps the rows under a name for programs."""

    def __init__(self, connection: Connection, figures: dict[str, list[dict[str, Any]]]) -> None:
        self._connection = connection
        self._figures = figures

    def __call__(self, name: str, statement: str) -> list[dict[str, Any]]:
        rows = [row._asdict() for row in rows_of(self._connection, statement.replace("%%", "%"))]
        self._figures[name] = rows
        return rows


def _indexes(
    connection: Connection,
    figures: dict[str, list[dict[str, Any]]],
    sample: int,
) -> tuple[Fact, ...]:
    facts, figures["indexes"] = [], []
    for each in indexes(connection):
        row = {
            "model_id": each.model_id,
            "index": each.name,
            "state": each.state.value,
            "size_bytes": each.size_bytes,
            "rows": each.rows,
            "vectors": each.vectors,
        }
        facts.append(
            Fact(
                each.model_id,
                f"{each.state}, {megabytes(each.size_bytes)}, about {each.rows:,} rows"
                f" for {each.vectors:,} live patterns",
                each.is_lacking,
                "engramia db index" if each.is_lacking else "",
            )
        )
        if each.state is IndexState.VALID and sample:
            found = index_recall(connection, each, sample=sample)
            row |= found._asdict()
            facts.append(
                Fact(
                    "  finds",
                    f"{found.recall_at_5:.1%} of the 5 nearest in {found.index_p50_ms:.1f} ms"
                    f" (exact: {found.exact_p50_ms:.1f} ms), of {found.sampled} sampled",
                    found.recall_at_5 < ENOUGH_RECALL,
                    "engramia db reindex-index" if found.recall_at_5 < ENOUGH_RECALL else "",
                )
            )
        figures["indexes"].append(row)
    return tuple(facts) or (Fact("models", "no scope has an embedding model yet"),)


def _protection(connection: Connection) -> tuple[Fact, ...]:
    """Row-level security, and what else the store itself would call wrong."""
    found = postgres_checks.problems(connection)
    if not found:
        return (Fact("rows", "every scope's rows are kept apart"),)
    return tuple(Fact("problem", text, is_problem=True, remedy="engramia doctor") for text in found)


def _tables(rows: Sequence[dict[str, Any]]) -> tuple[Fact, ...]:
    facts = []
    for row in rows:
        is_bloated = row["dead"] > _MUCH_DEAD * max(row["rows"], 0) + _MANY_ROWS
        facts.append(
            Fact(
                row["name"],
                f"{max(row['rows'], 0):,} rows, {row['dead']:,} dead, {megabytes(row['table_bytes'])}"
                f" and {megabytes(row['index_bytes'])} of indexes, vacuumed {row['vacuumed'] or 'never'}",
                remedy=f"engramia db vacuum --table {row['name']}" if is_bloated else "",
            )
        )
    return tuple(facts)


def _sessions(kept: _Kept) -> tuple[Fact, ...]:
    sessions, waiting = kept("sessions", _SESSIONS), kept("locks", _LOCKS)
    (count,) = kept("connections", _CONNECTIONS)
    is_full = count["used"] > _FEW_CONNECTIONS_LEFT * count["most"]
    facts = [
        Fact(
            "connections",
            f"{count['used']:,} of {count['most']:,}",
            is_full,
            "lower ENGRAMIA_DATABASE_POOL_SIZE, or raise max_connections" if is_full else "",
        )
    ]
    for row in sessions:
        is_long = (row["transaction_s"] or 0) > _LONG_S
        waits = f", waits for process {row['waits_for']}" if row["waits_for"] else ""
        if is_long or waits:
            facts.append(
                Fact(
                    f"process {row['pid']}",
                    f"{row['state']}, {row['transaction_s']:,} s in a transaction{waits}: {row['query']}",
                    is_long,
                    f"SELECT pg_terminate_backend({row['pid']})" if is_long else "",
                )
            )
    for row in waiting:
        held = "holds" if row["granted"] else "waits for"
        facts.append(Fact(f"process {row['pid']}", f"{held} {row['mode']} on {row['relation']}"))
    return tuple(facts)


def _statements(kept: _Kept) -> tuple[Fact, ...]:
    if not next(iter(kept("has_statements", _HAS_STATEMENTS)[0].values())):
        return (Fact("pg_stat_statements", _GET_STATEMENTS),)
    return tuple(
        Fact(
            f"{row['mean_ms']:,.2f} ms", f"{row['calls']:,} calls: {' '.join(row['query'].split())}"
        )
        for row in kept("statements", _STATEMENTS)
    )


def _settings(kept: _Kept, figures: dict[str, list[dict[str, Any]]]) -> tuple[Fact, ...]:
    by_name = {row["name"]: row["bytes"] for row in kept("settings", _SETTINGS)}
    indexed = sum(row["size_bytes"] for row in figures["indexes"])
    is_small = indexed > by_name["shared_buffers"]
    told = f"; the vector indexes take {megabytes(indexed)}" if indexed else ""
    return (
        Fact(
            "shared_buffers",
            f"{megabytes(by_name['shared_buffers'])}{told}",
            remedy="raise it until the indexes fit" if is_small else "",
        ),
        Fact("maintenance_work_mem", megabytes(by_name["maintenance_work_mem"])),
        Fact("work_mem", megabytes(by_name["work_mem"])),
    )


def _replicas(rows: Sequence[dict[str, Any]]) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            row["name"],
            f"{row['state']}, {megabytes(row['behind_bytes'])}, {row['behind_s']:.1f} s behind",
        )
        for row in rows
    ) or (Fact("replicas", "none, or this login may not see them"),)


def _recall_replica(state: ReplicaState) -> Fact:
    """The configured one, as this process reaches it; whatever it is, the primary answers in its place."""
    if state.problem:
        remedy = "see why, with the server's log; until then recall asks the primary"
        return Fact(state.place, state.problem, remedy=remedy)
    return Fact(state.place, f"{state.behind_s:,.1f} s behind, {state.max_lag_s:g} s are allowed")
