"""MiniLM finds what was stored, and says so when nothing is, as docs/why/calibration.md records."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from engramia_core.embeddings.minilm import MiniLMEmbeddings
from engramia_core.memory.stored import NEAREST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix, Vector

DATA = Path(__file__).resolve().parents[1] / "data" / "recall"
BACKGROUND = files("engramia_core.embeddings") / "minilm_data"
WORD = re.compile(r"\w+")
DRAWS = 15
ONE_QUERY = 1
"""Another processor's int8 kernels may move one query over a threshold."""
SAME_VECTOR = 0.99
"""Cosine above which two vectors are one text's, from two processors and through float16."""

Row = dict[str, str]
Flags = npt.NDArray[np.bool_]


@cache
def rows_of(name: str) -> tuple[Row, ...]:
    lines = (DATA / f"{name}.ndjson").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def column(rows: Sequence[Row], key: str) -> list[str]:
    return [row[key] for row in rows]


def held_out(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["split"] == "holdout"]


def of_kind(kind: str, name: str) -> list[Row]:
    return [row for row in rows_of(name) if row["kind"] == kind]


class Embedded:
    """MiniLM, asked once for every text and for one text at a time: batches may change the last bits."""

    def __init__(self) -> None:
        self._provider = MiniLMEmbeddings()
        self._vectors: dict[str, Vector] = {}
        self.calibration = self._provider.calibration

    def of(self, texts: Sequence[str]) -> Matrix:
        for text in texts:
            if text not in self._vectors:
                self._vectors[text] = self._provider.embed([text])[0]
        return np.stack([self._vectors[text] for text in texts])

    def cosines(self, queries: Sequence[str], tasks: Sequence[str]) -> Matrix:
        cosines: Matrix = self.of(queries) @ self.of(tasks).T
        return cosines

    def answers(self, queries: Sequence[str], tasks: Sequence[str]) -> Flags:
        """Which of ``tasks`` pass the floor of each of ``queries``: ``(queries, tasks)``."""
        stored = self.of(tasks)
        return np.stack([self._passing(query, stored) for query in self.of(queries)])

    def _passing(self, query: Vector, stored: Matrix) -> Flags:
        cosines = stored @ query
        nearest = np.argsort(-cosines, kind="stable")[:NEAREST]
        floor = self.calibration.floor_for(query, stored[nearest], len(stored))
        passing: Flags = cosines >= floor
        return passing

    def is_answered(self, queries: Sequence[str], tasks: Sequence[str]) -> Flags:
        answered: Flags = np.any(self.answers(queries, tasks), axis=1)
        return answered


@pytest.fixture(scope="module")
def embedded() -> Embedded:
    return Embedded()


@dataclass(frozen=True)
class Found:
    """How high the right task stands in the answers: ``at_1`` is R@1, ``mrr`` the mean reciprocal rank."""

    at_1: float
    mrr: float


def found(scores: npt.NDArray[np.floating]) -> Found:
    """``scores[i, i]`` belongs to the right task; texts that tie share their ranks."""
    own = np.diag(scores)[:, np.newaxis]
    better = (scores > own).sum(axis=1)
    equal = (scores == own).sum(axis=1) - 1
    at_1 = np.where(better == 0, 1 / (1 + equal), 0.0)
    return Found(float(at_1.mean()), float((1 / (1 + better + equal / 2)).mean()))


def bm25_scores(queries: Sequence[str], tasks: Sequence[str]) -> npt.NDArray[np.float64]:
    """Okapi BM25 with k1 = 1.2 and b = 0.75, written here so that the baseline stays where it is."""
    texts = [Counter(WORD.findall(task.lower())) for task in tasks]
    holders = Counter(word for text in texts for word in text)
    sizes = np.array([text.total() for text in texts])
    length = 1.2 * (0.25 + 0.75 * sizes / sizes.mean())
    scores = np.zeros((len(queries), len(tasks)))
    for row, query in enumerate(queries):
        for word in WORD.findall(query.lower()):
            times = np.array([text[word] for text in texts])
            rarity = math.log1p((len(texts) - holders[word] + 0.5) / (holders[word] + 0.5))
            scores[row] += rarity * times * 2.2 / (times + length)
    return scores


