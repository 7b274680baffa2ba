from __future__ import annotations

import subprocess  # noqa: TID251 -- a fresh interpreter
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engramia_core.database import instances, revisions
from engramia_core.database.instances import Instance
from engramia_core.migration.sqlite_target import SQLiteTarget
from engramia_core.stores.bring_up import alone_in_directory
from engramia_core.stores.sqlite_engine import sqlite_engine
from tests.migrations.places import ADD_A_COLUMN, DROP_A_TABLE, scripts_with

if TYPE_CHECKING:
    from tests.cli.operator import Operator

MEMORY = Path("engramia_data")


def take_back(operator: Operator, to: str) -> None:
    engine = sqlite_engine(operator.home / MEMORY / "engramia.db")
    revisions.downgrade(engine, to)
    engine.dispose()


def serves(operator: Operator) -> None:
    target = SQLiteTarget(operator.home / MEMORY)
    seen = operator.now - timedelta(seconds=5)
    with target.writing() as connection:
        instances.register(
            connection, Instance("i", "serve", "web-1", 7, "0.1.0", "0002", seen, seen)
        )
    target.close()


def test_status_shows_where_the_memory_stands(operator: Operator) -> None:
    serves(operator)
    said = operator.done("migrate", "status")
    assert "revision  0002\nhead      0002\n" in said
    assert "serving   serve on web-1 (pid 7, version 0.1.0, revision 0002, seen 5 s ago)" in said
    assert "alembic -c " in said


def test_status_of_an_old_memory_is_seven_and_says_what_to_type(operator: Operator) -> None:
    take_back(operator, "0001")
    answer = operator.types("migrate", "status", "--path", "engramia_data")
    assert answer.exit_code == 7
    assert "pending   0002 expand: The installation" in answer.stdout
    assert "to do     engramia --path engramia_data migrate up" in answer.stdout
    told = operator.types("migrate", "status", "--output", "json")
    assert told.exit_code == 7
    assert told.json["pending"][0]["revision"] == "0002"


def test_what_the_refusal_says_brings_the_memory_up(operator: Operator) -> None:
    take_back(operator, "0001")
    code, said = operator.refused("status")
    assert code == 4
    hint = said.splitlines()[1].removeprefix("hint: engramia ")
    answer = operator.types(*hint.split())
    assert answer.exit_code == 0
    assert "applied: 0002; the schema is 0002" in answer.stdout
    assert answer.stderr == ""
    operator.done("status")
    assert operator.done("migrate", "check") == "no difference at revision 0002\n"


def test_up_says_where_the_copy_is(operator: Operator) -> None:
    take_back(operator, "0001")
    report = operator.types("migrate", "up", "--output", "json").json
    (copy,) = (operator.home / MEMORY / "backups").iterdir()
    assert report["backup"] == str(MEMORY / "backups" / copy.name)
    assert report["revisions"] == ["0002"]
    assert operator.done("migrate", "up") == "nothing to do: the schema is 0002\n"


def test_up_can_go_without_a_copy(operator: Operator) -> None:
    take_back(operator, "0001")
    assert operator.types("migrate", "up", "--no-backup").exit_code == 0
    assert not (operator.home / MEMORY / "backups").exists()


@pytest.mark.parametrize("command", [("plan",), ("up", "--plan"), ("down", "--plan")])
def test_a_plan_changes_nothing(operator: Operator, command: tuple[str, ...]) -> None:
    if "down" not in command:
        take_back(operator, "0001")
    before = (operator.home / MEMORY / "engramia.db").read_bytes()
    said = operator.done("migrate", *command)
    assert "nothing was run" in said
    assert "write lock (whole file)  engramia_keys" in said
    told = operator.json("migrate", *command)
    assert told["steps"][0]["revision"] == "0002"
    assert any(s["sql"].endswith("TABLE engramia_locks") or "engramia_locks (" in s["sql"]
               for s in told["steps"][0]["statements"])  # fmt: skip
    assert (operator.home / MEMORY / "engramia.db").read_bytes() == before


