"""What is read from the tables, the search by vector excepted: each database does that its own way."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, bindparam, func, select

from engramia_core.database import tables as t
from engramia_core.memory.embedding import Vector, text_hash
from engramia_core.memory.stored import (
    Action,
    AgingRun,
    Counts,
    EmbeddingModel,
    Event,
    KnownModel,
    Record,
)
from engramia_core.stores.relational import filtering
from engramia_core.stores.relational.by_keys import ByKeys
from engramia_core.stores.relational.compiled import CompiledStatement
from engramia_core.stores.relational.rows import (
    OBSERVATION_COLUMNS,
    PATTERN_COLUMNS,
    cluster_of,
    in_scope,
    observation_of,
    pattern_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.scope import Scope

BATCH = 500
"""How many keys one statement names, and how many rows are fetched at a time."""

LIVE = t.patterns.c.trashed_at.is_(None)
_AT = attrgetter("at")
_PATTERNS = select(*PATTERN_COLUMNS)
_OWN_PATTERNS = (
    t.patterns.c.tenant_id == bindparam("tenant_id"),
    t.patterns.c.project_id == bindparam("project_id"),
)
_BY_KEYS = ByKeys(_PATTERNS.where(*_OWN_PATTERNS), t.patterns.c.key)
_STORED_KEYS = ByKeys(select(t.patterns.c.key).where(*_OWN_PATTERNS), t.patterns.c.key)
_LIVE_TASKS = ByKeys(
    select(t.patterns.c.key, t.patterns.c.task).where(*_OWN_PATTERNS, LIVE), t.patterns.c.key
)
_VECTORS = ByKeys(
    select(t.embeddings.c.text_hash, t.embeddings.c.vector).where(
        t.embeddings.c.tenant_id == bindparam("tenant_id"),
        t.embeddings.c.project_id == bindparam("project_id"),
        t.embeddings.c.model_id == bindparam("model_id"),
    ),
    t.embeddings.c.text_hash,
)
_ACTIVE_MODEL = CompiledStatement(
    select(t.models.c.model_id, t.models.c.dimensions).where(
        t.models.c.tenant_id == bindparam("tenant_id"),
        t.models.c.project_id == bindparam("project_id"),
        t.models.c.is_active,
    )
)


def scope_binds(scope: Scope) -> dict[str, str]:
    """The parameters that say whose rows are meant."""
    return {"tenant_id": scope.tenant_id, "project_id": scope.project_id}


def get(connection: Connection, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
    """The patterns under ``keys`` that exist."""
    rows = _BY_KEYS.rows(connection, scope_binds(scope), keys)
    return {row[0]: pattern_of(row) for row in rows}


def stored_keys(connection: Connection, scope: Scope, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` under which there is a pattern."""
    return {key for (key,) in _STORED_KEYS.rows(connection, scope_binds(scope), keys)}


def live_tasks(connection: Connection, scope: Scope, keys: Collection[str]) -> dict[str, str]:
    """The tasks of those patterns under ``keys`` that are not in the trash."""
    rows = _LIVE_TASKS.rows(connection, scope_binds(scope), list(keys))
    return dict(rows)


