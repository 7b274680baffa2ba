from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from tests.cli.operator import Operator

AGING = ("aging", "--max-prune-percent", "50")


def test_refining_moves_the_quality(operator: Operator) -> None:
    assert operator.done("refine", "parse-csv", "--score", "3") == (
        "parse-csv: quality 9.0 -> 6.0 after 2 observations\n"
    )
    assert operator.memory().get("parse-csv").quality == pytest.approx(6.0, abs=0.05)
    report = operator.json("refine", "parse-csv", "--score", "3")
    assert report.keys() == {"key", "quality_before", "quality", "observations"}


def test_feedback_given_twice_is_an_issue(operator: Operator) -> None:
    refine = ("refine", "parse-csv", "--score", "3", "--feedback", "too slow")
    operator.done(*refine)
    assert "too slow" not in operator.done("feedback")
    operator.done(*refine)
    assert operator.done("feedback").splitlines() == [
        "- too slow (2 times)",
        "- fails on empty files (2 times)",
    ]
    (heaviest,) = operator.json("feedback", "--limit", "1")
    assert heaviest.keys() == {"text", "occurrences", "weight", "last_seen_at"}


def test_without_issues_stdout_is_empty_for_the_prompt(newcomer: Operator) -> None:
    newcomer.done("init")
    answer = newcomer.types("feedback")
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr.startswith("note: no recurring issues")


@pytest.mark.parametrize("score", ["11", "-1", "nan", "inf"])
def test_a_wrong_score_is_refused(score: str, operator: Operator) -> None:
    code, said = operator.refused("refine", "parse-csv", f"--score={score}")
    assert code == 2
    assert said.startswith("error: score ")


def test_a_use_is_counted(operator: Operator) -> None:
    assert operator.done("reuse", "retry-http") == "retry-http: survival 7.08, reused 1 time\n"
    assert operator.json("reuse", "retry-http")["reuse_count"] == 2


def test_a_plan_of_aging_changes_nothing(operator: Operator) -> None:
    report = operator.json("aging", "--plan")
    assert report.keys() == {"planned", "run", "live", "pruned", "purged"}
    assert (report["planned"], report["run"], report["live"]) == (True, None, 4)
    assert report["pruned"] == [
        {"key": "faded", "task": "Sort a list of numbers", "survival": pytest.approx(0.0499, 1e-2)}
    ]
    assert operator.memory().metrics().live == 4


def test_aging_is_undone_by_the_command_it_names(operator: Operator) -> None:
    before = operator.done("export")
    last = operator.done(*AGING).splitlines()[-1]
    assert operator.memory().get("faded").trashed is not None
    _, _, undo = last.partition("undo within 30 days: engramia ")
    assert operator.done(*undo.split()) == "1 pattern brought back\n"
    after = operator.done("export")
    assert after.count("\n") == before.count("\n")
    assert operator.memory().get("faded").trashed is None


def test_the_command_named_is_about_the_same_memory(operator: Operator) -> None:
    last = operator.done("--path", "./engramia_data", *AGING).splitlines()[-1]
    assert "engramia --path ./engramia_data aging undo " in last


def test_runs_are_listed(operator: Operator) -> None:
    assert operator.done("aging", "runs") == "no run of aging has changed anything yet\n"
    run = operator.json(*AGING)["run"]
    assert operator.done("aging", "runs").splitlines() == [
        "run                         when (UTC)           pruned  purged",
        f"{run}  2026-01-03 03:04:05  1       0",
    ]
    assert operator.json("aging", "runs")[0].keys() == {"run", "at", "pruned", "purged"}
    assert operator.json("aging", "undo", run) == {"run": run, "restored": ["faded"]}


def test_too_large_a_share_is_refused(operator: Operator) -> None:
    code, said = operator.refused("aging", "--max-prune-percent", "10")
    assert code == 4
    assert said.startswith("error: aging would prune 1 of 4 patterns (25.0 %), more than 10 %;")
    assert operator.memory().metrics().live == 4


def test_a_run_that_is_not_there_is_named(operator: Operator) -> None:
    code, said = operator.refused("aging", "undo", "nosuchrun")
    assert (code, said.splitlines()[0]) == (
        3,
        "error: aging run 'nosuchrun' has nothing in the trash of default/default",
    )


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_second_run_of_aging_leaves_the_work_to_the_first(
    output: str, operator: Operator
) -> None:
    memory = operator.memory()
    with memory.store.alone(memory.scope, "aging", owner="cron on db1", now=operator.now):
        answer = operator.types(*AGING, "--output", output)
    assert answer.exit_code == 0
    assert answer.stderr.startswith("note: aging is already running: cron on db1 since 2026-01-03")
    if output == "json":
        assert answer.json["run"] is None
    assert operator.memory().metrics().live == 4


def test_decay_forgets_what_nobody_repeats(operator: Operator) -> None:
    operator.now += timedelta(weeks=40)
    planned = operator.done("decay", "--plan").splitlines()
    assert planned[0].split() == ["weight", "times", "issue"]
    assert planned[-1] == "1 issue would be forgotten, 0 kept"
    assert operator.memory().metrics().clusters == 1
    report = operator.json("decay")
    assert report.keys() == {"planned", "faded", "kept"}
    assert operator.memory().metrics().clusters == 0
    assert operator.done("decay") == "0 issues forgotten, 0 kept\n"


def test_reindex_for_another_model_is_planned_then_done(operator: Operator) -> None:
    operator.embeddings = HashEmbeddings("other-words", 32)
    code, said = operator.refused("recall", "parse CSV rows")
    assert code == 4
    assert said.endswith("embed everything anew: engramia reindex\n")
    assert operator.done("reindex", "--plan").startswith("4 of 4 patterns would be embedded by")
    assert operator.done("reindex") == (
        "4 of 4 patterns embedded by other-words (before: hashed-words), 115 characters\n"
    )
    assert operator.json("reindex").keys() == {
        *("planned", "model_before", "model", "live", "embedded", "characters")
    }
    assert operator.types("recall", "parse CSV rows").exit_code == 0


def test_reindex_without_embeddings_is_refused(operator: Operator) -> None:
    code, said = operator.refused("--embeddings", "none", "reindex")
    assert (code, said.splitlines()) == (
        4,
        [
            "error: there is no embedding provider to reindex with",
            "hint: choose one: --embeddings minilm",
        ],
    )
