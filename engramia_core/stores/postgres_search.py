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
from sqlalchemy import (
    ARRAY,
    Double,
    Select,
    and_,
    any_,
    bindparam,
    cast,
    extract,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import NullType, UserDefinedType

from engramia_core.database import tables as t
from engramia_core.database.columns import name_type, vector_dimensions
from engramia_core.memory.stored import NEAREST, Candidates, EmbeddingModel
from engramia_core.stores.postgres_ask import Asking, Question
from engramia_core.stores.relational.filtering import passing
from engramia_core.stores.relational.reads import LIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.filters import Filters
    from engramia_core.scope import Scope

EXACT_UP_TO = 3_000
"""Scopes of up to so many live patterns are always searched exactly."""
_SHARE = 4.0
"""How many vectors an exact search looks at in the time in which the index proposes one."""
_EF_SEARCH = (400, 1_000)
"""How many candidates the index keeps while it searches: at least, and pgvector's most."""
_LEAST_ASKED = 64
"""The index is asked for so many at least: the first five of them are better than five that it stops at."""
_SCANNED = (20_000, 4)
"""How many vectors the index may propose before it gives up: at least, and so many times those expected."""
MOST_DIMENSIONS = 2_000
"""Longer vectors are indexed in half precision, up to twice as many."""
_TIE_DIGITS = 6

_USE_INDEX = (
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    " set_config('hnsw.ef_search', %(ef)s, true), set_config('hnsw.max_scan_tuples', %(scanned)s, true),"
    " set_config('hnsw.scan_mem_multiplier', '4', true), set_config('enable_sort', 'off', true),"
    " set_config('jit', 'off', true)"
)
_SEARCH_ALL = (
    "SELECT set_config('jit', 'off', true),"
    " set_config('max_parallel_workers_per_gather', %(workers)s, true)"
)
_ALONE_UP_TO = 20_000
"""So many patterns are searched sooner than other workers are started."""
STATE = Asking(
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
COUNTED_UP_TO = 20_000
"""Of more patterns with a skill than that it is not worth knowing how many there are."""
WITH_SKILL = Asking(
    select(func.count()).select_from(
        select(t.skills.c.key)
        .where(
            t.skills.c.tenant_id == bindparam("tenant_id"),
            t.skills.c.project_id == bindparam("project_id"),
            t.skills.c.skill == bindparam("skill"),
        )
        .limit(bindparam("most"))
        .subquery()
    )
)
_VECTORS = Asking(
    select(t.embeddings.c.key, t.embeddings.c.vector).where(
        t.embeddings.c.tenant_id == bindparam("tenant_id"),
        t.embeddings.c.project_id == bindparam("project_id"),
        t.embeddings.c.model_id == bindparam("model_id"),
        t.embeddings.c.key == any_(bindparam("keys", type_=ARRAY(name_type()))),
    )
)


class Asked(NamedTuple):
    """What is looked for: of the patterns that pass the filters, so many that are nearest to a unit vector."""

    query: Vector
    filters: Filters
    limit: int


class ScopeState(NamedTuple):
    """A scope's model, ``None`` before its first vector, and how many live patterns it has."""

    model: EmbeddingModel | None
    live: int


def state_of(rows: Sequence[Sequence[Any]]) -> ScopeState:
    """The state in the rows that answer ``STATE``."""
    if not rows:
        return ScopeState(None, 0)
    ((model_id, dimensions, live),) = rows
    return ScopeState(EmbeddingModel(model_id, dimensions), live)


def is_index_quicker(live: int, limit: int, indexed: int) -> bool:
    """Whether ``limit`` of a scope's ``live`` patterns are found sooner by an index of ``indexed`` vectors.

    The index proposes vectors of every scope, nearest first: to find ``limit`` of this one it must propose
    ``limit * indexed / live``. An exact search looks at the ``live`` ones.
    """
    proposed = max(limit, _LEAST_ASKED) * max(indexed, live) / max(live, 1)
    return live > EXACT_UP_TO and live > _SHARE * proposed


def index_name(model: EmbeddingModel) -> str:
    """The name of a model's HNSW index."""
    name = f"{model.model_id} {model.dimensions}"
    return f"ix_vectors_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def indexed_type(model: EmbeddingModel) -> str | None:
    """As what the model's vectors are indexed; ``None`` for those that are too long for any index."""
    if model.dimensions <= MOST_DIMENSIONS:
        return f"vector({model.dimensions})"
    return f"halfvec({model.dimensions})" if model.dimensions <= 2 * MOST_DIMENSIONS else None


def questions(
    scope: Scope, asked: Asked, model: EmbeddingModel, *, live: int, indexed: int | None
) -> list[Question]:
    """What to ask for rows of key, negative cosine similarity, quality and seconds since 1970; the last question gives them.

    ``indexed`` is how many vectors the index holds that is to be used; ``None`` for an exact search.
    """
    by_index = indexed is not None
    nearest = _nearest_of(model, asked.filters, by_index=by_index)
    most = asked.limit if indexed is None else max(asked.limit, _LEAST_ASKED)
    found = nearest.of(scope, query=asked.query, most=most)
    if indexed is None:
        workers = "0" if live <= _ALONE_UP_TO else "2"
        return [Question(_SEARCH_ALL, {"workers": workers}), found]
    (least, largest), (scanned, times) = _EF_SEARCH, _SCANNED
    expected = asked.limit * max(indexed, live) // max(live, 1)
    settings = {
        "ef": str(min(max(asked.limit, least), largest)),
        "scanned": str(min(max(scanned, times * expected), 2**31 - 1)),
    }
    return [Question(_USE_INDEX, settings), found]


def candidates(rows: Sequence[Sequence[Any]], searched: int, limit: int) -> Candidates:
    """The first ``limit`` of the rows that were found, in order."""
    keys = [row[0] for row in rows]
    found = -np.array([row[1] for row in rows], dtype=np.float32)
    similarity = np.clip(found, 0, 1).round(_TIE_DIGITS).astype(np.float32, copy=False)
    order = np.lexsort((np.array(keys, dtype="S64"), -similarity))[:limit]
    quality = np.array([np.nan if row[2] is None else row[2] for row in rows], dtype=np.float32)
    updated_at_s = np.array([row[3] for row in rows], dtype=np.float64)
    return Candidates(
        [keys[row] for row in order],
        similarity[order],
        quality[order],
        updated_at_s[order],
        searched,
    )


def vectors_of(scope: Scope, found: Candidates, model: EmbeddingModel) -> Question:
    """What to ask for the vectors of the first candidates."""
    return _VECTORS.of(scope, keys=found.keys[:NEAREST], model_id=model.model_id)


def with_vectors(
    found: Candidates, rows: Sequence[Sequence[Any]], model: EmbeddingModel
) -> Candidates:
    """``found`` with the vectors of its first candidates: those that were not purged a moment ago."""
    by_key = {key: vector.to_numpy() for key, vector in rows}
    near = [by_key[key] for key in found.keys[:NEAREST] if key in by_key]
    return found._replace(nearest=np.array(near, np.float32).reshape(-1, model.dimensions))


class _Indexed(UserDefinedType[Any]):
    """The type as which the vectors of a model are indexed."""

    cache_ok = True

    def __init__(self, model: EmbeddingModel) -> None:
        self.name = str(indexed_type(model))

    def get_col_spec(self, **_: object) -> str:
        """The type's name in SQL."""
        return self.name


@lru_cache(maxsize=256)
def _nearest_of(model: EmbeddingModel, filters: Filters, *, by_index: bool) -> Asking:
    return Asking(_nearest(model, by_index=by_index).where(*passing(filters)))


def _nearest(model: EmbeddingModel, *, by_index: bool) -> Select[Any]:
    """The nearest live patterns of a scope.

    The index is on the vectors of one model as a type of their length, and only what says both the same way can use
    it: the name of the model stands in the statement itself. An exact search does not speak of the type.
    """
    vector: ColumnElement[Any] = t.embeddings.c.vector
    query: ColumnElement[Any] = bindparam("query", type_=NullType())
    indexed: list[ColumnElement[bool]] = []
    if by_index:
        indexed.append(vector_dimensions(vector) == literal_column(str(model.dimensions)))
        vector, query = cast(vector, _Indexed(model)), cast(query, _Indexed(model))
    away: ColumnElement[float] = vector.op("<#>", return_type=Double())(query)
    named = "'" + model.model_id.replace("'", "''").replace("%", "%%") + "'"
    return (
        select(
            t.embeddings.c.key,
            away.label("away"),  # as it is sorted by: else the vectors would be sorted too
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
            *indexed,
            LIVE,
        )
        .order_by(away)
        .limit(bindparam("most"))
    )
