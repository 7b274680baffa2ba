"""What changes something is recorded when it starts and when it ends, with the reason that was given."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from engramia_cli.context import CliContext
from engramia_cli.operation import operation
from engramia_core.errors import Busy, InvalidInput
from engramia_core.testing.embeddings import FailingEmbeddings

if TYPE_CHECKING:
    from tests.cli.operator import Operator


def recorded(operator: Operator) -> list[tuple[Any, ...]]:
    """What stands in the installation's chain, oldest first."""
    records = operator.json("audit", "list")["records"]
    return [
        (r["action"], r["target"], r["outcome"], r["detail"], r["reason"])
        for r in reversed(records)
        if r["tenant_id"] == "*"
    ]


def fails_to_record(operator: Operator, condition: str) -> None:
    """Make the database refuse some records."""
    with closing(sqlite3.connect(operator.home / "engramia_data" / "engramia.db")) as database:
        database.execute(
            f"CREATE TRIGGER unwritable BEFORE INSERT ON engramia_audit WHEN {condition}"
            " BEGIN SELECT json('no ' || NEW.number); END"
        )
        database.commit()


def test_aging_is_recorded_when_it_starts_and_when_it_ends(operator: Operator) -> None:
    operator.done("aging", "--max-prune-percent", "50", "--reason", "nightly")
    (run,) = operator.json("aging", "runs")
    operator.done("aging", "undo", run["run"], "--reason", "too early")
    here = "default/default"
    assert recorded(operator) == [
        ("aging", here, "started", "", "nightly"),
        ("aging", here, "done", "began as 1: 1 pruned, 0 purged", "nightly"),
        ("aging.undo", here, "started", "", "too early"),
        ("aging.undo", here, "done", f"began as 3: run {run['run']}, 1 brought back", "too early"),
    ]


def test_import_and_reindex_are_recorded(operator: Operator) -> None:
    exported = operator.done("export")
    operator.done("import", "-", stdin=exported)
    operator.done("reindex", "--reason", "repair")
    assert [(r[0], r[2], r[3]) for r in recorded(operator)] == [
        ("import", "started", ""),
        ("import", "done", "began as 1: 0 added, 0 overwritten"),
        ("reindex", "started", ""),
        ("reindex", "done", "began as 3: 0 embedded by hashed-words"),
    ]


def test_a_plan_is_not_recorded(operator: Operator) -> None:
    exported = operator.done("export")
    for plan in (("aging",), ("import", "-"), ("reindex",)):
        operator.done(*plan, "--plan", stdin=exported)
    assert recorded(operator) == []


def test_what_is_refused_is_recorded_as_such(operator: Operator) -> None:
    operator.now += timedelta(days=365 * 20)
    assert operator.refused("aging")[0] == 4
    *_, (action, _, outcome, detail, _) = recorded(operator)
    assert (action, outcome) == ("aging", "refused")
    assert detail.startswith("began as 1: aging would prune 4 of 4 patterns")


def test_what_fails_is_recorded_as_such(operator: Operator) -> None:
    with operator.memory().store.write(operator.memory().scope) as writer:
        writer.put_clusters([])
    operator.embeddings = FailingEmbeddings("another-model")
    assert operator.refused("reindex", "--yes")[0] == 5
    assert [r[2] for r in recorded(operator)] == ["started", "failed"]


@pytest.mark.parametrize(
    "command", [("patterns", "delete", "parse-csv", "--yes"), ("refine", "parse-csv", "--score=1")]
)
def test_a_reason_stands_beside_what_it_explains(
    command: tuple[str, ...], operator: Operator
) -> None:
    operator.done(*command, "--reason", "fails on empty files")
    (record, *_) = operator.json("audit", "list")["records"]
    assert record["target"] == "parse-csv"
    assert record["reason"] == "fails on empty files"


@pytest.mark.parametrize("reason", ["x" * 1001, "\udcff"])
def test_a_reason_that_cannot_be_kept_is_refused(reason: str, operator: Operator) -> None:
    code, said = operator.refused("reuse", "parse-csv", "--reason", reason)
    assert code == 2
    assert said.startswith("error: reason h")
    assert operator.memory().get("parse-csv").reuse_count == 3


def test_nothing_runs_when_it_cannot_be_recorded(operator: Operator) -> None:
    fails_to_record(operator, "NEW.tenant_id = '*'")
    code, said = operator.refused("aging", "--max-prune-percent", "50")
    assert code == 5
    assert "malformed JSON" in said
    assert operator.memory().aging_runs() == []


def test_what_ran_but_could_not_be_recorded_is_incomplete(operator: Operator) -> None:
    fails_to_record(operator, "NEW.tenant_id = '*' AND NEW.outcome = 'done'")
    code, said = operator.refused("aging", "--max-prune-percent", "50")
    assert code == 6
    assert said.startswith(
        "error: aging of default/default was done, but its end could not be recorded: "
    )
    assert len(operator.memory().aging_runs()) == 1
    assert [r[2] for r in recorded(operator)] == ["started"]


def test_a_failure_that_cannot_be_recorded_hides_nothing(operator: Operator) -> None:
    operator.now += timedelta(days=365 * 20)
    fails_to_record(operator, "NEW.outcome = 'refused'")
    code, said = operator.refused("aging")
    first, second, *_ = said.splitlines()
    assert code == 4
    assert first.startswith("note: that it failed could not be recorded: ")
    assert second.startswith("error: aging would prune 4 of 4 patterns")


def test_an_operation_holds_its_lock(operator: Operator) -> None:
    contexts = [
        CliContext(
            environment={},
            clock=lambda: operator.now,
            reason=reason,
            flags={"path": "engramia_data"},
        )
        for reason in ("first", "second")
    ]
    with operation(contexts[0], "tenants.delete", "acme", lock="tenants/acme"):
        with (
            pytest.raises(Busy, match=r"tenants/acme is already running: .*, process .*\(first\)"),
            operation(contexts[1], "tenants.delete", "acme", lock="tenants/acme"),
        ):
            raise AssertionError
        with operation(contexts[1], "tenants.delete", "umbrella", lock="tenants/umbrella"):
            pass
    for context in contexts:
        context.close()
    assert [r[1:3] for r in recorded(operator)] == [
        *(("acme", "started"), ("acme", "started"), ("acme", "refused")),
        *(("umbrella", "started"), ("umbrella", "done"), ("acme", "done")),
    ]


def test_who_does_not_confirm_leaves_no_record(operator: Operator) -> None:
    def refuse() -> None:
        raise InvalidInput("no")

    context = CliContext(environment={}, flags={"path": "engramia_data"})
    with pytest.raises(InvalidInput), operation(context, "x", "y", ask=refuse):
        raise AssertionError
    assert recorded(operator) == []


def test_a_memory_of_files_is_changed_without_a_trail(newcomer: Operator) -> None:
    newcomer.done("init", "--storage", "json")
    assert newcomer.done("aging", "--reason", "x").startswith("0 of 0 patterns pruned")
