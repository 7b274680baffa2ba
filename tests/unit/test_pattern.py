from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.errors import InvalidInput
from engramia_core.memory import pattern as rules
from engramia_core.memory.pattern import Draft, check_draft, check_key, check_score, check_skills
from engramia_core.sortable import new_key
from engramia_core.testing.builders import START

GOOD = Draft("sort a list", "sorted(x)")


def test_a_key_is_26_characters_that_can_be_a_file_name() -> None:
    key = new_key(START)
    assert len(key) == 26
    assert set(key) <= set("0123456789abcdefghijklmnopqrstuv")
    assert check_key(key) == key


def test_keys_of_one_moment_differ() -> None:
    assert len({new_key(START) for _ in range(10_000)}) == 10_000


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_keys_sort_by_time(start_ms: int, step_ms: int) -> None:
    earlier = START + timedelta(milliseconds=start_ms)
    assert new_key(earlier) < new_key(earlier + timedelta(milliseconds=step_ms))


@pytest.mark.parametrize("key", ["k", "K1", "a.b-c_d", "0" * 64])
def test_a_key_may_come_from_elsewhere(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a..b", "../a", "a/b", "a\\b", "-a", "a\n", "a b", "0" * 65, "é", "\x00"]
)
def test_a_key_that_could_name_another_file_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a pattern's key"):
        check_key(key)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50))
def test_any_text_is_kept_as_it_is(text: str) -> None:
    assert rules.check_text("code", text, max_chars=50) == text


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (Draft("", "x"), "task has 0 characters"),
        (Draft(" \n\t\u2003", "x"), "task holds only white space"),
        (Draft("a" * 10_001, "x"), "task has 10,001 characters"),
        (Draft("a\x00b", "x"), "task holds a NUL character at position 1"),
        (Draft("ab\ud800", "x"), "task holds a lone surrogate (U+D800) at position 2"),
        (Draft("a", "x" * 500_001), "code has 500,001 characters"),
        (Draft("a", "\x00"), "code holds a NUL"),
        (Draft("a", "\udfff"), "code holds a lone surrogate (U+DFFF)"),
        (Draft("a", "x", output="x" * 500_001), "output has 500,001"),
        (Draft("a", "x", output="\x00"), "output holds a NUL"),
        (Draft("a", "x", run_id=""), "run id has 0"),
        (Draft("a", "x", run_id="r" * 201), "run id has 201"),
        (Draft("a", "x", math.nan), "score nan is not a number from 0 to 10"),
        (Draft("a", "x", 10.5), "score 10.5 is not"),
        (Draft("a", "x", skills=("a,b",)), "skill 'a,b'"),
    ],
)
def test_a_draft_that_is_wrong_is_refused_by_its_field(draft: Draft, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_draft(draft)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "draft",
    [
        GOOD,
        Draft("a", ""),
        Draft("a" * 10_000, "x" * 500_000, 0, output="x" * 500_000),
        Draft("ahoj 🚀 \u0301 \u202e", "π = 3\r\n", 10, output="", run_id="r" * 200),
        Draft("[/b]", "\x1b[31m"),
    ],
)
def test_a_draft_at_the_limits_is_taken_unchanged(draft: Draft) -> None:
    assert check_draft(draft) == draft


@pytest.mark.parametrize("score", [0, 0.0, -0.0, 1e-300, 5, 9.99, 10])
def test_a_score_from_0_to_10_is_taken_as_a_float(score: float) -> None:
    assert check_score(score) == score
    assert isinstance(check_score(score), float)


@pytest.mark.parametrize(
    "score", [-1e-9, 10.000001, math.nan, math.inf, -math.inf, 10**400, -(10**400)]
)
def test_any_other_score_is_refused(score: float) -> None:
    with pytest.raises(InvalidInput, match="is not a number from 0 to 10"):
        check_score(score)


def test_skills_are_sorted_and_each_is_kept_once() -> None:
    draft = check_draft(Draft("a", "x", skills=("sql", "csv", "sql")))
    assert draft.skills == ("csv", "sql")


@pytest.mark.parametrize("skill", ["a", "C++", "データ", "two words", "a" * 64])
def test_a_skill_is_a_short_word_or_two(skill: str) -> None:
    assert check_skills((skill,)) == (skill,)


@pytest.mark.parametrize(
    "skill",
    [
        "",
        " ",
        " a",
        "a ",
        "a,b",
        "a\nb",
        "\x01",
        "a\x01",
        "\x7f",
        "a\tb",
        "a" * 65,
        "\x00",
        "\ud800",
    ],
)
def test_a_skill_that_breaks_a_line_or_a_list_is_refused(skill: str) -> None:
    with pytest.raises(InvalidInput):
        check_skills((skill,))


def test_there_are_at_most_32_skills() -> None:
    assert len(check_skills(tuple(f"s{n}" for n in range(32)) * 2)) == 32
    with pytest.raises(InvalidInput, match="33 skills; 32 are allowed"):
        check_skills(tuple(f"s{n}" for n in range(33)))


def test_keys_of_one_moment_sort_in_the_order_they_were_made() -> None:
    keys = [new_key(START) for _ in range(1_000)]
    assert keys == sorted(set(keys))
