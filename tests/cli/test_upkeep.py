from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.scope import Scope
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix
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
    assert operator.done("reindex", "--plan").splitlines() == [
        "4 of 4 patterns would be embedded by other-words (before: hashed-words), 115 characters",
        "4 different texts, about 29 tokens; price: unknown; time: unknown",
    ]
    answer = operator.types("reindex", "--yes")
    assert answer.stdout.splitlines() == [
        "4 of 4 patterns embedded by other-words (before: hashed-words), 115 characters",
        "searched by other-words now; to go back: engramia reindex --switch-back",
    ]
    assert answer.stderr.startswith("note: recall by the two models was not compared: scope")
    assert operator.json("reindex").keys() == {
        *("planned", "model_before", "model", "live", "embedded", "characters"),
        *("switched", "comparison", "not_compared", "estimate"),
    }
    assert operator.types("recall", "parse CSV rows").exit_code == 0


@pytest.mark.parametrize(
    ("usd", "said"),
    [(None, "unknown"), (0.0, "nothing"), (0.02, "less than $0.01"), (2e4, "about $0.58")],
)
def test_a_plan_tells_the_price(usd: float | None, said: str, operator: Operator) -> None:
    class Priced(HashEmbeddings):
        @property
        @override
        def usd_per_million_tokens(self) -> float | None:
            return usd

    operator.embeddings = Priced("other-words", 32)
    assert f"price: {said};" in operator.done("reindex", "--plan")


def test_a_change_of_model_asks_first(operator: Operator) -> None:
    operator.embeddings = HashEmbeddings("other-words", 32)
    code, said = operator.refused("reindex")
    assert (code, said.splitlines()[-1]) == (4, "hint: add --yes")
    assert operator.memory().metrics().embedded == 4
    assert [known.is_active for known in operator.memory().store.models(Scope())] == [True]


@pytest.fixture
def of_minilm(operator: Operator) -> Operator:
    """Somebody whose memory is searched by minilm, here of hashed words, and who also has OpenAI's key."""
    operator.embeddings = HashEmbeddings("all-MiniLM-L6-v2-int8", 384)
    operator.others = {
        "openai:text-embedding-3-small": HashEmbeddings("text-embedding-3-small", 1536),
        "openai:unlike:512": Reversed("unlike:512", 512),
    }
    operator.types("reindex", "--yes")
    operator.done("reindex", "--drop-old", "--yes")
    return operator


class Reversed(HashEmbeddings):
    """Knows a word only as a whole text."""

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        return super().embed([text.replace(" ", "") for text in texts])


SMALL = ("--model", "openai:text-embedding-3-small")


def test_the_model_is_changed_and_back_under_commands_that_know_either(
    of_minilm: Operator,
) -> None:
    assert of_minilm.done("reindex", *SMALL, "--yes").splitlines() == [
        "4 of 4 patterns embedded by text-embedding-3-small (before: all-MiniLM-L6-v2-int8), 115 characters",
        "recall compared on 4 stored tasks: the first five agree on 0.458",
        "searched by text-embedding-3-small now; to go back: engramia reindex --switch-back",
    ]
    openai = ("--embeddings", "openai:text-embedding-3-small")
    for chosen in ((), openai):
        assert "parse-csv" in of_minilm.done(*chosen, "recall", "Parse a CSV export into rows")
    of_minilm.done(
        *openai, "learn", "Water the flowers", "--code", "-", "--score", "8", stdin="pour()"
    )
    assert of_minilm.done("reindex", "--switch-back").splitlines()[0] == (
        "1 of 5 patterns embedded by all-MiniLM-L6-v2-int8"
        " (before: text-embedding-3-small), 17 characters"
    )
    assert "pour" in of_minilm.done(*openai, "recall", "Water the flowers")
    assert of_minilm.json("reindex", "--drop-old", "--yes") == {
        "dropped": [
            {
                "model": {"model_id": "text-embedding-3-small", "dimensions": 1536},
                "is_active": False,
                "vectors": 5,
            }
        ]
    }
    assert of_minilm.done("reindex", "--drop-old") == "there are no vectors of another model\n"
    assert of_minilm.refused("reindex", "--switch-back")[0] == 4


def test_old_vectors_are_dropped_only_when_that_is_confirmed(of_minilm: Operator) -> None:
    of_minilm.done("reindex", *SMALL, "--yes")
    assert of_minilm.refused("reindex", "--drop-old")[0] == 4
    assert len(of_minilm.memory().old_models()) == 1


def test_golden_questions_are_read_from_a_file(of_minilm: Operator) -> None:
    golden = '{"query": "Parse a CSV export into rows", "expect": ["parse-csv"]}\n\n'
    (of_minilm.home / "golden.ndjson").write_text(golden)
    said = of_minilm.done("reindex", *SMALL, "--golden", "golden.ndjson", "--yes").splitlines()
    assert said[1:3] == [
        "recall compared on 1 golden question: the first five agree on 0.500",
        "hit rate 1.000 -> 1.000, MRR 1.000 -> 1.000",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "golden line 1: "),
        ('{"query": "x"}', "golden line 1: it must be an object with 'query' and 'expect'"),
        ('{"query": "x", "expect": []}', "golden line 1: 'query' must be a text"),
        ('{"query": "x", "expect": [1]}', "golden line 1: 'expect' holds what is no key"),
        ('{"query": "", "expect": ["a"]}', "golden line 1: task"),
        ("", "there are no golden questions"),
    ],
)
def test_a_wrong_golden_file_is_told_by_its_line(line: str, said: str, of_minilm: Operator) -> None:
    (of_minilm.home / "golden.ndjson").write_text(line)
    code, found = of_minilm.refused("reindex", *SMALL, "--golden", "golden.ndjson", "--yes")
    assert code == 2
    assert found.startswith(f"error: {said}")


def test_too_little_agreement_keeps_the_old_model_with_exit_4(of_minilm: Operator) -> None:
    unlike = ("reindex", "--model", "openai:unlike:512", "--yes", "--min-agreement", "0.9")
    answer = of_minilm.types(*unlike, "--output", "json")
    assert answer.exit_code == 4
    assert answer.json["switched"] is False
    assert answer.json["comparison"]["agreement"] < 0.9
    assert "all-MiniLM-L6-v2-int8 stays" in answer.stderr
    assert "parse-csv" in of_minilm.done("recall", "Parse a CSV export into rows")
    assert of_minilm.types(*unlike[:-1], "0.1").exit_code == 0


@pytest.mark.parametrize("more", [("--plan",), ("--drop-old",), SMALL, ("--min-agreement", "0")])
def test_to_switch_back_takes_no_more_options(more: tuple[str, ...], operator: Operator) -> None:
    code, said = operator.refused("reindex", "--switch-back", *more)
    assert (code, said) == (2, "error: --switch-back and --drop-old stand alone\n")


def test_a_model_to_change_to_must_be_one(operator: Operator) -> None:
    assert operator.refused("reindex", "--model", "none")[0] == 2
    assert operator.refused("reindex", "--model", "bogus")[0] == 2


def test_reindex_without_embeddings_is_refused(operator: Operator) -> None:
    code, said = operator.refused("--embeddings", "none", "reindex")
    assert (code, said.splitlines()) == (
        4,
        [
            "error: there is no embedding provider to reindex with",
            "hint: choose one: --embeddings minilm",
        ],
    )
