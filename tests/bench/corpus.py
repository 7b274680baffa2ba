"""Synthetic memories: tasks of real words, vectors in clusters, all from one seed."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from typing_extensions import override

from engramia_core.embeddings.minilm import MiniLMEmbeddings
from engramia_core.memory.aging import SURVIVAL_PER_WEEK, forgotten_at
from engramia_core.memory.embedding import Calibration, EmbeddingProvider, Matrix
from engramia_core.memory.floor import FieldFloor
from engramia_core.memory.pattern import Classification, Observation, Pattern, Source
from engramia_core.memory.stored import Record
from engramia_core.sortable import new_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DIMENSIONS = 384
_CLUSTERS = 200
_SPREAD = 0.04
_REAL = Path(__file__).parents[1] / "data" / "recall"
_REAL_TASKS = _REAL / "paraphrases_plain.ndjson"
_SKILLS = 45
_START = datetime(2026, 1, 5, tzinfo=UTC)


class GivenEmbeddings(EmbeddingProvider):
    """Vectors looked up, so that what is measured is everything but the model."""

    def __init__(self, vectors: dict[str, np.ndarray]) -> None:
        self._vectors = vectors

    @property
    @override
    def model_id(self) -> str:
        return "given"

    @property
    @override
    def dimensions(self) -> int:
        return DIMENSIONS

    @property
    @override
    def calibration(self) -> Calibration:
        return Calibration(_FLOOR, adapt=0.45, duplicate=0.61)

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        return np.stack([self._vectors[text] for text in texts])


def tasks(count: int, seed: int) -> list[str]:
    """Tasks with the lengths and the words of real ones, each word as frequent as there.

    As in any language, the vocabulary grows with the square root of the text (Heaps, 1978): a word that the real tasks
    hold once stands for as many rare words as a memory of ``count`` tasks would have in its place.
    """
    chosen = random.Random(seed)  # noqa: S311 -- a benchmark's data
    real = [orjson.loads(line)["task"].split() for line in _REAL_TASKS.read_bytes().splitlines()]
    words = Counter(word for task in real for word in task)
    names, weights = list(words), list(words.values())
    lengths = [len(task) for task in real]
    variants = max(round(math.sqrt(count / len(real))), 1)

    def grown(word: str) -> str:
        return word if words[word] > 1 else f"{word}{chosen.randrange(variants)}"

    return [
        " ".join(map(grown, chosen.choices(names, weights, k=chosen.choice(lengths))))
        for _ in range(count)
    ]


def vectors(count: int, seed: int) -> Matrix:
    """Unit vectors around 200 centres: ``(count, 384)`` float32."""
    numbers = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((_CLUSTERS, DIMENSIONS)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = numbers.standard_normal((count, DIMENSIONS)).astype(np.float32)
    rows = centres[numbers.integers(0, _CLUSTERS, count)] + _SPREAD * noise
    found: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def real_like(count: int, seed: int) -> Matrix:
    """Unit vectors that lie as a model's do: real tasks' own, each a topic as frequent as words are, and what differs
    within a topic in the directions in which real tasks differ: ``(count, 384)`` float32.
    """
    topics = MiniLMEmbeddings().embed(sorted(_real_texts()))
    numbers = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, len(topics) + 1)
    order = np.random.default_rng(7).permutation(len(topics))
    topic = order[numbers.choice(len(topics), count, p=shares / shares.sum())]
    deviations, axes = np.linalg.eigh(np.cov(topics.T))
    spread = (np.sqrt(np.maximum(deviations, 0))[:, None] * axes.T).astype(np.float32)
    rows = np.empty((count, DIMENSIONS), dtype=np.float32)
    for start in range(0, count, 10_000):
        here = topic[start : start + 10_000]
        away = numbers.uniform(0.3, 1.2, (len(here), 1)).astype(np.float32)
        noise = numbers.standard_normal((len(here), DIMENSIONS)).astype(np.float32)
        rows[start : start + len(here)] = topics[here] + away * (noise @ spread)
    found: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def _real_texts() -> set[str]:
    """The tasks and questions of the recall tests."""
    lines = (line for file in _REAL.glob("*.ndjson") for line in file.read_bytes().splitlines())
    said = [orjson.loads(line) for line in lines]
    return {each[name] for each in said for name in ("task", "query") if name in each}


def records(names: Sequence[str], rows: Matrix, *, fading: float = 0.0) -> Iterator[Record]:
    """Patterns of these tasks, a minute apart; a share of ``fading`` has an old, low survival."""
    for number, (task, vector) in enumerate(zip(names, rows, strict=True)):
        at = _START + timedelta(seconds=60 * number % 20_000_000)
        score = 5.0 + number % 50 / 10
        survival = 0.11 if number < fading * len(names) else score
        pattern = Pattern(
            key=new_key(at),
            task=task,
            code=f"def run_{number}(rows):\n" + "    return [row for row in rows if row]\n" * 12,
            output=None,
            success_score=score,
            run_id=f"run-{number % 100}",
            source=Source.SDK,
            classification=Classification.INTERNAL,
            skills=(f"skill-{number % _SKILLS}",),
            created_at=at,
            updated_at=at,
            quality=score,
            survival=survival,
            survival_set_at=at,
            prune_after=forgotten_at(survival, at, per_week=SURVIVAL_PER_WEEK),
        )
        yield Record(pattern, (Observation(at, score, Source.SDK),), vector)


_FLOOR = FieldFloor(
    vectors(640, 3), base=0.35, growth=0, distance=1, beside=0, lowest=0.35, highest=0.35
)
"""As much work as MiniLM's, but always 0.35, so that hundreds of patterns pass."""
