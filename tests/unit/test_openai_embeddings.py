from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from werkzeug import Response

from engramia_core.embeddings.openai import OpenAIEmbeddings
from engramia_core.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer
    from werkzeug import Request

KEY = "sk-test-0123456789"
MODEL = "test-model"


def provider(
    server: HTTPServer, model: str = MODEL, dimensions: int | None = 3, max_retries: int = 0
) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(
        KEY,
        model,
        dimensions=dimensions,
        base_url=server.url_for("/v1"),
        max_retries=max_retries,
        timeout_s=10,
    )


def vector_of(text: str) -> list[float]:
    """A unit vector that tells texts apart."""
    vector = np.array([1.0, len(text), ord(text[0])])
    scaled: list[float] = (vector / np.linalg.norm(vector)).tolist()
    return scaled


def answer(*rows: object) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
    return {"object": "list", "model": MODEL, "data": data, "usage": {"total_tokens": 1}}


def answer_to(request: Request) -> Response:
    """What OpenAI would say, last text first: only the index tells which is which."""
    body = answer(*map(vector_of, orjson.loads(request.data)["input"]))
    body["data"].reverse()
    return Response(orjson.dumps(body), content_type="application/json")


def asked(server: HTTPServer) -> list[dict[str, Any]]:
    return [orjson.loads(request.data) for request, _ in server.log]


def serve(server: HTTPServer, body: object, status: int = 200) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    server.expect_request("/v1/embeddings", method="POST").respond_with_data(
        raw, status=status, content_type="application/json"
    )


