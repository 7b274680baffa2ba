from __future__ import annotations

import pytest

from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Classification, Source
from engramia_core.testing.builders import a_pattern

RATED = a_pattern("k", quality=6.0, skills=("a", "b"), source=Source.CLI)
UNRATED = a_pattern("k")


def test_an_empty_filter_lets_everything_pass() -> None:
    assert not Filters()
    assert Filters().rejects(RATED) is None
    assert Filters().rejects(UNRATED) is None


@pytest.mark.parametrize(
    "filters",
    [
        Filters(min_score=6.0),
        Filters(min_score=0.0),
        Filters(skills=("b",)),
        Filters(skills=("b", "a", "b")),
        Filters(classification=Classification.INTERNAL),
        Filters(source=Source.CLI),
        Filters(6.0, ("a",), Classification.INTERNAL, Source.CLI),
    ],
)
def test_a_pattern_that_meets_every_condition_passes(filters: Filters) -> None:
    assert filters
    assert filters.rejects(RATED) is None


@pytest.mark.parametrize(
    ("filters", "rule"),
    [
        (Filters(min_score=6.1), "quality 6.0 below --min-score 6.1"),
        (Filters(skills=("c", "a", "d")), "without --skill c, d"),
        (
            Filters(classification=Classification.PUBLIC),
            "internal, not --classification public",
        ),
        (Filters(source=Source.IMPORT), "from cli, not --source import"),
        (Filters(min_score=9, skills=("z",)), "quality 6.0 below --min-score 9"),
    ],
)
def test_a_pattern_that_fails_one_is_rejected_by_its_rule(filters: Filters, rule: str) -> None:
    assert filters.rejects(RATED) == rule


def test_an_unrated_pattern_counts_five() -> None:
    assert Filters(min_score=5.0).rejects(UNRATED) is None
    assert Filters(min_score=5.1).rejects(UNRATED) == "quality 5.0 below --min-score 5.1"
