"""Steps that many tests take, with all that a test is not about left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.memory.duplicates import OnDuplicate
from engramia_core.memory.embedder import Embedder
from engramia_core.memory.learn import Learned, learn
from engramia_core.memory.pattern import Draft, Observation, Source
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import Question, RecallReport
from engramia_core.scope import Scope
from engramia_core.testing.builders import START
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.store import PatternStore
    from engramia_core.memory.stored import Record

SCOPE = Scope()


def embedder(store: PatternStore, provider: EmbeddingProvider | None = None) -> Embedder:
    """An embedder for ``store``, by hashed words."""
    return Embedder(provider or HashEmbeddings(), store)


def learned(
    store: PatternStore,
    *drafts: Draft,
    at: datetime = START,
    on_duplicate: OnDuplicate = OnDuplicate.REPLACE_WITH_BETTER,
    scope: Scope = SCOPE,
) -> tuple[Learned, ...]:
    """Learn in one transaction."""
    return learn(store, embedder(store), scope, drafts, now=at, on_duplicate=on_duplicate)


def learned_key(
    store: PatternStore,
    task: str,
    code: str = "pass",
    score: float | None = None,
    *,
    at: datetime = START,
) -> str:
    """The key of a pattern that is learned beside all that are there."""
    draft = Draft(task, code, score)
    return learned(store, draft, at=at, on_duplicate=OnDuplicate.KEEP_BOTH)[0].key


def asked(
    store: PatternStore, question: Question | str, *, at: datetime = START, by_words: bool = False
) -> RecallReport:
    """What the memory has for a question."""
    whole = Question(question) if isinstance(question, str) else question
    return recall(store, None if by_words else embedder(store), SCOPE, whole, now=at)


def stored(store: PatternStore, key: str) -> Pattern:
    """The pattern under a key."""
    return store.get(SCOPE, [key])[key]


def live(store: PatternStore) -> dict[str, Record]:
    """The live patterns with all that belongs to them, by key."""
    return {r.pattern.key: r for r in store.records(SCOPE, with_vectors=False)}


def judged(score: float, at: datetime = START, feedback: str | None = None) -> Observation:
    """An observation."""
    return Observation(at, score, Source.CLI, feedback=feedback)
