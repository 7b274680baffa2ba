"""Searches over a loaded scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engramia_core.errors import InvalidInput
from engramia_core.memory.filters import Filters
from engramia_core.memory.lexical import bm25
from engramia_core.memory.stored import Candidates, Counts, KnownModel, Record
from engramia_core.memory.vectors import Columns, VectorIndex, facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.stored import EmbeddingModel
    from engramia_core.memory.words import Words
    from engramia_core.stores.json_scope import LoadedScope

_EVERYTHING = Filters()


def nearest(
    loaded: LoadedScope,
    query: Vector,
    *,
    filters: Filters,
    limit: int,
    model: EmbeddingModel | None = None,
) -> Candidates:
    """The live patterns whose vectors are most similar; ``InvalidInput`` for a query of another length."""
    model = model or loaded.model
    if model is None:
        return _candidates([], searched=0)
    if model not in loaded.indexes:
        loaded.indexes[model] = _index(loaded, model)
    index = loaded.indexes[model]
    if not len(index):
        return _candidates([], searched=0)
    if query.shape != (index.dimensions,):
        raise InvalidInput(
            f"the query has shape {query.shape}; the vectors of {loaded.scope} have "
            f"{index.dimensions} dimensions",
            hint="engramia reindex",
        )
    among = None
    if filters:
        live = loaded.patterns(trashed=False)
        among = [pattern.key for pattern in live if filters.rejects(pattern) is None]
    return index.search(query, filters=_EVERYTHING, limit=limit, among=among)


def lexical(loaded: LoadedScope, words: Words, *, filters: Filters, limit: int) -> Candidates:
    """The live patterns that share words, by ``bm25``."""
    postings = {
        word: [(key, loaded.words.size_of(key)) for key in keys]
        for word, keys in loaded.words.matching(words).items()
    }
    ranked = bm25(postings, texts=len(loaded.words), words=len(words))
    fitting = [
        (loaded.held[key].pattern, score)
        for key, score in ranked
        if filters.rejects(loaded.held[key].pattern) is None
    ]
    return _candidates(fitting[:limit], searched=len(loaded.words))


def live_records(
    loaded: LoadedScope, *, with_vectors: bool, model: EmbeddingModel | None
) -> list[Record]:
    """All live patterns by key, with what belongs to them."""
    return [
        Record(
            pattern,
            loaded.held[pattern.key].observations,
            loaded.vector(pattern.key, model) if with_vectors else None,
        )
        for pattern in loaded.patterns(trashed=False)
    ]


def counts(loaded: LoadedScope) -> Counts:
    """How much the scope holds."""
    live = loaded.patterns(trashed=False)
    return Counts(
        live=len(live),
        trashed=len(loaded.held) - len(live),
        observations=sum(len(held.observations) for held in loaded.held.values()),
        embedded=sum(loaded.vector(pattern.key) is not None for pattern in live),
        clusters=len(loaded.clusters),
        broken=len(loaded.broken),
    )


def known_models(loaded: LoadedScope) -> list[KnownModel]:
    """The scope's model, and the others of which there are vectors."""
    counted = [
        KnownModel(model, model == loaded.model, len(loaded.rows(model)))
        for model in loaded.models()
    ]
    return [known for known in counted if known.is_active or known.vectors]


def _index(loaded: LoadedScope, model: EmbeddingModel) -> VectorIndex:
    """An index of the live patterns that have a vector."""
    rows = [
        (pattern, vector)
        for pattern in loaded.patterns(trashed=False)
        if (vector := loaded.vector(pattern.key, model)) is not None
    ]
    columns = Columns.empty(len(rows), model.dimensions)
    for place, (pattern, vector) in enumerate(rows):
        columns.keys[place] = pattern.key.encode()
        columns.vectors[place] = vector
        (
            columns.quality[place],
            columns.updated_at_s[place],
            columns.classification[place],
            columns.source[place],
        ) = facts(pattern)
    return VectorIndex(columns)


def _candidates(ranked: Sequence[tuple[Pattern, float]], *, searched: int) -> Candidates:
    patterns = [pattern for pattern, _ in ranked]
    unrated = float("nan")
    return Candidates(
        [pattern.key for pattern in patterns],
        np.array([score for _, score in ranked], dtype=np.float32),
        np.array([unrated if p.quality is None else p.quality for p in patterns], dtype=np.float32),
        np.array([p.updated_at.timestamp() for p in patterns], dtype=np.float64),
        searched,
    )
