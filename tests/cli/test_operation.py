from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engramia_core.testing.embeddings import FailingEmbeddings

if TYPE_CHECKING:
    from tests.cli.operator import Operator

API_KEY = "sk-live-0123456789abcdefghijklmnop"


@pytest.mark.parametrize("storage", ["sqlite", "json"])
def test_a_memory_is_made_once(storage: str, newcomer: Operator) -> None:
    init = ("init", "--path", "here", "--storage", storage)
    assert newcomer.done(*init).startswith(f"the {storage} memory in {newcomer.home}/here was made")
    assert newcomer.done(*init).startswith(f"the {storage} memory in {newcomer.home}/here is ready")
    report = newcomer.json(*init)
    assert report.keys() == {"path", "storage", "schema", "created"}
    assert (report["storage"], report["created"]) == (storage, False)


def test_another_storage_in_the_same_place_is_refused(operator: Operator) -> None:
    assert operator.refused("init", "--storage", "json")[0] == 4
    code, said = operator.refused("status", "--storage", "json")
    assert (code, said.splitlines()[0]) == (
        3,
        "error: the memory in 'engramia_data' is sqlite, not json",
    )


@pytest.mark.parametrize(
    "command",
    [
        ("recall", "x"), ("patterns", "list"), ("patterns", "show", "k"), ("feedback",),
        ("reuse", "k"), ("refine", "k", "--score", "1"), ("patterns", "delete", "k", "--yes"),
        ("patterns", "restore", "k"), ("patterns", "history", "k"), ("aging",), ("aging", "runs"),
        ("aging", "--plan"), ("aging", "undo", "r"), ("decay",), ("export",), ("import", "-"),
        ("reindex",), ("status",), ("copy", "--to", "there", "--yes"), ("keys", "list"),
        ("keys", "audit"), ("keys", "bootstrap"), ("keys", "show", "0" * 26),
        ("keys", "create", "--name", "a", "--role", "reader"),
    ],
)  # fmt: skip
def test_no_command_makes_a_memory_on_a_mistyped_path(
    command: tuple[str, ...], newcomer: Operator
) -> None:
    assert newcomer.refused(*command, "--path", "mistyped") == (
        3,
        "error: there is no memory in 'mistyped'\nhint: check the path, or make one there: engramia init --path mistyped\n",
    )
    assert newcomer.files() == set()


def test_status_is_a_document_of_a_stable_shape(operator: Operator) -> None:
    report = operator.json("status")
    assert report.keys() == {
        *("path", "storage", "schema", "scope", "model", "counts", "last_aging")
    }
    assert report["scope"] == {"tenant_id": "default", "project_id": "default"}
    assert report["model"] == {"model_id": "hashed-words", "dimensions": 64}
    counts = {"live": 4, "trashed": 1, "observations": 5, "embedded": 4, "clusters": 1, "broken": 0}
    assert report["counts"] == counts
    assert report["last_aging"] is None


def test_status_counts_broken_files_and_names_the_cure(operator: Operator) -> None:
    operator.done("init", "--path", "files", "--storage", "json")
    operator.done("--path", "files", "import", "-", stdin=operator.done("export"))
    assert "to do" not in operator.done("--path", "files", "status")
    (operator.home / "files/patterns/default/default/parse-csv.json").write_text("{")
    assert operator.done("--path", "files", "status").splitlines()[-1] == (
        "to do         1 broken file skipped: engramia --path files doctor"
    )
    assert operator.json("--path", "files", "status")["counts"]["broken"] == 1
    theirs = operator.json("--path", "files", "--project", "other", "status")
    assert theirs["counts"]["broken"] == 0
    doctor = operator.types("--path", "files", "doctor")
    assert "default/parse-csv.json is skipped" in doctor.stdout


def test_scopes_are_strangers(operator: Operator) -> None:
    theirs = operator.json("status", "--tenant", "acme", "--project", "web")
    assert theirs["scope"] == {"tenant_id": "acme", "project_id": "web"}
    assert theirs["counts"]["live"] == 0


def test_the_later_option_wins(operator: Operator) -> None:
    report = operator.json("--tenant", "acme", "status", "--tenant", "globex")
    assert report["scope"]["tenant_id"] == "globex"