def page(
    connection: Connection,
    scope: Scope,
    *,
    filters: Filters,
    limit: int,
    before: str | None,
    trashed: bool,
) -> list[Pattern]:
    """Patterns by descending key."""
    statement = (
        _PATTERNS.where(in_scope(t.patterns, scope), *filtering.passing(filters))
        .where(~LIVE if trashed else LIVE)
        .order_by(t.patterns.c.key.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(t.patterns.c.key < before)
    return _patterns(connection, statement)


def observations(connection: Connection, scope: Scope, key: str) -> list[Observation]:
    """What was observed of a pattern, oldest first."""
    statement = (
        select(*OBSERVATION_COLUMNS)
        .where(in_scope(t.observations, scope), t.observations.c.key == key)
        .order_by(t.observations.c.at, t.observations.c.number)
    )
    return [observation_of(row) for row in connection.execute(statement)]


def history(connection: Connection, scope: Scope, key: str) -> list[Event]:
    """What happened to a pattern, oldest first."""
    statement = (
        select(t.changes.c.at, t.changes.c.action, t.changes.c.detail)
        .where(in_scope(t.changes, scope), t.changes.c.key == key)
        .where(t.changes.c.action != Action.EMBEDDED.value)
        .order_by(t.changes.c.number)
    )
    return [Event(row.at, Action(row.action), row.detail) for row in connection.execute(statement)]


def records(connection: Connection, scope: Scope, *, model_id: str | None) -> Iterator[Record]:
    """All live patterns by key with what belongs to them; vectors of ``model_id`` unless that is ``None``."""
    statement = _PATTERNS.where(in_scope(t.patterns, scope), LIVE).order_by(t.patterns.c.key)
    if model_id is not None:
        statement = statement.add_columns(t.embeddings.c.vector).outerjoin_from(
            t.patterns, t.embeddings, vector_of_pattern(model_id)
        )
    seen = (
        select(*OBSERVATION_COLUMNS)
        .where(in_scope(t.observations, scope))
        .order_by(t.observations.c.key, t.observations.c.number)
    )
    groups = groupby(CompiledStatement(seen).stream(connection), key=itemgetter(0))
    key, group = next(groups, (None, iter(())))
    for row in CompiledStatement(statement).stream(connection):
        pattern = pattern_of(row)
        while key is not None and key < pattern.key:
            key, group = next(groups, (None, iter(())))
        observed = map(observation_of, group) if key == pattern.key else ()
        vector = row[-1] if model_id is not None else None
        yield Record(pattern, tuple(sorted(observed, key=_AT)), vector)


def vector_of_pattern(model_id: str) -> ColumnElement[bool]:
    """The join of ``engramia_data`` with its vectors of one model."""
    return and_(
        t.embeddings.c.tenant_id == t.patterns.c.tenant_id,
        t.embeddings.c.project_id == t.patterns.c.project_id,
        t.embeddings.c.key == t.patterns.c.key,
        t.embeddings.c.model_id == model_id,
    )


def expired(connection: Connection, scope: Scope, now: datetime) -> list[Pattern]:
    """The live patterns whose time has come."""
    return _patterns(
        connection,
        _PATTERNS.where(in_scope(t.patterns, scope), LIVE, t.patterns.c.prune_after <= now),
        ordered=True,
    )


def in_trash(
    connection: Connection, scope: Scope, *, run: str | None, until: datetime | None
) -> list[Pattern]:
    """The patterns in the trash."""
    statement = _PATTERNS.where(in_scope(t.patterns, scope), ~LIVE)
    if run is not None:
        statement = statement.where(t.patterns.c.trash_run == run)
    if until is not None:
        statement = statement.where(t.patterns.c.trashed_at <= until)
    return _patterns(connection, statement, ordered=True)


def without_vector(
    connection: Connection,
    scope: Scope,
    wanted: EmbeddingModel | None,
    *,
    limit: int,
    after: str,
) -> list[Pattern]:
    """Live patterns that have no vector of the model, by default the scope's, from behind a key on."""
    wanted = wanted or model(connection, scope)
    is_kept = wanted is not None and _has_model(connection, scope, wanted)
    of_model = vector_of_pattern(wanted.model_id if wanted and is_kept else "")
    statement = (
        _PATTERNS.outerjoin_from(t.patterns, t.embeddings, of_model)
        .where(in_scope(t.patterns, scope), LIVE, t.embeddings.c.key.is_(None))
        .where(t.patterns.c.key > after)
        .limit(limit)
    )
    return _patterns(connection, statement, ordered=True)


def known_vectors(
    connection: Connection, scope: Scope, model_id: str, texts: Sequence[str]
) -> Mapping[str, Vector]:
    """The stored vectors of ``texts``."""
    by_hash = {text_hash(text): text for text in texts}
    binds = scope_binds(scope) | {"model_id": model_id}
    rows = _VECTORS.rows(connection, binds, list(by_hash))
    return {by_hash[found]: vector for found, vector in rows}


def live_count(connection: Connection, scope: Scope) -> int:
    """How many live patterns the scope has."""
    statement = select(t.projects.c.live).where(in_scope(t.projects, scope))
    return connection.execute(statement).scalar_one_or_none() or 0


def counts(connection: Connection, scope: Scope, model_id: str | None) -> Counts:
    """How much the scope holds."""

    def count(statement: Select[Any]) -> int:
        return int(connection.execute(statement).scalar_one())

    total = select(func.count())
    return Counts(
        live=live_count(connection, scope),
        trashed=count(total.where(in_scope(t.patterns, scope), ~LIVE)),
        observations=count(total.where(in_scope(t.observations, scope))),
        embedded=count(
            total.select_from(t.patterns)
            .join(t.embeddings, vector_of_pattern(model_id or ""))
            .where(in_scope(t.patterns, scope), LIVE)
        ),
        clusters=count(total.where(in_scope(t.issues, scope))),
    )


def model(connection: Connection, scope: Scope) -> EmbeddingModel | None:
    """The scope's model."""
    rows = _ACTIVE_MODEL.rows(connection, scope_binds(scope))
    return EmbeddingModel(*rows[0]) if rows else None


def _has_model(connection: Connection, scope: Scope, model: EmbeddingModel) -> bool:
    """Whether the scope knows the model, with vectors of that length."""
    known = select(t.models.c.dimensions).where(
        in_scope(t.models, scope), t.models.c.model_id == model.model_id
    )
    return connection.execute(known).scalar_one_or_none() == model.dimensions


def models(connection: Connection, scope: Scope) -> list[KnownModel]:
    """The scope's model, and the others of which there are vectors."""
    counted = (
        select(t.embeddings.c.model_id, func.count())
        .where(in_scope(t.embeddings, scope))
        .group_by(t.embeddings.c.model_id)
    )
    vectors = {row[0]: row[1] for row in connection.execute(counted)}
    known = (
        select(t.models.c.model_id, t.models.c.dimensions, t.models.c.is_active)
        .where(in_scope(t.models, scope))
        .order_by(t.models.c.model_id)
    )
    return [
        KnownModel(EmbeddingModel(name, dimensions), is_active, vectors.get(name, 0))
        for name, dimensions, is_active in connection.execute(known)
        if is_active or name in vectors
    ]


def clusters(connection: Connection, scope: Scope) -> list[Cluster]:
    """All feedback clusters, by id."""
    statement = select(t.issues).where(in_scope(t.issues, scope)).order_by(t.issues.c.cluster_id)
    return [cluster_of(row) for row in connection.execute(statement)]


def aging_runs(connection: Connection, scope: Scope) -> list[AgingRun]:
    """The remembered runs, newest first."""
    statement = (
        select(t.aging_runs)
        .where(in_scope(t.aging_runs, scope))
        .order_by(t.aging_runs.c.at.desc(), t.aging_runs.c.run.desc())
    )
    return [
        AgingRun(row.run, row.at, row.pruned, row.purged) for row in connection.execute(statement)
    ]


def _patterns(
    connection: Connection, statement: Select[Any], *, ordered: bool = False
) -> list[Pattern]:
    if ordered:
        statement = statement.order_by(t.patterns.c.key)
    return [pattern_of(row) for row in connection.execute(statement)]
