"""The shipped demo set: every pattern is well formed, distinct and does what its task says."""

import ast
import json
import re
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.unit.demo_cases import CASES
from tests.unit.demo_checks import CHECKS, Namespace
from tests.unit.demo_file_checks import FILE_CHECKS

DEMO = Path(__file__).resolve().parents[2] / "docs" / "demo"
SIZE = 64
TOO_SIMILAR = 0.6


def load_patterns() -> dict[str, dict[str, Any]]:
    lines = (DEMO / "patterns.ndjson").read_text("utf-8").splitlines()
    return {pattern["run_id"]: pattern for pattern in map(json.loads, lines)}


def load_queries() -> list[str]:
    return (DEMO / "queries.txt").read_text("utf-8").splitlines()


PATTERNS = load_patterns()


def run(code: str) -> Namespace:
    namespace: Namespace = {"__name__": "demo_pattern"}
    exec(compile(code, "<pattern>", "exec"), namespace)  # noqa: S102 - our own shipped code
    return namespace


def evaluate(expression: str, namespace: Namespace) -> object:
    value: object = eval(expression, namespace)  # noqa: S307 - expressions from our own table
    return value


def similarity(left: str, right: str) -> float:
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (left, right))
    return len(a & b) / len(a | b)


def imported_modules(code: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("run_id", PATTERNS)
def test_every_demo_pattern_does_what_its_task_says(run_id: str, tmp_path: Path) -> None:
    namespace = run(PATTERNS[run_id]["code"])
    for expression, expected in CASES.get(run_id, []):
        if isinstance(expected, type) and issubclass(expected, Exception):
            with pytest.raises(expected):
                evaluate(expression, namespace)
        else:
            assert evaluate(expression, namespace) == expected, expression
    if run_id in CHECKS:
        CHECKS[run_id](namespace)
    if run_id in FILE_CHECKS:
        FILE_CHECKS[run_id](namespace, tmp_path)


def test_no_demo_pattern_goes_unchecked() -> None:
    assert sorted([*CASES, *CHECKS, *FILE_CHECKS]) == sorted(PATTERNS)
    assert all(CASES.values())


def test_the_demo_file_has_one_well_formed_pattern_per_line() -> None:
    raw = (DEMO / "patterns.ndjson").read_bytes()
    assert raw.count(b"\n") == SIZE
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    assert list(PATTERNS) == [f"demo-{number:03}" for number in range(1, SIZE + 1)]
    for pattern in PATTERNS.values():
        assert list(pattern) == ["task", "code", "score", "skills", "run_id"]
        assert 5 <= pattern["score"] <= 10
        assert 1 <= len(pattern["skills"]) <= 3
        assert all(re.fullmatch(r"[a-z0-9-]{2,20}", skill) for skill in pattern["skills"])


@pytest.mark.parametrize("run_id", PATTERNS)
def test_every_demo_pattern_is_short_and_needs_only_the_standard_library(run_id: str) -> None:
    pattern = PATTERNS[run_id]
    assert 6 <= len(pattern["task"].split()) <= 20
    assert 8 <= len(pattern["code"].splitlines()) <= 40
    assert imported_modules(pattern["code"]) <= sys.stdlib_module_names


def test_no_two_demo_tasks_say_nearly_the_same() -> None:
    tasks = [*(pattern["task"] for pattern in PATTERNS.values()), *load_queries()]
    close = [pair for pair in combinations(tasks, 2) if similarity(*pair) > TOO_SIMILAR]
    assert close == []


def test_the_demo_asks_five_different_questions() -> None:
    queries = load_queries()
    assert len(set(queries)) == len(queries) == 5
    assert all(query == query.strip() != "" for query in queries)
