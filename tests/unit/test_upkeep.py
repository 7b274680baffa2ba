from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import InvalidInput, NotFound, Refused
from engramia_core.memory import upkeep
from engramia_core.memory.pattern import Draft, TrashReason
from engramia_core.memory.stored import Action
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, days
from tests.unit.steps import SCOPE, judged, learned, learned_key, live, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from engramia_core.memory.store import PatternStore

SORT = "sort a list of numbers"
MISSING = "0" * 26

CHANGES: dict[str, Callable[[PatternStore, str], object]] = {
    "refine": lambda store, key: upkeep.refine(store, SCOPE, key, judged(5.0)),
    "reuse": lambda store, key: upkeep.reuse(store, SCOPE, key, now=START),
    "delete": lambda store, key: upkeep.delete(store, SCOPE, key, now=START),
    "skills": lambda store, key: upkeep.register_skills(store, SCOPE, key, ["a"], now=START),
}


@pytest.mark.parametrize("change", [*CHANGES, "restore", "find"])
def test_a_key_that_is_not_there_is_not_found(any_store: PatternStore, change: str) -> None:
    steps = CHANGES | {
        "restore": lambda store, key: upkeep.restore(store, SCOPE, key, now=START),
        "find": lambda store, key: upkeep.find(store, SCOPE, key),
    }
    with pytest.raises(NotFound, match=f"no pattern '{MISSING}' in default/default"):
        steps[change](any_store, MISSING)
    with pytest.raises(InvalidInput, match="cannot be a pattern's key"):
        steps[change](any_store, "../../etc/passwd")


@pytest.mark.parametrize("change", CHANGES)
def test_what_lies_in_the_trash_is_changed_only_after_it_is_restored(
    any_store: PatternStore, change: str
) -> None:
    key = learned_key(any_store, SORT)
    upkeep.delete(any_store, SCOPE, key, now=START)
    before = stored(any_store, key)
    with pytest.raises(Refused, match="in the trash \\(deleted\\)") as caught:
        CHANGES[change](any_store, key)
    assert caught.value.hint == f"bring it back first: engramia patterns restore {key}"
    assert stored(any_store, key) == before


def test_a_key_of_another_scope_is_not_found(any_store: PatternStore) -> None:
    other = Scope("acme", "shop")
    (answer,) = learned(any_store, Draft(SORT, "x"), scope=other)
    with pytest.raises(NotFound):
        upkeep.find(any_store, SCOPE, answer.key)
    assert upkeep.find(any_store, other, answer.key).task == SORT


def test_an_observation_moves_the_quality_and_nothing_else(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=8.0)
    before = stored(any_store, key)
    refined = upkeep.refine(any_store, SCOPE, key, judged(6.0, days(1)))
    after = stored(any_store, key)
    assert (refined.quality_before, refined.observations) == (8.0, 2)
    assert refined.quality == after.quality == pytest.approx(7.0, abs=0.01)
    assert (after.success_score, after.survival, after.prune_after) == (
        before.success_score,
        before.survival,
        before.prune_after,
    )
    assert (before.updated_at, after.updated_at) == (START, days(1))
    event = any_store.history(SCOPE, key)[-1]
    assert (event.action, event.detail) == (Action.OBSERVED, "score 6: quality 8.00 to 7.00")


def test_the_first_observation_of_an_unrated_pattern_counts_whole(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT)
    refined = upkeep.refine(any_store, SCOPE, key, judged(0.0, days(1)))
    assert (refined.quality_before, refined.quality, refined.observations) == (None, 0.0, 1)
    assert any_store.history(SCOPE, key)[-1].detail == "score 0: quality unrated to 0.00"


@pytest.mark.parametrize("score", [math.nan, -1.0, 11.0])
def test_a_score_that_is_none_changes_nothing(any_store: PatternStore, score: float) -> None:
    key = learned_key(any_store, SORT)
    before = live(any_store)
    with pytest.raises(InvalidInput, match="score"):
        upkeep.refine(any_store, SCOPE, key, judged(score))
    assert live(any_store) == before


def test_a_use_adds_a_tenth_to_what_has_not_faded(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=5.0)
    reused = upkeep.reuse(any_store, SCOPE, key, now=days(14))
    after = stored(any_store, key)
    assert reused.survival == after.survival == pytest.approx(5 * 0.98**2 + 0.1, abs=1e-12)
    assert (reused.reuse_count, after.reuse_count, after.survival_set_at) == (1, 1, days(14))
    assert after.prune_after > days(14)
    assert upkeep.survival_at(after, days(21)) == pytest.approx(after.survival * 0.98)


def test_survival_never_goes_above_ten(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=10.0)
    for _ in range(3):
        assert upkeep.reuse(any_store, SCOPE, key, now=START).survival == 10.0
    assert stored(any_store, key).reuse_count == 3


def test_what_has_faded_cannot_be_reused_before_aging_comes_by_either(
    any_store: PatternStore,
) -> None:
    key = learned_key(any_store, SORT, score=0.2)
    gone = stored(any_store, key).prune_after
    with pytest.raises(Refused, match="has faded; the next aging moves it to the trash"):
        upkeep.reuse(any_store, SCOPE, key, now=gone)
    assert stored(any_store, key).reuse_count == 0


def test_a_use_never_shortens_the_time_that_a_restored_pattern_is_kept(
    any_store: PatternStore,
) -> None:
    key = learned_key(any_store, SORT, score=0.0)
    upkeep.delete(any_store, SCOPE, key, now=days(1))
    upkeep.restore(any_store, SCOPE, key, now=days(1))
    assert stored(any_store, key).prune_after == days(31)
    upkeep.reuse(any_store, SCOPE, key, now=days(2))
    assert stored(any_store, key).prune_after >= days(31)


def test_what_is_deleted_can_be_brought_back_whole(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=8.0)
    before = stored(any_store, key)
    moved = upkeep.delete(any_store, SCOPE, key, now=days(1))
    assert (moved.key, moved.task) == (key, SORT)
    trashed = stored(any_store, key).trashed
    assert trashed is not None
    assert (trashed.at, trashed.reason, trashed.run) == (days(1), TrashReason.DELETED, None)
    assert live(any_store) == {}
    upkeep.restore(any_store, SCOPE, key, now=days(2))
    assert stored(any_store, key) == before
    assert any_store.counts(SCOPE).embedded == 1
    actions = [event.action for event in any_store.history(SCOPE, key)]
    assert actions == [Action.LEARNED, Action.TRASHED, Action.RESTORED]


def test_what_is_not_in_the_trash_cannot_be_restored(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT)
    with pytest.raises(Refused, match="is not in the trash"):
        upkeep.restore(any_store, SCOPE, key, now=START)


def test_skills_are_added_to_those_that_are_there(any_store: PatternStore) -> None:
    (answer,) = learned(any_store, Draft(SORT, "x", skills=("sort", "list")))
    after = upkeep.register_skills(any_store, SCOPE, answer.key, ["sort", "a b"], now=days(1))
    assert after.skills == ("a b", "list", "sort")
    assert stored(any_store, answer.key) == after


def test_skills_that_are_wrong_or_too_many_change_nothing(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT)
    for skills in (["a,b"], [f"s{n}" for n in range(33)]):
        with pytest.raises(InvalidInput):
            upkeep.register_skills(any_store, SCOPE, key, skills, now=days(1))
    assert stored(any_store, key).skills == ()
