"""Recall looks at few candidates; here everything is looked at, and the answers are the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.embedder import Embedder
from engramia_core.memory.ranking import Ranking, effective_scores
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import Question
from engramia_core.memory.stored import EmbeddingModel, Record
from engramia_core.memory.words import SAME_TASK, components, words_of
from engramia_core.testing.builders import START, a_pattern, an_event
from engramia_core.testing.embeddings import HashEmbeddings
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE

if TYPE_CHECKING:
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.store import PatternStore

FLOOR = 0.2
MODEL = EmbeddingModel("hashed-words", 64)
QUESTION = "sort parse print"


def fill(store: PatternStore, patterns: list[Pattern]) -> None:
    vectors = HashEmbeddings().embed([pattern.task for pattern in patterns])
    records = [Record(p, vector=v) for p, v in zip(patterns, vectors, strict=True)]
    with store.write(SCOPE) as writer:
        writer.choose_model(MODEL)
        writer.insert(records, an_event())


def answer_by_looking_at_all(
    patterns: list[Pattern], limit: int, ranking: Ranking
) -> list[tuple[str, set[str]]]:
    """The best of each group and the others in it, best first."""
    embeddings = HashEmbeddings()
    query = embeddings.embed([QUESTION])[0]
    cosines = embeddings.embed([p.task for p in patterns]) @ query
    similarity = np.round(np.clip(cosines, 0, 1), 6)
    quality = np.array([p.quality for p in patterns], dtype=np.float32)
    set_at = [p.updated_at.timestamp() for p in patterns]
    effective = effective_scores(similarity, quality, set_at, ranking=ranking, now=START)
    order = sorted(
        (n for n in range(len(patterns)) if similarity[n] >= FLOOR),
        key=lambda n: (-effective[n], -similarity[n], patterns[n].key),
    )
    leaders = components([words_of(patterns[n].task) for n in order], SAME_TASK)
    groups: dict[int, list[str]] = {}
    for leader, n in zip(leaders, order, strict=True):
        groups.setdefault(leader, []).append(patterns[n].key)
    return [(best, set(others)) for best, *others in list(groups.values())[:limit]]


def answer(store: PatternStore, limit: int, ranking: Ranking) -> list[tuple[str, set[str]]]:
    question = Question(QUESTION, limit=limit, ranking=ranking)
    embedder = Embedder(HashEmbeddings(), store)
    report = recall(store, embedder, SCOPE, question, now=START)
    return [(match.pattern.key, set(match.near_duplicates)) for match in report.matches]


WORDS = ["sort", "parse", "print", "read", "write", "mail", "date", "csv"]
TASKS = st.lists(
    st.sampled_from(WORDS),
    min_size=1,
    max_size=5,
).map(" ".join)
QUALITIES = st.none() | st.integers(0, 10).map(float)
PATTERNS = st.lists(st.tuples(TASKS, QUALITIES, st.integers(-5, 100)), max_size=20)


@given(PATTERNS, st.integers(1, 6), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_small_memory_is_answered_as_by_looking_at_all(
    rows: list[tuple[str, float | None, int]], limit: int, weight: float
) -> None:
    """Up to four candidates for each result are compared with one another; here that is all."""
    patterns = [
        a_pattern(f"k{n:02}", task, quality=quality, updated_at=START - timedelta(days=age))
        for n, (task, quality, age) in enumerate(rows[: 4 * limit])
    ]
    store = MemoryStore()
    fill(store, patterns)
    ranking = Ranking(weight)
    assert answer(store, limit, ranking) == answer_by_looking_at_all(patterns, limit, ranking)


def rare(tag: str) -> list[str]:
    """Words that only one task has, so that no two tasks are near-duplicates."""
    return [f"{tag}{n}" for n in range(3)]


@pytest.mark.parametrize("weight", [0.0, 1.0])
@pytest.mark.parametrize("limit", [1, 5, 40])
def test_a_memory_larger_than_the_first_look_is_answered_as_by_looking_at_all(
    weight: float, limit: int
) -> None:
    rng = np.random.default_rng(11)
    patterns = []
    for number in range(700):
        some = [str(word) for word in rng.choice(WORDS, rng.integers(1, 7))]
        task = " ".join([*some, *rare(f"t{number % 500}")])
        quality = None if number % 7 == 0 else float(rng.integers(0, 11))
        set_at = START - timedelta(days=int(rng.integers(0, 60)))
        patterns.append(a_pattern(f"k{number:03}", task, quality=quality, updated_at=set_at))
    store = MemoryStore()
    fill(store, patterns)
    ranking = Ranking(weight)
    assert [best for best, _ in answer(store, limit, ranking)] == [
        best for best, _ in answer_by_looking_at_all(patterns, limit, ranking)
    ]