def test_a_plan_of_nothing_says_so(operator: Operator) -> None:
    assert operator.done("migrate", "plan").startswith("nothing to do")


def test_down_says_what_is_lost_and_needs_a_yes(operator: Operator) -> None:
    code, said = operator.refused("migrate", "down", "--to", "-1")
    assert code == 4
    assert "going down to 0001 loses" in said
    assert "1 row of memory_projects" in said
    assert "add --yes" in said
    answer = operator.types("migrate", "down", "--to", "-1", "--yes")
    assert answer.exit_code == 0
    assert "taken back: 0002; the schema is 0001" in answer.stdout
    assert "lost: 1 row of memory_projects" in answer.stdout


def test_a_revision_that_is_none_is_not_found(operator: Operator) -> None:
    for command in ("plan", "up"):
        code, said = operator.refused("migrate", command, "--to", "0815")
        assert (code, said.splitlines()[0]) == (3, "error: there is no revision '0815'")


def test_a_contraction_is_confirmed_and_refused_while_an_old_release_serves(
    operator: Operator,
) -> None:
    operator.migrations = scripts_with(operator.home, _0003=DROP_A_TABLE).directory
    code, said = operator.refused("migrate", "up")
    assert (code, "add --yes" in said) == (4, True)
    serves(operator)
    code, said = operator.refused("migrate", "up", "--yes")
    assert code == 4
    assert "engramia migrate up --force" in said
    assert operator.types("migrate", "up", "--yes", "--force").exit_code == 0
    assert operator.types("migrate", "status").stdout.count("0003") == 2


def test_the_second_of_two_is_refused(operator: Operator) -> None:
    take_back(operator, "0001")
    with alone_in_directory(operator.home / MEMORY, owner="you@there", wait_s=0):
        code, said = operator.refused("migrate", "up")
    assert code == 4
    assert "a migration is already running: you@there since" in said


def test_check_names_what_differs(operator: Operator) -> None:
    engine = sqlite_engine(operator.home / MEMORY / "engramia.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_memory_changes_key")
    engine.dispose()
    answer = operator.types("migrate", "check")
    assert answer.exit_code == 7
    assert answer.stdout == "the index memory_changes.ix_memory_changes_key is missing\n"
    told = operator.types("migrate", "check", "--output", "json").json
    assert len(told["differences"]) == 1


def test_history_lists_the_revisions(operator: Operator) -> None:
    operator.migrations = scripts_with(operator.home, _0003=ADD_A_COLUMN).directory
    lines = operator.done("migrate", "history").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["0003", "expand"],
        ["0002", "expand"],
        ["0001", "expand"],
    ]
    assert " no " in lines[1]


def test_init_brings_an_old_memory_up_with_a_copy(operator: Operator) -> None:
    take_back(operator, "0001")
    answer = operator.types("init")
    assert answer.exit_code == 0
    assert "is ready (schema 0002)" in answer.stdout
    assert len(list((operator.home / MEMORY / "backups").iterdir())) == 1
    operator.done("init")
    assert len(list((operator.home / MEMORY / "backups").iterdir())) == 1


def test_a_memory_of_files_has_no_migrations(newcomer: Operator) -> None:
    newcomer.done("init", "--storage", "json")
    newcomer.done("init")
    code, said = newcomer.refused("migrate", "status")
    assert (code, "has no migrations" in said) == (4, True)
    assert newcomer.refused("migrate", "status", "--path", "nope")[0] == 3


def test_alembic_is_loaded_only_to_migrate(operator: Operator) -> None:
    code = (
        "import sys; sys.argv = ['engramia', *sys.argv[1:]]\n"
        "from engramia_cli.__main__ import main\n"
        "try:\n    main()\nfinally:\n    sys.stderr.write(str('alembic' in sys.modules))"
    )
    operator.done("status")
    for arguments in (["--help"], ["migrate", "--help"], ["status"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stderr.endswith("False"), arguments
