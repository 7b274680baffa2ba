"""What changes the database itself, or another one, leaves its records, once each, and no lock."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engramia_cli.context import CliContext
from engramia_cli.operation import operation
from engramia_core.database import revisions
from engramia_core.stores.sqlite_engine import sqlite_engine
from tests.cli.key_steps import created, lets_in

if TYPE_CHECKING:
    from tests.cli.operator import Operator

BY = ("--reason", "quarterly")
TWICE = ["started", "done"]
VACUUM, UP, DOWN = ("db", "vacuum"), ("migrate", "up"), ("migrate", "down", "--to", "0001", "--yes")


def recorded(operator: Operator, *where: str) -> list[tuple[str, str, str]]:
    """Action, outcome and reason of what stands in the installation's chain, oldest first."""
    records = operator.json("audit", "list", *where)["records"]
    return [
        (r["action"], r["outcome"], r["reason"]) for r in reversed(records) if r["tenant_id"] == "*"
    ]


def taken_back(operator: Operator) -> None:
    """Leave the memory at the first revision, which has no audit trail."""
    engine = sqlite_engine(operator.home / "engramia_data" / "engramia.db")
    revisions.downgrade(engine, "0001")
    engine.dispose()


def test_a_vacuum_is_recorded_and_its_plan_is_not(operator: Operator) -> None:
    operator.done(*VACUUM, "--plan")
    assert recorded(operator) == []
    operator.done(*VACUUM, *BY)
    assert recorded(operator) == [("db.vacuum", outcome, "quarterly") for outcome in TWICE]
    done, started = operator.json("audit", "list", "--action", "db")["records"]
    assert (started["target"], started["detail"]) == ("every table", "")
    assert done["detail"].startswith("began as 1: 0.")
    assert done["detail"].endswith(" MB after")


def test_one_vacuums_at_a_time(operator: Operator) -> None:
    with closing(
        CliContext(
            environment={},
            clock=lambda: operator.now,
            reason="first",
            flags={"path": "engramia_data"},
        )
    ) as context:
        with operation(context, "db.vacuum", "every table", lock="vacuum"):
            code, said = operator.refused(*VACUUM, *BY)
        assert code == 4
        assert said.startswith("error: vacuum is already running: ")
        assert "(first)" in said
    assert [r[1] for r in recorded(operator)] == ["started", "started", "refused", "done"]
    operator.done(*VACUUM)


def test_an_index_that_sqlite_has_no_use_for_is_not_recorded(operator: Operator) -> None:
    for command in ("index", "reindex-index"):
        assert operator.refused("db", command, *BY)[0] == 4
    assert recorded(operator) == []


def test_a_migration_records_itself(operator: Operator) -> None:
    taken_back(operator)
    operator.done(*UP, *BY)
    assert recorded(operator) == [("migrate.up", "done", "quarterly")]
    operator.done(*UP, *BY)
    assert len(recorded(operator)) == 1


def test_what_takes_the_trail_away_is_recorded_in_the_copy_made_before(operator: Operator) -> None:
    operator.done(*VACUUM)
    operator.done(*DOWN, *BY)
    (copy,) = (operator.home / "engramia_data" / "backups").glob("*.db")
    restored = operator.home / "restored"
    restored.mkdir()
    copy.rename(restored / "engramia.db")
    assert [r[0] for r in recorded(operator, "--path", "restored")] == ["db.vacuum"] * 2


def test_a_copy_is_recorded_in_the_target_alone(operator: Operator) -> None:
    operator.done("copy", "--to", "copied", "--plan")
    operator.done("copy", "--to", "copied", "--yes", *BY)
    assert recorded(operator) == []
    there = ("--path", "copied")
    assert recorded(operator, *there) == [("copy", outcome, "quarterly") for outcome in TWICE]
    records = operator.json("audit", "list", *there)["records"]
    assert {r["target"] for r in records if r["action"] == "copy"} == {
        f"from {operator.home}/engramia_data"
    }
    assert {r["detail"] for r in records if r["action"] == "copy"} == {
        *("", "began as 1: 6 new in 1 scope")
    }
    assert {r["reason"] for r in records} == {"quarterly"}


def test_a_copy_into_files_has_no_trail_to_write_to(operator: Operator) -> None:
    operator.done("copy", "--to", "files", "--to-storage", "json", "--yes", *BY)
    operator.done("copy", "--path", "files", "--to", "back", "--yes", *BY)
    assert [r[1] for r in recorded(operator, "--path", "back")] == TWICE


def test_a_key_is_changed_with_a_reason(operator: Operator) -> None:
    operator.types("keys", "bootstrap", *BY)
    key_id, _ = created(operator, *BY)
    operator.types("keys", "rotate", key_id, *BY)
    operator.done("keys", "revoke", key_id, "--yes", *BY)
    assert recorded(operator) == [
        (f"keys.{action}", "done", "quarterly")
        for action in ("bootstrapped", "created", "rotated", "revoked")
    ]


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (("tenants", "delete", "acme"), ["other"]),
        (("projects", "delete", "default", "--tenant", "acme"), ["other", "tenant"]),
    ],
)
def test_each_key_of_what_is_deleted_is_recorded_as_revoked(
    command: tuple[str, ...], kept: list[str], operator: Operator
) -> None:
    operator.done("tenants", "create", "acme")
    operator.done("projects", "create", "default", "--tenant", "acme")
    keys = {
        "project": created(operator),
        "tenant": created(operator, "--all-projects"),
        "other": created(operator, "--tenant", "umbrella"),
    }
    report = operator.json(*command, "--yes", *BY)
    assert report["keys"] == len(keys) - len(kept)
    assert sorted(n for n, (_, secret) in keys.items() if lets_in(operator, secret)) == kept
    revoked = operator.json("audit", "list", "--action", "keys.revoked")["records"]
    gone = {key_id for name, (key_id, _) in keys.items() if name not in kept}
    assert {r["target"] for r in revoked} == gone
    assert len(revoked) == len(gone)
    assert {r["reason"] for r in revoked} == {"quarterly"}
    assert operator.done("audit", "verify").endswith("all whole\n")
