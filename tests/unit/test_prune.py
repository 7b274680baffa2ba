from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engramia_core.errors import Busy, NotFound, Refused
from engramia_core.memory.pattern import Draft, TrashReason
from engramia_core.memory.prune import run_aging, undo_aging
from engramia_core.memory.stored import Action
from engramia_core.memory.upkeep import delete, reuse, survival_at
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, days
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, learned, learned_key, live, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from engramia_core.memory.prune import AgingReport
    from engramia_core.memory.store import PatternStore
    from engramia_core.stores.sqlite import SQLiteStore

LATER = days(365)


def aged(
    store: PatternStore, at: datetime = LATER, *, most: float = 100.0, plan: bool = False
) -> AgingReport:
    return run_aging(store, SCOPE, now=at, owner="cron", max_prune_percent=most, plan=plan)


def five_and_a_faded_one(store: PatternStore) -> str:
    """Six patterns, one of which has faded after a year; its key."""
    for number in range(5):
        learned_key(store, f"task number {number}", score=9.0)
    return learned_key(store, "what fades", score=0.2)


def test_what_has_faded_is_moved_to_the_trash(any_store: PatternStore) -> None:
    key = five_and_a_faded_one(any_store)
    before = live(any_store)
    report = aged(any_store, most=20)
    (faded,) = report.pruned
    assert (report.live, report.purged, report.planned) == (6, 0, False)
    assert report.percent == pytest.approx(100 / 6)
    assert (faded.key, faded.task) == (key, "what fades")
    assert faded.survival == pytest.approx(0.2 * 0.98 ** (365 / 7))
    trashed = stored(any_store, key).trashed
    assert trashed is not None
    assert (trashed.at, trashed.reason, trashed.run) == (LATER, TrashReason.PRUNED, report.run)
    assert live(any_store) == {k: record for k, record in before.items() if k != key}
    (run,) = any_store.aging_runs(SCOPE)
    assert (run.run, run.at, run.pruned, run.purged) == (report.run, LATER, 1, 0)
    assert any_store.history(SCOPE, key)[-1].detail == f"pruned by {report.run}"


def test_a_plan_says_what_a_run_does_and_changes_nothing(any_store: PatternStore) -> None:
    five_and_a_faded_one(any_store)
    before = live(any_store)
    planned = aged(any_store, plan=True)
    assert (planned.planned, planned.run) == (True, None)
    assert live(any_store) == before
    assert any_store.aging_runs(SCOPE) == []
    done = aged(any_store)
    assert (planned.live, planned.pruned, planned.purged) == (done.live, done.pruned, done.purged)


def test_a_run_that_finds_nothing_changes_nothing(any_store: PatternStore) -> None:
    learned_key(any_store, "task", score=9.0)
    report = aged(any_store)
    assert (report.run, report.pruned, report.percent) == (None, (), 0)
    assert any_store.aging_runs(SCOPE) == []


def test_an_empty_memory_ages(any_store: PatternStore) -> None:
    assert aged(any_store, most=0).live == 0


@pytest.mark.parametrize(("of", "most"), [(5, 20.0), (4, 25.0), (1, 100.0)])
def test_exactly_the_share_that_is_allowed_is_pruned(
    any_store: PatternStore, of: int, most: float
) -> None:
    for number in range(of - 1):
        learned_key(any_store, f"task {number}", score=9.0)
    learned_key(any_store, "fades", score=0.2)
    assert len(aged(any_store, most=most).pruned) == 1


@pytest.mark.parametrize(
    ("of", "most", "share"), [(4, 20.0, "25.0"), (5, 19.9, "20.0"), (1, 0, "100.0")]
)
def test_more_than_the_allowed_share_stops_the_run_before_anything_moves(
    any_store: PatternStore, of: int, most: float, share: str
) -> None:
    old = learned_key(any_store, "deleted long ago", score=9.0)
    delete(any_store, SCOPE, old, now=START)
    for number in range(of - 1):
        learned_key(any_store, f"task {number}", score=9.0)
    learned_key(any_store, "fades", score=0.2)
    before = live(any_store)
    with pytest.raises(Refused, match=f"1 of {of} patterns \\({share} %\\)") as caught:
        aged(any_store, most=most)
    assert f"--max-prune-percent {min(int(float(share)) + 1, 100)}" in (caught.value.hint or "")
    assert live(any_store) == before
    assert stored(any_store, old)
    assert any_store.aging_runs(SCOPE) == []


def test_undo_brings_back_whole_what_a_run_pruned(any_store: PatternStore) -> None:
    key = five_and_a_faded_one(any_store)
    before = live(any_store)
    run = aged(any_store).run
    assert run is not None
    undone = undo_aging(any_store, SCOPE, run, now=days(366))
    assert (undone.run, undone.restored) == (run, (key,))
    after = live(any_store)
    assert after.keys() == before.keys()
    assert after[key].observations == before[key].observations
    assert stored(any_store, key).survival == before[key].pattern.survival
    assert any_store.counts(SCOPE).embedded == 6
    assert any_store.history(SCOPE, key)[-1].action is Action.RESTORED


def test_what_was_brought_back_is_left_alone_for_thirty_days(any_store: PatternStore) -> None:
    key = five_and_a_faded_one(any_store)
    run = aged(any_store).run
    assert run is not None
    undo_aging(any_store, SCOPE, run, now=days(366))
    assert aged(any_store, days(395.9)).pruned == ()
    assert [faded.key for faded in aged(any_store, days(396)).pruned] == [key]


