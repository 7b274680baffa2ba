"""The HNSW index of each model: whether there is one, whether it is needed, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from psycopg.rows import namedtuple_row

from engramia_core.errors import NotFound
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.stores.postgres_search import (
    EXACT_UP_TO,
    MOST_DIMENSIONS,
    index_name,
    indexed_type,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection

TABLE = "memory_embeddings"
_BYTES_PER_VECTOR = 800
"""What the graph in memory takes for each vector beside its numbers: 2 m links of 16 bytes, and the rest."""


class IndexState(StrEnum):
    """How a model's index stands."""

    VALID = "valid"
    BUILDING = "building"
    INVALID = "invalid"
    MISSING = "missing"
    NOT_NEEDED = "not needed"
    """No scope is large enough to be searched by it."""
    IMPOSSIBLE = "impossible"
    """The vectors are too long for any index."""


@dataclass(frozen=True, slots=True)
class ModelIndex:
    """A model that is in use, and its index."""

    model_id: str
    dimensions: int
    name: str
    vectors: int
    """Live patterns of the scopes that are searched by it."""
    largest_scope: int
    state: IndexState
    size_bytes: int = 0
    rows: int = 0
    """How many vectors the index holds, as the server estimated when it last looked."""

    @property
    def model(self) -> EmbeddingModel:
        """The model."""
        return EmbeddingModel(self.model_id, self.dimensions)

    @property
    def is_lacking(self) -> bool:
        """Whether searches would be quicker with an index that is not there."""
        return self.state in {IndexState.MISSING, IndexState.INVALID}

    @property
    def memory_mb(self) -> int:
        """About how much memory the graph takes while it is built; with less the build is several times slower."""
        width = 4 if self.dimensions <= MOST_DIMENSIONS else 2
        return -(-self.vectors * (width * self.dimensions + _BYTES_PER_VECTOR) // 1_000_000)


_MODELS = """
    SELECT m.model_id, m.dimensions, sum(p.live)::bigint AS live, max(p.live) AS largest
    FROM memory_models m JOIN memory_projects p USING (tenant_id, project_id)
    WHERE m.is_active OR m.model_id = %s GROUP BY 1, 2 ORDER BY 1, 2
"""
STATES = """
    SELECT c.relname AS name, i.indisvalid AS is_valid, pg_relation_size(c.oid) AS size_bytes,
        greatest(c.reltuples, 0)::bigint AS rows,
        EXISTS (SELECT FROM pg_stat_progress_create_index b WHERE b.index_relid = c.oid) AS is_building
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(%s)
"""
_IS_OWNER = (
    "SELECT pg_has_role(session_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)"
)


def indexes(connection: Connection, also: str = "") -> list[ModelIndex]:
    """The models that any scope is searched by, and the one named, as the owner sees them, each with its index."""
    states = {row.name: row for row in rows_of(connection, STATES, (TABLE,))}
    found = []
    for row in rows_of(connection, _MODELS, (also,)):
        model = EmbeddingModel(row.model_id, row.dimensions)
        name = index_name(model)
        there = states.get(name)
        found.append(
            ModelIndex(
                model.model_id,
                model.dimensions,
                name,
                row.live,
                row.largest,
                _state(model, row.largest, there),
                there.size_bytes if there else 0,
                there.rows if there else 0,
            )
        )
    return found


def _state(model: EmbeddingModel, largest_scope: int, there: Any) -> IndexState:  # noqa: ANN401 -- a row
    if there is not None:
        if there.is_building:
            return IndexState.BUILDING
        return IndexState.VALID if there.is_valid else IndexState.INVALID
    if indexed_type(model) is None:
        return IndexState.IMPOSSIBLE
    return IndexState.MISSING if largest_scope > EXACT_UP_TO else IndexState.NOT_NEEDED


def chosen(found: Sequence[ModelIndex], model_id: str | None) -> list[ModelIndex]:
    """Those of the model that is named, or all; ``NotFound`` for a model that no scope is searched by."""
    named = [each for each in found if model_id in {None, each.model_id}]
    if model_id is not None and not named:
        known = ", ".join(each.model_id for each in found) or "none"
        raise NotFound(f"no scope is searched by {model_id!r}", hint=f"models in use: {known}")
    return named


def is_owner(connection: Connection) -> bool:
    """Whether this login may build and drop indexes."""
    return bool(rows_of(connection, _IS_OWNER, (TABLE,))[0][0])


def rows_of(connection: Connection, statement: str, values: Sequence[object] = ()) -> list[Any]:
    """The rows of a statement about the server itself, by name."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(statement, values or None).fetchall())