def assert_at_least(measured: float, recorded: float, queries: int) -> None:
    assert measured >= recorded - (ONE_QUERY + 0.01) / queries


@pytest.mark.parametrize(
    ("name", "recorded", "lexical"),
    [
        ("paraphrases_plain", Found(0.924, 0.952), Found(0.508, 0.621)),
        ("paraphrases", Found(0.600, 0.707), Found(0.012, 0.039)),
    ],
)
def test_paraphrases_find_their_task_far_more_often_than_by_words(
    embedded: Embedded, name: str, recorded: Found, lexical: Found
) -> None:
    tasks, queries = column(rows_of(name), "task"), column(rows_of(name), "query")
    ours, words = found(embedded.cosines(queries, tasks)), found(bm25_scores(queries, tasks))
    assert_at_least(ours.at_1, recorded.at_1, len(queries))
    assert_at_least(ours.mrr, recorded.mrr, len(queries))
    assert words.at_1 == pytest.approx(lexical.at_1, abs=0.001)
    assert words.mrr == pytest.approx(lexical.mrr, abs=0.001)


@pytest.mark.parametrize(
    ("patterns", "declined", "kept"),
    [(5, 0.998, 1.0), (20, 0.993, 1.0), (60, 0.986, 1.0), (125, 0.984, 0.999), (250, 0.991, 1.0)],
)
def test_held_out_queries_are_answered_only_from_a_memory_that_is_about_them(
    embedded: Embedded, patterns: int, declined: float, kept: float
) -> None:
    everything = rows_of("paraphrases_plain")
    foreign = column(held_out(rows_of("foreign")), "query")
    rng = np.random.default_rng(2)
    answered_foreign: list[bool] = []
    answered: list[bool] = []
    for _ in range(DRAWS if patterns < len(everything) else 1):
        stored = [everything[i] for i in rng.permutation(len(everything))[:patterns]]
        tasks, relevant = column(stored, "task"), column(held_out(stored), "query")
        answered_foreign += embedded.is_answered(foreign, tasks).tolist()
        if relevant:
            answered += embedded.is_answered(relevant, tasks).tolist()
    assert_at_least(1 - float(np.mean(answered_foreign)), declined, len(foreign))
    assert_at_least(float(np.mean(answered)), kept, len(held_out(everything)))


@pytest.mark.parametrize(
    ("name", "others", "declined", "kept"),
    [
        ("fresh", (), 0.994, 0.988),
        ("fresh", rows_of("paraphrases_plain"), 0.978, 0.994),
        ("blind", (), 0.992, 0.992),
        ("blind", rows_of("paraphrases_plain"), 0.992, 1.0),
    ],
    ids=["fresh, alone", "fresh, among 250 others", "blind, alone", "blind, among 250 others"],
)
def test_blind_queries_are_answered_as_often_as_when_they_were_first_measured(
    embedded: Embedded, name: str, others: Sequence[Row], declined: float, kept: float
) -> None:
    relevant, foreign = of_kind("relevant", name), of_kind("foreign", name)
    tasks = column([*others, *relevant], "task")
    is_kept = embedded.is_answered(column(relevant, "query"), tasks)
    is_foreign_answered = embedded.is_answered(column(foreign, "query"), tasks)
    assert_at_least(float(is_kept.mean()), kept, len(relevant))
    assert_at_least(1 - float(is_foreign_answered.mean()), declined, len(foreign))


@pytest.mark.parametrize(
    ("name", "right", "passing"), [("paraphrases_plain", 0.996, 2.7), ("paraphrases", 0.848, 6.8)]
)
def test_the_right_task_passes_the_floor_and_few_others_do(
    embedded: Embedded, name: str, right: float, passing: float
) -> None:
    rows = rows_of(name)
    answers = embedded.answers(column(rows, "query"), column(rows, "task"))
    assert_at_least(float(np.diag(answers).mean()), right, len(rows))
    assert answers.sum(axis=1).mean() <= passing + 0.1


