from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.operator import Operator

COUNTS = {
    *("planned", "added", "unchanged", "overwritten", "skipped", "rekeyed"),
    *("vectors_reused", "vectors_embedded", "without_vector", "issues"),
}


@pytest.fixture
def exported(operator: Operator) -> str:
    """The small memory, and beside it an empty one in ``other``."""
    operator.done("init", "--path", "other")
    return operator.done("export", "--with-vectors")


def test_an_export_is_a_header_a_line_a_pattern_and_a_footer(operator: Operator) -> None:
    kinds = [json.loads(line)["type"] for line in operator.done("export").splitlines()]
    assert kinds == ["header", *["pattern"] * 4, "issue", "footer"]


def test_out_and_in_again_is_the_same_to_the_byte(exported: str, operator: Operator) -> None:
    assert operator.done("--path", "other", "import", "-", stdin=exported).splitlines() == [
        "imported:",
        "  added               4",
        "  vectors taken over  4",
        "  issues              1",
    ]
    assert operator.done("--path", "other", "export", "--with-vectors") == exported


def test_out_and_in_again_through_a_directory_of_files(operator: Operator) -> None:
    operator.done("init", "--path", "files", "--storage", "json")
    first = operator.done("export")
    operator.done("--path", "files", "import", "-", stdin=first)
    operator.done("init", "--path", "back")
    operator.done("--path", "back", "import", "-", stdin=operator.done("--path", "files", "export"))
    assert operator.done("--path", "back", "export") == first


def test_the_same_import_twice_is_nothing(exported: str, operator: Operator) -> None:
    operator.done("--path", "other", "import", "-", stdin=exported)
    before = operator.done("--path", "other", "export")
    report = operator.json("--path", "other", "import", "-", stdin=exported)
    assert report.keys() == COUNTS
    assert (report["unchanged"], report["added"], report["vectors_embedded"]) == (4, 0, 0)
    assert operator.done("--path", "other", "export") == before


def test_a_plan_of_an_import_changes_nothing(exported: str, operator: Operator) -> None:
    (operator.home / "memory.ndjson").write_text(exported, encoding="utf-8")
    planned = operator.done("--path", "other", "import", "memory.ndjson", "--plan")
    assert planned.startswith("the import would do this:\n  added               4\n")
    assert operator.memory("other").metrics().live == 0


def test_an_export_to_a_file_is_whole_and_says_its_size(operator: Operator) -> None:
    said = operator.done("export", "--file", "memory.ndjson")
    written = operator.home / "memory.ndjson"
    assert said == f"wrote memory.ndjson ({written.stat().st_size:,} bytes)\n"
    assert written.read_text(encoding="utf-8") == operator.done("export")
    assert operator.json("export", "--file", "again.ndjson") == {
        "file": "again.ndjson",
        "size_bytes": written.stat().st_size,
    }


def test_a_place_that_cannot_be_written_is_named(operator: Operator) -> None:
    assert operator.refused("export", "--file", "no/where.ndjson") == (
        5,
        "error: 'no/where.ndjson' cannot be written: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:0], "the file is empty"),
        (lambda text: text[: text.rindex('{"type":"footer"')], "the file is cut off after 4 of"),
        (lambda text: text.replace("Sort", "Sart"), "the file was altered"),
        (lambda text: text.replace('"task"', '"tusk"', 1), "line 2: "),
        (lambda text: "once upon a time\n" + text, "line 1: "),
    ],
)
def test_a_damaged_file_is_refused_whole(
    damage: Callable[[str], str], message: str, exported: str, operator: Operator
) -> None:
    code, said = operator.refused("--path", "other", "import", "-", stdin=damage(exported))
    assert code == 2
    assert said.startswith(f"error: {message}")
    assert operator.memory("other").metrics().live == 0


@pytest.mark.parametrize(
    ("how", "counted", "quality"),
    [("skip", "skipped", 5.9), ("overwrite", "overwritten", 9.0), ("new-key", "under a", 5.9)],
)
def test_a_conflict_is_settled_as_wanted(
    how: str, counted: str, quality: float, operator: Operator
) -> None:
    before = operator.done("export")
    operator.done("refine", "parse-csv", "--score", "3")
    said = operator.done("import", "-", "--on-conflict", how, stdin=before)
    assert f"  {counted}" in said
    found = operator.memory().get("parse-csv").quality
    assert found == pytest.approx(quality, abs=0.2)


def test_a_conflict_can_be_an_error(operator: Operator) -> None:
    before = operator.done("export")
    operator.done("refine", "parse-csv", "--score", "3")
    code, said = operator.refused("import", "-", "--on-conflict", "fail", stdin=before)
    assert (code, said.splitlines()) == (
        4,
        [
            "error: pattern 'parse-csv' is stored with other content; nothing was imported",
            "hint: choose: --on-conflict skip, overwrite or new-key",
        ],
    )


def test_patterns_without_a_vector_are_remarked_with_the_cure(
    exported: str, operator: Operator
) -> None:
    del exported
    command = ("--path", "other", "--embeddings", "none", "import", "-")
    answer = operator.types(*command, stdin=operator.done("export"))
    assert answer.exit_code == 0
    assert answer.stderr == (
        "note: recall by vector misses patterns without one, until: engramia --path other reindex\n"
    )
    assert operator.done("--path", "other", "status").splitlines()[-1] == (
        "to do         4 patterns without a vector, which recall by vector misses:"
        " engramia --path other reindex"
    )
    task = "Parse a CSV export into rows"
    recall = ("--path", "other", "recall", task, "--output", "json")
    assert operator.types(*recall).json["matches"] == []
    found = operator.types(*recall, "--embeddings", "none").json["matches"]
    assert found[0]["pattern"]["key"] == "parse-csv"


def test_an_import_makes_no_memory(operator: Operator) -> None:
    code, said = operator.refused("--path", "nowhere", "import", "-", stdin="")
    assert code == 3
    assert said.startswith("error: there is no memory in 'nowhere'\n")
    assert "nowhere" not in operator.files()
