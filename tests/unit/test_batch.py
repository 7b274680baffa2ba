from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from engramia_core.errors import InvalidInput, Unavailable
from engramia_core.memory.batch import BadLine, BatchReport, learn_stream, parse_draft
from engramia_core.memory.duplicates import Outcome
from engramia_core.memory.learn import Learned
from engramia_core.memory.pattern import Classification, Draft, Source
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, learned

if TYPE_CHECKING:
    from collections.abc import Sequence


def line(**fields: Any) -> bytes:  # noqa: ANN401 -- any field, also a wrong one
    return orjson.dumps({"task": "sort a list", "code": "x", **fields}) + b"\n"


class Learner:
    """Remembers what it was given, transaction by transaction."""

    def __init__(self) -> None:
        self.given: list[Sequence[Draft]] = []

    def __call__(self, drafts: Sequence[Draft]) -> tuple[Learned, ...]:
        self.given.append(drafts)
        return tuple(Learned(Outcome.LEARNED, draft.task) for draft in drafts)


def test_a_line_becomes_a_draft() -> None:
    given = line(score=8, output="1", run_id="r", skills=["b", "a"], classification="public")
    assert parse_draft(given, Source.CLI) == Draft(
        "sort a list",
        "x",
        8.0,
        output="1",
        run_id="r",
        source=Source.CLI,
        classification=Classification.PUBLIC,
        skills=("a", "b"),
    )


def test_what_a_line_leaves_out_or_sets_to_null_is_the_default() -> None:
    nulls = dict.fromkeys(("score", "output", "run_id", "skills", "classification"))
    assert parse_draft(line(**nulls), Source.SDK) == parse_draft(line(), Source.SDK)
    assert parse_draft(line(), Source.SDK) == Draft("sort a list", "x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"task": "\\ud800"}', "not JSON"),
        (b'{"task": "t", "code": "c", "score": NaN}', "not JSON"),
        (b'{"task": "t", "code": "c", "score": 1e999}', "not JSON"),
        (b"[" * 2_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"task"', "not a JSON object"),
        (b'{"code": "c"}', "task must be a string, not None"),
        (b'{"task": "t"}', "code must be a string, not None"),
        (line(task=7), "task must be a string, not 7"),
        (line(task=" "), "task holds only white space"),
        (line(task="a\x00"), "task holds a NUL"),
        (line(code="x" * 500_001), "code has 500,001 characters"),
        (line(score="8"), "score must be a number, not '8'"),
        (line(score=True), "score must be a number, not True"),
        (line(score=11), "score 11 is not a number from 0 to 10"),
        (b'{"task": "t", "code": "c", "score": 99999999999999999999999}', "is not a number from"),
        (line(output=1), "output must be a string, not 1"),
        (line(run_id=""), "run id has 0 characters"),
        (line(skills="sort"), "skills must be a list of strings"),
        (line(skills=[1]), "skills must be a list of strings"),
        (line(skills=["a,b"]), "skill 'a,b'"),
        (line(classification="secret"), "classification 'secret' is not one of public, internal"),
        (line(classification=[]), "classification [] is not one of"),
        (line(tsak="sort"), "unknown field 'tsak'"),
    ],
)
def test_a_line_that_is_wrong_says_why(given: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_draft(given, Source.SDK)
    assert said in caught.value.message


def test_a_bad_line_is_named_and_the_others_go_in() -> None:
    learner = Learner()
    lines = [line(task="a"), b"\n", b"oops\n", b"  \r\n", line(task=""), line(task="b")]
    report = learn_stream(lines, learner)
    assert [draft.task for drafts in learner.given for draft in drafts] == ["a", "b"]
    assert report.outcomes == {Outcome.LEARNED: 2}
    assert [bad.number for bad in report.bad_lines] == [3, 5]
    assert report.bad_lines[1] == BadLine(5, "task has 0 characters; 1 to 10,000 are allowed")


@pytest.mark.parametrize("lines", [[], [b"\n", b" \n"]])
def test_a_stream_without_a_line_learns_nothing(lines: list[bytes]) -> None:
    learner = Learner()
    assert learn_stream(lines, learner) == BatchReport()
    assert learner.given == []


def test_a_stream_of_bad_lines_only_is_no_error() -> None:
    store = MemoryStore()
    report = learn_stream([b"oops\n"] * 3, lambda drafts: learned(store, *drafts))
    assert (len(report.bad_lines), store.counts(SCOPE).live) == (3, 0)


def test_a_long_stream_goes_in_by_many_transactions_and_shows_its_progress() -> None:
    learner, seen = Learner(), list[int]()
    lines = (line(task=f"task {number}") for number in range(10_001))
    learn_stream(lines, learner, progress=lambda r: seen.append(r.outcomes.total()))
    tasks = [draft.task for drafts in learner.given for draft in drafts]
    assert tasks == [f"task {number}" for number in range(10_001)]
    assert len(learner.given) > 1
    assert seen == sorted(seen)
    assert seen[-1] == 10_001


def test_long_lines_are_not_all_held_in_one_transaction() -> None:
    learner = Learner()
    learn_stream((line(code="x" * 500_000) for _ in range(40)), learner)
    assert sum(len(drafts) for drafts in learner.given) == 40
    assert len(learner.given) > 1


def test_what_was_learned_before_the_provider_failed_is_kept() -> None:
    store = MemoryStore()
    given: list[Draft] = []

    def learn(drafts: Sequence[Draft]) -> tuple[Learned, ...]:
        if given:
            raise Unavailable("gone")
        given.extend(drafts)
        return learned(store, *drafts)

    with pytest.raises(Unavailable):
        learn_stream((line(task=f"t{n} u{n}") for n in range(5_000)), learn)
    assert store.counts(SCOPE).live == len(given) > 0
