from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import InvalidInput
from engramia_core.memory.feedback import (
    add_feedback,
    decay_feedback,
    gather,
    recurring_issues,
)
from engramia_core.memory.upkeep import refine
from engramia_core.testing.builders import START, a_cluster, days
from tests.unit.steps import SCOPE, judged, learned_key

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.memory.store import PatternStore

SLOW = "the answer is far too slow"


def said(store: PatternStore, text: str, at: datetime = START) -> None:
    with store.write(SCOPE) as writer:
        add_feedback(writer, text, at)


def issues(store: PatternStore, at: datetime = START, limit: int = 5) -> list[tuple[str, int]]:
    found = recurring_issues(store, SCOPE, now=at, limit=limit)
    return [(issue.text, issue.occurrences) for issue in found]


def test_an_issue_named_once_is_not_a_recurring_one(any_store: PatternStore) -> None:
    said(any_store, SLOW)
    assert issues(any_store) == []
    said(any_store, "the answer is too slow")
    assert issues(any_store) == [(SLOW, 2)]


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("The answer is FAR too slow!", True),
        ("the answer is wrong", True),
        ("the answer", False),
        ("it forgets to close the file", False),
    ],
)
def test_feedback_that_shares_more_than_two_words_of_five_is_one_issue(
    any_store: PatternStore, text: str, *, is_same: bool
) -> None:
    said(any_store, SLOW)
    said(any_store, text)
    assert len(any_store.clusters(SCOPE)) == (1 if is_same else 2)


def test_feedback_counts_for_the_issue_it_is_most_alike() -> None:
    near, far = a_cluster("near", "a b c d"), a_cluster("far", "a b c d e f g")
    assert gather("a b c d", [far, near], START).cluster_id == "near"


def test_of_equally_alike_issues_the_heavier_one_counts() -> None:
    light, heavy = a_cluster("light", weight=1.0), a_cluster("heavy", weight=3.0)
    assert gather("too slow", [light, heavy], START).cluster_id == "heavy"


def test_an_issue_weighs_what_has_not_faded_of_each_time_it_was_named() -> None:
    cluster = gather("too slow", [a_cluster("c")], days(7))
    assert (cluster.occurrences, cluster.weight_set_at) == (2, days(7))
    assert cluster.weight == pytest.approx(1.9)
    assert cluster.weight_at(days(14)) == pytest.approx(1.71)
    assert cluster.first_seen_at == START


def test_the_heaviest_issues_come_first(any_store: PatternStore) -> None:
    for times, text in [(2, "too slow"), (4, "wrong result"), (3, "no comments")]:
        for _ in range(times):
            said(any_store, text)
    assert [text for text, _ in issues(any_store)] == ["wrong result", "no comments", "too slow"]
    assert [text for text, _ in issues(any_store, limit=1)] == ["wrong result"]


def test_an_issue_that_has_faded_is_not_shown_before_decay_removes_it(
    any_store: PatternStore,
) -> None:
    said(any_store, SLOW)
    said(any_store, SLOW)
    assert issues(any_store, days(7 * 28)) == [(SLOW, 2)]  # 2 * 0.9 ** 28 = 0.105
    assert issues(any_store, days(7 * 29)) == []  # 0.094


@pytest.mark.parametrize("decays", [False, True])
def test_an_issue_that_comes_back_after_it_faded_starts_anew(
    any_store: PatternStore, *, decays: bool
) -> None:
    said(any_store, SLOW)
    said(any_store, SLOW)
    later = days(7 * 30)
    if decays:
        decay_feedback(any_store, SCOPE, now=later)
    said(any_store, SLOW, later)
    assert issues(any_store, later) == []
    said(any_store, SLOW, later)
    assert issues(any_store, later) == [(SLOW, 2)]


def test_decay_removes_what_has_faded_and_keeps_the_rest(any_store: PatternStore) -> None:
    said(any_store, SLOW)
    said(any_store, "wrong result", days(100))
    before = any_store.clusters(SCOPE)
    later = days(7 * 22)  # 0.9 ** 22 = 0.098
    planned = decay_feedback(any_store, SCOPE, now=later, plan=True)
    assert planned.planned
    assert any_store.clusters(SCOPE) == before
    done = decay_feedback(any_store, SCOPE, now=later)
    assert not done.planned
    assert (done.faded, done.kept) == (planned.faded, planned.kept)
    assert [issue.text for issue in done.faded] == [SLOW]
    assert any_store.clusters(SCOPE) == [c for c in before if c.text == "wrong result"]


def test_decay_every_day_or_once_leaves_the_same_issues(any_store: PatternStore) -> None:
    said(any_store, SLOW)
    said(any_store, "wrong result", days(60))
    said(any_store, "wrong result", days(61))
    untouched = recurring_issues(any_store, SCOPE, now=days(200))
    for day in range(0, 201, 5):
        decay_feedback(any_store, SCOPE, now=days(day))
    assert recurring_issues(any_store, SCOPE, now=days(200)) == untouched


def test_what_is_said_of_a_pattern_is_gathered(any_store: PatternStore) -> None:
    key = learned_key(any_store, "sort a list")
    for day in (1, 2):
        refine(any_store, SCOPE, key, judged(3.0, days(day), SLOW))
    assert issues(any_store, days(2)) == [(SLOW, 2)]


@pytest.mark.parametrize("text", ["", "x" * 2_001, "a\x00b", "\ud800"])
def test_feedback_that_cannot_be_kept_changes_nothing(any_store: PatternStore, text: str) -> None:
    key = learned_key(any_store, "sort a list")
    before = any_store.get(SCOPE, [key])
    with pytest.raises(InvalidInput, match="feedback"):
        refine(any_store, SCOPE, key, judged(3.0, days(1), text))
    assert any_store.get(SCOPE, [key]) == before
    assert any_store.clusters(SCOPE) == []