def test_texts_become_vectors_in_their_order(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/embeddings", method="POST").respond_with_handler(answer_to)
    texts = ["sort", "á🚀", "x\ny"]
    matrix = provider(httpserver).embed(texts)
    assert matrix.dtype == np.float32
    assert matrix == pytest.approx(np.array([vector_of(text) for text in texts]))
    ((request, _),) = httpserver.log
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert orjson.loads(request.data)["input"] == texts


def test_vectors_in_base64_are_read(httpserver: HTTPServer) -> None:
    encoded = base64.b64encode(np.array([0.0, 0.6, 0.8], dtype="<f4").tobytes()).decode()
    serve(httpserver, answer(encoded))
    assert provider(httpserver).embed(["a"]) == pytest.approx(np.array([[0.0, 0.6, 0.8]]))


def test_vectors_are_brought_to_unit_length(httpserver: HTTPServer) -> None:
    serve(httpserver, answer([0.0, 3.0, 4.0]))
    assert provider(httpserver).embed(["a"]) == pytest.approx(np.array([[0.0, 0.6, 0.8]]))


@pytest.mark.parametrize("count", [0, 1, 256, 257, 600])
def test_at_most_256_texts_go_in_one_request(httpserver: HTTPServer, count: int) -> None:
    httpserver.expect_request("/v1/embeddings", method="POST").respond_with_handler(answer_to)
    texts = [f"{chr(97 + n % 26)}{n}" for n in range(count)]
    matrix = provider(httpserver).embed(texts)
    assert matrix.shape == (count, 3)
    wanted = np.array([vector_of(text) for text in texts]).reshape(-1, 3)
    assert matrix == pytest.approx(wanted)
    sizes = [len(body["input"]) for body in asked(httpserver)]
    assert sum(sizes) == count
    assert all(size <= 256 for size in sizes)
    assert len(sizes) == -(-count // 256)


@pytest.mark.parametrize(
    ("model", "dimensions", "model_id", "length", "sent"),
    [
        ("text-embedding-3-small", None, "text-embedding-3-small", 1536, None),
        ("text-embedding-3-large", None, "text-embedding-3-large", 3072, None),
        ("text-embedding-3-small", 1536, "text-embedding-3-small", 1536, None),
        ("text-embedding-3-small", 256, "text-embedding-3-small:256", 256, 256),
        ("nomic-embed", 768, "nomic-embed:768", 768, 768),
    ],
)
def test_shorter_vectors_are_asked_for_and_stored_under_their_own_name(
    httpserver: HTTPServer,
    model: str,
    dimensions: int | None,
    *,
    model_id: str,
    length: int,
    sent: int | None,
) -> None:
    serve(httpserver, answer([1.0] + [0.0] * (length - 1)))
    given = provider(httpserver, model, dimensions)
    assert (given.model_id, given.dimensions) == (model_id, length)
    assert given.embed(["a"]).shape == (1, length)
    (body,) = asked(httpserver)
    assert (body["model"], body.get("dimensions")) == (model, sent)


def test_the_length_of_an_unknown_models_vectors_must_be_said() -> None:
    with pytest.raises(InvalidInput, match="dimensions of embedding model 'mine'") as caught:
        OpenAIEmbeddings(KEY, "mine")
    assert caught.value.hint == "say them: ENGRAMIA_EMBEDDINGS=openai:mine:DIMENSIONS"


def error(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "error", "code": "code"}}


def test_a_refused_key_says_what_to_set_and_not_the_key(httpserver: HTTPServer) -> None:
    serve(httpserver, error("Incorrect API key"), 401)
    with pytest.raises(Unavailable, match="the API key was refused") as caught:
        provider(httpserver).embed(["a"])
    assert "OPENAI_API_KEY" in (caught.value.hint or "")
    assert KEY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_an_error_of_the_server_is_unavailable_with_its_status(
    httpserver: HTTPServer, status: int
) -> None:
    serve(httpserver, error("so sorry"), status)
    with pytest.raises(Unavailable, match=f"test-model: HTTP {status}: .*so sorry"):
        provider(httpserver).embed(["a"])


@pytest.mark.parametrize("status", [429, 500])
def test_what_may_pass_is_tried_again(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_oneshot_request("/v1/embeddings").respond_with_json(
        error("slow down"), status=status, headers={"Retry-After": "0", "Retry-After-Ms": "1"}
    )
    httpserver.expect_oneshot_request("/v1/embeddings").respond_with_handler(answer_to)
    matrix = provider(httpserver, max_retries=2).embed(["a"])
    assert matrix[0] == pytest.approx(vector_of("a"))
    assert len(httpserver.log) == 2


def test_a_server_that_keeps_failing_is_given_up(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/embeddings").respond_with_json(
        error("broken"), status=500, headers={"Retry-After-Ms": "1"}
    )
    with pytest.raises(Unavailable, match="HTTP 500"):
        provider(httpserver, max_retries=2).embed(["a"])
    assert len(httpserver.log) == 3


def test_a_server_that_is_not_there_is_unavailable(httpserver: HTTPServer) -> None:
    given = provider(httpserver)
    httpserver.stop()
    try:
        with pytest.raises(Unavailable, match="test-model did not answer"):
            given.embed(["a"])
    finally:
        httpserver.start()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>hello</html>",
        b"[1, 2]",
        b"null",
        {},
        {"data": None},
        {"data": []},
        {"data": [{"embedding": [1.0, 0.0, 0.0]}, {"embedding": [1.0, 0.0, 0.0]}]},
        answer("!!!", "AAA"),
        answer("AAAA", "AAAA"),
    ],
    ids=repr,
)
def test_an_answer_that_is_no_list_of_vectors_is_unavailable(
    httpserver: HTTPServer, body: object
) -> None:
    serve(httpserver, body)
    with pytest.raises(Unavailable, match="test-model did not answer with vectors") as caught:
        provider(httpserver).embed(["a", "b"])
    assert "OPENAI_BASE_URL" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0]] * 3,
        [[1.0, 0.0]] * 2,
        [[1.0, 0.0, 0.0], [1.0, 0.0]],
        [[1.0, 0.0, 0.0], None],
        [[1.0, 0.0, 0.0], ["a", "b", "c"]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ],
    ids=repr,
)
def test_vectors_that_are_too_few_too_short_or_none_are_a_clear_error(
    httpserver: HTTPServer, rows: list[object]
) -> None:
    serve(httpserver, answer(*rows))
    with pytest.raises(InvalidInput, match=r"test-model:3 gave "):
        provider(httpserver).embed(["a", "b"])


def test_the_price_is_known_of_openais_own_models_only() -> None:
    assert OpenAIEmbeddings("key").usd_per_million_tokens == 0.02
    assert OpenAIEmbeddings("key", "mine", dimensions=8).usd_per_million_tokens is None
    elsewhere = OpenAIEmbeddings("key", base_url="http://localhost:1")
    assert elsewhere.usd_per_million_tokens is None
    assert not elsewhere.is_local
