"""A scope's vectors in memory, searched exactly: one matrix product, then the best few."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from engramia_core.memory.pattern import UNRATED_SCORE, Classification, Pattern, Source
from engramia_core.memory.stored import NEAREST, Candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.filters import Filters

_CLASSIFICATIONS = tuple(Classification)
_SOURCES = tuple(Source)
_TIE = 1e-6
"""Similarities this close are equal: the same row gives other last bits at another place of the matrix."""


class Columns(NamedTuple):
    """The rows of an index, as arrays of one length."""

    keys: npt.NDArray[np.bytes_]
    vectors: npt.NDArray[np.float32]
    quality: npt.NDArray[np.float32]
    updated_at_s: npt.NDArray[np.float64]
    classification: npt.NDArray[np.uint8]
    source: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, rows: int, dimensions: int) -> Columns:
        """Room for ``rows`` vectors of ``dimensions``."""
        return cls(
            np.zeros(rows, dtype="S64"),
            np.zeros((rows, dimensions), dtype=np.float32),
            np.zeros(rows, dtype=np.float32),
            np.zeros(rows, dtype=np.float64),
            np.zeros(rows, dtype=np.uint8),
            np.zeros(rows, dtype=np.uint8),
        )


def _joined(one: Columns, other: Columns) -> Columns:
    """The rows of ``one``, then those of ``other``."""
    return Columns(
        np.concatenate((one.keys, other.keys)),
        np.concatenate((one.vectors, other.vectors)),
        np.concatenate((one.quality, other.quality)),
        np.concatenate((one.updated_at_s, other.updated_at_s)),
        np.concatenate((one.classification, other.classification)),
        np.concatenate((one.source, other.source)),
    )


def facts(pattern: Pattern) -> tuple[float, float, int, int]:
    """What an index keeps of a pattern beside its key and vector, in the order of ``Columns``."""
    return (
        float("nan") if pattern.quality is None else pattern.quality,
        pattern.updated_at.timestamp(),
        _CLASSIFICATIONS.index(pattern.classification),
        _SOURCES.index(pattern.source),
    )


class VectorIndex:
    """Vectors by key. One thread changes it at a time; any number may search meanwhile."""

    def __init__(self, columns: Columns) -> None:
        """Take ``columns`` over: they are changed in place and grown by copying."""
        self._columns = columns
        self._size = len(columns.keys)
        self._alive = np.ones(self._size, dtype=np.bool_)
        self._dead = 0
        self._row_of: dict[bytes, int] | None = None

    @property
    def dimensions(self) -> int:
        """The length of the vectors."""
        return int(self._columns.vectors.shape[1])

    def __len__(self) -> int:
        return self._size - self._dead

    def columns(self) -> Columns:
        """The rows that are in, without those that were removed."""
        alive = self._alive[: self._size]
        filled = (column[: self._size] for column in self._columns)
        return (
            Columns._make(column[alive] for column in filled)
            if self._dead
            else Columns._make(filled)
        )

    def put(self, rows: Iterable[tuple[Pattern, Vector | None]]) -> None:
        """Add patterns, or change those that are in; without a vector the one that is in stays."""
        row_of = self._rows()
        for pattern, vector in rows:
            key = pattern.key.encode()
            row = row_of.get(key)
            if row is None:
                if vector is None:
                    continue
                row = self._append(key)
            columns = self._columns
            if vector is not None:
                columns.vectors[row] = vector
            (
                columns.quality[row],
                columns.updated_at_s[row],
                columns.classification[row],
                columns.source[row],
            ) = facts(pattern)
            self._alive[row] = True
            self._size = max(self._size, row + 1)

    def remove(self, keys: Iterable[str]) -> None:
        """Take patterns out; unknown keys are none."""
        row_of = self._rows()
        for key in keys:
            row = row_of.pop(key.encode(), None)
            if row is not None:
                self._alive[row] = False
                self._dead += 1

    def search(
        self,
        query: Vector,
        *,
        filters: Filters,
        limit: int,
        among: Collection[str] | None = None,
    ) -> Candidates:
        """The rows most similar to ``query`` that pass ``filters`` (their skills excepted) and are ``among``."""
        size, columns = self._size, self._columns
        similarity = columns.vectors[:size] @ query
        keep = self._mask(columns, size, filters, among)
        if keep is not None:
            similarity[~keep] = -np.inf
        rows = _best(similarity, limit)
        found = similarity[rows].clip(0.0, 1.0).round(6)
        order = np.lexsort((columns.keys[rows], -found))[:limit]
        rows = rows[order]
        return Candidates(
            list(map(bytes.decode, columns.keys[rows].tolist())),
            found[order],
            columns.quality[rows],
            columns.updated_at_s[rows],
            len(self),
            columns.vectors[rows[:NEAREST]],
        )

    def _mask(
        self, columns: Columns, size: int, filters: Filters, among: Collection[str] | None
    ) -> npt.NDArray[np.bool_] | None:
        """Which rows may be answered; ``None`` when all may."""
        if not (filters or self._dead or among is not None):
            return None
        keep = self._alive[:size].copy()
        if filters.min_score is not None:
            quality = columns.quality[:size]
            keep &= np.where(np.isnan(quality), UNRATED_SCORE, quality) >= np.float32(
                filters.min_score
            )
        if filters.classification is not None:
            keep &= columns.classification[:size] == _CLASSIFICATIONS.index(filters.classification)
        if filters.source is not None:
            keep &= columns.source[:size] == _SOURCES.index(filters.source)
        if among is not None:
            keep &= np.isin(columns.keys[:size], np.array([key.encode() for key in among], "S64"))
        return keep

    def _rows(self) -> dict[bytes, int]:
        if self._row_of is None:
            self._row_of = {key: row for row, key in enumerate(self._columns.keys.tolist())}
        return self._row_of

    def _append(self, key: bytes) -> int:
        """A fresh row for ``key``; it is searched once ``put`` has filled it and moved ``_size`` past it."""
        row = self._size
        if row == len(self._columns.keys):
            room = Columns.empty(max(64, row // 2), self.dimensions)
            self._columns = _joined(self._columns, room)
            self._alive = np.concatenate((self._alive, np.ones(len(room.keys), dtype=np.bool_)))
        self._columns.keys[row] = key
        self._rows()[key] = row
        return row


def _best(similarity: npt.NDArray[np.float32], limit: int) -> npt.NDArray[np.intp]:
    """The rows of the ``limit`` highest finite similarities and of all that tie with the last of them."""
    rows = np.arange(len(similarity))
    if len(similarity) > limit:
        ascending = similarity.copy()
        ascending.partition(len(ascending) - limit)
        (rows,) = (similarity >= ascending[-limit] - _TIE).nonzero()
    return rows[np.isfinite(similarity[rows])]


def index_of(rows: Sequence[tuple[Pattern, Vector]], dimensions: int) -> VectorIndex:
    """An index of these patterns."""
    index = VectorIndex(Columns.empty(0, dimensions))
    index.put(rows)
    return index
