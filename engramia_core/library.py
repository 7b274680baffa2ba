"""The memory as a library user holds it: one object, the verbs of the command line."""

from __future__ import annotations

import getpass
import os
import socket
import time
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from engramia_core.audit import Actor, Via
from engramia_core.errors import Refused
from engramia_core.memory import feedback as feedback_rules
from engramia_core.memory import learn as learning
from engramia_core.memory import prune, reindex, reindex_plan, transfer, upkeep
from engramia_core.memory.aging import DEFAULT_MAX_PRUNE_PERCENT
from engramia_core.memory.duplicates import OnDuplicate
from engramia_core.memory.embedder import Embedder
from engramia_core.memory.filters import Filters
from engramia_core.memory.pace import Pace
from engramia_core.memory.pattern import Draft, Observation, Source
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import Question, RecallReport
from engramia_core.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from engramia_core.memory.comparison import Golden
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.feedback import DecayReport, Issue
    from engramia_core.memory.learn import Learned
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.prune import AgingReport, UndoReport
    from engramia_core.memory.reindex import DropReport, ReindexReport
    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import AgingRun, Counts, EmbeddingModel, Event, KnownModel
    from engramia_core.memory.transfer import ImportReport, OnConflict
    from engramia_core.memory.upkeep import Moved, Refined, Reused


def utc_now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


def this_process() -> str:
    """Who holds a lock, as another process is told."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def this_user() -> str:
    """Who runs this process: a name where the system knows one, and the machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


