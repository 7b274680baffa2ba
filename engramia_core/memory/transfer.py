"""Export and import: a memory as a stream, out of any store and into any store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO

from engramia_core.errors import Refused
from engramia_core.memory.pattern import copy_key
from engramia_core.memory.stored import Action, EmbeddingModel, Event, Record
from engramia_core.memory.transfer_format import (
    Footer,
    Header,
    cluster_line,
    footer_line,
    header_line,
    record_line,
)
from engramia_core.memory.transfer_reader import BATCH_LINES, batches, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.store import PatternStore, StoreWriter
    from engramia_core.scope import Scope

_TOGETHER = 24
"""Batches in one transaction: the fewer transactions, the fewer pages of the indexes are written twice."""


class OnConflict(StrEnum):
    """What an import does with a key that is stored with other content."""

    SKIP = "skip"
    OVERWRITE = "overwrite"
    NEW_KEY = "new-key"
    FAIL = "fail"


@dataclass(slots=True)
class ImportReport:
    """What an import did, or with ``planned`` would do."""

    planned: bool = False
    added: int = 0
    unchanged: int = 0
    overwritten: int = 0
    skipped: int = 0
    rekeyed: int = 0
    vectors_reused: int = 0
    vectors_embedded: int = 0
    without_vector: int = 0
    issues: int = 0


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records sorted by what is to be done with them."""

    lines: int
    new: list[Record] = field(default_factory=list)
    changed: list[Record] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)


def export(
    store: PatternStore, scope: Scope, *, with_vectors: bool = False
) -> Generator[bytes, None, None]:
    """The lines of an export, by key; two exports of one state are equal to the byte."""
    model = store.model(scope)
    clusters = store.clusters(scope)
    header = Header(
        schema=store.schema_revision(),
        model=model,
        with_vectors=with_vectors and model is not None,
        patterns=store.live_count(scope),
        issues=len(clusters),
    )
    digest = hashlib.sha256()
    written = 0

    def counted(line: bytes) -> bytes:
        digest.update(line)
        return line

    yield counted(header_line(header))
    for record in store.records(scope, with_vectors=header.with_vectors, model=model):
        written += 1
        yield counted(record_line(record))
    for cluster in clusters:
        yield counted(cluster_line(cluster))
    yield footer_line(Footer(written, len(clusters), digest.hexdigest()))


