from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.durations import parse_duration, written_duration
from engramia_core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1s", timedelta(seconds=1)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("007d", timedelta(days=7)),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_duration(text, name="--expires") == span


@pytest.mark.parametrize(
    "text",
    ["", "d", "90", "90 d", " 90d", "90D", "1.5h", "-1h", "+1h", "1h30m", "1y", "٣d", "1e3s", "9" * 13 + "s"],
)  # fmt: skip
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration") as caught:
        parse_duration(text, name="--expires")
    assert caught.value.message == f"--expires {text!r} is not a duration"
    assert "30m, 24h, 90d, 2w" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["0s", "0w", "36501d", "999999999999w"])
def test_a_duration_is_more_than_nothing_and_less_than_a_hundred_years(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not between 1s and 36500d"):
        parse_duration(text, name="--overlap")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(days=14), "2w"),
        (timedelta(days=90), "90d"),
        (timedelta(hours=24), "1d"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61, microseconds=999_999), "61s"),
        (timedelta(0), "0s"),
    ],
)
def test_a_span_is_written_in_its_largest_unit(span: timedelta, text: str) -> None:
    assert written_duration(span) == text


@given(st.integers(1, 36_500 * 86_400))
def test_what_is_written_is_read_again(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(written_duration(span), name="x") == span
