"""The promises of ``EmbeddingProvider``, as tests that every provider inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from engramia_core.memory.embedding import EmbeddingProvider

TEXTS = [
    "sort a list of numbers",
    "parse a date",
    "sort a list of numbers",
    "read a CSV file and sum one of its columns, skipping what is no number",
]
ODD_TEXTS = [
    "🚀👩‍👩‍👧",
    "שלום",
    "e\u0301",
    "!?",
    "\u200b",
    "\n\t",
    "",
    "\ufffd\U0010ffff",
    "x" * 20_000,
]


class EmbeddingProviderContract:
    """Inherit from it as ``Test…`` and override ``provider``."""

    def provider(self) -> EmbeddingProvider:
        """A provider that is ready to embed."""
        raise NotImplementedError

    def test_it_names_its_model(self) -> None:
        assert self.provider().model_id
        assert self.provider().model_id == self.provider().model_id

    def test_its_thresholds_ascend(self) -> None:
        calibration = self.provider().calibration
        query, *nearest = self.provider().embed(["sort a list", "sort numbers", "fry an egg"])
        sizes = ((0, 0), (1, 1), (2, 2), (2, 1_000_000))
        for seen, patterns in sizes:
            rows = np.array(nearest[:seen], dtype=np.float32).reshape(seen, len(query))
            floor = calibration.floor_for(query, rows, patterns)
            assert 0 <= floor <= calibration.adapt < calibration.duplicate <= 1

    def test_texts_become_unit_rows(self) -> None:
        provider = self.provider()
        vectors = provider.embed(TEXTS)
        assert vectors.shape == (len(TEXTS), provider.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)

    def test_no_texts_become_no_rows(self) -> None:
        provider = self.provider()
        vectors = provider.embed([])
        assert vectors.shape == (0, provider.dimensions)
        assert vectors.dtype == np.float32

    def test_the_same_text_has_the_same_vector(self) -> None:
        vectors = self.provider().embed(TEXTS)
        assert vectors[0] @ vectors[2] == pytest.approx(1, abs=1e-5)
        assert self.provider().embed(TEXTS).tobytes() == vectors.tobytes()

    def test_rows_keep_the_order_of_the_texts(self) -> None:
        forward = self.provider().embed(TEXTS)
        backward = self.provider().embed(TEXTS[::-1])[::-1]
        assert np.sum(forward * backward, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-2)

    def test_a_text_means_the_same_alone_and_among_others(self) -> None:
        provider = self.provider()
        together = provider.embed(TEXTS)
        alone = np.concatenate([provider.embed([text]) for text in TEXTS])
        assert np.sum(together * alone, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-2)

    def test_related_texts_are_nearer_than_strange_ones(self) -> None:
        asked, near, far = self.provider().embed(
            ["sort a list of numbers", "sort numbers in a list", "send an invoice by e-mail"]
        )
        assert asked @ near > asked @ far

    def test_any_unicode_has_a_vector(self) -> None:
        vectors = self.provider().embed(ODD_TEXTS)
        assert np.isfinite(vectors).all()
        lengths = np.linalg.norm(vectors, axis=1)
        assert lengths == pytest.approx(np.ones(len(ODD_TEXTS)), abs=1e-5)
