"""Rows of the tables, as values of the core, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_

from engramia_core.database import tables as t
from engramia_core.memory.embedding import text_hash
from engramia_core.memory.feedback import Cluster
from engramia_core.memory.pattern import (
    Classification,
    Observation,
    Pattern,
    Source,
    Trashed,
    TrashReason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row as SelectedRow
    from sqlalchemy import Table

    from engramia_core.memory.embedding import Vector
    from engramia_core.scope import Scope

Row = tuple[Any, ...]
"""A row to write: a value for each column of its table, in their order."""

PATTERN_COLUMNS = tuple(t.patterns.c)[2:]
"""What ``pattern_of`` reads, in this order: all but tenant and project."""

_SOURCES = {source.value: source for source in Source}
_CLASSIFICATIONS = {level.value: level for level in Classification}


def in_scope(table: Table, scope: Scope) -> ColumnElement[bool]:
    """That a row of ``table`` belongs to ``scope``."""
    return and_(table.c.tenant_id == scope.tenant_id, table.c.project_id == scope.project_id)


def pattern_of(row: Sequence[Any]) -> Pattern:
    """The pattern in a row that starts with ``PATTERN_COLUMNS``."""
    return Pattern(
        key=row[0],
        task=row[1],
        code=row[2],
        output=row[3],
        success_score=row[4],
        run_id=row[5],
        source=_SOURCES[row[6]],
        classification=_CLASSIFICATIONS[row[7]],
        skills=tuple(row[8].split(",")) if row[8] else (),
        created_at=row[9],
        updated_at=row[10],
        quality=row[11],
        survival=row[12],
        survival_set_at=row[13],
        prune_after=row[14],
        reuse_count=row[15],
        trashed=None
        if row[16] is None
        else Trashed(at=row[16], reason=TrashReason(row[17]), run=row[18]),
    )


def pattern_row(scope: Scope, pattern: Pattern) -> Row:
    """The row of a pattern, in the order of the table's columns."""
    trashed = pattern.trashed
    return (
        scope.tenant_id,
        scope.project_id,
        pattern.key,
        pattern.task,
        pattern.code,
        pattern.output,
        pattern.success_score,
        pattern.run_id,
        pattern.source.value,
        pattern.classification.value,
        ",".join(pattern.skills),
        pattern.created_at,
        pattern.updated_at,
        pattern.quality,
        pattern.survival,
        pattern.survival_set_at,
        pattern.prune_after,
        pattern.reuse_count,
        trashed.at if trashed else None,
        trashed.reason.value if trashed else None,
        trashed.run if trashed else None,
    )


def observation_row(scope: Scope, key: str, number: int, observation: Observation) -> Row:
    """The row of the ``number``-th observation of a pattern."""
    return (
        scope.tenant_id,
        scope.project_id,
        key,
        number,
        observation.at,
        observation.score,
        observation.source.value,
        observation.run_id,
        observation.feedback,
    )


def embedding_row(scope: Scope, pattern: Pattern, vector: Vector, model_id: str) -> Row:
    """The row of a pattern's vector."""
    return scope.tenant_id, scope.project_id, pattern.key, model_id, text_hash(pattern.task), vector


OBSERVATION_COLUMNS = tuple(
    t.observations.c[name] for name in ("key", "at", "score", "source", "run_id", "feedback")
)


def observation_of(row: Sequence[Any]) -> Observation:
    """The observation in a row of ``OBSERVATION_COLUMNS``."""
    return Observation(
        at=row[1], score=row[2], source=_SOURCES[row[3]], run_id=row[4], feedback=row[5]
    )


def cluster_of(row: SelectedRow[Any]) -> Cluster:
    """The feedback cluster in a row of ``issues``."""
    return Cluster(
        cluster_id=row.cluster_id,
        text=row.text,
        occurrences=row.occurrences,
        weight=row.weight,
        weight_set_at=row.weight_set_at,
        first_seen_at=row.first_seen_at,
    )


def cluster_row(scope: Scope, cluster: Cluster) -> Row:
    """The row of a feedback cluster."""
    return (
        scope.tenant_id,
        scope.project_id,
        cluster.cluster_id,
        cluster.text,
        cluster.occurrences,
        cluster.weight,
        cluster.weight_set_at,
        cluster.first_seen_at,
    )
