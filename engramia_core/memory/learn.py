"""Learning: embed, compare with what is known, and store, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engramia_core.memory.aging import SURVIVAL_PER_WEEK, first_survival, forgotten_at
from engramia_core.memory.duplicates import Decision, OnDuplicate, Outcome, decide
from engramia_core.memory.pattern import (
    Draft,
    Observation,
    Pattern,
    Trashed,
    TrashReason,
    check_draft,
)
from engramia_core.memory.quality import estimate_quality
from engramia_core.memory.signatures import SignatureIndex
from engramia_core.memory.stored import Action, Event, Record
from engramia_core.memory.upkeep import survival_at
from engramia_core.memory.words import SAME_TASK, Words, words_of
from engramia_core.sortable import new_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.store import PatternStore, StoreWriter
    from engramia_core.scope import Scope


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of one draft. ``key`` is the pattern that now stands for its task."""

    outcome: Outcome
    key: str
    rivals: tuple[str, ...] = ()
    """The keys of the near-duplicates: those replaced, or the one kept instead."""


def learn(
    store: PatternStore,
    embedder: Embedder | None,
    scope: Scope,
    drafts: Sequence[Draft],
    *,
    now: datetime,
    on_duplicate: OnDuplicate = OnDuplicate.REPLACE_WITH_BETTER,
) -> tuple[Learned, ...]:
    """Store drafts, in their order and in one transaction; the answers are in the same order.

    Without an embedder they get no vector, and a search by vector does not find them until ``reindex``.
    ``InvalidInput`` names the field of a draft that is wrong, and then nothing is stored; ``Unavailable`` and
    ``Refused`` as the embedder and the store say.
    """
    checked = [check_draft(draft) for draft in drafts]
    if not checked:
        return ()
    while True:
        serving = embedder.serving(scope) if embedder is not None else None
        vectors: Sequence[Vector | None] = [None] * len(checked)
        if serving is not None:
            vectors = list(serving.many(scope, [draft.task for draft in checked]))
        with store.write(scope) as writer:
            if serving is not None:
                model = store.model(scope)
                if model is None:
                    writer.choose_model(serving.model)
                elif model != serving.model:
                    continue  # it was changed just now
            changes = _Changes(store, scope, now)
            words = [words_of(draft.task) for draft in checked]
            known = writer.alike(words)
            answers = tuple(
                changes.settle(draft, vector, of_task, alike, on_duplicate)
                for draft, vector, of_task, alike in zip(
                    checked, vectors, words, known, strict=True
                )
            )
            changes.write(writer)
        return answers


class _Changes:
    """What a transaction is about to do, so that each draft meets those before it."""

    def __init__(self, store: PatternStore, scope: Scope, now: datetime) -> None:
        self._store = store
        self._scope = scope
        self._now = now
        self._new: dict[str, Record] = {}
        self._new_tasks = SignatureIndex(SAME_TASK)
        self._observed: dict[str, tuple[Pattern, list[Observation]]] = {}
        self._replaced: dict[str, tuple[Pattern, str]] = {}

    def settle(
        self,
        draft: Draft,
        vector: Vector | None,
        words: Words,
        alike: Sequence[Pattern],
        on_duplicate: OnDuplicate,
    ) -> Learned:
        """Decide what becomes of ``draft`` and note it down."""
        decision = decide(draft, self._rivals(words, alike), on_duplicate)
        rivals = tuple(pattern.key for pattern in decision.rivals)
        if decision.outcome in {Outcome.LEARNED, Outcome.REPLACED}:
            key = self._add(draft, vector, words, decision)
        else:
            key = rivals[0]
        if decision.outcome is Outcome.OBSERVED and draft.score is not None:
            self._observe(decision.rivals[0], _observation(draft, draft.score, self._now))
        return Learned(decision.outcome, key, rivals)

    def write(self, writer: StoreWriter) -> None:
        """Hand everything to the store."""
        if self._new:
            writer.insert(list(self._new.values()), Event(self._now, Action.LEARNED))
        for pattern, observations in self._observed.values():
            detail = f"learned again, now {pattern.quality:.1f}"
            writer.observe(pattern, observations, Event(self._now, Action.OBSERVED, detail))
        for pattern, better in self._replaced.values():
            trashed = replace(pattern, trashed=Trashed(self._now, TrashReason.REPLACED))
            writer.update([trashed], Event(self._now, Action.TRASHED, f"replaced by {better}"))

    def _rivals(self, words: Words, alike: Sequence[Pattern]) -> list[Pattern]:
        """The near-duplicates as they stand now: stored ones with what was noted, and new ones."""
        stored = [
            self._observed[pattern.key][0] if pattern.key in self._observed else pattern
            for pattern in alike
        ]
        new = [self._new[key].pattern for key in self._new_tasks.alike(words)]
        return [pattern for pattern in (*stored, *new) if pattern.key not in self._replaced]

    def _add(self, draft: Draft, vector: Vector | None, words: Words, decision: Decision) -> str:
        pattern = _pattern(draft, self._now)
        seen = () if draft.score is None else (_observation(draft, draft.score, self._now),)
        self._new[pattern.key] = Record(pattern, seen, vector)
        self._new_tasks.add(pattern.key, words)
        self._replaced.update((rival.key, (rival, pattern.key)) for rival in decision.rivals)
        return pattern.key

    def _observe(self, pattern: Pattern, observation: Observation) -> None:
        """Count an observation of a stored or a new pattern; what is learned again survives as if it were new."""
        key = pattern.key
        if key in self._new:
            record = self._new[key]
            seen = (*record.observations, observation)
            self._new[key] = replace(record, pattern=_rated(pattern, seen), observations=seen)
            return
        _, noted = self._observed.get(key, (pattern, []))
        seen = (*self._store.observations(self._scope, key), *noted, observation)
        survival = max(survival_at(pattern, self._now), first_survival(observation.score))
        updated = replace(
            _rated(pattern, seen),
            updated_at=self._now,
            survival=survival,
            survival_set_at=self._now,
            prune_after=max(
                pattern.prune_after, forgotten_at(survival, self._now, per_week=SURVIVAL_PER_WEEK)
            ),
        )
        self._observed[key] = (updated, [*noted, observation])


def _rated(pattern: Pattern, observations: Sequence[Observation]) -> Pattern:
    return replace(pattern, quality=estimate_quality(observations))


def _observation(draft: Draft, score: float, now: datetime) -> Observation:
    return Observation(now, score, draft.source, draft.run_id)


def _pattern(draft: Draft, now: datetime) -> Pattern:
    survival = first_survival(draft.score)
    return Pattern(
        key=new_key(now),
        task=draft.task,
        code=draft.code,
        output=draft.output,
        success_score=draft.score,
        run_id=draft.run_id,
        source=draft.source,
        classification=draft.classification,
        skills=draft.skills,
        created_at=now,
        updated_at=now,
        quality=draft.score,
        survival=survival,
        survival_set_at=now,
        prune_after=forgotten_at(survival, now, per_week=SURVIVAL_PER_WEEK),
    )
