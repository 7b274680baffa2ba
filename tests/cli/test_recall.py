from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engramia_core.testing.embeddings import FailingEmbeddings

if TYPE_CHECKING:
    from tests.cli.operator import Operator

ASK = ("recall", "parse CSV rows")


def keys(report: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [match["pattern"]["key"] for match in report["matches"]]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["parse-csv"]),
        (("--min-score", "9.5"), []),
        (("--skill", "csv"), ["parse-csv"]),
        (("--skill", "csv", "--skill", "http"), []),
        (("--classification", "public"), []),
        (("--source", "cli"), ["parse-csv"]),
        (("--source", "api"), []),
        (("--all",), ["parse-csv", "retry-http", "faded"]),
        (("--all", "--limit", "1"), ["parse-csv"]),
        (("--recency-weight", "1", "--half-life-days", "0.001"), ["parse-csv"]),
    ],
)
def test_the_options_decide_what_is_found(
    options: tuple[str, ...], found: list[str], operator: Operator
) -> None:
    assert sorted(keys(operator.json(*ASK, *options))) == sorted(found)


def test_the_document_has_a_stable_shape(operator: Operator) -> None:
    report = operator.json(*ASK, "--explain")
    assert report.keys() == {
        *("task", "method", "note", "floor", "recency_weight", "matches", "rejected")
    }
    (match,) = report["matches"]
    assert match.keys() == {
        *("pattern", "similarity", "quality_factor", "recency", "effective_score", "tier"),
        "near_duplicates",
    }
    assert match["near_duplicates"] == ["parse-csv-typed"]
    assert match["pattern"]["code"].startswith("import csv\n")
    assert match["pattern"]["created_at"] == "2026-01-02T03:04:05.678901Z"
    for rejected in report["rejected"]:
        assert rejected.keys() == {"key", "task", "similarity", "effective_score", "rule"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--limit", "0"), "limit 0 is not from 1 to 1,000"),
        (("--limit", "1001"), "limit 1001 is not from 1 to 1,000"),
        (("--min-score", "11"), "score 11.0 is not a number from 0 to 10"),
        (("--min-score", "nan"), "score nan is not a number from 0 to 10"),
        (("--recency-weight", "2"), "recency weight 2.0 is not from 0 to 1"),
        (("--half-life-days", "0"), "half-life 0.0 is not a positive number of days"),
    ],
)
def test_a_wrong_value_is_named(options: tuple[str, ...], message: str, operator: Operator) -> None:
    code, said = operator.refused(*ASK, *options)
    assert (code, said.splitlines()[0]) == (2, f"error: {message}")


def test_without_embeddings_it_searches_by_words_and_says_so(operator: Operator) -> None:
    answer = operator.types(*ASK, "--embeddings", "none")
    assert (answer.exit_code, answer.stderr) == (
        0,
        "note: no embedding provider: searched by words\n",
    )
    assert "Parse a CSV export into rows" in answer.stdout


def test_a_model_that_does_not_answer_is_no_reason_to_fail(operator: Operator) -> None:
    operator.embeddings = FailingEmbeddings()
    answer = operator.types(*ASK, "--output", "json")
    assert answer.exit_code == 0
    assert answer.json["method"] == "lexical"
    assert answer.stderr == "note: hashed-words does not answer: searched by words\n"


def test_embeddings_by_openai_need_a_key(operator: Operator) -> None:
    code, said = operator.refused(*ASK, "--embeddings", "openai")
    assert code == 2
    assert "hint: " in said


def test_nothing_under_filters_says_so(operator: Operator) -> None:
    said = operator.done(*ASK, "--skill", "cooking")
    assert said.startswith("nothing relevant is known under these filters (the floor is 0.20;")


def test_asking_changes_nothing(operator: Operator) -> None:
    before = operator.done("export")
    operator.done(*ASK, "--explain")
    assert operator.done("export") == before