class Memory:
    """A memory: a store, a provider of embeddings, and the scope that is meant.

    Every method is one core function; its docstring there says which errors it raises. Safe for threads.

    >>> from pathlib import Path
    >>> from engramia_core import Memory, MiniLMEmbeddings, SQLiteStore
    >>> memory = Memory(SQLiteStore.create(Path("engramia_data")), MiniLMEmbeddings())  # doctest: +SKIP
    """

    def __init__(
        self,
        store: PatternStore,
        embeddings: EmbeddingProvider | None,
        *,
        scope: Scope | None = None,
        source: Source = Source.SDK,
        actor: Actor | None = None,
        clock: Callable[[], datetime] = utc_now,
        open_model: Callable[[EmbeddingModel], EmbeddingProvider | None] = lambda _: None,
    ) -> None:
        """``source`` is noted on what is learned, ``actor`` in the audit trail; ``clock`` tells the time.

        ``open_model`` opens the scope's model when it is not the one of ``embeddings``, as after a reindex elsewhere.
        """
        self.store = store.acting(actor or Actor(this_process(), Via.SDK))
        self.scope = scope or Scope()
        self.now = clock
        self.embeddings = embeddings
        self._open_model = open_model
        self._embedder = None if embeddings is None else self._embedder_of(embeddings)
        self._source = source

    def learn(
        self,
        task: str,
        code: str,
        score: float | None = None,
        *,
        output: str | None = None,
        run_id: str | None = None,
        skills: Sequence[str] = (),
        on_duplicate: OnDuplicate = OnDuplicate.REPLACE_WITH_BETTER,
    ) -> Learned:
        """Remember what worked."""
        draft = Draft(
            task,
            code,
            score,
            output=output,
            run_id=run_id,
            source=self._source,
            skills=tuple(skills),
        )
        return self.learn_many([draft], on_duplicate=on_duplicate)[0]

    def learn_many(
        self,
        drafts: Sequence[Draft],
        *,
        on_duplicate: OnDuplicate = OnDuplicate.REPLACE_WITH_BETTER,
    ) -> tuple[Learned, ...]:
        """Remember drafts in one transaction."""
        return learning.learn(
            self.store,
            self._embedder,
            self.scope,
            drafts,
            now=self.now(),
            on_duplicate=on_duplicate,
        )

    def recall(self, task: str | Question, limit: int = 5) -> RecallReport:
        """What is worth reusing for a task, or for a whole ``Question``."""
        question = Question(task, limit=limit) if isinstance(task, str) else task
        store = self.store.for_recall()
        return recall(store, self._embedder, self.scope, question, now=self.now())

    def refine(self, key: str, score: float, feedback: str | None = None) -> Refined:
        """Note how good a pattern turned out."""
        observation = Observation(self.now(), score, self._source, feedback=feedback)
        return upkeep.refine(self.store, self.scope, key, observation)

    def reuse(self, key: str) -> Reused:
        """Note that a pattern was used."""
        return upkeep.reuse(self.store, self.scope, key, now=self.now())

    def get(self, key: str) -> Pattern:
        """One pattern, in the trash or not."""
        return upkeep.find(self.store, self.scope, key)

    def observations(self, key: str) -> list[Observation]:
        """What was observed of a pattern, oldest first."""
        return self.store.observations(self.scope, key)

    def history(self, key: str) -> list[Event]:
        """What happened to a pattern, oldest first."""
        return self.store.history(self.scope, key)

    def delete(self, key: str) -> Moved:
        """Put a pattern in the trash."""
        return upkeep.delete(self.store, self.scope, key, now=self.now())

    def restore(self, key: str) -> Moved:
        """Bring a pattern back from the trash."""
        return upkeep.restore(self.store, self.scope, key, now=self.now())

    def run_aging(
        self, *, max_prune_percent: float = DEFAULT_MAX_PRUNE_PERCENT, plan: bool = False
    ) -> AgingReport:
        """Forget what has faded."""
        return prune.run_aging(
            self.store,
            self.scope,
            now=self.now(),
            owner=this_process(),
            max_prune_percent=max_prune_percent,
            plan=plan,
        )

    def undo_aging(self, run: str) -> UndoReport:
        """Bring back what a run forgot."""
        return prune.undo_aging(self.store, self.scope, run, now=self.now())

    def aging_runs(self) -> list[AgingRun]:
        """The runs that changed something, newest first."""
        return self.store.aging_runs(self.scope)

    def run_feedback_decay(self, *, plan: bool = False) -> DecayReport:
        """Forget issues that nobody has repeated."""
        return feedback_rules.decay_feedback(self.store, self.scope, now=self.now(), plan=plan)

    def get_feedback(self, limit: int = 5) -> tuple[Issue, ...]:
        """The recurring issues, heaviest first."""
        return feedback_rules.recurring_issues(self.store, self.scope, now=self.now(), limit=limit)

    def register_skills(self, key: str, skills: Sequence[str]) -> Pattern:
        """Say that a pattern shows these skills, beside those it has."""
        return upkeep.register_skills(self.store, self.scope, key, skills, now=self.now())

    def find_by_skills(self, skills: Sequence[str], limit: int = 100) -> list[Pattern]:
        """The newest patterns that show every one of these skills."""
        filters = Filters(skills=tuple(skills))
        return self.store.page(self.scope, filters=filters, limit=limit)

    def export(self, *, with_vectors: bool = False) -> Generator[bytes, None, None]:
        """The lines of an export."""
        return transfer.export(self.store, self.scope, with_vectors=with_vectors)

    def import_data(
        self,
        file: BinaryIO | bytes,
        *,
        on_conflict: OnConflict = transfer.OnConflict.SKIP,
        plan: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ImportReport:
        """Bring in an export, whole bytes or a file that can be rewound."""
        source = BytesIO(file) if isinstance(file, bytes) else file
        importer = transfer.Importer(
            self.store, self._embedder, self.scope, now=self.now(), on_conflict=on_conflict
        )
        return importer.run(source, plan=plan, progress=progress)

    def reindex(
        self,
        *,
        to: EmbeddingProvider | None = None,
        plan: bool = False,
        batch_size: int = reindex.BATCH,
        max_per_second: float | None = None,
        golden: Sequence[Golden] = (),
        min_agreement: float | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ReindexReport:
        """Embed what has no vector of a model, ``to``'s or this memory's own, and make it the scope's.

        ``Refused`` without a provider.
        """
        provider = to or self.embeddings
        if provider is None:
            raise Refused(
                "there is no embedding provider to reindex with",
                hint="choose one: --embeddings minilm",
            )
        target = self._embedder_of(provider)
        if plan:
            return reindex_plan.plan_reindex(
                self.store, target, self.scope, clock_s=time.perf_counter
            )
        how = reindex.Reindexing(
            owner=this_process(),
            batch_size=batch_size,
            pace=Pace(max_per_second, clock_s=time.monotonic, sleep=time.sleep),
            golden=golden,
            min_agreement=min_agreement,
            progress=progress,
        )
        return reindex.reindex(self.store, target, self.scope, how, now=self.now())

    def switch_back(self, *, progress: Callable[[int], None] = lambda _: None) -> ReindexReport:
        """Search by the former model again, once what was learned since has its vector too."""
        former = reindex.former_model(self.store, self.scope)
        provider = self._provider_of(former)
        target = None if provider is None else self._embedder_of(provider)
        if target is None or target.model != former:
            raise Refused(f"{former.model_id} cannot be opened here", hint="--embeddings NAME")
        how = reindex.Reindexing(owner=this_process(), is_compared=False, progress=progress)
        return reindex.reindex(self.store, target, self.scope, how, now=self.now())

    def old_models(self) -> list[KnownModel]:
        """The models that vectors are kept of and that the scope is not searched by."""
        return reindex.old_models(self.store, self.scope)

    def drop_old_models(self) -> DropReport:
        """Remove the vectors of every model but the scope's; there is no way back then."""
        return reindex.drop_old(self.store, self.scope, now=self.now(), owner=this_process())

    def _embedder_of(self, provider: EmbeddingProvider) -> Embedder:
        return Embedder(provider, self.store, self._provider_of)

    def _provider_of(self, model: EmbeddingModel) -> EmbeddingProvider | None:
        """This memory's own provider if it is the model's, or one opened for it."""
        own = self.embeddings
        if own is not None and (own.model_id, own.dimensions) == (model.model_id, model.dimensions):
            return own
        return self._open_model(model)

    def after_bulk(self, *, progress: Callable[[int], None] = lambda _: None) -> str | None:
        """Build what makes searches quick once much was written; a sentence where that is left to do."""
        return self.store.after_bulk(
            self.scope, owner=this_process(), now=self.now(), progress=progress
        )

    def metrics(self) -> Counts:
        """How much the scope holds."""
        return self.store.counts(self.scope)

    def close(self) -> None:
        """Give back what the store holds."""
        self.store.close()
