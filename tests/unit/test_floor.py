from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.floor import FieldFloor, FixedFloor

NONE = np.zeros((0, 2), dtype=np.float32)
TECHNICAL, EVERYDAY = [1.0, 0.0], [0.0, 1.0]
ACROSS, AWAY = [0.6**0.5, 0.4**0.5], [-(0.4**0.5), -(0.6**0.5)]
"""Texts of one field, as no axis tells them apart."""
SOMEWHAT_TECHNICAL, SOMEWHAT_EVERYDAY = [0.8, 0.6], [0.6, 0.8]


def vectors(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(-1, 2)


def field_floor(background: np.ndarray | None = None) -> FieldFloor:
    return FieldFloor(
        vectors(TECHNICAL, EVERYDAY) if background is None else background,
        base=0.1,
        growth=0.03,
        distance=0.5,
        beside=0.24,
        lowest=0.2,
        highest=0.45,
    )


def test_a_fixed_floor_is_the_same_for_every_question_and_memory() -> None:
    query, near = vectors(TECHNICAL)[0], vectors(EVERYDAY)
    floor = FixedFloor(0.3)
    assert {floor(query, seen, n) for seen in (NONE, near) for n in (0, 1, 10**6)} == {0.3}


@pytest.mark.parametrize(
    ("query", "nearest", "patterns", "floor"),
    [
        pytest.param(TECHNICAL, [], 0, 0.2, id="an empty memory: the lowest"),
        pytest.param(TECHNICAL, [], 100, 0.1 + 0.03 * math.log(100), id="nothing seen"),
        pytest.param(TECHNICAL, [TECHNICAL], 1, 0.24, id="the same text: 0.24 of the best"),
        pytest.param(ACROSS, [AWAY], 1, 0.2, id="the same field, one pattern: the lowest"),
        pytest.param(
            ACROSS, [AWAY], 100, 0.1 + 0.03 * math.log(100), id="the same field, a hundred"
        ),
        pytest.param(TECHNICAL, [TECHNICAL] * 10, 10**9, 0.45, id="very many: the highest"),
        pytest.param(EVERYDAY, [TECHNICAL], 1, 0.45, id="another field: the highest"),
        pytest.param(TECHNICAL, [EVERYDAY], 1, 0.45, id="the other way round"),
        pytest.param(SOMEWHAT_EVERYDAY, [SOMEWHAT_TECHNICAL], 1, 0.3, id="0.4 apart"),
        pytest.param(SOMEWHAT_TECHNICAL, [SOMEWHAT_EVERYDAY], 1, 0.3, id="0.4 apart, turned"),
        pytest.param(
            SOMEWHAT_EVERYDAY,
            [SOMEWHAT_EVERYDAY, SOMEWHAT_TECHNICAL],
            10,
            0.1 + 0.03 * math.log(10) + 0.5 * 0.4 * math.exp(-0.4) / (1 + math.exp(-0.4)),
            id="the less similar one, by 0.04, has e^-0.4 of the weight",
        ),
    ],
)
def test_the_floor_rises_with_the_distance_of_the_fields_and_with_the_memory(
    query: list[float], nearest: list[list[float]], patterns: int, floor: float
) -> None:
    found = field_floor()(vectors(query)[0], vectors(*nearest), patterns)
    assert found == pytest.approx(floor, abs=1e-6)


def test_the_ten_most_alike_texts_of_each_half_tell_the_field() -> None:
    technical = [*[TECHNICAL] * 10, *[EVERYDAY] * 30]
    everyday = [*[SOMEWHAT_TECHNICAL] * 5, *[EVERYDAY] * 35]
    floor = field_floor(vectors(*technical, *everyday))
    assert floor.fields(vectors(TECHNICAL)) == pytest.approx([1.0 - 5 * 0.8 / 10], abs=1e-6)


angles = st.floats(0, 2 * math.pi)


@given(angles, st.lists(angles, max_size=10), st.integers(0, 10**7))
def test_the_floor_stays_in_its_bounds_and_does_not_depend_on_the_order(
    query: float, nearest: list[float], patterns: int
) -> None:
    (asked,) = vectors([math.cos(query), math.sin(query)])
    rows = vectors(*([math.cos(angle), math.sin(angle)] for angle in nearest))
    floor = field_floor()(asked, rows, patterns)
    assert 0.2 <= floor <= 0.45
    assert field_floor()(asked, rows[::-1], patterns) == pytest.approx(floor, abs=1e-5)
    assert field_floor()(asked, rows, patterns + 1) >= floor
