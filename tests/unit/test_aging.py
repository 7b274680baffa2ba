from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.aging import (
    CLUSTER_PER_WEEK,
    FORGET_BELOW,
    SURVIVAL_PER_WEEK,
    faded,
    first_survival,
    forgotten_at,
    prune_percent,
    reused_survival,
)
from engramia_core.testing.builders import START, days

RATES = st.sampled_from([SURVIVAL_PER_WEEK, CLUSTER_PER_WEEK])
VALUES = st.floats(0.1001, 10)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.timedeltas(timedelta(0), timedelta(days=4000))


@pytest.mark.parametrize(
    ("weeks", "left"), [(0, 10.0), (1, 9.8), (2, 9.604), (0.5, 9.899494936611665), (-3, 10.0)]
)
def test_survival_loses_two_percent_a_week_and_none_before_it_was_set(
    weeks: float, left: float
) -> None:
    now = START + timedelta(weeks=weeks)
    assert faded(10.0, START, now, per_week=SURVIVAL_PER_WEEK) == pytest.approx(left, rel=1e-12)


def test_a_cluster_loses_ten_percent_a_week() -> None:
    assert faded(1.0, START, days(7), per_week=CLUSTER_PER_WEEK) == pytest.approx(0.9, rel=1e-12)


@given(VALUES, MOMENTS, SPANS, SPANS, RATES)
def test_fading_in_two_steps_is_fading_in_one(
    value: float, start: datetime, one: timedelta, other: timedelta, per_week: float
) -> None:
    half_way = faded(value, start, start + one, per_week=per_week)
    twice = faded(half_way, start + one, start + one + other, per_week=per_week)
    once = faded(value, start, start + one + other, per_week=per_week)
    assert twice == pytest.approx(once, abs=1e-9)


@given(VALUES, MOMENTS, RATES)
def test_a_thing_is_forgotten_at_the_moment_it_falls_below_the_limit(
    value: float, start: datetime, per_week: float
) -> None:
    moment = forgotten_at(value, start, per_week=per_week)
    second = timedelta(seconds=1)
    assert faded(value, start, moment - second, per_week=per_week) > FORGET_BELOW
    assert faded(value, start, moment + second, per_week=per_week) < FORGET_BELOW


@given(VALUES, MOMENTS, SPANS, RATES)
def test_when_a_thing_is_forgotten_does_not_depend_on_when_it_is_asked(
    value: float, start: datetime, span: timedelta, per_week: float
) -> None:
    moment = forgotten_at(value, start, per_week=per_week)
    left = faded(value, start, start + span, per_week=per_week)
    if left > FORGET_BELOW:
        later = forgotten_at(left, start + span, per_week=per_week)
        assert abs(later - moment) < timedelta(seconds=1)


@pytest.mark.parametrize("value", [0.0, 0.05, 0.1])
def test_what_is_below_the_limit_is_forgotten_at_once(value: float) -> None:
    assert forgotten_at(value, START, per_week=SURVIVAL_PER_WEEK) == START


def test_nothing_lasts_longer_than_fifty_years() -> None:
    assert forgotten_at(1e300, START, per_week=SURVIVAL_PER_WEEK) == START + timedelta(weeks=2600)


@pytest.mark.parametrize(("score", "survival"), [(None, 5.0), (0.0, 0.0), (9.5, 9.5)])
def test_a_pattern_starts_with_its_score(score: float | None, survival: float) -> None:
    assert first_survival(score) == survival


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.1), (4.0, 4.1), (9.95, 10.0), (10.0, 10.0)])
def test_a_use_adds_a_tenth_up_to_ten(before: float, after: float) -> None:
    assert reused_survival(before) == pytest.approx(after)


@pytest.mark.parametrize(
    ("expired", "live", "percent"), [(0, 0, 0), (0, 9, 0), (1, 5, 20), (3, 3, 100)]
)
def test_the_share_that_is_pruned_is_of_the_live_patterns(
    expired: int, live: int, percent: float
) -> None:
    assert prune_percent(expired, live) == percent
