"""A change of the embedding model while the memory is in use, and vectors for what has none. Resumable at any point.

The vectors of the new model are filled in beside the old ones, by which everybody goes on searching. When all but a
few are there, one transaction embeds the rest and changes the scope's model. The old vectors stay, so that the way
back is as short, until they are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engramia_core.errors import Refused
from engramia_core.memory.comparison import Comparison, Golden, compare
from engramia_core.memory.pace import Pace
from engramia_core.memory.stored import Action, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import EmbeddingModel, KnownModel
    from engramia_core.scope import Scope

BATCH = 256
_DROPPED_TOGETHER = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a reindex would cost."""

    texts: int
    """Different texts that the model would be asked for."""
    tokens: int
    """A token is taken as four characters."""
    usd: float | None
    """US dollars; ``null`` when the price is not known."""
    seconds: float | None
    """``null`` when that cannot be tried for nothing."""


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a reindex did, or with ``planned`` would do."""

    planned: bool
    model_before: str
    model: str
    live: int
    embedded: int
    """Patterns that got a vector, or would."""
    characters: int
    """The length of their tasks in all."""
    switched: bool = False
    """Whether the scope's model was changed."""
    comparison: Comparison | None = None
    """Recall by both models, before the change."""
    not_compared: str | None = None
    """Why there is no comparison, where one would be due."""
    estimate: Estimate | None = None
    """Of a plan only."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """How a reindex is to be done."""

    owner: str
    """Who holds the lock, as another process is told."""
    batch_size: int = BATCH
    """How many texts are embedded in one request and one transaction; fewer than that in the one that switches."""
    pace: Pace = field(default_factory=Pace)
    golden: Sequence[Golden] = ()
    min_agreement: float | None = None
    """The model is not changed when the two agree less."""
    is_compared: bool = True
    """Whether recall by both models is compared before; golden questions and ``min_agreement`` ask for it too."""
    progress: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class DropReport:
    """What was removed for good."""

    dropped: tuple[KnownModel, ...]
    """The models that were not the scope's, with the vectors that they had."""


def reindex(
    store: PatternStore, target: Embedder, scope: Scope, how: Reindexing, *, now: datetime
) -> ReindexReport:
    """Give every live pattern a vector of ``target``'s model, and make that the scope's.

    Killed anywhere, the scope has the model before or this one, whole, and the same call goes on where it stopped.
    ``Busy`` when another reindex is under way; ``Refused`` when a comparison was asked for and cannot be made.
    """
    with store.alone(scope, "reindex", owner=how.owner, now=now):
        before, live = store.model(scope), store.live_count(scope)
        change = _Change(store, target, scope, how, now=now)
        comparison, why_not = change.run(before)
        return ReindexReport(
            planned=False,
            model_before=name_of(before),
            model=name_of(target.model),
            live=live,
            embedded=change.embedded,
            characters=change.characters,
            switched=change.switched,
            comparison=comparison,
            not_compared=why_not,
        )


def former_model(store: PatternStore, scope: Scope) -> EmbeddingModel:
    """The model that the scope can change back to; ``Refused`` when there is none, or more than one."""
    others = old_models(store, scope)
    if not others:
        raise Refused(
            f"scope {scope} has no vectors of another model to switch back to",
            hint="choose one: engramia reindex --model NAME",
        )
    if len(others) > 1:
        named = ", ".join(f"{o.model.model_id} ({o.vectors:,} vectors)" for o in others)
        raise Refused(
            f"scope {scope} has vectors of several other models: {named}",
            hint="choose one: engramia reindex --model NAME",
        )
    return others[0].model


def old_models(store: PatternStore, scope: Scope) -> list[KnownModel]:
    """The models that the scope keeps vectors of and is not searched by."""
    return [known for known in store.models(scope) if not known.is_active]


def drop_old(store: PatternStore, scope: Scope, *, now: datetime, owner: str) -> DropReport:
    """Remove the vectors of every model but the scope's; ``Busy`` while a reindex is under way."""
    with store.alone(scope, "reindex", owner=owner, now=now):
        dropped = tuple(old_models(store, scope))
        for known in dropped:
            removed = _DROPPED_TOGETHER
            while removed >= _DROPPED_TOGETHER:
                with store.write(scope) as writer:
                    removed = writer.drop_model(known.model, limit=_DROPPED_TOGETHER)
        return DropReport(dropped)


