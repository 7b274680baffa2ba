"""A small memory whose keys, times and vectors are always the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engramia_core.memory.feedback import Cluster
from engramia_core.memory.pattern import Observation, Pattern, Source, Trashed, TrashReason
from engramia_core.memory.stored import Action, EmbeddingModel, Event, Record
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, a_pattern, days
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

CSV_CODE = "import csv\n\n\ndef rows(file):\n    return list(csv.DictReader(file))\n"


def fill(store: PatternStore) -> None:
    """Four live patterns, one of them faded, one in the trash, and an issue that was named twice."""
    embeddings = HashEmbeddings()
    model = EmbeddingModel(embeddings.model_id, embeddings.dimensions)
    with store.write(Scope()) as writer:
        writer.choose_model(model)
        writer.insert([_record(pattern, embeddings) for pattern in _PATTERNS], _LEARNED)
        writer.put_clusters([Cluster("c", "fails on empty files", 2, 2.0, START, START)])


def _rated(key: str, task: str, quality: float, **changes: Any) -> Pattern:  # noqa: ANN401 -- any field
    pattern = a_pattern(key, task, success_score=quality, quality=quality, source=Source.CLI)
    return replace(pattern, survival=quality, **changes)


_LEARNED = Event(START, Action.LEARNED)
_PATTERNS = (
    _rated(
        "parse-csv", "Parse a CSV export into rows", 9.0,
        code=CSV_CODE, skills=("csv", "parsing"), reuse_count=3, output="[{'a': '1'}]",
    ),
    _rated("parse-csv-typed", "Parse a CSV export into typed rows", 4.0),
    _rated("retry-http", "Call a flaky HTTP service again", 7.0, skills=("http",)),
    _rated("faded", "Sort a list of numbers", 0.05, prune_after=days(0.5)),
    _rated("deleted", "Delete old log files", 6.0, trashed=Trashed(START, TrashReason.DELETED)),
)  # fmt: skip


def _record(pattern: Pattern, embeddings: HashEmbeddings) -> Record:
    observed = Observation(START, pattern.quality or 0.0, Source.CLI)
    return Record(pattern, (observed,), embeddings.embed([pattern.task])[0])
