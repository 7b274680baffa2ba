from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engramia_core.errors import InvalidInput, Refused
from engramia_core.memory.embedder import Embedder
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.memory.upkeep import delete
from engramia_core.scope import Scope
from engramia_core.testing.builders import START
from engramia_core.testing.embeddings import HashEmbeddings
from tests.unit.steps import SCOPE, learned_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix
    from engramia_core.memory.store import PatternStore
    from engramia_core.testing.memory_store import MemoryStore


@pytest.fixture
def provider() -> HashEmbeddings:
    return HashEmbeddings()


def test_a_question_that_is_asked_again_is_not_embedded_again(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    embedder = Embedder(provider, store)
    once, again = embedder.one("sort"), embedder.one("sort")
    assert provider.embedded == ["sort"]
    assert (once == again).all()


def test_texts_that_come_twice_are_embedded_once_and_stay_in_order(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    texts = ["b", "a", "b", "c"]
    matrix = Embedder(provider, store).many(SCOPE, texts)
    assert provider.embedded == ["b", "a", "c"]
    assert (matrix == HashEmbeddings().embed(texts)).all()


def test_what_is_stored_is_not_embedded_again(
    any_store: PatternStore, provider: HashEmbeddings
) -> None:
    key = learned_key(any_store, "sort a list")
    embedder = Embedder(provider, any_store)
    matrix = embedder.many(SCOPE, ["sort a list", "parse"])
    assert provider.embedded == ["parse"]
    assert (matrix == HashEmbeddings().embed(["sort a list", "parse"])).all()
    delete(any_store, SCOPE, key, now=START)
    embedder.many(SCOPE, ["sort a list"])
    assert provider.embedded == ["parse"]


def test_a_vector_of_another_model_or_scope_is_not_taken(
    any_store: PatternStore, provider: HashEmbeddings
) -> None:
    learned_key(any_store, "sort a list")
    Embedder(provider, any_store).many(Scope("acme"), ["sort a list"])
    other = HashEmbeddings("other")
    Embedder(other, any_store).many(SCOPE, ["sort a list"])
    assert provider.embedded == other.embedded == ["sort a list"]


def test_no_texts_are_an_empty_matrix(store: MemoryStore, provider: HashEmbeddings) -> None:
    assert Embedder(provider, store).many(SCOPE, []).shape == (0, 64)
    assert provider.embedded == []


def test_the_last_thousand_texts_are_remembered(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    embedder = Embedder(provider, store)
    embedder.many(SCOPE, [f"t{n}" for n in range(1_024)])
    embedder.one("t0")
    embedder.one("new")
    assert len(provider.embedded) == 1_025
    embedder.one("t0")
    assert len(provider.embedded) == 1_025
    embedder.one("t1")
    assert provider.embedded[-1] == "t1"


class Scaled(HashEmbeddings):
    def embed(self, texts: Sequence[str]) -> Matrix:
        return super().embed(texts) * np.float32(3)


class Short(HashEmbeddings):
    def embed(self, texts: Sequence[str]) -> Matrix:
        return super().embed(texts)[1:]


def test_vectors_are_brought_to_unit_length(store: MemoryStore) -> None:
    assert np.linalg.norm(Embedder(Scaled(), store).one("sort")) == pytest.approx(1)


def test_vectors_that_are_missing_are_an_error_and_not_remembered(store: MemoryStore) -> None:
    embedder = Embedder(Short(), store)
    for _ in range(2):
        with pytest.raises(InvalidInput, match=r"shape \(1, 64\); \(2, 64\) was expected"):
            embedder.many(SCOPE, ["a", "b"])


def chosen(store: PatternStore, model: EmbeddingModel) -> PatternStore:
    """The store, with a model that its scope is searched by."""
    with store.write(SCOPE) as writer:
        writer.choose_model(model)
    return store


def test_a_scope_of_its_own_model_or_of_none_yet_is_served_by_itself(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    embedder = Embedder(provider, store)
    assert embedder.serving(SCOPE) is embedder
    chosen(store, embedder.model)
    assert embedder.serving(SCOPE) is embedder


@pytest.mark.parametrize("model", [EmbeddingModel("other", 64), EmbeddingModel("hashed-words", 32)])
def test_a_model_that_cannot_be_opened_is_refused(
    store: MemoryStore, provider: HashEmbeddings, model: EmbeddingModel
) -> None:
    with pytest.raises(Refused) as caught:
        Embedder(provider, chosen(store, model)).serving(SCOPE)
    assert f"{model.model_id} ({model.dimensions} dimensions)" in caught.value.message
    assert "engramia reindex" in (caught.value.hint or "")


def test_another_model_is_opened_once_and_serves(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    opened: list[EmbeddingModel] = []

    def open_model(model: EmbeddingModel) -> HashEmbeddings:
        opened.append(model)
        return HashEmbeddings(model.model_id, model.dimensions)

    embedder = Embedder(provider, store, open_model)
    model = EmbeddingModel("other", 32)
    chosen(store, model)
    serving = embedder.serving(SCOPE)
    assert serving.model == model
    assert embedder.serving(SCOPE) is serving
    chosen(store, embedder.model)
    assert embedder.serving(SCOPE) is embedder
    assert opened == [model]


def test_a_provider_of_another_length_than_the_scopes_is_refused(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    chosen(store, EmbeddingModel("other", 32))
    with pytest.raises(Refused, match="searched by other"):
        Embedder(provider, store, lambda model: HashEmbeddings(model.model_id, 8)).serving(SCOPE)


def test_why_a_model_does_not_open_is_said(store: MemoryStore, provider: HashEmbeddings) -> None:
    def no_key(_: EmbeddingModel) -> HashEmbeddings:
        raise InvalidInput("it needs an API key")

    chosen(store, EmbeddingModel("other", 32))
    with pytest.raises(Refused, match="it needs an API key"):
        Embedder(provider, store, no_key).serving(SCOPE)


def test_what_was_prepared_is_not_embedded_again(
    store: MemoryStore, provider: HashEmbeddings
) -> None:
    learned_key(store, "sort a list")
    embedder = Embedder(provider, store)
    embedder.prepare(SCOPE, ["sort a list", "parse"])
    embedder.one("sort a list")
    embedder.one("parse")
    assert provider.embedded == ["parse"]