def test_a_flag_wins_over_the_environment_that_over_the_file(operator: Operator) -> None:
    (operator.home / "engramia.toml").write_text('tenant = "file"\nproject = "file"\n')
    operator.environment = {"ENGRAMIA_TENANT": "variable", "ENGRAMIA_PROJECT": "variable"}
    shown = {s["name"]: s for s in operator.json("config", "show", "--tenant", "flag")}
    assert [(shown[n]["value"], shown[n]["origin"]) for n in ("tenant", "project", "path")] == [
        ("flag", "flag"),
        ("variable", "ENGRAMIA_PROJECT"),
        ("./engramia_data", "default"),
    ]
    assert shown["path"].keys() == {"name", "value", "origin", "variable"}
    operator.environment = {}
    lines = [line.split() for line in operator.done("config", "show").splitlines()]
    assert ["project", "ENGRAMIA_PROJECT", "engramia.toml", "file"] in lines


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_secret_never_appears(output: str, operator: Operator) -> None:
    operator.environment = {"OPENAI_API_KEY": API_KEY}
    for command in (("config", "show"), ("doctor",), ("status",), ("config", "show", "--tenant=/")):
        answer = operator.types(*command, "--output", output)
        assert API_KEY not in answer.stdout + answer.stderr
    shown = operator.done("config", "show", "--output", output)
    assert f"****{API_KEY[-4:]}" in shown


def test_a_file_of_settings_that_is_wrong_is_named(operator: Operator) -> None:
    (operator.home / "engramia.toml").write_text('tennant = "x"\n')
    code, said = operator.refused("status")
    assert (code, said.splitlines()[0]) == (
        2,
        "error: 'engramia.toml' sets 'tennant', which is no setting",
    )


def test_the_doctor_answers_in_findings(operator: Operator) -> None:
    findings = operator.json("doctor")
    assert {f["check"] for f in findings} == {
        *("memory", "files", "model", "vectors", "disk", "rights", "sqlite")
    }
    assert all(f.keys() == {"check", "severity", "text", "remedy"} for f in findings)


def test_the_doctor_names_a_missing_memory_and_the_cure(newcomer: Operator) -> None:
    answer = newcomer.types("doctor", "--path", "no where")
    assert (answer.exit_code, answer.stderr) == (7, "")
    assert answer.stdout.startswith("FAIL  memory   there is no memory in 'no where'\n")
    assert newcomer.files() == set()


def test_the_doctor_goes_on_without_a_model(operator: Operator) -> None:
    answer = operator.types("doctor", "--embeddings", "bogus")
    assert answer.exit_code == 7
    assert "FAIL  model    embeddings 'bogus' are not known" in answer.stdout
    assert "ok    files    every file of the memory is whole" in answer.stdout


def test_the_doctor_says_that_the_model_does_not_answer(operator: Operator) -> None:
    operator.embeddings = FailingEmbeddings()
    answer = operator.types("doctor", "--output", "json")
    assert answer.exit_code == 7
    (problem,) = (f for f in answer.json if f["severity"] == "problem")
    assert problem["text"] == "hashed-words does not answer"


def test_a_warning_is_no_problem(operator: Operator) -> None:
    said = operator.done("doctor", "--embeddings", "none")
    assert "warn  model    no embedding provider: recall is by words only\n" in said


@pytest.mark.parametrize("command", [("status",), ("recall", "x"), ("export",)])
def test_a_damaged_database_is_told_with_the_cure(
    command: tuple[str, ...], operator: Operator
) -> None:
    (operator.home / "engramia_data" / "engramia.db").write_bytes(b"not a database" * 1000)
    code, said = operator.refused(*command)
    assert (code, said.splitlines()) == (
        5,
        [
            "error: 'engramia_data/engramia.db': file is not a database",
            "hint: the file is damaged or another program's: put a copy of it back",
        ],
    )
    assert operator.types("doctor").exit_code == 7


@pytest.mark.parametrize(
    ("revision", "command", "message"),
    [
        ("9999", "status", "the schema of 'engramia_data/engramia.db' is 9999, newer than"),
        ("9999", "init", "the schema of 'engramia_data/engramia.db' is 9999, newer than"),
        ("0000", "status", "the schema of 'engramia_data/engramia.db' is 0000, this version needs"),
    ],
)
def test_another_schema_is_refused(
    revision: str, command: str, message: str, operator: Operator
) -> None:
    with closing(sqlite3.connect(operator.home / "engramia_data" / "engramia.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        database.commit()
    code, said = operator.refused(command)
    assert code == 4
    assert said.startswith(f"error: {message}")
    assert "\nhint: " in said


def test_a_place_that_the_machine_refuses_is_named(newcomer: Operator) -> None:
    place = "x" * 300
    code, said = newcomer.refused("status", "--path", place)
    assert code == 5
    assert said.startswith(f"error: '{place}' cannot be opened: File name too long\nhint: ")
    answer = newcomer.types("doctor", "--path", place)
    assert (answer.exit_code, answer.stderr) == (7, "")
    assert "FAIL  rights" in answer.stdout
