"""Every command answers with what the published schema says."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from docs.json_output import ANSWERS, ON_A_SERVER, schema
from engramia_cli.app import app
from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.tree import ENTRIES
from engramia_core.scope import Scope
from tests.bench.corpus import vectors
from tests.bench.postgres_fill import fill_scopes
from tests.cli.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docs.json_output import Answer
    from tests.postgres.server import Server

SCHEMA = schema()
IN_A_DIRECTORY = [answer for answer in ANSWERS if answer.command not in ON_A_SERVER]
BATCH = (
    '{"task": "Rotate a log file", "code": "pass"}\n{"task": "Tail a log file", "code": "pass"}\n'
)


def problems(command: str, document: object) -> list[str]:
    """What of an answer is not as the schema says."""
    wanted = {**SCHEMA, "$ref": f"#/$defs/engramia {command}"}
    checker = Draft202012Validator(wanted, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in checker.iter_errors(document)]


def names(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401 -- Typer's own
    """The commands that do something, from ``command`` down."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield path
    for name, child in below.items():
        yield from names(f"{path} {name}", child)


@pytest.fixture
def prepared(operator: Operator) -> Operator:
    """Somebody with the small memory and the files that the commands read."""
    (operator.home / "code.py").write_text("pass\n")
    (operator.home / "batch.ndjson").write_text(BATCH)
    operator.done("export", "--file", "memory.ndjson")
    return operator


def test_every_command_has_its_answer() -> None:
    root: Any = get_command(app)
    there = {n for entry in ENTRIES for n in names(entry, root.get_command(None, entry))}
    assert {answer.command.partition(" --")[0] for answer in ANSWERS} == there


@pytest.mark.parametrize("answer", IN_A_DIRECTORY, ids=lambda answer: answer.command)
def test_an_answer_is_as_the_schema_says(answer: Answer, prepared: Operator) -> None:
    words = shlex.split(f"{answer.command} {answer.arguments}")
    if words[0] == "aging" and len(words) > 1 and words[1] in {"undo", "runs"}:
        run = prepared.json("aging", "--max-prune-percent", "50")["run"]
        words = [run if word == "RUN" else word for word in words]
    if words[0] == "keys":
        made = prepared.json("keys", "create", "--name", "web", "--role", "reader")["key"]["key_id"]
        words = [made if word == "KEY" else word for word in words]
        prepared.now += timedelta(days=8)
    asked = prepared.types(*words, "--output", "json")
    finds = answer.command == "keys audit"
    assert (asked.exit_code, asked.stderr) == (PROBLEMS_FOUND if finds else 0, "")
    document = asked.json
    assert document != []
    assert problems(answer.command, document) == []


@pytest.mark.parametrize("command", sorted(ON_A_SERVER))
def test_an_answer_about_a_server_is_as_the_schema_says(
    command: str, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.migrated()
    fill_scopes(url, "given", {Scope("small"): vectors(10, 2)})
    shell = Operator(tmp_path, environment={"ENGRAMIA_DATABASE_URL": url})
    document = shell.json(*command.split(), "--model", "given", "--plan")
    assert len(document["indexes"]) == 1
    assert problems(command, document) == []


def test_the_schema_is_one_and_strict() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    right = {"key": "k", "task": "t"}
    assert problems("patterns delete", right) == []
    for wrong in ({"key": "k"}, {**right, "more": 1}, {**right, "task": None}, [right]):
        assert len(problems("patterns delete", wrong)) == 1
    assert problems("status", {}) != []