def name_of(model: EmbeddingModel | None) -> str:
    """The model as a report names it."""
    return model.model_id if model else "none"


class _Change:
    """The steps from the scope's model to the target's."""

    def __init__(
        self, store: PatternStore, target: Embedder, scope: Scope, how: Reindexing, *, now: datetime
    ) -> None:
        self._store = store
        self._target = target
        self._scope = scope
        self._how = how
        self._now = now
        self.embedded = 0
        self.characters = 0
        self.switched = False

    def run(self, before: EmbeddingModel | None) -> tuple[Comparison | None, str | None]:
        """Fill, compare and switch; the comparison, or why there is none."""
        model = self._target.model
        if before == model:
            while self._sweep():
                pass
            return None, None
        former, why_not = self._former(before)
        if before is not None and before.model_id == model.model_id:
            with self._store.write(self._scope) as writer:
                writer.choose_model(model)  # one name cannot stand for two lengths at a time
        self._fill()
        self._store.ready_to_search(self._scope, model)
        comparison = None
        if former is not None:
            golden = self._how.golden
            models = (former, self._target)
            comparison = compare(self._store, self._scope, models, golden, now=self._now)
            if comparison.agreement < (self._how.min_agreement or 0.0):
                return comparison, None
        while not self._switch():
            self._fill()
        return comparison, why_not

    def _former(self, before: EmbeddingModel | None) -> tuple[Embedder | None, str | None]:
        """The model to compare with, or why there is none."""
        is_asked = bool(self._how.golden) or self._how.min_agreement is not None
        if before is None or not (is_asked or self._how.is_compared):
            return None, None
        if before.model_id == self._target.model.model_id:
            why_not = f"{before.model_id} had {before.dimensions} dimensions before"
        else:
            try:
                return self._target.of(before, self._scope), None
            except Refused as error:
                why_not = error.message
        if is_asked:
            raise Refused(
                f"the models cannot be compared: {why_not}",
                hint="leave out --golden and --min-agreement",
            )
        return None, why_not

    def _fill(self) -> None:
        """Embed until less than a batch is missing, which was learned meanwhile."""
        while self._sweep() >= self._how.batch_size:
            pass

    def _sweep(self) -> int:
        """Go through all keys once and embed what has no vector; how many those were."""
        found, after = 0, ""
        limit = self._how.pace.at_once(self._how.batch_size)
        model = self._target.model
        while patterns := self._store.without_vector(
            self._scope, model=model, limit=limit, after=after
        ):
            self._how.pace.wait(len(patterns))
            self._embed(patterns)
            after = patterns[-1].key
            found += len(patterns)
        return found

    def _embed(self, patterns: Sequence[Pattern]) -> None:
        """Embed and store; those that were changed or thrown away meanwhile are left for the next sweep."""
        vectors = self._target.many(self._scope, [pattern.task for pattern in patterns])
        with self._store.write(self._scope) as writer:
            stored = self._store.get(self._scope, [pattern.key for pattern in patterns])
            rows = [
                row
                for row, pattern in enumerate(patterns)
                if (now_stored := stored.get(pattern.key)) is not None
                and now_stored.task == pattern.task
                and now_stored.trashed is None
            ]
            keys = [patterns[row].key for row in rows]
            writer.set_vectors(keys, vectors[rows], self._event(), model=self._target.model)
        self._count([patterns[row] for row in rows])

    def _switch(self) -> bool:
        """Embed the last few and change the scope's model, at once; ``False`` when they are too many for that."""
        model = self._target.model
        with self._store.write(self._scope) as writer:
            limit = self._how.batch_size
            last = self._store.without_vector(self._scope, model=model, limit=limit)
            if len(last) >= limit > 1:
                return False
            vectors = self._target.many(self._scope, [pattern.task for pattern in last])
            keys = [pattern.key for pattern in last]
            writer.set_vectors(keys, vectors, self._event(), model=model)
            writer.choose_model(model)
        self.switched = True
        self._count(last)
        return True

    def _event(self) -> Event:
        return Event(self._now, Action.EMBEDDED, f"by {name_of(self._target.model)}")

    def _count(self, patterns: Sequence[Pattern]) -> None:
        self.embedded += len(patterns)
        self.characters += sum(len(pattern.task) for pattern in patterns)
        self._how.progress(len(patterns))
