from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Unavailable
from engramia_core.testing.contracts.embedding_provider import EmbeddingProviderContract
from engramia_core.testing.embeddings import FailingEmbeddings, HashEmbeddings

if TYPE_CHECKING:
    from engramia_core.memory.embedding import EmbeddingProvider


class TestHashEmbeddings(EmbeddingProviderContract):
    @override
    def provider(self) -> EmbeddingProvider:
        return HashEmbeddings()


def test_what_was_embedded_is_remembered() -> None:
    provider = HashEmbeddings()
    provider.embed(["a", "b"])
    provider.embed(["a"])
    assert provider.embedded == ["a", "b", "a"]


def test_failing_embeddings_do_not_answer() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        FailingEmbeddings().embed(["a"])
