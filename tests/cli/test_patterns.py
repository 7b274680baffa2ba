from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.operator import Operator


def test_pages_follow_one_another(operator: Operator) -> None:
    answer = operator.types("patterns", "list", "--limit", "3")
    assert [line.split()[0] for line in answer.stdout.splitlines()] == [
        *("key", "retry-http", "parse-csv-typed", "parse-csv")
    ]
    assert answer.stderr == (
        "note: there are more; the same command with --after parse-csv goes on\n"
    )
    rest = operator.json("patterns", "list", "--limit", "3", "--after", "parse-csv")
    assert [pattern["key"] for pattern in rest["patterns"]] == ["faded"]
    assert rest["has_more"] is False


def test_the_list_is_of_a_skill_or_of_the_trash(operator: Operator) -> None:
    def listed(*options: str) -> list[str]:
        found = operator.json("patterns", "list", *options)["patterns"]
        return [pattern["key"] for pattern in found]

    assert listed("--skill", "http") == ["retry-http"]
    assert listed("--trash") == ["deleted"]
    assert listed("--skill", "csv", "--skill", "http") == []
    assert operator.types("patterns", "list", "--skill", "no").stderr == "note: no such patterns\n"


def test_a_pattern_is_shown_with_what_was_observed(operator: Operator) -> None:
    shown = operator.json("patterns", "show", "parse-csv")
    assert shown.keys() == {"pattern", "observations"}
    assert shown["pattern"]["skills"] == ["csv", "parsing"]
    assert shown["observations"] == [
        {
            "at": "2026-01-02T03:04:05.678901Z",
            "score": 9.0,
            "source": "cli",
            "run_id": None,
            "feedback": None,
        }
    ]


def test_one_in_the_trash_is_shown_as_such(operator: Operator) -> None:
    assert "\ntrash           deleted 2026-01-02 03:04 UTC\n" in operator.done(
        "patterns", "show", "deleted"
    )


def test_deleting_needs_a_yes(operator: Operator) -> None:
    assert operator.refused("patterns", "delete", "parse-csv") == (
        4,
        "error: this needs a confirmation, and there is no terminal to ask\nhint: add --yes\n",
    )
    assert operator.memory().get("parse-csv").trashed is None


def test_deleted_and_restored_it_is_as_it_was(operator: Operator) -> None:
    before = operator.memory().get("parse-csv")
    assert operator.done("patterns", "delete", "parse-csv", "-y") == (
        "parse-csv is in the trash for 30 days;"
        " engramia patterns restore parse-csv brings it back\n"
    )
    assert operator.memory().get("parse-csv").trashed is not None
    assert operator.done("patterns", "restore", "parse-csv") == (
        "parse-csv is back; aging leaves it alone for 30 days\n"
    )
    assert operator.memory().get("parse-csv") == before
    history = operator.json("patterns", "history", "parse-csv")
    assert [event["action"] for event in history] == ["learned", "trashed", "restored"]
    assert [event.keys() for event in history] == [{"at", "action", "detail"}] * 3


def test_the_documents_of_moves_name_the_pattern(operator: Operator) -> None:
    moved = {"key": "retry-http", "task": "Call a flaky HTTP service again"}
    assert operator.json("patterns", "delete", "retry-http", "--yes") == moved
    assert operator.json("patterns", "restore", "retry-http") == moved


@pytest.mark.parametrize("command", ["show", "delete", "restore", "history"])
@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("parse-cvs", 3, "there is no pattern 'parse-cvs' in default/default"),
        ("../etc/passwd", 2, "'../etc/passwd' cannot be a pattern's key"),
        ("\x1b[31m", 2, "'\\x1b[31m' cannot be a pattern's key"),
    ],
)
def test_a_mistyped_key_is_named(
    command: str, key: str, code: int, message: str, operator: Operator
) -> None:
    assert operator.refused("patterns", command, key) == (
        code,
        f"error: {message}\nhint: list the keys: engramia patterns list\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("patterns", "restore", "parse-csv"), "pattern 'parse-csv' is not in the trash"),
        (("patterns", "delete", "deleted", "-y"), "pattern 'deleted' is in the trash (deleted)"),
        (("reuse", "deleted"), "pattern 'deleted' is in the trash (deleted)"),
        (("refine", "deleted", "--score", "1"), "pattern 'deleted' is in the trash (deleted)"),
    ],
)
def test_a_pattern_in_the_wrong_place_is_refused(
    arguments: tuple[str, ...], message: str, operator: Operator
) -> None:
    code, said = operator.refused(*arguments)
    assert (code, said.splitlines()[0]) == (4, f"error: {message}")


def test_history_outlives_the_pattern(operator: Operator) -> None:
    operator.now = operator.now.replace(year=2027)
    operator.done("aging", "--max-prune-percent", "100")
    assert operator.refused("patterns", "show", "deleted")[0] == 3
    actions = [event["action"] for event in operator.json("patterns", "history", "deleted")]
    assert actions == ["learned", "purged"]
    assert operator.done("patterns", "history", "deleted").splitlines()[0].split() == [
        *("when", "(UTC)", "what", "detail")
    ]