class Importer:
    """Brings a verified export into a scope, some thousand patterns to a transaction.

    Killed half-way, the same import goes on: what is stored already is unchanged then.
    """

    def __init__(
        self,
        store: PatternStore,
        embedder: Embedder | None,
        scope: Scope,
        *,
        now: datetime,
        on_conflict: OnConflict = OnConflict.SKIP,
        batch_lines: int = BATCH_LINES,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._scope = scope
        self._now = now
        self._on_conflict = on_conflict
        self._batch_lines = batch_lines

    def run(
        self,
        file: BinaryIO,
        *,
        plan: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ImportReport:
        """Import, or say what an import would do. The whole file is verified before anything is written.

        ``InvalidInput`` for a file that is damaged; ``Refused`` with ``OnConflict.FAIL`` when there is a conflict.
        """
        header, sha256 = verify(file)
        if self._on_conflict is OnConflict.FAIL:
            for records, _ in batches(file, self._batch_lines):
                self._sort(records, sha256, ImportReport())
            file.seek(0)
        report = ImportReport(planned=plan)
        model = self._model(header)
        prepared = self._prepared(file, header, sha256, model, report)
        together = 1 if self._embeds(header, model) else _TOGETHER
        for first in prepared:
            some = chain([first], islice(prepared, together - 1))
            if plan:
                progress(sum(batch.lines for batch in some))
                continue
            with self._store.write(self._scope) as writer:
                self._keep_to(model, writer)
                done = sum(self._write(writer, batch) for batch in some)
            progress(done)
        return report

    def _prepared(
        self,
        file: BinaryIO,
        header: Header,
        sha256: str,
        model: EmbeddingModel | None,
        report: ImportReport,
    ) -> Iterator[_Batch]:
        """The batches of the file, sorted and with their vectors."""
        source = header.model if header.with_vectors else None
        for records, clusters in batches(file, self._batch_lines):
            batch = self._sort(records, sha256, report)
            self._bring(batch, source, model, report)
            batch.clusters.extend(self._wanted(clusters) if clusters else [])
            report.issues += len(batch.clusters)
            yield batch

    def _embeds(self, header: Header, model: EmbeddingModel | None) -> bool:
        """Whether the model is asked, which takes too long to keep others from writing meanwhile."""
        is_reusable = header.with_vectors and header.model == model
        return self._embedder is not None and not is_reusable

    def _model(self, header: Header) -> EmbeddingModel | None:
        """The model that the scope has, or gets."""
        stored = self._store.model(self._scope)
        if self._embedder is not None:
            self._embedder = self._embedder.serving(self._scope)
            return self._embedder.model
        return stored or (header.model if header.with_vectors else None)

    def _keep_to(self, model: EmbeddingModel | None, writer: StoreWriter) -> None:
        """See to it that vectors of ``model`` are what the scope is searched by."""
        stored = self._store.model(self._scope)
        if model is not None and stored is None:
            writer.choose_model(model)
        elif model is not None and stored != model:
            raise Refused(
                f"the embedding model of {self._scope} changed during the import",
                hint="run it again: what is stored already is unchanged then",
            )

    def _sort(self, records: Sequence[Record], sha256: str, report: ImportReport) -> _Batch:
        stored = self._store.get(self._scope, [record.pattern.key for record in records])
        batch = _Batch(len(records))
        copies: list[Record] = []
        for record in records:
            key = record.pattern.key
            if key not in stored:
                report.added += 1
                batch.new.append(record)
            elif stored[key] == record.pattern and self._same_observations(record):
                report.unchanged += 1
            elif self._on_conflict is OnConflict.FAIL:
                raise Refused(
                    f"pattern {key!r} is stored with other content; nothing was imported",
                    hint="choose: --on-conflict skip, overwrite or new-key",
                )
            elif self._on_conflict is OnConflict.SKIP:
                report.skipped += 1
            elif self._on_conflict is OnConflict.OVERWRITE:
                report.overwritten += 1
                batch.changed.append(record)
            else:
                rekeyed = replace(record.pattern, key=copy_key(record.pattern, sha256))
                copies.append(replace(record, pattern=rekeyed))
        batch.new.extend(self._missing(copies, report) if copies else [])
        return batch

    def _missing(self, copies: Sequence[Record], report: ImportReport) -> list[Record]:
        """The copies that this file has not brought yet; the others stay as they are, changed since or not."""
        stored = self._store.get(self._scope, [copy.pattern.key for copy in copies])
        missing = [copy for copy in copies if copy.pattern.key not in stored]
        report.rekeyed += len(missing)
        report.unchanged += len(copies) - len(missing)
        return missing

    def _wanted(self, clusters: Sequence[Cluster]) -> list[Cluster]:
        """The issues to write: those that are not stored, or with ``overwrite`` not stored so."""
        stored = {cluster.cluster_id: cluster for cluster in self._store.clusters(self._scope)}
        if self._on_conflict is OnConflict.OVERWRITE:
            return [c for c in clusters if stored.get(c.cluster_id) != c]
        return [c for c in clusters if c.cluster_id not in stored]

    def _same_observations(self, record: Record) -> bool:
        stored = self._store.observations(self._scope, record.pattern.key)
        return tuple(stored) == record.observations

    def _bring(
        self,
        batch: _Batch,
        source: EmbeddingModel | None,
        model: EmbeddingModel | None,
        report: ImportReport,
    ) -> None:
        """Count the vectors, and unless it is a plan give each record the one it will be stored with."""
        for records in (batch.new, batch.changed):
            reusable = source is not None and source == model
            missing = [
                row
                for row, record in enumerate(records)
                if not (reusable and record.vector is not None)
            ]
            report.vectors_reused += len(records) - len(missing)
            if self._embedder is None:
                report.without_vector += len(missing)
            else:
                report.vectors_embedded += len(missing)
            vectors = self._embedded([records[row].pattern.task for row in missing], report)
            for row, vector in zip(missing, vectors, strict=True):
                records[row] = replace(records[row], vector=vector)

    def _embedded(self, tasks: list[str], report: ImportReport) -> Sequence[Vector | None]:
        if self._embedder is None or report.planned:
            return [None] * len(tasks)
        return list(self._embedder.many(self._scope, tasks))

    def _write(self, writer: StoreWriter, batch: _Batch) -> int:
        """Write a batch; how many lines it was of."""
        event = Event(self._now, Action.IMPORTED)
        if batch.new:
            writer.insert(batch.new, event)
        for record in batch.changed:
            writer.replace(record, event)
        writer.put_clusters(batch.clusters)
        return batch.lines