def test_what_lay_in_the_trash_for_thirty_days_is_purged(any_store: PatternStore) -> None:
    key = five_and_a_faded_one(any_store)
    run = aged(any_store).run
    assert run is not None
    assert aged(any_store, LATER + timedelta(days=29.9)).purged == 0
    assert aged(any_store, LATER + timedelta(days=30)).purged == 1
    assert any_store.get(SCOPE, [key]) == {}
    assert any_store.observations(SCOPE, key) == []
    actions = [event.action for event in any_store.history(SCOPE, key)]
    assert actions == [Action.LEARNED, Action.TRASHED, Action.PURGED]
    with pytest.raises(NotFound, match="has nothing in the trash") as caught:
        undo_aging(any_store, SCOPE, run, now=days(400))
    assert run in (caught.value.hint or "")


def test_a_run_that_never_was_cannot_be_undone(any_store: PatternStore) -> None:
    with pytest.raises(NotFound, match="'nope' has nothing in the trash") as caught:
        undo_aging(any_store, SCOPE, "nope", now=START)
    assert caught.value.hint == "the newest runs: none yet"


def test_undo_leaves_what_was_deleted_by_hand_in_the_trash(any_store: PatternStore) -> None:
    five_and_a_faded_one(any_store)
    deleted = learned_key(any_store, "deleted by hand", score=9.0)
    delete(any_store, SCOPE, deleted, now=LATER)
    run = aged(any_store).run
    assert run is not None
    undo_aging(any_store, SCOPE, run, now=LATER)
    assert [pattern.key for pattern in any_store.in_trash(SCOPE)] == [deleted]


def test_the_second_of_two_runs_is_told_who_holds_the_first(any_store: PatternStore) -> None:
    five_and_a_faded_one(any_store)
    with (
        any_store.alone(SCOPE, "aging", owner="process 7 on host", now=START),
        pytest.raises(Busy) as caught,
    ):
        aged(any_store)
    assert (caught.value.owner, caught.value.since) == ("process 7 on host", START)
    assert len(aged(any_store).pruned) == 1


def test_another_scope_is_left_alone(any_store: PatternStore) -> None:
    other = Scope("acme", "shop")
    (answer,) = learned(any_store, Draft("fades", "x", 0.2), scope=other)
    aged(any_store)
    assert any_store.get(other, [answer.key])[answer.key].trashed is None


class Year(NamedTuple):
    """Patterns by their scores, and when which of them is used, in days."""

    scores: Sequence[float]
    uses: Sequence[tuple[int, float]]


class Outcome(NamedTuple):
    """What is left at the end of a year."""

    survivals: dict[int, float]
    pruned: set[int]


def lived(store: PatternStore, year: Year, run_days: Iterable[float]) -> Outcome:
    """Live through a year with aging on these days, and on the last."""
    keys = [learned_key(store, f"t{n} u{n} v{n}", score=s) for n, s in enumerate(year.scores)]
    steps = [(day, -1) for day in [*run_days, 365.0]]
    steps += [(day, number) for number, day in year.uses]
    for day, number in sorted(steps):
        if number < 0:
            aged(store, days(day))
        else:
            with suppress(NotFound, Refused):  # it is forgotten
                reuse(store, SCOPE, keys[number], now=days(day))
    left = live(store)
    return Outcome(
        {n: survival_at(left[k].pattern, LATER) for n, k in enumerate(keys) if k in left},
        {number for number, key in enumerate(keys) if key not in left},
    )


def agree(one: Outcome, other: Outcome) -> None:
    assert one.pruned == other.pruned
    assert one.survivals == pytest.approx(other.survivals, rel=0, abs=1e-9)


ONCE: tuple[float, ...] = ()
WEEKLY = tuple(float(day) for day in range(7, 365, 7))
DAILY = tuple(float(day) for day in range(1, 365))
SCORES = st.floats(0, 0.5) | st.floats(0, 10)
YEARS = st.builds(
    Year,
    st.lists(SCORES, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 365)), max_size=8),
).map(lambda year: Year(year.scores, [use for use in year.uses if use[0] < len(year.scores)]))


@settings(max_examples=30)
@given(YEARS, st.lists(st.floats(0, 365), max_size=20))
def test_aging_forgets_the_same_however_often_it_runs(year: Year, moments: list[float]) -> None:
    once, *others = (lived(MemoryStore(), year, s) for s in (ONCE, WEEKLY, DAILY, moments))
    for other in others:
        agree(once, other)


@pytest.mark.parametrize("seed", [1, 2])
def test_aging_forgets_the_same_in_sqlite(new_sqlite: Callable[[], SQLiteStore], seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [*rng.uniform(0, 0.5, 6).tolist(), *rng.uniform(0, 10, 3).tolist()]
    uses = [
        (int(n), float(day))
        for n, day in zip(rng.integers(0, 9, 12), rng.uniform(0, 365, 12), strict=True)
    ]
    year = Year(scores, uses)
    moments = rng.uniform(0, 365, 30).tolist()
    fake = lived(MemoryStore(), year, ONCE)
    assert fake.pruned
    assert fake.survivals
    for schedule in (ONCE, WEEKLY, DAILY, moments):
        agree(fake, lived(new_sqlite(), year, schedule))
