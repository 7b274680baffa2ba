"""What every store promises. ``engramia_core.testing.contracts`` holds each implementation to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from engramia_core.audit import Actor
    from engramia_core.memory.embedding import Matrix, Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import (
        AgingRun,
        Candidates,
        Counts,
        EmbeddingModel,
        Event,
        Kept,
        KnownModel,
        Record,
    )
    from engramia_core.memory.words import Words
    from engramia_core.scope import Scope


class StoreWriter(Protocol):
    """The open write transaction of one scope: it sees its own changes, others see all of them or none.

    Nobody else writes to the scope meanwhile.
    """

    def alike(self, tasks: Sequence[Words]) -> list[list[Pattern]]:
        """For each of ``tasks`` the live patterns whose task is more alike than ``SAME_TASK``, in key order."""
        ...

    def insert(self, records: Sequence[Record], event: Event) -> None:
        """Add patterns that are not there yet; ``Refused`` names a key that is."""
        ...

    def update(self, patterns: Sequence[Pattern], event: Event) -> None:
        """Put each pattern in the place of the stored one with its key; ``NotFound`` names a missing key.

        Task and code may change too (an import that overwrites); a changed task drops the vector.
        """
        ...

    def observe(self, pattern: Pattern, observations: Sequence[Observation], event: Event) -> None:
        """``update`` the pattern and add observations to it."""
        ...

    def replace(self, record: Record, event: Event) -> None:
        """Put pattern, observations and vector in the place of all that is stored under its key.

        ``NotFound`` when nothing is.
        """
        ...

    def purge(self, keys: Sequence[str], event: Event) -> None:
        """Remove patterns with all that belongs to them, except their history; unknown keys are none."""
        ...

    def choose_model(self, model: EmbeddingModel) -> None:
        """Make ``model`` the scope's, by whose vectors it is searched; those of other models are kept.

        Vectors of another length under the same ``model_id`` are not: one name means one kind of vectors.
        """
        ...

    def set_vectors(
        self,
        keys: Sequence[str],
        vectors: Matrix,
        event: Event,
        *,
        model: EmbeddingModel | None = None,
    ) -> None:
        """Store the vectors of live patterns, rows in the order of ``keys``, under the scope's model or ``model``.

        A vector can always be made again, so this is no part of a pattern's history; ``event`` tells when and why.
        ``Refused`` when ``model`` has the name of the scope's and another length.
        """
        ...

    def drop_model(self, model: EmbeddingModel, *, limit: int) -> int:
        """Remove ``limit`` vectors of a model, or a few more, and give their number; fewer mean that it is forgotten.

        ``Refused`` when it is the scope's.
        """
        ...

    def put_clusters(self, clusters: Sequence[Cluster]) -> None:
        """Add feedback clusters, or put them in the place of those with their ids."""
        ...

    def remove_clusters(self, cluster_ids: Sequence[str]) -> None:
        """Remove feedback clusters; unknown ids are none."""
        ...

    def clusters_alike(self, issue: Words) -> list[Cluster]:
        """The clusters whose text is more alike to ``issue`` than ``SAME_ISSUE``, in id order."""
        ...

    def record_run(self, run: AgingRun) -> None:
        """Remember a run of aging, in the place of one with its name."""
        ...

    def take_over(self, kept: Sequence[Kept], event: Event) -> None:
        """Put each, history and all, in the place of everything under its key, which need not be there.

        ``event`` is no part of the history; it tells the audit trail when and why.
        """
        ...


class Searchable(Protocol):
    """What a recall reads of a store."""

    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        """The patterns under ``keys`` that exist, in the trash or not."""
        ...

    def nearest(
        self,
        scope: Scope,
        query: Vector,
        *,
        filters: Filters,
        limit: int,
        model: EmbeddingModel | None = None,
    ) -> Candidates:
        """The live patterns with the most similar vectors of ``model``, which ``query`` is of; by default the scope's.

        So a question that was embedded just before the scope's model changed still finds its answer.
        """
        ...

    def lexical(self, scope: Scope, words: Words, *, filters: Filters, limit: int) -> Candidates:
        """The live patterns whose tasks share words, ranked by ``lexical.bm25``."""
        ...

    def live_count(self, scope: Scope) -> int:
        """How many live patterns the scope has; cheaper than ``counts``."""
        ...

    def model(self, scope: Scope) -> EmbeddingModel | None:
        """The scope's model; ``None`` until a first vector was stored."""
        ...


