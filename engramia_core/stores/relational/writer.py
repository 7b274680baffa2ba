"""The open write transaction, as statements on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update
from typing_extensions import override

from engramia_core.database import tables as t
from engramia_core.errors import NotFound, Refused
from engramia_core.memory.store import StoreWriter
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, Words, jaccard, words_of
from engramia_core.stores.relational import reads, whole
from engramia_core.stores.relational.compiled import insert_rows, update_by_key
from engramia_core.stores.relational.rows import (
    Row,
    cluster_of,
    cluster_row,
    embedding_row,
    in_scope,
    observation_row,
    pattern_row,
)
from engramia_core.stores.relational.signature_index import Kind, SignatureTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection, Table

    from engramia_core.memory.embedding import Matrix
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event, Kept, Record
    from engramia_core.scope import Scope
    from engramia_core.stores.relational.ledger import Ledger

_UPDATE_PATTERN = update_by_key(t.patterns)


class RelationalWriter(StoreWriter):
    """Writes one scope over ``connection``, whose transaction the caller began and ends."""

    def __init__(
        self,
        connection: Connection,
        scope: Scope,
        ledger: Ledger,
        insert: Callable[[Connection, Table, Sequence[Row]], None] = insert_rows,
    ) -> None:
        """``insert`` adds whole rows to a table."""
        self._connection = connection
        self._insert = insert
        self._scope = scope
        self._ledger = ledger
        self._tasks = SignatureTable(connection, scope, Kind.TASK, insert)
        self._issues = SignatureTable(connection, scope, Kind.ISSUE, insert)

    def finish(self) -> None:
        """Write what was held back; the transaction may be committed then."""
        self._tasks.flush()
        self._issues.flush()
        self._ledger.close(self._connection)

    @override
    def alike(self, tasks: Sequence[Words]) -> list[list[Pattern]]:
        proposed = self._tasks.propose(tasks)
        texts = reads.live_tasks(self._connection, self._scope, set().union(*proposed))
        known = {key: words_of(task) for key, task in texts.items()}
        near = [
            [k for k in sorted(keys) if k in known and jaccard(words, known[k]) > SAME_TASK]
            for words, keys in zip(tasks, proposed, strict=True)
        ]
        patterns = reads.get(self._connection, self._scope, list(set().union(*near)))
        return [[patterns[key] for key in keys] for keys in near]

    @override
    def insert(self, records: Sequence[Record], event: Event) -> None:
        new = [record.pattern for record in records]
        taken = reads.stored_keys(self._connection, self._scope, [pattern.key for pattern in new])
        if taken:
            raise Refused(f"there is a pattern {min(taken)!r} already")
        self._insert_all(t.patterns, [pattern_row(self._scope, pattern) for pattern in new])
        self._add_belongings(records)
        self._ledger.count(new)
        self._log([pattern.key for pattern in new], event)

    @override
    def update(self, patterns: Sequence[Pattern], event: Event) -> None:
        self._rewrite(patterns, self._stored(patterns))
        self._log([pattern.key for pattern in patterns], event)

    @override
    def observe(self, pattern: Pattern, observations: Sequence[Observation], event: Event) -> None:
        self._rewrite([pattern], self._stored([pattern]))
        self._insert_observations(pattern.key, observations)
        self._log([pattern.key], event)

    @override
    def replace(self, record: Record, event: Event) -> None:
        key = record.pattern.key
        self._remove(self._stored([record.pattern]).values())
        self._insert_all(t.patterns, [pattern_row(self._scope, record.pattern)])
        self._add_belongings([record])
        self._ledger.count([record.pattern])
        self._log([key], event)

    @override
    def purge(self, keys: Sequence[str], event: Event) -> None:
        known = reads.get(self._connection, self._scope, keys)
        self._remove(known.values())
        self._log(sorted(known), event)

    @override
    def choose_model(self, model: EmbeddingModel) -> None:
        here = in_scope(t.models, self._scope)
        self._connection.execute(update(t.models).where(here).values(is_active=False))
        self._put_model(model, is_active=True)
        self._ledger.note(f"model {model.model_id} chosen")

    @override
    def set_vectors(
        self,
        keys: Sequence[str],
        vectors: Matrix,
        event: Event,
        *,
        model: EmbeddingModel | None = None,
    ) -> None:
        known = reads.get(self._connection, self._scope, keys)
        model_id = self._model_id() if model is None else self._known_model(model)
        self._drop_vectors(keys, model_id)
        rows = [
            embedding_row(self._scope, known[key], vector, model_id)
            for key, vector in zip(keys, vectors, strict=True)
        ]
        self._insert_all(t.embeddings, rows)
        self._log(keys, event)

    @override
    def drop_model(self, model: EmbeddingModel, *, limit: int) -> int:
        if model == reads.model(self._connection, self._scope):
            raise Refused(f"scope {self._scope} is searched by {model.model_id}")
        where = in_scope(t.embeddings, self._scope), t.embeddings.c.model_id == model.model_id
        some = select(t.embeddings.c.key).where(*where).order_by(t.embeddings.c.key).limit(limit)
        keys = list(self._connection.execute(some).scalars())
        self._drop_vectors(keys, model.model_id)
        if len(keys) < limit:
            self._connection.execute(
                delete(t.models).where(
                    in_scope(t.models, self._scope), t.models.c.model_id == model.model_id
                )
            )
        self._ledger.note(f"{len(keys):,} vectors of {model.model_id} dropped", when=bool(keys))
        return len(keys)

    @override
    def put_clusters(self, clusters: Sequence[Cluster]) -> None:
        self.remove_clusters([cluster.cluster_id for cluster in clusters])
        self._insert_all(t.issues, [cluster_row(self._scope, cluster) for cluster in clusters])
        self._ledger.note(f"{len(clusters)} issues put", when=bool(clusters))
        texts = [(cluster.cluster_id, words_of(cluster.text)) for cluster in clusters]
        self._issues.add(texts)

    @override
    def remove_clusters(self, cluster_ids: Sequence[str]) -> None:
        gone = self._clusters(cluster_ids)
        self._ledger.note(f"{len(gone)} issues removed", when=bool(gone))
        texts = [(cluster.cluster_id, words_of(cluster.text)) for cluster in gone]
        self._issues.remove(texts)
        for cluster in gone:
            self._connection.execute(
                delete(t.issues).where(
                    in_scope(t.issues, self._scope), t.issues.c.cluster_id == cluster.cluster_id
                )
            )

    @override
    def clusters_alike(self, issue: Words) -> list[Cluster]:
        (names,) = self._issues.propose([issue])
        return [
            c
            for c in self._clusters(sorted(names))
            if jaccard(issue, words_of(c.text)) > SAME_ISSUE
        ]

    @override
    def record_run(self, run: AgingRun) -> None:
        self._ledger.note(f"aging run {run.run}")
        here = in_scope(t.aging_runs, self._scope)
        self._connection.execute(delete(t.aging_runs).where(here, t.aging_runs.c.run == run.run))
        self._insert_all(t.aging_runs, [(*self._own, run.run, run.at, run.pruned, run.purged)])

    @override
    def take_over(self, kept: Sequence[Kept], event: Event) -> None:
        keys = [each.key for each in kept]
        known = reads.get(self._connection, self._scope, keys)
        if known:
            self._remove(known.values())
        records = [each.record for each in kept if each.record is not None]
        patterns = [record.pattern for record in records]
        self._insert_all(t.patterns, [pattern_row(self._scope, pattern) for pattern in patterns])
        self._add_belongings(records)
        self._ledger.count(patterns)
        self._ledger.changed(keys, event)
        whole.rewrite_histories(self._connection, self._scope, kept, event, self._insert)

    @property
    def _own(self) -> tuple[str, str]:
        """The columns that say whose a row is."""
        return self._scope.tenant_id, self._scope.project_id

    def _insert_all(self, table: Table, rows: Sequence[Row]) -> None:
        self._insert(self._connection, table, rows)

    def _stored(self, patterns: Sequence[Pattern]) -> dict[str, Pattern]:
        keys = [pattern.key for pattern in patterns]
        stored = reads.get(self._connection, self._scope, keys)
        for key in keys:
            if key not in stored:
                raise NotFound(f"there is no pattern {key!r}")
        return stored

    def _rewrite(self, patterns: Sequence[Pattern], stored: dict[str, Pattern]) -> None:
        """Write the rows of patterns that exist, and what follows from how they differ from ``stored``."""
        rows = [pattern_row(self._scope, pattern) for pattern in patterns]
        _UPDATE_PATTERN.run_many(self._connection, t.patterns.c.keys(), rows)
        before = [stored[pattern.key] for pattern in patterns]
        self._ledger.discount(before)
        self._ledger.count(patterns)
        retold = [
            (old, new) for old, new in zip(before, patterns, strict=True) if old.task != new.task
        ]
        self._unindex([old for old, _ in retold])
        self._index([new for _, new in retold])
        self._drop_vectors([new.key for _, new in retold], None)
        reskilled = [
            new for old, new in zip(before, patterns, strict=True) if old.skills != new.skills
        ]
        self._delete_by_key(t.skills, [pattern.key for pattern in reskilled])
        self._insert_skills(reskilled)

    def _add_belongings(self, records: Sequence[Record]) -> None:
        """Add what belongs to patterns whose rows were just inserted."""
        patterns = [record.pattern for record in records]
        self._insert_skills(patterns)
        embedded = [r for r in records if r.vector is not None]
        if embedded:
            model_id = self._model_id()
            self._insert_all(
                t.embeddings,
                [
                    embedding_row(self._scope, r.pattern, r.vector, model_id)
                    for r in embedded
                    if r.vector is not None
                ],
            )
        rows = [
            observation_row(self._scope, record.pattern.key, number, observation)
            for record in records
            for number, observation in enumerate(record.observations, 1)
        ]
        self._insert_all(t.observations, rows)
        self._index(patterns)

    def _remove(self, patterns: Iterable[Pattern]) -> None:
        gone = list(patterns)
        self._ledger.discount(gone)
        self._unindex(gone)
        self._delete_by_key(t.patterns, [pattern.key for pattern in gone])  # the rest by cascade

    def _index(self, patterns: Iterable[Pattern]) -> None:
        texts = [(pattern.key, words_of(pattern.task)) for pattern in patterns]
        self._tasks.add(texts)

    def _unindex(self, patterns: Iterable[Pattern]) -> None:
        texts = [(pattern.key, words_of(pattern.task)) for pattern in patterns]
        self._tasks.remove(texts)

    def _insert_skills(self, patterns: Iterable[Pattern]) -> None:
        rows = [
            (*self._own, skill, pattern.key) for pattern in patterns for skill in pattern.skills
        ]
        self._insert_all(t.skills, rows)

    def _insert_observations(self, key: str, observations: Sequence[Observation]) -> None:
        last = self._connection.execute(
            select(func.coalesce(func.max(t.observations.c.number), 0)).where(
                in_scope(t.observations, self._scope), t.observations.c.key == key
            )
        ).scalar_one()
        numbered = enumerate(observations, last + 1)
        self._insert_all(
            t.observations, [observation_row(self._scope, key, n, o) for n, o in numbered]
        )

    def _model_id(self) -> str:
        model = reads.model(self._connection, self._scope)
        if model is None:
            raise Refused(f"scope {self._scope} has no embedding model yet")
        return model.model_id

    def _known_model(self, model: EmbeddingModel) -> str:
        """The name of a model under which vectors are stored, made known if need be."""
        active = reads.model(self._connection, self._scope)
        if active is not None and active != model and active.model_id == model.model_id:
            raise Refused(f"{model.model_id} has {active.dimensions} dimensions in {self._scope}")
        if active != model:
            self._put_model(model, is_active=False)
        return model.model_id

    def _put_model(self, model: EmbeddingModel, *, is_active: bool) -> None:
        """Write the row of a model, without vectors of another length under its name."""
        here = in_scope(t.models, self._scope), t.models.c.model_id == model.model_id
        known = select(t.models.c.dimensions).where(*here)
        dimensions = self._connection.execute(known).scalar_one_or_none()
        if dimensions == model.dimensions:
            self._connection.execute(update(t.models).where(*here).values(is_active=is_active))
            return
        if dimensions is not None:
            self._connection.execute(delete(t.models).where(*here))
            self._connection.execute(
                delete(t.embeddings).where(
                    in_scope(t.embeddings, self._scope), t.embeddings.c.model_id == model.model_id
                )
            )
        self._insert_all(t.models, [(*self._own, model.model_id, model.dimensions, is_active)])

    def _drop_vectors(self, keys: Sequence[str], model_id: str | None) -> None:
        """Remove vectors of one model, or with ``None`` of all."""
        for start in range(0, len(keys), reads.BATCH):
            statement = delete(t.embeddings).where(
                in_scope(t.embeddings, self._scope),
                t.embeddings.c.key.in_(keys[start : start + reads.BATCH]),
            )
            if model_id is not None:
                statement = statement.where(t.embeddings.c.model_id == model_id)
            self._connection.execute(statement)

    def _delete_by_key(self, table: Table, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), reads.BATCH):
            self._connection.execute(
                delete(table).where(
                    in_scope(table, self._scope),
                    table.c.key.in_(keys[start : start + reads.BATCH]),
                )
            )

    def _clusters(self, cluster_ids: Sequence[str]) -> list[Cluster]:
        statement = (
            select(t.issues)
            .where(in_scope(t.issues, self._scope), t.issues.c.cluster_id.in_(cluster_ids))
            .order_by(t.issues.c.cluster_id)
        )
        return [cluster_of(row) for row in self._connection.execute(statement)]

    def _log(self, keys: Sequence[str], event: Event) -> None:
        """Add a change for each key, numbered without a gap."""
        self._ledger.changed(keys, event)
        last = self._connection.execute(
            select(func.coalesce(func.max(t.changes.c.number), 0)).where(
                in_scope(t.changes, self._scope)
            )
        ).scalar_one()
        said = (event.at, event.action.value, event.detail)
        rows = [(*self._own, last + number, key, *said) for number, key in enumerate(keys, 1)]
        self._insert_all(t.changes, rows)
