"""Texts as vectors: what an embedding provider promises, and what its cosines mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.floor import Floor

Vector = npt.NDArray[np.float32]
"""One embedding: shape ``(d,)``, unit length."""
Matrix = npt.NDArray[np.float32]
"""Many embeddings: shape ``(n, d)``, unit rows."""


_UNIT_TOLERANCE = 1e-6
"""Rows this close to unit length stay bit for bit as they are."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Which cosine similarities of a model mean what; they differ widely from model to model.

    Below ``floor_for`` a pattern is not relevant; from ``adapt`` on its code is a start, from ``duplicate`` on it is
    the same job.
    """

    floor_for: Floor
    adapt: float
    duplicate: float


class EmbeddingProvider(Protocol):
    """Turns texts into vectors, always with the same model.

    ``is_local`` and ``usd_per_million_tokens`` are only for estimates; a provider that says nothing is neither local
    nor of a known price.
    """

    @property
    def model_id(self) -> str:
        """The name under which the vectors are stored; another name means other vectors."""
        ...

    @property
    def dimensions(self) -> int:
        """The length ``d`` of every vector."""
        ...

    @property
    def calibration(self) -> Calibration:
        """What this model's cosines mean."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine, so that trying it costs nothing."""
        return False

    @property
    def usd_per_million_tokens(self) -> float | None:
        """What a million tokens cost, in US dollars; ``None`` when that is not known."""
        return None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """The vectors of ``texts`` in their order: ``(n, d)`` float32, unit rows.

        ``Unavailable`` when the model does not answer.
        """
        ...


def text_hash(text: str) -> int:
    """A signed 64-bit fingerprint of a text, by which a stored vector is found again (BLAKE2b)."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def check_matrix(vectors: npt.ArrayLike, *, rows: int, dimensions: int, model_id: str) -> Matrix:
    """``vectors`` as a ``(rows, dimensions)`` float32 matrix of unit rows.

    ``InvalidInput`` for another shape, a number that is not finite, or a row of length zero.
    """
    try:
        matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{model_id} gave vectors that are no matrix: {error}") from error
    if matrix.shape != (rows, dimensions):
        raise InvalidInput(
            f"{model_id} gave vectors of shape {matrix.shape}; ({rows}, {dimensions}) was expected"
        )
    if not np.isfinite(matrix).all():
        raise InvalidInput(f"{model_id} gave a vector with a number that is not finite")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise InvalidInput(f"{model_id} gave a vector of length zero")
    is_unit = np.abs(lengths - 1).max(initial=0.0) < _UNIT_TOLERANCE
    return matrix if is_unit else matrix / lengths
