"""What is measured on PostgreSQL, each beside the bare SQL it rests on, on a server that is started for it."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import orjson
import psycopg
from pgvector.psycopg import register_vector
from sqlalchemy import make_url

from engramia_core.library import Memory
from engramia_core.memory.batch import learn_stream
from engramia_core.scope import Scope
from engramia_core.stores.postgres import PostgresStore
from tests.bench.corpus import DIMENSIONS, GivenEmbeddings, tasks, vectors
from tests.bench.filling import fill
from tests.bench.measures import Figure, p50_ms, seconds_of
from tests.postgres.server import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.memory.embedding import Matrix
    from tests.postgres.server import Server

_ASKED = 100
_LEARNED = 100
_LIMIT = 256
"""As many candidates as a recall first looks at."""
_BARE_EXACT = """
    SELECT e.key, e.vector <#> %s, p.quality, p.updated_at FROM memory_embeddings e
    JOIN engramia_data p USING (tenant_id, project_id, key)
    WHERE e.tenant_id = 'default' AND e.project_id = 'default' AND e.model_id = 'given'
    AND p.trashed_at IS NULL ORDER BY 2 LIMIT %s
"""
_BARE_BY_INDEX = f"""
    SELECT e.key, e.vector::vector({DIMENSIONS}) <#> %s::vector({DIMENSIONS}), p.quality, p.updated_at
    FROM memory_embeddings e JOIN engramia_data p USING (tenant_id, project_id, key)
    WHERE e.tenant_id = 'default' AND e.project_id = 'default' AND e.model_id = 'given'
    AND vector_dims(e.vector) = {DIMENSIONS} AND p.trashed_at IS NULL ORDER BY 2 LIMIT %s
"""


def figures(sizes: tuple[int, ...], most: int) -> Iterator[Figure]:
    """Everything, smallest first; aging and export at ``most`` patterns."""
    with started(is_synced=True) as server:
        for size in sizes:
            yield from _at_size(server, size)
        yield _batch(server, 20_000)
        yield from _upkeep(server, most)


def _at_size(server: Server, count: int) -> Iterator[Figure]:
    url = server.migrated()
    store = PostgresStore(url)
    started_at = time.perf_counter()
    fill(store, count)
    filled_s = time.perf_counter() - started_at
    _told(store)
    server.run("VACUUM ANALYZE", database=make_url(url).database or "")
    new, asked = tasks(_ASKED, 11), vectors(_ASKED, 12)
    memory = Memory(store, GivenEmbeddings(dict(zip(new, asked, strict=True))))
    for task in new[:10]:
        memory.recall(task)
    bare_ms, recall_ms = _beside_bare(url, count, memory, new, asked)
    peer = {1_000: 55.0, 10_000: 117.0}.get(count)
    goal = 4.0 if count <= 10_000 else 10.0
    note = f"filled in {filled_s:.0f} s"
    yield Figure("postgres: recall, p50", count, recall_ms, "ms", goal, peer=peer, note=note)
    note = f"psycopg alone: {bare_ms:.2f} ms"
    yield Figure("postgres: recall / bare SQL", count, recall_ms / bare_ms, "x", 2.0, note=note)
    learn_ms = p50_ms(lambda task: memory.learn(task, "print(1)\n", 8.0), new[:_LEARNED])
    peer = {1_000: 667.0, 10_000: 6_700.0}.get(count)
    yield Figure("postgres: learn, p50", count, learn_ms, "ms", 8.0, peer=peer)
    memory.close()


def _beside_bare(
    url: str, count: int, memory: Memory, new: list[str], asked: Matrix
) -> tuple[float, float]:
    """The medians of the bare statement and of a recall, asked in turn."""
    times = []
    with psycopg.connect(url) as connection:
        register_vector(connection)
        connection.execute(
            "SET hnsw.iterative_scan = relaxed_order; SET hnsw.ef_search = 256; SET jit = off"
        )
        by_index = count > 10_000
        if by_index:
            connection.execute("SET enable_sort = off")
        statement = _BARE_BY_INDEX if by_index else _BARE_EXACT
        for task, vector in zip(new, asked, strict=True):
            ask = partial(connection.execute, statement, (vector, _LIMIT))
            bare = seconds_of(lambda ask=ask: ask().fetchall())  # type: ignore[misc]
            times.append((bare, seconds_of(partial(memory.recall, task))))
    bare_ms, recall_ms = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    return bare_ms, recall_ms


def _batch(server: Server, count: int) -> Figure:
    """``learn --batch`` into an empty memory, then the index, the model apart."""
    names = tasks(count, 21)
    provider = GivenEmbeddings(dict(zip(names, vectors(count, 22), strict=True)))
    lines = [orjson.dumps({"task": t, "code": "print(1)\n" * 10, "score": 8}) for t in names]
    memory = Memory(PostgresStore(server.migrated()), provider)
    loaded_s = seconds_of(lambda: learn_stream(lines, memory.learn_many))
    indexed_s = seconds_of(lambda: _told(memory.store))
    memory.close()
    rate = count / (loaded_s + indexed_s)
    note = f"loaded in {loaded_s:.1f} s, indexed in {indexed_s:.1f} s"
    return Figure(
        "postgres: learn --batch", count, rate, "/s", 5_000.0, higher_is_better=True, note=note
    )


def _upkeep(server: Server, count: int) -> Iterator[Figure]:
    store = PostgresStore(server.migrated())
    fill(store, count, fading=0.1)
    later = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=400)
    memory = Memory(store, None, clock=lambda: later)
    sizes: list[int] = []
    seconds = seconds_of(lambda: sizes.extend(map(len, memory.export(with_vectors=True))))
    note = f"{sum(sizes) / 1e6:,.0f} MB"
    peer = 0.6 * count / 1_000
    yield Figure("postgres: export --with-vectors", count, seconds, "s", 5.0, peer=peer, note=note)
    seconds = seconds_of(memory.run_aging)
    note = f"{memory.metrics().trashed:,} pruned"
    yield Figure("postgres: aging", count, seconds, "s", 3.0, note=note)
    memory.close()


def _told(store: object) -> None:
    """Build the index that is due; what could not be built is an error here."""
    assert isinstance(store, PostgresStore)
    left = store.after_bulk(Scope(), owner="bench", now=datetime.now(UTC))
    if left is not None:
        raise RuntimeError(left)
