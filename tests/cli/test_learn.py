from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from engramia_core.memory.pattern import Classification, Source
from engramia_core.testing.embeddings import FailingEmbeddings

if TYPE_CHECKING:
    from tests.cli.operator import Operator

TASK = "Rotate a log file"
LEARN = ("learn", TASK, "--code", "-", "--score", "8")


def a_line(task: str = TASK, **fields: object) -> str:
    return json.dumps({"task": task, "code": "x", **fields}) + "\n"


def test_what_is_learned_is_stored_whole(operator: Operator) -> None:
    (operator.home / "rotate.py").write_text("rotate()\n", encoding="utf-8")
    (operator.home / "printed.txt").write_text("rotated\n", encoding="utf-8")
    said = operator.done(
        *("learn", TASK, "--code", "rotate.py", "--score", "8", "--output-file", "printed.txt"),
        *("--run-id", "r1", "--skill", "logs", "--skill", "files", "--classification", "public"),
    )
    key = said.removeprefix("learned ").rstrip()
    pattern = operator.memory().get(key)
    assert (pattern.task, pattern.code, pattern.output) == (TASK, "rotate()\n", "rotated\n")
    assert (pattern.success_score, pattern.run_id, pattern.source) == (8.0, "r1", Source.CLI)
    assert (pattern.skills, pattern.classification) == (("files", "logs"), Classification.PUBLIC)


def test_the_first_lesson_makes_the_memory_and_says_so(newcomer: Operator) -> None:
    answer = newcomer.types(*LEARN, stdin="rotate()")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("learned ")
    assert answer.stderr == "note: made a new memory in ./engramia_data\n"
    assert newcomer.memory().metrics().live == 1


def test_a_named_directory_that_is_not_there_is_not_made(newcomer: Operator) -> None:
    code, said = newcomer.refused(*LEARN, "--path", "mistyped", stdin="rotate()")
    assert code == 3
    assert said.startswith("error: there is no memory in 'mistyped'\nhint: ")
    assert newcomer.files() == set()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("learn", TASK), 2, "learn needs TASK, --code and --score, or --batch"),
        (("learn", TASK, "--code", "-", "--score", "11"), 2, "score 11.0 is not a number from"),
        (("learn", TASK, "--code", "-", "--score", "nan"), 2, "score nan is not a number from"),
        (("learn", TASK, "--code", "no.py", "--score", "1"), 2, "'no.py' cannot be read: No such"),
        (("learn", TASK, "--code", ".", "--score", "1"), 2, "'.' cannot be read: Is a directory"),
        (("learn", " ", "--code", "-", "--score", "1"), 2, "task holds only white space"),
        (("learn", "a\x00b", "--code", "-", "--score", "1"), 2, "task holds a NUL character"),
        (("learn", "x" * 10_001, "--code", "-", "--score", "1"), 2, "task has 10,001 characters"),
        ((*LEARN, "--skill", "a,b"), 2, "skill 'a,b' is not valid"),
        ((*LEARN, "--output-file", "-"), 2, "--code and --output-file cannot both be stdin"),
        ((*LEARN, "--batch", "-"), 2, "--batch goes without TASK, --code and --score"),
        (("learn", "--batch", "no.ndjson"), 2, "'no.ndjson' cannot be read: No such file"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_a_memory_is_made(
    arguments: tuple[str, ...], code: int, message: str, newcomer: Operator
) -> None:
    found, said = newcomer.refused(*arguments, stdin="rotate()")
    assert found == code
    assert said.startswith(f"error: {message}")
    assert newcomer.files() == set()


def test_code_that_is_not_utf_8_is_refused_with_the_byte(operator: Operator) -> None:
    assert operator.refused(*LEARN, stdin=b"caf\xe9") == (
        2,
        "error: stdin is not UTF-8: byte 3 is wrong\n",
    )


@pytest.mark.parametrize(
    ("arguments", "outcome", "said"),
    [
        (("--score", "9.5"), "replaced", "learned {key}; it replaces parse-csv, parse-csv-typed"),
        (("--score", "2"), "kept-existing", "kept parse-csv, which is at least as good; yours"),
        (("--score", "2", "--on-duplicate", "skip"), "skipped", "skipped: parse-csv has nearly"),
        (("--score", "2", "--on-duplicate", "keep-both"), "learned", "learned {key}"),
    ],
)
def test_a_duplicate_ends_as_the_outcome_says(
    arguments: tuple[str, ...], outcome: str, said: str, operator: Operator
) -> None:
    command = ("learn", "Parse a CSV export into rows", "--code", "-", *arguments)
    answer = operator.types(*command, stdin="other()")
    key = answer.stdout.split()[1].rstrip(";")
    assert answer.stdout.startswith(said.format(key=key))
    again = operator.types(*command, "--output", "json", stdin=f"{outcome}()")
    assert again.json.keys() == {"outcome", "key", "rivals"}


def test_a_score_that_is_forgotten_at_once_is_remarked(operator: Operator) -> None:
    answer = operator.types("learn", TASK, "--code", "-", "--score", "0.05", stdin="x")
    assert answer.exit_code == 0
    assert answer.stderr == "note: a score below 0.1 is forgotten by the next run of aging\n"


def test_a_batch_goes_in_and_its_outcomes_are_counted(operator: Operator) -> None:
    lines = a_line() + "\n" + a_line("Ship a release", score=7, skills=["ci"])
    assert operator.done("learn", "--batch", "-", stdin=lines) == "2 learned\n"
    assert operator.memory().metrics().live == 6


def test_a_bad_line_is_named_and_the_rest_goes_in(operator: Operator) -> None:
    lines = a_line() + "{broken\n" + a_line("Ship a release") + a_line("Scored badly", score=11)
    answer = operator.types("learn", "--batch", "-", stdin=lines)
    assert (answer.exit_code, answer.stdout) == (6, "2 learned\n")
    first, second, error, hint = answer.stderr.splitlines()
    assert first.startswith("line 2: not JSON: ")
    assert second == "line 4: score 11 is not a number from 0 to 10"
    assert error == "error: 2 of 4 lines could not be learned"
    assert hint.startswith("hint: mend the lines named above")
    assert operator.memory().metrics().live == 6


def test_the_report_of_a_batch_is_a_document_of_a_stable_shape(operator: Operator) -> None:
    answer = operator.types("learn", "--batch", "-", "--output", "json", stdin=a_line() + "[]\n")
    assert answer.exit_code == 6
    assert answer.json == {
        "outcomes": {"learned": 1},
        "bad_lines": [{"number": 2, "reason": "not a JSON object"}],
    }


def test_an_empty_batch_is_nothing_to_learn(operator: Operator) -> None:
    assert operator.done("learn", "--batch", "-", stdin="\n\n") == "nothing to learn\n"


def test_a_batch_that_stops_half_way_says_what_is_stored(operator: Operator) -> None:
    operator.embeddings = FailingEmbeddings()
    known = a_line("Parse a CSV export into rows", code="x" * 500_000)
    chunk = 17 * known  # more than goes into one transaction, and its vector is stored already
    answer = operator.types("learn", "--batch", "-", stdin=chunk + a_line("Unheard of"))
    assert answer.exit_code == 5
    first, *error = answer.stderr.splitlines()
    assert first in {f"note: what {n} lines held is stored and known next time" for n in (16, 17)}
    assert error == ["error: hashed-words does not answer", "hint: this is a test's provider"]
