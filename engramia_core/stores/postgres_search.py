"""The search by vector on PostgreSQL: exact where a scope is small, by its model's HNSW index where it is large.

pgvector looks into the index first and at the scope only then, so a small scope in a large table would get too few
answers from it, or none. A scan goes on until there are enough (``hnsw.iterative_scan``); where even that finds too
few, the search is made again, exactly. See docs/why/postgres.md for the measured rule.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sqlalchemy import Double, Select, and_, bindparam, cast, extract, literal_column, select
from sqlalchemy.types import NullType, UserDefinedType

from engramia_core.database import tables as t
from engramia_core.memory.store import NEAREST, Candidates, EmbeddingModel
from engramia_core.stores.relational.compiled import CompiledStatement
from engramia_core.stores.relational.filtering import passing
from engramia_core.stores.relational.reads import LIVE
from engramia_core.stores.relational.rows import in_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.filters import Filters
    from engramia_core.scope import Scope

EXACT_UP_TO = 3_000
"""Scopes of up to so many live patterns are searched exactly."""
_EF_SEARCH = (200, 1_000)
"""How many candidates the index keeps while it searches: at least, and pgvector's most."""
MOST_DIMENSIONS = 2_000
"""Longer vectors are indexed in half precision, up to twice as many."""
_TIE_DIGITS = 6

_USE_INDEX = (
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    " set_config('hnsw.ef_search', %s, true), set_config('enable_sort', 'off', true)"
)
_STATE = CompiledStatement(
    select(t.models.c.model_id, t.models.c.dimensions, t.projects.c.live)
    .join(
        t.projects,
        and_(
            t.projects.c.tenant_id == t.models.c.tenant_id,
            t.projects.c.project_id == t.models.c.project_id,
        ),
    )
    .where(
        t.models.c.tenant_id == bindparam("tenant_id"),
        t.models.c.project_id == bindparam("project_id"),
        t.models.c.is_active,
    )
)


class Asked(NamedTuple):
    """What is looked for: of the patterns that pass the filters, so many that are nearest to a unit vector."""

    query: Vector
    filters: Filters
    limit: int


def state(connection: Connection, scope: Scope) -> tuple[EmbeddingModel | None, int]:
    """The scope's model, and how many live patterns it has."""
    where = {"tenant_id": scope.tenant_id, "project_id": scope.project_id}
    rows = _STATE.rows(connection, where)
    if not rows:
        return None, 0
    ((model_id, dimensions, live),) = rows
    return EmbeddingModel(model_id, dimensions), live


def index_name(model: EmbeddingModel) -> str:
    """The name of a model's HNSW index."""
    name = f"{model.model_id} {model.dimensions}"
    return f"ix_vectors_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def indexed_type(model: EmbeddingModel) -> str | None:
    """As what the model's vectors are indexed; ``None`` for those that are too long for any index."""
    if model.dimensions <= MOST_DIMENSIONS:
        return f"vector({model.dimensions})"
    return f"halfvec({model.dimensions})" if model.dimensions <= 2 * MOST_DIMENSIONS else None


def search(
    connection: Connection, scope: Scope, asked: Asked, *, model: EmbeddingModel, by_index: bool
) -> list[Sequence[Any]]:
    """Rows of key, cosine similarity, quality and seconds since 1970, nearest first."""
    if by_index:
        least, most = _EF_SEARCH
        cursor = connection.connection.cursor()
        cursor.execute(_USE_INDEX, (str(min(max(asked.limit, least), most)),))
        cursor.close()
    values = {
        "tenant_id": scope.tenant_id,
        "project_id": scope.project_id,
        "query": asked.query,
        "most": asked.limit,
    }
    if not asked.filters:
        statement = _unfiltered(model.model_id, model.dimensions, by_index=by_index)
        return list(statement.rows(connection, values))
    filtered = _nearest(model, by_index=by_index).where(*passing(asked.filters))
    return [tuple(row) for row in connection.execute(filtered, values)]


def candidates(rows: Sequence[Sequence[Any]], searched: int) -> Candidates:
    """The rows of ``search``, in order."""
    keys = [row[0] for row in rows]
    found = np.array([row[1] for row in rows], dtype=np.float32)
    similarity = np.clip(found, 0, 1).round(_TIE_DIGITS).astype(np.float32, copy=False)
    order = np.lexsort((np.array(keys, dtype="S64"), -similarity))
    quality = np.array([np.nan if row[2] is None else row[2] for row in rows], dtype=np.float32)
    updated_at_s = np.array([row[3] for row in rows], dtype=np.float64)
    return Candidates(
        [keys[row] for row in order],
        similarity[order],
        quality[order],
        updated_at_s[order],
        searched,
    )


def with_vectors(
    connection: Connection, scope: Scope, found: Candidates, *, model: EmbeddingModel
) -> Candidates:
    """``found`` with the vectors of its first candidates: those that were not purged a moment ago."""
    first = found.keys[:NEAREST]
    statement = select(t.embeddings.c.key, t.embeddings.c.vector).where(
        in_scope(t.embeddings, scope),
        t.embeddings.c.model_id == model.model_id,
        t.embeddings.c.key.in_(first),
    )
    vectors = {row.key: row.vector for row in connection.execute(statement)}
    rows = [vectors[key] for key in first if key in vectors]
    return found._replace(nearest=np.array(rows, np.float32).reshape(-1, model.dimensions))


class _Indexed(UserDefinedType[Any]):
    """The type as which the vectors of a model are indexed."""

    cache_ok = True

    def __init__(self, model: EmbeddingModel) -> None:
        self.name = str(indexed_type(model))

    def get_col_spec(self, **_: object) -> str:
        """The type's name in SQL."""
        return self.name


@lru_cache(maxsize=64)
def _unfiltered(model_id: str, dimensions: int, *, by_index: bool) -> CompiledStatement:
    return CompiledStatement(_nearest(EmbeddingModel(model_id, dimensions), by_index=by_index))


def _nearest(model: EmbeddingModel, *, by_index: bool) -> Select[Any]:
    """The nearest live patterns of a scope.

    The index is on the vectors of one model as a type of their length, and only what says both the same way can use
    it: the name of the model stands in the statement itself. An exact search does not speak of the type.
    """
    vector: ColumnElement[Any] = t.embeddings.c.vector
    query: ColumnElement[Any] = bindparam("query", type_=NullType())
    if by_index:
        vector, query = cast(vector, _Indexed(model)), cast(query, _Indexed(model))
    away: ColumnElement[float] = vector.op("<#>", return_type=Double())(query)
    named = "'" + model.model_id.replace("'", "''").replace("%", "%%") + "'"
    return (
        select(
            t.embeddings.c.key,
            (-away).label("similarity"),
            t.patterns.c.quality,
            cast(extract("epoch", t.patterns.c.updated_at), Double),
        )
        .join_from(
            t.embeddings,
            t.patterns,
            and_(
                t.patterns.c.tenant_id == t.embeddings.c.tenant_id,
                t.patterns.c.project_id == t.embeddings.c.project_id,
                t.patterns.c.key == t.embeddings.c.key,
            ),
        )
        .where(
            t.embeddings.c.tenant_id == bindparam("tenant_id"),
            t.embeddings.c.project_id == bindparam("project_id"),
            t.embeddings.c.model_id == literal_column(named),
            LIVE,
        )
        .order_by(away)
        .limit(bindparam("most"))
    )
