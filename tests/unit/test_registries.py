"""A name in the settings becomes a provider or a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engramia_core.embeddings import open_provider, spec_of
from engramia_core.errors import InvalidInput, NotFound, Refused
from engramia_core.stores import create_store, open_store, storage_in
from engramia_core.stores.json_directory import JSONDirectoryStore
from engramia_core.stores.sqlite import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path

STORES: dict[str, type[SQLiteStore | JSONDirectoryStore]] = {
    "sqlite": SQLiteStore,
    "json": JSONDirectoryStore,
}


@pytest.mark.parametrize(
    ("spec", "model_id", "dimensions"),
    [
        ("minilm", "all-MiniLM-L6-v2-int8", 384),
        ("openai", "text-embedding-3-small", 1536),
        ("openai:text-embedding-3-large", "text-embedding-3-large", 3072),
        ("openai:text-embedding-3-small:256", "text-embedding-3-small:256", 256),
        ("openai::512", "text-embedding-3-small:512", 512),
        ("openai:mine:8", "mine:8", 8),
    ],
)
def test_a_spec_names_a_provider(spec: str, model_id: str, dimensions: int) -> None:
    provider = open_provider(spec, api_key="key")
    assert provider is not None
    assert (provider.model_id, provider.dimensions) == (model_id, dimensions)


@pytest.mark.parametrize(
    "spec",
    [
        "minilm", "openai:text-embedding-3-small", "openai:text-embedding-3-large",
        "openai:text-embedding-ada-002", "openai:text-embedding-3-small:256", "openai:mine:8",
    ],
)  # fmt: skip
def test_a_provider_is_found_again_by_the_name_of_its_model(spec: str) -> None:
    provider = open_provider(spec, api_key="key")
    assert provider is not None
    assert spec_of(provider.model_id, provider.dimensions) == spec


@pytest.mark.parametrize("model_id", ["hashed-words", "mine", "mine:9", ":8", "text-embedding-3"])
def test_a_model_of_no_provider_is_refused(model_id: str) -> None:
    with pytest.raises(InvalidInput, match=f"no provider is known for .* {model_id!r}"):
        spec_of(model_id, 8)


def test_none_is_no_provider() -> None:
    assert open_provider("none") is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "embeddings '' are not known"),
        ("MiniLM", "embeddings 'MiniLM' are not known"),
        ("minilm:large", "embeddings 'minilm:large' are not known"),
        ("none:x", "embeddings 'none:x' are not known"),
        ("openai:mine", "dimensions of embedding model 'mine' are not known"),
        ("openai:mine:0", "dimensions '0' are not"),
        ("openai:mine:-8", "dimensions '-8' are not"),
        ("openai:mine:²", "dimensions '²' are not"),
        ("openai:mine:8:9", "dimensions '8:9' are not"),
    ],
)
def test_another_spec_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_provider(spec, api_key="key")
    assert said in caught.value.message


@pytest.mark.parametrize("key", [None, ""])
def test_openai_needs_a_key(key: str | None) -> None:
    with pytest.raises(InvalidInput, match="need an API key") as caught:
        open_provider("openai", api_key=key)
    assert "OPENAI_API_KEY" in (caught.value.hint or "")


@pytest.mark.parametrize("storage", ["sqlite", "json"])
def test_a_store_is_made_and_found_again(tmp_path: Path, storage: str) -> None:
    place = tmp_path / "deep" / "memory"
    create_store(place, storage).close()
    assert storage_in(place) == storage
    for again in (open_store(place), open_store(place, storage), create_store(place)):
        assert isinstance(again, STORES[storage])
        again.close()


def test_a_new_store_is_sqlite_unless_it_is_said(tmp_path: Path) -> None:
    create_store(tmp_path).close()
    assert storage_in(tmp_path) == "sqlite"


def test_looking_for_a_store_makes_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no memory in") as caught:
        open_store(tmp_path / "nope")
    assert (caught.value.hint or "").endswith(f"engramia init --path {tmp_path / 'nope'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("there", "wanted"), [("sqlite", "json"), ("json", "sqlite")])
def test_a_store_of_another_storage_is_neither_opened_nor_made(
    tmp_path: Path, there: str, wanted: str
) -> None:
    create_store(tmp_path, there).close()
    with pytest.raises(NotFound, match=f"is {there}, not {wanted}"):
        open_store(tmp_path, wanted)
    with pytest.raises(Refused, match=f"memory of storage {there}"):
        create_store(tmp_path, wanted)


def test_a_storage_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="storage 'redis' is not known"):
        create_store(tmp_path, "redis")
    create_store(tmp_path).close()
    with pytest.raises(InvalidInput, match="storage 'redis' is not known"):
        open_store(tmp_path, "redis")
