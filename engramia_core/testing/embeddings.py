"""Embedding providers for tests: one that needs nothing, one that never answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from engramia_core.errors import Unavailable
from engramia_core.memory.embedding import Calibration, EmbeddingProvider, Matrix
from engramia_core.memory.floor import FixedFloor
from engramia_core.memory.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class HashEmbeddings(EmbeddingProvider):
    """Vectors of hashed words: the same everywhere, and more similar the more words two texts share."""

    def __init__(self, model_id: str = "hashed-words", dimensions: int = 64) -> None:
        self._model_id = model_id
        self._dimensions = dimensions
        self.embedded: list[str] = []
        """Every text that was asked for, in order."""

    @property
    @override
    def model_id(self) -> str:
        return self._model_id

    @property
    @override
    def dimensions(self) -> int:
        return self._dimensions

    @property
    @override
    def calibration(self) -> Calibration:
        return Calibration(FixedFloor(0.2), adapt=0.5, duplicate=0.9)

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        self.embedded.extend(texts)
        matrix = np.zeros((len(texts), self._dimensions), dtype=np.float64)
        for row, text in zip(matrix, texts, strict=True):
            for word in words_of(text):
                row[self._place(word)] += 1
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return np.asarray(matrix / lengths, dtype=np.float32)

    def _place(self, word: str) -> int:
        """Where a word counts. Only upwards, so that no text of any words has length zero."""
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self._dimensions


class FailingEmbeddings(HashEmbeddings):
    """A provider whose model does not answer."""

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        raise Unavailable(f"{self.model_id} does not answer", hint="this is a test's provider")
