"""Models that turn texts into vectors: a scheme, and the provider that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from engramia_core.memory.embedding import EmbeddingProvider

SCHEMES = ("minilm", "openai", "none")


def open_provider(
    spec: str, *, api_key: str | None = None, base_url: str | None = None
) -> EmbeddingProvider | None:
    """The provider that ``minilm``, ``openai[:MODEL[:DIMENSIONS]]`` or ``none`` names; for ``none``: ``None``.

    ``InvalidInput`` for another name, or when the API key is missing. Nothing is loaded and nobody is asked yet.
    """
    scheme, _, rest = spec.partition(":")
    if spec == "none":
        return None
    if spec == "minilm":
        from engramia_core.embeddings.minilm import MiniLMEmbeddings

        return MiniLMEmbeddings()
    if scheme == "openai":
        return _openai(rest, api_key, base_url)
    raise InvalidInput(
        f"embeddings {spec!r} are not known", hint=f"choose one of: {', '.join(SCHEMES)}"
    )


def spec_of(model_id: str, dimensions: int) -> str:
    """What to choose to get the provider that stores its vectors under ``model_id``.

    ``InvalidInput`` for a name that no provider gives.
    """
    from engramia_core.embeddings.minilm import MODEL_ID
    from engramia_core.embeddings.openai import KNOWN_MODELS

    if model_id == MODEL_ID:
        return "minilm"
    name, _, length = model_id.rpartition(":")
    if model_id in KNOWN_MODELS or (name and length == str(dimensions)):
        return f"openai:{model_id}"
    raise InvalidInput(f"no provider is known for the embedding model {model_id!r}")


def _openai(rest: str, api_key: str | None, base_url: str | None) -> EmbeddingProvider:
    from importlib.util import find_spec

    from engramia_core.embeddings.openai import DEFAULT_MODEL, OpenAIEmbeddings

    if find_spec("openai") is None:
        raise InvalidInput("embeddings by openai need its library", hint="pip install openai")
    if not api_key:
        raise InvalidInput(
            "embeddings by openai need an API key",
            hint="set OPENAI_API_KEY, or --embeddings minilm",
        )
    model, _, dimensions = rest.partition(":")
    if dimensions and not (dimensions.isdecimal() and int(dimensions)):
        raise InvalidInput(f"dimensions {dimensions!r} are not a positive whole number")
    return OpenAIEmbeddings(
        api_key,
        model or DEFAULT_MODEL,
        dimensions=int(dimensions) if dimensions else None,
        base_url=base_url,
    )
