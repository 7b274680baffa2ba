from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.errors import InvalidInput
from engramia_core.memory.embedding import check_matrix, text_hash

UNIT = [[1.0, 0.0], [0.6, 0.8]]


def checked(vectors: object, rows: int = 2) -> np.ndarray:
    return check_matrix(vectors, rows=rows, dimensions=2, model_id="m")  # type: ignore[arg-type]


def test_unit_rows_stay_bit_for_bit_as_they_are() -> None:
    rows = np.array(UNIT, dtype=np.float32)
    assert checked(rows) is rows
    assert checked(UNIT).dtype == np.float32


def test_other_rows_are_brought_to_unit_length() -> None:
    assert checked([[3.0, 4.0], [0.0, -2.0]]) == pytest.approx(np.array([[0.6, 0.8], [0.0, -1.0]]))


def test_no_rows_are_a_matrix_too() -> None:
    assert checked(np.zeros((0, 2)), rows=0).shape == (0, 2)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0, 0.0]], "shape (1, 2); (2, 2) was expected"),
        ([[1.0, 0.0, 0.0]] * 2, "shape (2, 3); (2, 2) was expected"),
        ([1.0, 0.0], "shape (2,)"),
        ([], "shape (0,)"),
        ([[1.0, 0.0], [1.0]], "no matrix"),
        ([["a", "b"]] * 2, "no matrix"),
        ([[1.0, 0.0], {}], "no matrix"),
        ([[1.0, 0.0], [math.nan, 0.0]], "not finite"),
        ([[1.0, 0.0], [math.inf, 0.0]], "not finite"),
        ([[1.0, 0.0], [None, None]], "not finite"),
        ([[1.0, 0.0], [0.0, 0.0]], "length zero"),
    ],
)
def test_vectors_that_cannot_be_searched_are_refused(vectors: object, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked(vectors)
    assert caught.value.message.startswith("m gave ")
    assert said in caught.value.message


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_hash_fits_a_signed_64_bit_column(text: str) -> None:
    assert -(2**63) <= text_hash(text) < 2**63
    assert text_hash(text) == text_hash(text)


def test_a_text_hash_is_the_same_in_every_process_and_release() -> None:
    assert text_hash("sort a list") == -269312215655564735


def test_texts_that_differ_a_little_have_other_hashes() -> None:
    texts = ["a", "A", "a ", " a", "á", "a\u0301", "", "aa"]
    assert len({text_hash(text) for text in texts}) == len(texts)