class PatternStore(Searchable, Protocol):
    """Patterns, their vectors and observations, kept apart by scope.

    What a ``write`` block did is on disk when the block ends, whole or not at all, and found by every search
    from then on. Reads never wait for a writer and see no half-done write. Safe for threads and processes.
    """

    @property
    def storage(self) -> str:
        """The scheme it is registered under."""
        ...

    @property
    def place(self) -> str:
        """Where the memory lies, as it may be shown: no secret in it."""
        ...

    def acting(self, actor: Actor) -> PatternStore:
        """The same store, whose changes are recorded as this actor's where there is an audit trail."""
        ...

    def for_recall(self) -> Searchable:
        """Where to read for one recall: the store itself, or a copy of it that lags no more than the settings allow."""
        return self

    def page(
        self,
        scope: Scope,
        *,
        filters: Filters,
        limit: int,
        before: str | None = None,
        trashed: bool = False,
    ) -> list[Pattern]:
        """Patterns in the trash or not, by descending key, from the first one under ``before`` on."""
        ...

    def observations(self, scope: Scope, key: str) -> list[Observation]:
        """What was observed of a pattern, oldest first."""
        ...

    def history(self, scope: Scope, key: str) -> list[Event]:
        """What happened to a pattern, oldest first; it outlives the pattern."""
        ...

    def records(
        self, scope: Scope, *, with_vectors: bool, model: EmbeddingModel | None = None
    ) -> Iterator[Record]:
        """All live patterns by ascending key, as of one moment, without holding them all in memory.

        Their vectors are of ``model``, by default the scope's.
        """
        ...

    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        """All there is, the trash and what was purged too, by ascending key, as ``records`` gives it.

        Vectors are of the scope's model. Only keys from behind ``after`` up to ``until``.
        """
        ...

    def scopes(self) -> list[Scope]:
        """The scopes that were ever written to, by name; ``Refused`` where this user may not know them all."""
        ...

    def expired(self, scope: Scope, now: datetime) -> list[Pattern]:
        """The live patterns whose ``prune_after`` is ``now`` or earlier, by key."""
        ...

    def in_trash(
        self, scope: Scope, *, run: str | None = None, until: datetime | None = None
    ) -> list[Pattern]:
        """The patterns in the trash, by key: all, those of one run, those put there ``until`` a moment."""
        ...

    def without_vector(
        self,
        scope: Scope,
        *,
        limit: int,
        model: EmbeddingModel | None = None,
        after: str = "",
    ) -> list[Pattern]:
        """Live patterns that have no vector of ``model``, by default the scope's: by key, from behind ``after`` on."""
        ...

    def known_vectors(
        self, scope: Scope, model_id: str, texts: Sequence[str]
    ) -> Mapping[str, Vector]:
        """Those of ``texts`` whose vector of that model is stored already, with it."""
        ...

    def counts(self, scope: Scope) -> Counts:
        """How much the scope holds."""
        ...

    def models(self, scope: Scope) -> list[KnownModel]:
        """The models of which the scope keeps vectors, and its own, by name."""
        ...

    def ready_to_search(self, scope: Scope, model: EmbeddingModel) -> None:
        """Make searches by this model fast, if there is more to do than to store its vectors; may take long.

        It is called before a scope changes to the model.
        """
        ...

    def clusters(self, scope: Scope) -> list[Cluster]:
        """All feedback clusters, by id."""
        ...

    def aging_runs(self, scope: Scope) -> list[AgingRun]:
        """The remembered runs, newest first."""
        ...

    def write(self, scope: Scope) -> AbstractContextManager[StoreWriter]:
        """Open the write transaction; it commits at the end of the block and rolls back on any exception.

        Waits for another writer; ``Unavailable`` when that takes more than 30 seconds or the disk refuses.
        """
        ...

    def alone(
        self, scope: Scope, operation: str, *, owner: str, now: datetime
    ) -> AbstractContextManager[None]:
        """Hold the scope's lock of that name for the block; ``Busy`` says who holds it and since when.

        The lock of a process that died is free.
        """
        ...

    def unindexed(self, scope: Scope) -> int:
        """How many live patterns are searched one by one though an index would be quicker; 0 where none would."""
        return 0

    def after_bulk(
        self,
        scope: Scope,
        *,
        owner: str,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
    ) -> str | None:
        """Build what makes searches quick once much was written; a sentence where that is left to do.

        ``progress`` is told how far it is, in units of its own.
        """
        return None

    def schema_revision(self) -> str:
        """The revision of what is on disk, as a transfer file names it."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with the files on disk, a sentence each; a thorough look that may take a while."""
        ...

    def close(self) -> None:
        """Give back files and connections; may write rebuildable caches."""
        ...
