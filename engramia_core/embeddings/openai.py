"""Embeddings by OpenAI, or by any server that speaks its API."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from engramia_core.errors import InvalidInput, Unavailable
from engramia_core.memory.embedding import (
    Calibration,
    EmbeddingProvider,
    Matrix,
    check_matrix,
)
from engramia_core.memory.floor import FixedFloor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import OpenAI

DEFAULT_MODEL = "text-embedding-3-small"
_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""platform.openai.com/docs/guides/embeddings, read 2026-11-23."""
KNOWN_MODELS = frozenset(_DIMENSIONS)
_USD_PER_MILLION_TOKENS = {
    "text-embedding-3-small": 0.02,
    "text-embedding-3-large": 0.13,
    "text-embedding-ada-002": 0.10,
}
"""developers.openai.com/api/docs/pricing, standard tier, as of 2026-07-03."""
_MAX_BATCH = 256
_TIMEOUT_S = 30.0
_MAX_RETRIES = 4


class OpenAIEmbeddings(EmbeddingProvider):
    """Embeds over HTTPS, 256 texts a request; the SDK retries what may pass, with backoff, four times.

    The floor is a cautious guess that was not calibrated; the tiers are OpenAI's usual ones.
    """

    def __init__(
        self,
        api_key: str,
        model: str = DEFAULT_MODEL,
        *,
        dimensions: int | None = None,
        base_url: str | None = None,
        max_retries: int = _MAX_RETRIES,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """``dimensions`` is needed for models that are not OpenAI's own; else ``InvalidInput``."""
        known = dimensions or _DIMENSIONS.get(model)
        if known is None:
            raise InvalidInput(
                f"the dimensions of embedding model {model!r} are not known",
                hint=f"say them: ENGRAMIA_EMBEDDINGS=openai:{model}:DIMENSIONS",
            )
        self._api_key = api_key
        self._model = model
        self._dimensions = known
        self._shortened = dimensions is not None and dimensions != _DIMENSIONS.get(model)
        self._base_url = base_url
        self._max_retries = max_retries
        self._timeout_s = timeout_s

    @property
    @override
    def model_id(self) -> str:
        return f"{self._model}:{self._dimensions}" if self._shortened else self._model

    @property
    @override
    def dimensions(self) -> int:
        return self._dimensions

    @property
    @override
    def calibration(self) -> Calibration:
        return Calibration(FixedFloor(0.25), adapt=0.70, duplicate=0.92)

    @property
    @override
    def usd_per_million_tokens(self) -> float | None:
        return None if self._base_url else _USD_PER_MILLION_TOKENS.get(self._model)

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        nothing: Matrix = np.zeros((0, self._dimensions), dtype=np.float32)
        starts = range(0, len(texts), _MAX_BATCH)
        batches = [self._embed(list(texts[start : start + _MAX_BATCH])) for start in starts]
        return np.concatenate([nothing, *batches])

    def _embed(self, texts: list[str]) -> Matrix:
        return check_matrix(
            self._request(texts),
            rows=len(texts),
            dimensions=self._dimensions,
            model_id=self.model_id,
        )

    def _request(self, texts: list[str]) -> list[list[float]]:
        import openai

        try:
            if self._shortened:
                answer = self._client.embeddings.create(
                    model=self._model, input=texts, dimensions=self._dimensions
                )
            else:
                answer = self._client.embeddings.create(model=self._model, input=texts)
            return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        except openai.AuthenticationError as error:
            raise Unavailable(
                f"{self._model}: the API key was refused", hint="set OPENAI_API_KEY to a valid key"
            ) from error
        except openai.APIStatusError as error:
            raise Unavailable(
                f"{self._model}: HTTP {error.status_code}: {error.message}"
            ) from error
        except openai.APIError as error:
            raise Unavailable(
                f"{self._model} did not answer: {error.message.rstrip('.')}"
            ) from error
        except (AttributeError, TypeError, ValueError) as error:  # the library reads what it gets
            raise Unavailable(
                f"{self._model} did not answer with vectors: {error}",
                hint="OPENAI_BASE_URL must name a server that speaks OpenAI's API",
            ) from error

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=self._max_retries,
            timeout=self._timeout_s,
        )