def test_a_memory_of_everyday_tasks_keeps_its_own_queries_and_declines_technical_ones(
    embedded: Embedded,
) -> None:
    own = rows_of("foreign_memory")
    tasks, technical = column(own, "task"), column(rows_of("paraphrases_plain"), "query")
    assert_at_least(
        float(embedded.is_answered(column(own, "query"), tasks).mean()), 21 / 22, len(own)
    )
    declined = 1 - float(embedded.is_answered(technical, tasks).mean())
    assert_at_least(declined, 1.0, len(technical))


def test_a_few_everyday_tasks_among_many_technical_ones_are_found(embedded: Embedded) -> None:
    own = rows_of("foreign_memory")
    tasks = column([*own, *rows_of("paraphrases_plain")], "task")
    answered = embedded.is_answered(column(own, "query"), tasks)
    assert_at_least(float(answered.mean()), 20 / 22, len(own))


def test_half_of_the_technical_queries_about_other_matters_are_declined(embedded: Embedded) -> None:
    queries = column(rows_of("offtopic_technical"), "query")
    answered = embedded.is_answered(queries, column(rows_of("paraphrases_plain"), "task"))
    assert_at_least(1 - float(answered.mean()), 0.524, len(queries))


def test_nearly_all_riddles_are_still_answered(embedded: Embedded) -> None:
    rows = rows_of("paraphrases")
    answered = embedded.is_answered(column(rows, "query"), column(rows, "task"))
    assert_at_least(float(answered.mean()), 0.976, len(rows))


def test_reuse_tiers_are_told_apart_as_recorded(embedded: Embedded) -> None:
    rows = held_out(rows_of("tiers"))
    tasks, queries = embedded.of(column(rows, "task")), embedded.of(column(rows, "query"))
    calibration = embedded.calibration
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    for row, similarity in zip(rows, np.einsum("ij,ij->i", tasks, queries), strict=True):
        said = "fresh" if similarity < calibration.adapt else "adapt"
        said = "duplicate" if similarity >= calibration.duplicate else said
        hits[row["tier"]].append(said == row["tier"])
    balanced = float(np.mean([np.mean(tier) for tier in hits.values()]))
    assert_at_least(balanced, 0.750, len(rows))


def test_the_shipped_background_is_the_embedding_of_its_texts(embedded: Embedded) -> None:
    texts = (BACKGROUND / "background.txt").read_text("utf-8").splitlines()
    with (BACKGROUND / "background.npy").open("rb") as file:
        shipped = np.load(file)
    assert shipped.dtype == np.float16
    assert shipped.shape == (len(texts), 384)
    assert len(texts) == 640
    assert np.abs(np.linalg.norm(shipped.astype(np.float32), axis=1) - 1).max() < 1e-3
    cosines = np.einsum("ij,ij->i", shipped.astype(np.float32), embedded.of(texts))
    assert cosines.min() > SAME_VECTOR


def test_no_text_of_the_background_shares_half_of_its_words_with_the_fresh_set() -> None:
    background = (BACKGROUND / "background.txt").read_text("utf-8").splitlines()
    known = [set(WORD.findall(text.casefold())) for text in background]
    for row in rows_of("fresh"):
        for text in (row["query"], row.get("task", row["query"])):
            words = set(WORD.findall(text.casefold()))
            assert max(len(words & other) / len(words | other) for other in known) < 0.5


def test_no_text_of_the_background_is_a_text_of_the_test_sets() -> None:
    background = (BACKGROUND / "background.txt").read_text("utf-8").splitlines()
    tested = {
        row[key].casefold()
        for path in DATA.glob("*.ndjson")
        for row in rows_of(path.stem)
        for key in ("task", "query")
        if key in row
    }
    assert len(set(background)) == len(background)
    assert not tested & {text.casefold() for text in background}
