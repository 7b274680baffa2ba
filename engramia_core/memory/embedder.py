"""The provider as the memory uses it: no text is embedded twice, and vectors of two models never mix."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from engramia_core.errors import EngramiaError, Refused
from engramia_core.memory.embedding import EmbeddingProvider, Matrix, Vector, check_matrix
from engramia_core.memory.stored import EmbeddingModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engramia_core.memory.store import PatternStore, Searchable
    from engramia_core.scope import Scope

_REMEMBERED = 1_024


class Embedder:
    """Embeds for one store. Remembers the last 1,024 texts, and asks the store for the others first.

    A scope that is searched by another model is served all the same, if ``open_model`` opens that one by its name:
    so a scope's model may change under processes that run on.
    """

    def __init__(
        self,
        provider: EmbeddingProvider,
        store: PatternStore,
        open_model: Callable[[EmbeddingModel], EmbeddingProvider | None] = lambda _: None,
    ) -> None:
        """``open_model`` raises ``EngramiaError``, or gives ``None``, for a model that it cannot open."""
        self.provider = provider
        self._store = store
        self._open_model = open_model
        self._others: dict[EmbeddingModel, Embedder] = {}
        self._remembered: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    @property
    def model(self) -> EmbeddingModel:
        """The model as a scope keeps it."""
        return EmbeddingModel(self.provider.model_id, self.provider.dimensions)

    def one(self, text: str) -> Vector:
        """The vector of a text that is not stored, as a question is not."""
        with self._lock:
            known = self._remembered.get(text)
            if known is not None:
                self._remembered.move_to_end(text)
                return known
        vector: Vector = self._embed([text])[0]
        self._remember({text: vector})
        return vector

    def many(self, scope: Scope, texts: Sequence[str]) -> Matrix:
        """The vectors of texts that are about to be stored: ``(n, d)`` float32, unit rows."""
        wanted = dict.fromkeys(texts)
        known = self.stored(scope, list(wanted))
        with self._lock:
            known |= {text: self._remembered[text] for text in wanted if text in self._remembered}
        missing = [text for text in wanted if text not in known]
        if missing:
            known.update(zip(missing, self._embed(missing), strict=True))
            self._remember({text: known[text] for text in missing})
        if not texts:
            return np.zeros((0, self.provider.dimensions), dtype=np.float32)
        return np.stack([known[text] for text in texts])

    def stored(self, scope: Scope, texts: Sequence[str]) -> dict[str, Vector]:
        """Those of ``texts`` that need not be embedded because their vector is stored, with it."""
        found = self._store.known_vectors(scope, self.provider.model_id, texts)
        return {text: v for text, v in found.items() if len(v) == self.provider.dimensions}

    def prepare(self, scope: Scope, texts: Sequence[str]) -> None:
        """Remember the vectors of some texts, stored or not, so that ``one`` need not embed them."""
        self._remember(dict(zip(texts, self.many(scope, texts), strict=True)))

    def serving(self, scope: Scope, searched: Searchable | None = None) -> Embedder:
        """The embedder of the model that the scope has now: this one, or one that was opened for it.

        It is the model that the scope has in ``searched``, where another store than this one's is. ``Refused`` when
        it cannot be opened.
        """
        model = (searched or self._store).model(scope)
        return self if model is None else self.of(model, scope)

    def of(self, model: EmbeddingModel, scope: Scope) -> Embedder:
        """The embedder of a model; ``Refused`` when it cannot be opened, as the one ``scope`` is searched by."""
        if model == self.model:
            return self
        with self._lock:
            if model not in self._others:
                self._others[model] = self._opened(model, scope)
            return self._others[model]

    def _opened(self, model: EmbeddingModel, scope: Scope) -> Embedder:
        why = ""
        try:
            provider = self._open_model(model)
        except EngramiaError as error:
            provider, why = None, f": {error.message}"
        opened = None if provider is None else Embedder(provider, self._store)
        if opened is None or opened.model != model:
            raise Refused(
                f"scope {scope} is searched by {model.model_id} ({model.dimensions} dimensions),"
                f" not by {self.model.model_id} ({self.model.dimensions}){why}",
                hint="use that model again, or embed everything anew: engramia reindex",
            )
        return opened

    def _embed(self, texts: Sequence[str]) -> Matrix:
        return check_matrix(
            self.provider.embed(texts),
            rows=len(texts),
            dimensions=self.provider.dimensions,
            model_id=self.provider.model_id,
        )

    def _remember(self, vectors: dict[str, Vector]) -> None:
        with self._lock:
            self._remembered.update(vectors)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
