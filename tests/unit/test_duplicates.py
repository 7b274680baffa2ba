from __future__ import annotations

import pytest

from engramia_core.memory.duplicates import OnDuplicate, Outcome, decide
from engramia_core.memory.pattern import Draft, Pattern
from engramia_core.testing.builders import a_pattern

REPLACE, BOTH, SKIP = OnDuplicate


def rival(key: str, quality: float | None, code: str = "old") -> Pattern:
    return a_pattern(key, quality=quality, code=code)


TABLE = [
    ("nothing alike is stored", REPLACE, "new", 1.0, [], Outcome.LEARNED, ""),
    ("nothing alike is stored, and skipping", SKIP, "new", 1.0, [], Outcome.LEARNED, ""),
    ("it is better", REPLACE, "new", 7.0, [rival("a", 6.0)], Outcome.REPLACED, "a"),
    ("it is better than all", REPLACE, "new", 9.0, [rival("a", 6.0), rival("b", 8.0)], Outcome.REPLACED, "ba"),
    ("it is better than some", REPLACE, "new", 7.0, [rival("a", 6.0), rival("b", 8.0)], Outcome.KEPT_EXISTING, "ba"),
    ("it is as good", REPLACE, "new", 6.0, [rival("a", 6.0)], Outcome.KEPT_EXISTING, "a"),
    ("it is worse", REPLACE, "new", 5.0, [rival("a", 6.0)], Outcome.KEPT_EXISTING, "a"),
    ("unrated counts five", REPLACE, "new", None, [rival("a", 4.9)], Outcome.REPLACED, "a"),
    ("unrated beside unrated", REPLACE, "new", None, [rival("a", None)], Outcome.KEPT_EXISTING, "a"),
    ("rated beside unrated", REPLACE, "new", 5.1, [rival("a", None)], Outcome.REPLACED, "a"),
    ("zero is worse than unrated", REPLACE, "new", 0.0, [rival("a", None)], Outcome.KEPT_EXISTING, "a"),
    ("the same code, rated", REPLACE, "old", 9.0, [rival("a", 6.0)], Outcome.OBSERVED, "a"),
    ("the same code, rated worse", REPLACE, "old", 1.0, [rival("a", 6.0)], Outcome.OBSERVED, "a"),
    ("the same code, unrated", REPLACE, "old", None, [rival("a", 6.0)], Outcome.SKIPPED, "a"),
    ("the same code twice", REPLACE, "old", 9.0, [rival("a", 6.0), rival("b", 7.0)], Outcome.OBSERVED, "b"),
    ("the same code is not the best", REPLACE, "old", 9.0, [rival("a", 6.0), rival("b", 7.0, "x")], Outcome.OBSERVED, "a"),
    ("keeping both", BOTH, "old", 1.0, [rival("a", 6.0)], Outcome.LEARNED, ""),
    ("skipping", SKIP, "new", 9.0, [rival("a", 6.0)], Outcome.SKIPPED, "a"),
    ("skipping the same code", SKIP, "old", 9.0, [rival("b", 6.0), rival("a", 6.0)], Outcome.SKIPPED, "ab"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("on_duplicate", "code", "score", "rivals", "outcome", "about"),
    [row[1:] for row in TABLE],
    ids=[str(row[0]) for row in TABLE],
)
def test_the_fate_of_a_draft_beside_near_duplicates(
    on_duplicate: OnDuplicate,
    code: str,
    score: float | None,
    rivals: list[Pattern],
    outcome: Outcome,
    about: str,
) -> None:
    decision = decide(Draft("sort a list", code, score), rivals, on_duplicate)
    assert decision.outcome is outcome
    assert "".join(pattern.key for pattern in decision.rivals) == about


def test_the_choices_are_named_as_on_the_command_line() -> None:
    assert [str(choice) for choice in OnDuplicate] == ["replace-with-better", "keep-both", "skip"]
