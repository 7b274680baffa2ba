"""What an index finds of what there is, on the memory's own vectors."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from engramia_core.memory.filters import Filters
from engramia_core.scope import Scope
from engramia_core.stores.postgres_engine import set_scope
from engramia_core.stores.postgres_index import rows_of
from engramia_core.stores.postgres_search import Asked, questions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engramia_core.stores.postgres_index import ModelIndex

_NEAREST = 5
_TIE = 1e-6

_LARGEST = """
    SELECT tenant_id, project_id FROM memory_models m JOIN memory_projects p USING (tenant_id, project_id)
    WHERE m.is_active AND m.model_id = %s AND m.dimensions = %s ORDER BY p.live DESC LIMIT 1
"""
_SAMPLE = """
    SELECT vector FROM memory_embeddings TABLESAMPLE BERNOULLI (%s) REPEATABLE (1)
    WHERE tenant_id = %s AND project_id = %s AND model_id = %s LIMIT %s
"""


class IndexRecall(NamedTuple):
    """How searches of the model's largest scope went."""

    sampled: int
    recall_at_5: float
    index_p50_ms: float
    exact_p50_ms: float


def index_recall(connection: Connection, index: ModelIndex, *, sample: int) -> IndexRecall:
    """Search for stored vectors in the model's largest scope, by the index and exactly."""
    ((tenant, project),) = rows_of(connection, _LARGEST, (index.model_id, index.dimensions))
    scope = Scope(tenant, project)
    set_scope(connection, scope)
    share = min(100.0, 300.0 * sample / max(index.largest_scope, 1))
    vectors = rows_of(
        connection,
        _SAMPLE,
        (share, tenant, project, index.model_id, sample),
    )
    shares, by_index, exact = [], [], []
    for (vector,) in vectors:
        asked = Asked(vector, Filters(), _NEAREST)
        found, found_ms = _timed(connection, asked, scope, index, index.rows)
        truth, truth_ms = _timed(connection, asked, scope, index, None)
        last = truth[-1] - _TIE if truth else 0.0
        shares.append(sum(s >= last for s in found) / max(len(truth), 1))
        by_index.append(found_ms)
        exact.append(truth_ms)
    if not shares:
        return IndexRecall(0, 1.0, 0.0, 0.0)
    return IndexRecall(
        len(shares),
        statistics.mean(shares),
        statistics.median(by_index),
        statistics.median(exact),
    )


def _timed(
    connection: Connection, search_for: Asked, scope: Scope, index: ModelIndex, indexed: int | None
) -> tuple[list[float], float]:
    """The similarities of the nearest, and the milliseconds that took; the settings are undone after it."""
    live = index.largest_scope
    asked = questions(scope, search_for, index.model, live=live, indexed=indexed)
    cursor = connection.connection.cursor()
    cursor.execute("SAVEPOINT one_search")
    *settings, search = asked
    for each in settings:
        cursor.execute(each.sql, each.values)
    start = time.perf_counter()
    cursor.execute(search.sql, search.values)
    rows = cursor.fetchall()
    took_ms = (time.perf_counter() - start) * 1e3
    cursor.execute("ROLLBACK TO SAVEPOINT one_search")
    cursor.close()
    return sorted((-float(row[1]) for row in rows), reverse=True), took_ms
